"""What the allocator remembers from one decision to the next: an argument and a result, storable as JSON.

Times are seconds on the monotonic clock; currents are milliamperes per line. `rebased` moves a stored memory to another
clock, so that holds, pauses and grace times go on after a restart.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import asdict, replace

from evenload.contracts.events import Mode, WiringState
from evenload.contracts.units import Name


class Command(Struct, frozen=True, gc=False):
    """A command and since when it is in force."""

    at_s: float
    setpoint_ma: int


class Window(Struct, frozen=True, kw_only=True, gc=False):
    """Where a step of one load is measured from: its sample, and the currents at it, mA per site phase."""

    at_s: float
    """When the sample was taken."""
    lines_ma: tuple[int, int, int]
    """What the load drew on each of its lines."""
    grid_ma: tuple[int, int, int]
    """What the grid meter showed."""
    rest_ma: tuple[int, int, int]
    """The same without sun, battery and the other loads whose wiring is known."""
    managed_ma: tuple[int, int, int]
    """What all loads drew, as their wiring is believed."""
    version: int
    """`GridWiring.version` then: what is known of the others' wiring must not change within a window."""


class Wiring(Struct, frozen=True, kw_only=True, gc=False):
    """On which site phase each line of a load is, and the evidence for it (engine.md section 6)."""

    file: tuple[int, ...]
    """Its phases in the site file, in the order of its lines: what was learned counts for these only."""
    found: tuple[int, int, int]
    """Site phase of each line in force; lines that the load lacks take the phases that are left."""
    scores: tuple[tuple[float, float, float], ...] = ((0.0, 0.0, 0.0),) * 3
    """Per line, the evidence for each site phase."""
    confirmed: tuple[bool, bool, bool] = (False, False, False)
    """Lines that are proven to be on their phase in force."""
    doubts: tuple[tuple[int, int], ...] = ()
    """(phase in force, phase by the scores) of lines that seem to be elsewhere."""
    state: WiringState = "unproven"
    window: Window | None = None


class GridWiring(Struct, frozen=True, kw_only=True):
    """The grid meter's sign, and what all loads' windows share."""

    meter: str = ""
    """The grid meters' entries in the site file, for which all this holds."""
    read_s: float = -1e9
    """When the newest reading that was looked at was taken."""
    version: int = 0
    """Rises whenever a line's wiring becomes known, doubtful or another one."""
    steps: tuple[bool, ...] = ()
    """Of the last steps, which moved the meter the other way."""
    inverted_s: float | None = None
    """Since when the meter is taken to be inverted."""
    notable: tuple[str, ...] = ()
    """Loads that are not, or seem not to be, on the phases of the site file."""


class Choice(Struct, frozen=True, kw_only=True, gc=False):
    """Of a load that can switch phases: what its station is told, and how far a switch has come (`phase_choice`)."""

    lines: int
    """How many lines it is told to use: 1 or all."""
    line: int
    """Site phase of the one line."""
    stage: Literal["steady", "pausing", "telling", "proving"] = "steady"
    stage_s: float = -1e9
    aim: int = 0
    """How many lines a switch under way leads to."""
    told: bool = False
    """It was told at all in this session; a new transaction begins on all lines."""
    session: str = ""
    fewer_s: float | None = None
    """Since when one line has its minimum and all lines have not."""
    more_s: float | None = None
    """Since when all lines have their minimum."""
    switches_s: tuple[float, ...] = ()
    """Switches of the last 24 h."""
    seen: int = 0
    """Mask of the lines in use in the last sample since the switch."""
    count: int = 0
    """In how many samples."""
    sample_s: float = -1e9
    saw_all: bool = False
    """The vehicle was seen on several lines in this session."""
    failed_s: float | None = None
    """When its station last did not do as told."""
    failed: str = ""
    """What it did instead."""


class LoadMemory(Struct, frozen=True, kw_only=True, gc=False):
    """One load."""

    setpoint_ma: int = 0
    history: tuple[Command, ...] = ()
    """Commands of the last minute, oldest first; the first one was in force before."""
    mode: Mode = "standard"
    since_s: float = 0.0
    """When it was last switched on or off."""
    sent_s: float = -1e9
    ramp_s: float | None = None
    """When a rise that has begun last advanced; None = no rise under way."""
    above_s: float | None = None
    """Since when its target has been above its setpoint."""
    short_s: float | None = None
    """Since when its source gives less than it has."""
    grace_s: float | None = None
    """Since when it holds its minimum without its source."""
    pause_until_s: float = -1e9
    raised_s: float = -1e9
    hold_factor: int = 1
    """Doubles with each cut soon after a raise."""
    cut_s: float = -1e9
    below_s: float | None = None
    """Since when it draws less than it may."""
    cap_ma: int | None = None
    """What is given back: the most it is granted while it draws less."""
    idle_s: float | None = None
    """Since when its vehicle is suspended and draws nothing."""
    sleeps: bool = False
    """Its station went on saying that the vehicle waits while nothing was offered: the end of that is a wish."""
    starts_s: tuple[float, ...] = ()
    """Starts of the last hour within this session."""
    over_ma: int = 0
    """Drawn above its setpoint when settled."""
    mask: int = 0
    """Lines seen in use; 0 = not known yet, all count."""
    mask_seen: int = 0
    mask_count: int = 0
    sample_s: float = -1e9
    """When the newest measured sample was taken."""
    served_as: float = 0.0
    """Charge since its session began, ampere seconds per line."""
    session: str = ""
    active: bool = False
    """It could use power."""
    active_s: float = -1e9
    """Since when, or since when not."""
    reachable: bool = True
    adopts: bool = True
    """The setpoint that it reports first is taken over: what is in force there is the truth."""
    in_force_ma: int | None = None
    """What the device says it holds; None = it does not say."""
    in_force_was_ma: int = 0
    in_force_s: float = -1e9
    """When it was last heard to change."""
    wiring: Wiring | None = None
    """None = nothing was learned yet."""
    choice: Choice | None = None
    """None = it cannot switch phases, or was not looked at yet."""


class Peak(Struct, frozen=True):
    """What was drawn beside the loads at a time, mA."""

    at_s: float
    base_ma: int


class LimitMemory(Struct, frozen=True, kw_only=True):
    """One hard limit: its cuts, and the overloads that make its hold longer."""

    cut_s: float = -1e9
    overloads_s: tuple[float, ...] = ()
    peaks: tuple[Peak, ...] = ()
    """Since its first overload, highest and oldest first; none that a later one exceeds."""


class Repeated(Struct, frozen=True, kw_only=True):
    """A grid value that the meter repeats: mA per phase, and what loads, battery and sun did early on, once known."""

    current_ma: tuple[int, int, int]
    since_s: float
    reading_s: float
    samples: int = 0
    draws_ma: tuple[int, int, int] | None = None
    beside_ma: int = 0
    was_ma: tuple[int, int, int] = (0, 0, 0)
    """The value before this one."""


class Gain(Struct, frozen=True, kw_only=True):
    """A small grid value, mA per phase, what loads drew then, and battery and sun beside; steps of 1/1000 so far."""

    current_ma: tuple[int, int, int]
    low_ma: tuple[int, int, int]
    high_ma: tuple[int, int, int]
    beside_ma: int = 0
    steps: int = 0


class Promise(Struct, frozen=True):
    """The last time at which all raises were measured, and what the grid meter read then, mA per phase."""

    at_s: float
    grid_ma: tuple[int, int, int]


class Memory(Struct, frozen=True, kw_only=True):
    """One site."""

    started_s: float | None = None
    loads: dict[Name, LoadMemory] = {}
    limits: dict[str, LimitMemory] = {}
    above_min: bool = False
    above_target: bool = False
    health: str = "normal"
    failsafe_s: float | None = None
    """Since when the grid is unknown."""
    household_ma: tuple[int, int, int] | None = None
    """The household per phase as found behind an asymmetric inverter; what readings cannot tell apart stays."""
    repeated: Repeated | None = None
    promise: Promise | None = None
    gain: Gain | None = None
    """How the meter's values move with the draws, as long as all of them are small."""
    doubted_s: float | None = None
    """Since when the grid meter's word is doubted."""
    apart_s: float | None = None
    """Since when two grid meters have differed without a break."""
    disagree_s: float | None = None
    """When they last did so for long enough to be told; None = they agree."""
    short_s: float | None = None
    """Since when the grid meter has said less than what is measured below it, without a break."""
    underread_s: float | None = None
    """When it last did so after that was proven; None = they agree."""
    soc_pct: float | None = None
    soc_s: float = -1e9
    seen_s: float = -1e9
    """When the last decision was made."""
    decided_s: float = -1e9
    """When a decision was last told."""
    told: tuple[str, ...] = ()
    """What was told of each load then."""
    grid_wiring: GridWiring = GridWiring()
    contended: tuple[str, ...] = ()
    """Classes (urgency:priority) in which not all minimums fit, so that turns are taken."""
    alerts: tuple[tuple[str, str], ...] = ()


def first_memory() -> Memory:
    """Return the memory of an allocator that has never decided."""
    return Memory()


def rebased(memory: Memory, shift_s: float) -> Memory:
    """Return `memory` with all its times moved by `shift_s`."""
    loads = {name: _moved(load, shift_s) for name, load in memory.loads.items()}
    limits = {name: _moved_limit(limit, shift_s) for name, limit in memory.limits.items()}
    started_s = None if memory.started_s is None else memory.started_s + shift_s
    return replace(
        memory,
        started_s=started_s,
        loads=loads,
        limits=limits,
        soc_s=memory.soc_s + shift_s,
        decided_s=memory.decided_s + shift_s,
        seen_s=memory.seen_s + shift_s,
        promise=None,
        repeated=None,
        doubted_s=None,
        apart_s=None,
        disagree_s=None if memory.disagree_s is None else memory.disagree_s + shift_s,
        short_s=None,
        underread_s=None if memory.underread_s is None else memory.underread_s + shift_s,
        failsafe_s=None,
        grid_wiring=_sign_moved(memory.grid_wiring, shift_s),
    )


def _sign_moved(wiring: GridWiring, shift_s: float) -> GridWiring:
    inverted_s = None if wiring.inverted_s is None else wiring.inverted_s + shift_s
    return replace(wiring, read_s=-1e9, inverted_s=inverted_s)


def _moved_limit(limit: LimitMemory, shift_s: float) -> LimitMemory:
    return LimitMemory(
        cut_s=limit.cut_s + shift_s,
        overloads_s=tuple(time + shift_s for time in limit.overloads_s),
        peaks=tuple(Peak(peak.at_s + shift_s, peak.base_ma) for peak in limit.peaks),
    )


def _moved(load: LoadMemory, shift_s: float) -> LoadMemory:
    moved = {
        name: value + shift_s
        for name, value in asdict(load).items()
        if name.endswith("_s") and isinstance(value, float)
    }
    return replace(
        load,
        **moved,
        history=tuple(Command(command.at_s + shift_s, command.setpoint_ma) for command in load.history),
        wiring=None if load.wiring is None else replace(load.wiring, window=None),
        starts_s=tuple(time + shift_s for time in load.starts_s),
        choice=None if load.choice is None else _moved_choice(load.choice, shift_s),
    )


def _moved_choice(choice: Choice, shift_s: float) -> Choice:
    def moved(at_s: float | None) -> float | None:
        return None if at_s is None else at_s + shift_s

    return replace(
        choice,
        stage_s=choice.stage_s + shift_s,
        fewer_s=moved(choice.fewer_s),
        more_s=moved(choice.more_s),
        failed_s=moved(choice.failed_s),
        sample_s=choice.sample_s + shift_s,
        switches_s=tuple(at_s + shift_s for at_s in choice.switches_s),
    )
