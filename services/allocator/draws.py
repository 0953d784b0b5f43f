"""What each load was drawing when the grid was read: an interval, because a station's meter values are older.

The grid meter shows everything, loads included. So a load's draw at the time of the grid reading is at least the least
and at most the most of: every command in force within the settle time before it, what its device says it holds, and its
measured current while that is news. With base = grid − Σ draws, raises are decided with the low draws (the house may be
large), cuts with the high ones. Once both are equal the decisions are equal.
"""

from msgspec import Struct

from evenload.contracts.events import LoadState
from services.allocator.facts import Heard
from services.allocator.memory import Command, LoadMemory
from services.allocator.plan import MA, MASK_PHASES, PlannedLoad

SETTLE_S = 6.0
FOLLOWS_S = 12.0
"""The slowest vehicle has come down by then: dead time and more than three time constants."""
FOLLOW_S = 15.0
FOLLOWED_MA = 200
LAG_SLACK_MA = 1000

Phases = tuple[int, int, int]
NOTHING: Phases = (0, 0, 0)


class Moment(Struct, frozen=True):
    """The time of the grid reading, s; what the load counts as when it is beyond control, mA; and out of contact."""

    grid_s: float
    beyond_ma: int | None = None
    lost: bool = False


class Draw(Struct, frozen=True):
    """What a load may be drawing, mA per site phase: at least, at most."""

    low: Phases
    high: Phases


def line_mask(load: PlannedLoad, memory: LoadMemory) -> int:
    """Return the phases that a load counts on: those seen in use, else all of its lines."""
    return memory.mask & load.mask or load.mask


def measured_ma(state: LoadState) -> Phases | None:
    """Return the measured current per site phase in mA, None when never measured."""
    measured_a = state.measured_a
    if measured_a is None:
        return None
    one_a, two_a, three_a = measured_a.l1, measured_a.l2, measured_a.l3
    if not (one_a or two_a or three_a):
        return NOTHING
    return round((one_a or 0.0) * MA), round((two_a or 0.0) * MA), round((three_a or 0.0) * MA)


def sampled_s(heard: Heard[LoadState]) -> float:
    """Return when the measured current of a state was taken, s on our monotonic clock."""
    return heard.at_s - (heard.event.measured_age_s or 0.0)


def draw_of(load: PlannedLoad, memory: LoadMemory, heard: Heard[LoadState] | None, moment: Moment) -> Draw:
    """Return the interval of what `load` drew at that moment."""
    grid_s, beyond_ma = moment.grid_s, moment.beyond_ma
    measured = measured_ma(heard.event) if heard is not None else None
    if heard is not None and measured is None and beyond_ma is None and grid_s - _changed_s(memory) > FOLLOW_S:
        return _unmeasured(load, memory, heard.event)
    if heard is None or measured is None:
        most_ma = max(_limits_ma(memory, grid_s)) if beyond_ma is None else beyond_ma
        return Draw(NOTHING, on_phases(line_mask(load, memory), most_ma))
    sample_s = sampled_s(heard)
    if beyond_ma is not None and moment.lost:
        return Draw(NOTHING, _at_most(measured, beyond_ma))
    if not memory.active and sample_s <= memory.active_s:
        return Draw(NOTHING, measured if grid_s - memory.active_s <= SETTLE_S else NOTHING)
    # Where nobody is there to follow a command the sample counts, however old: its failsafe must not pass for a draw.
    if not memory.active or is_settled(memory, sample_s, max(measured)):
        return Draw(measured, measured)
    return _unsettled(load, memory, (measured, sample_s), grid_s)


def _unmeasured(load: PlannedLoad, memory: LoadMemory, state: LoadState) -> Draw:
    """A load that never measures and has had its setpoint for a while: one that is on is taken to draw it."""
    drawn = on_phases(line_mask(load, memory), memory.setpoint_ma)
    return Draw(drawn if state.status == "charging" else NOTHING, drawn)


def _changed_s(memory: LoadMemory) -> float:
    """Return when the command, or what the device holds, last changed."""
    commanded_s = memory.history[-1].at_s if len(memory.history) > 1 else -1e9
    return max(commanded_s, memory.in_force_s)


def is_settled(memory: LoadMemory, sample_s: float, peak_ma: int) -> bool:
    """Tell whether a sample of `sample_s`, `peak_ma` at most per line, shows what the load does under its command.

    Not while the command or what the device holds changed about or since then, nor while the device is about to follow:
    a gateway spaces raises 10 s apart. Nor while a slow vehicle may still be coming down to it.
    """
    changed_s = _changed_s(memory)
    if changed_s > sample_s - SETTLE_S or _comes_down(memory, sample_s - changed_s, peak_ma):
        return False
    follows = memory.in_force_ma is None or abs(memory.in_force_ma - memory.setpoint_ma) <= FOLLOWED_MA
    return follows or sample_s - changed_s > FOLLOW_S


def _comes_down(memory: LoadMemory, after_s: float, peak_ma: int) -> bool:
    """Tell whether a sample `after_s` after the last change is one of a vehicle that still comes down."""
    return 0.0 <= after_s <= FOLLOWS_S and peak_ma > memory.setpoint_ma + FOLLOWED_MA


def _unsettled(load: PlannedLoad, memory: LoadMemory, sample: tuple[Phases, float], grid_s: float) -> Draw:
    """A command changed about or since the sample: it may have been followed, or not yet.

    An older sample is no news once the settle time is over, and one of a vehicle on its way down not once it must have
    come down: then the commands alone say how much may be drawn, so that a cut that is overdue is made again elsewhere.
    """
    measured, sample_s = sample
    mask, changed_s = line_mask(load, memory), _changed_s(memory)
    limits = _limits_ma(memory, grid_s)
    high = max(limits) + memory.over_ma
    if memory.cap_ma is not None or memory.below_s is not None:
        high = min(high, max(measured) + LAG_SLACK_MA)
    down = grid_s - changed_s > FOLLOWS_S and _comes_down(memory, sample_s - changed_s, max(measured))
    is_news = (sample_s >= changed_s and not down) or grid_s - changed_s <= SETTLE_S
    lows, highs = list(measured), list(measured if is_news else NOTHING)
    for phase in MASK_PHASES[mask]:
        lows[phase] = min(measured[phase], min(limits))
        highs[phase] = max(highs[phase], high)
    return Draw((lows[0], lows[1], lows[2]), (highs[0], highs[1], highs[2]))


def _limits_ma(memory: LoadMemory, grid_s: float) -> list[int]:
    """Return every limit that was in force within the settle time before `grid_s`: ours, and the device's own word."""
    limits = [command.setpoint_ma for command in _in_force(memory.history, grid_s)] or [memory.setpoint_ma]
    if memory.in_force_ma is not None:
        limits.append(memory.in_force_ma)
        if memory.in_force_s > grid_s - SETTLE_S:
            limits.append(memory.in_force_was_ma)
    return limits


def followed_ma(memory: LoadMemory, grid_s: float) -> int:
    """Return the highest command that a load may still have been following at `grid_s`."""
    if len(memory.history) < 2:
        return memory.setpoint_ma
    return max((command.setpoint_ma for command in _in_force(memory.history, grid_s)), default=memory.setpoint_ma)


def _in_force(history: tuple[Command, ...], at_s: float) -> list[Command]:
    """Return the commands that were in force at some moment of the settle time before `at_s`."""
    kept: list[Command] = []
    for command in reversed(history):
        if command.at_s > at_s:
            continue
        kept.append(command)
        if command.at_s <= at_s - SETTLE_S:
            break
    return kept


def on_phases(mask: int, current_ma: int) -> Phases:
    """Return `current_ma` on each phase of `mask`."""
    return (current_ma * (mask & 1), current_ma * (mask >> 1 & 1), current_ma * (mask >> 2 & 1))


def _at_most(current_ma: Phases, bound_ma: int) -> Phases:
    return min(current_ma[0], bound_ma), min(current_ma[1], bound_ma), min(current_ma[2], bound_ma)


def lowered_s(memory: LoadMemory) -> float:
    """Return when the newest command was, if it lowered the load; what it led to is not measured before it settles."""
    if len(memory.history) < 2 or memory.history[-1].setpoint_ma >= memory.history[-2].setpoint_ma:
        return -1e9
    return memory.history[-1].at_s
