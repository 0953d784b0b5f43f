"""What each load did since the last decision: its memory brought up to date before anything is decided.

Found here: a new session, a changed mode, the lines in use, what it draws above its setpoint, current that it was
granted and does not draw (given back after 60 s), a suspended vehicle that lost its place, and the charge served.
"""

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import LoadState
from services.allocator.draws import FOLLOW_S, LAG_SLACK_MA, NOTHING, is_settled, measured_ma, sampled_s
from services.allocator.facts import Facts, Heard
from services.allocator.memory import Command, LoadMemory, Memory
from services.allocator.plan import STEP_MA, Plan, PlannedLoad

ACTIVE = frozenset({"preparing", "charging", "suspended_ev", "suspended_evse"})
STILL = frozenset({"preparing", "suspended_ev"})
"""Plugged, and it is the vehicle (or its driver) that waits."""
HISTORY_S = 60.0
GIVE_BACK_S = 60.0
GIVE_BACK_MA = 2000
LOST_PLACE_S = 60.0
IDLE_MA = 1000
NO_POWER_MA = 50
"""About 10 W: what a switched-on relay passes to an appliance that takes nothing."""
OFFER_S, OFFER_EVERY_S = 120.0, 900.0
STATE_LOST_S = 12.0
ABSENT_S = 10.0
_HISTORY_MOST = 64


class Presence(Struct, frozen=True):
    """How far a load can be spoken to."""

    reachable: bool
    obeys: bool
    active: bool


def presence(heard: Heard[LoadState] | None, now_s: float) -> Presence:
    """Tell whether a load is heard, obeys, and could use power."""
    if heard is None:
        return Presence(False, True, False)
    state = heard.event
    return Presence(is_reachable(heard, now_s), state.obeys, state.status in ACTIVE)


def is_reachable(heard: Heard[LoadState], now_s: float) -> bool:
    """Tell whether a load that was heard is still in contact."""
    return heard.event.reachable and now_s - heard.at_s <= STATE_LOST_S


def watched(plan: Plan, memory: Memory, facts: Facts, now_s: float) -> Memory:
    """Return the memory with each load's brought up to date.

    After an absence longer than `ABSENT_S` leases may have ended: what each load then reports as in force holds.
    """
    absent = now_s - memory.seen_s > ABSENT_S
    seconds = min(max(0.0, now_s - memory.seen_s), ABSENT_S)
    loads = {}
    for load in plan.loads:
        heard = facts.loads.get(load.name)
        known = memory.loads.get(load.name) or LoadMemory(mode=load.mode, since_s=now_s)
        if absent:
            known = replace(known, adopts=True, ramp_s=None, above_s=None, setpoint_ma=0, sent_s=-1e9)
        if known.adopts and heard is not None:
            known = _adopted(load, known, heard.event, now_s)
        fitted = _refitted(load, _served(known, heard, seconds), now_s)
        loads[load.name] = _watched(load, fitted, heard, now_s)
    started_s = now_s if absent or memory.started_s is None else memory.started_s
    return replace(memory, loads=loads, started_s=started_s, seen_s=now_s)


def _adopted(load: PlannedLoad, memory: LoadMemory, state: LoadState, now_s: float) -> LoadMemory:
    """A load that this allocator has not commanded yet keeps what it reports, else what it draws: no car is stopped."""
    measured = measured_ma(state)
    held_ma = max(measured) if measured is not None and state.status == "charging" else 0
    if state.setpoint_a is not None:
        held_ma = round(state.setpoint_a * 1000)
    setpoint_ma = (held_ma + STEP_MA // 2) // STEP_MA * STEP_MA
    if not load.min_ma <= setpoint_ma <= load.max_ma:
        setpoint_ma = 0
    history = (Command(now_s - HISTORY_S, setpoint_ma),)
    return replace(memory, setpoint_ma=setpoint_ma, history=history, adopts=False)


def _served(memory: LoadMemory, heard: Heard[LoadState] | None, elapsed_s: float) -> LoadMemory:
    """Add the charge of the time elapsed: what is measured, its setpoint where nothing is."""
    if not memory.setpoint_ma or heard is None:
        return memory
    measured = measured_ma(heard.event)
    current_ma = memory.setpoint_ma if measured is None else min(max(measured), memory.setpoint_ma)
    return replace(memory, served_as=memory.served_as + current_ma / 1000.0 * elapsed_s)


def _refitted(load: PlannedLoad, memory: LoadMemory, now_s: float) -> LoadMemory:
    """Fit a setpoint to a changed site file or limit: 0 or within [min, max], a relay at its rating; told at once."""
    fitting_ma = load.max_ma if load.all_or_nothing else min(memory.setpoint_ma, load.max_ma)
    fitting_ma = fitting_ma if memory.setpoint_ma and fitting_ma >= load.min_ma else 0
    if fitting_ma == memory.setpoint_ma:
        return memory
    history = (*memory.history, Command(now_s, fitting_ma))
    return replace(memory, setpoint_ma=fitting_ma, history=history, ramp_s=None, sent_s=-1e9)


def _watched(load: PlannedLoad, memory: LoadMemory, heard: Heard[LoadState] | None, now_s: float) -> LoadMemory:
    kept = _forgotten(memory, now_s)
    if kept.mode != load.mode:
        # Grace that is over: whoever may use less from now on ends at once, not after holding its minimum.
        over_s = now_s - load.grace_s if kept.setpoint_ma else None
        kept = replace(kept, mode=load.mode, grace_s=over_s, pause_until_s=now_s, above_s=None)
    if heard is None:
        return kept
    state = heard.event
    kept = _session(_held(kept, heard, now_s), state, now_s)
    sample_s = sampled_s(heard)
    measured = measured_ma(state)
    if measured is not None and sample_s > kept.sample_s:
        kept = _sampled(load, kept, measured, sample_s)
    if measured is None or sample_s <= kept.active_s:
        measured = NOTHING if state.status in STILL or not kept.setpoint_ma else None
    if measured is None:
        return kept
    kept = _given_back(load, kept, (state, max(measured), sample_s), now_s)
    kept = _sleeping(kept, state, now_s)
    return _idle(kept, _waits_itself(load, kept, state, max(measured)), now_s)


def _held(memory: LoadMemory, heard: Heard[LoadState], now_s: float) -> LoadMemory:
    """Note what the device holds; one that is back in contact is told its setpoint at once."""
    reachable = is_reachable(heard, now_s)
    if reachable != memory.reachable:
        memory = replace(memory, reachable=reachable, sent_s=-1e9 if reachable else memory.sent_s)
    told_a = heard.event.setpoint_a
    told_ma = None if told_a is None else round(told_a * 1000)
    if told_ma == memory.in_force_ma:
        return memory
    was_ma = memory.in_force_ma if memory.in_force_ma is not None else told_ma or 0
    return replace(memory, in_force_ma=told_ma, in_force_was_ma=was_ma, in_force_s=heard.at_s)


def _forgotten(memory: LoadMemory, now_s: float) -> LoadMemory:
    """Drop commands and starts that are too old to matter; the last one before the window stays."""
    history = memory.history
    if len(history) > 1 and history[1].at_s < now_s - HISTORY_S:
        later = [command for command in history if command.at_s >= now_s - HISTORY_S]
        older = [command for command in history if command.at_s < now_s - HISTORY_S]
        history = (*older[-1:], *later)
    starts_s = memory.starts_s
    if starts_s and starts_s[0] < now_s - 3600.0:
        starts_s = tuple(start for start in starts_s if start >= now_s - 3600.0)
    if history is memory.history and starts_s is memory.starts_s:
        return memory
    return replace(memory, history=history[-_HISTORY_MOST:], starts_s=starts_s)


def _session(memory: LoadMemory, state: LoadState, now_s: float) -> LoadMemory:
    """Forget what belonged to another vehicle or transaction."""
    if not memory.reachable:
        return memory
    active = state.status in ACTIVE
    session = state.transaction or ""
    if active == memory.active and session == memory.session:
        return memory
    fresh = replace(
        memory, session=session, mask=0, mask_seen=0, mask_count=0, below_s=None, cap_ma=None, idle_s=None, over_ma=0
    )
    if active == memory.active:
        return fresh
    fresh = replace(fresh, active=active, active_s=now_s)
    return replace(fresh, starts_s=(), served_as=0.0, grace_s=None) if active else fresh


def _sampled(load: PlannedLoad, memory: LoadMemory, measured: tuple[int, int, int], sample_s: float) -> LoadMemory:
    """Take a new sample: lines in use, and what is drawn above the setpoint, whatever that is."""
    peak_ma = max(measured)
    kept = replace(_lines_in_use(load, memory, measured), sample_s=sample_s)
    if not is_settled(memory, sample_s, peak_ma) or sample_s <= memory.active_s:
        return kept
    remembered_ma = memory.over_ma * 9 // 10 if memory.setpoint_ma else 0
    return replace(kept, over_ma=max(peak_ma - memory.setpoint_ma, remembered_ma, 0))


def _lines_in_use(load: PlannedLoad, memory: LoadMemory, measured: tuple[int, int, int]) -> LoadMemory:
    """Count a vehicle on the lines it was seen to use in two samples; a line that starts to draw ends that."""
    used = sum(1 << phase for phase in load.phases if measured[phase] >= IDLE_MA)
    if memory.mask and used & ~memory.mask:
        return replace(memory, mask=0, mask_seen=used, mask_count=1)
    if not used or used == memory.mask:
        return memory
    if used != memory.mask_seen:
        return replace(memory, mask_seen=used, mask_count=1)
    if memory.mask_count < 2:
        count = memory.mask_count + 1
        return replace(memory, mask_count=count, mask=used if count >= 2 else memory.mask)
    return memory


def _given_back(load: PlannedLoad, memory: LoadMemory, seen: tuple[LoadState, int, float], now_s: float) -> LoadMemory:
    """What was granted and is not drawn for 60 s is given back, and raised again as the draw follows.

    `seen` = (state, mA drawn, time of the sample). A vehicle that has not begun draws nothing, sample or not.
    """
    state, peak_ma, sample_s = seen
    if load.all_or_nothing or not memory.setpoint_ma:
        return memory
    if state.status != "preparing" and not is_settled(memory, sample_s, peak_ma):
        return memory
    cap_ma = max(load.min_ma, (peak_ma + max(GIVE_BACK_MA, load.step_ma)) // STEP_MA * STEP_MA)
    if peak_ma >= memory.setpoint_ma - LAG_SLACK_MA:
        follows = memory.cap_ma is None or cap_ma >= load.max_ma
        return replace(memory, below_s=None, cap_ma=None if follows else cap_ma)
    since_s = memory.below_s if memory.below_s is not None else now_s
    if memory.cap_ma is None and now_s - since_s < GIVE_BACK_S:
        return memory if memory.below_s is not None else replace(memory, below_s=since_s)
    if memory.below_s == since_s and memory.cap_ma == cap_ma:
        return memory
    return replace(memory, below_s=since_s, cap_ma=cap_ma)


def _sleeping(memory: LoadMemory, state: LoadState, now_s: float) -> LoadMemory:
    """Note that a vehicle still waits long after it was cut: many stations say so no longer once they offer nothing."""
    if memory.idle_s is None or memory.setpoint_ma:
        return memory if not memory.sleeps else replace(memory, sleeps=False)
    if not memory.sleeps and state.status in STILL and now_s - memory.since_s > FOLLOW_S:
        return replace(memory, sleeps=True)
    return memory


def _waits_itself(load: PlannedLoad, memory: LoadMemory, state: LoadState, peak_ma: int) -> bool:
    """Tell whether it is the vehicle, or an appliance behind a relay that is on, that does not draw."""
    if load.all_or_nothing:
        off = memory.setpoint_ma == 0 and memory.idle_s is not None
        return off or (memory.setpoint_ma > 0 and peak_ma < NO_POWER_MA)
    if memory.setpoint_ma == 0:
        woke = memory.sleeps and state.status not in STILL
        return memory.idle_s is not None and peak_ma < IDLE_MA and not woke
    return state.status in STILL and peak_ma < IDLE_MA


def _idle(memory: LoadMemory, waits: bool, now_s: float) -> LoadMemory:
    """Who is offered current and draws nothing loses its place after 60 s; drawing again restores it."""
    if not waits:
        return memory if memory.idle_s is None else replace(memory, idle_s=None)
    if memory.idle_s is None and memory.setpoint_ma:
        return replace(memory, idle_s=now_s)
    return memory
