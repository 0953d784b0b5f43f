"""One phase or three: loads whose station can switch follow a small surplus on one line. Pure.

    steady → pausing → telling → proving → steady

* A switch begins when it has been wished for long enough (`phase_wish`).
* pausing: it is told 0 A, until a later sample shows that nothing is drawn. Nothing is switched under current: some
  vehicles fault.
* telling: its station is told how many lines, at 0 A, until its service says that it was.
* proving: it may start, at its minimum. Until two samples show its lines it counts with its minimum on every line, one
  or all, whichever is worse: on its one line in the decision, on the others as a reserve below every hard limit.

Who does not do as told is taken as before, alerts, and is left alone for a day. A new transaction begins on all lines:
stations forget, and a limit without a number of phases means all. What a vehicle really uses is `watch`'s to see: one
that starts to draw on another line counts on all of them at once, whatever was told.
"""

from msgspec.structs import replace

from evenload.contracts.events import LoadState
from services.allocator.draws import measured_ma, sampled_s
from services.allocator.facts import Facts, Heard
from services.allocator.limits import FREE_MA, Caps, Sharing
from services.allocator.memory import Choice, LoadMemory, Memory
from services.allocator.plan import MASK_SIZE, Plan, PlannedLoad
from services.allocator.watch import IDLE_MA

PAUSE_S, TELL_S = 120.0, 60.0
"""A vehicle that goes on drawing for so long is left as it is; a station that is not told for so long refuses."""
STILL_MA = 500
PROOFS = 2
DAY_S = 86_400.0


def chosen(plan: Plan, memory: Memory, facts: Facts, now_s: float) -> Memory:
    """Return the memory with every switch advanced by what was heard; unchanged where nothing can switch."""
    if not plan.switches:
        return memory
    loads = dict(memory.loads)
    for load in plan.loads:
        if load.switching is not None:
            known = loads[load.name]
            loads[load.name] = _advanced(load, known, facts.loads.get(load.name), now_s)
    return replace(memory, loads=loads)


def pauses(memory: LoadMemory) -> bool:
    """Tell whether a load must not draw because its phases are being switched."""
    return memory.choice is not None and memory.choice.stage in ("pausing", "telling")


def is_proving(memory: LoadMemory) -> bool:
    """Tell whether the lines of a load are not proven since they were switched."""
    return memory.choice is not None and memory.choice.stage == "proving"


def told_lines(memory: LoadMemory) -> int | None:
    """Return how many lines its station is told to use; None while it is told nothing."""
    return memory.choice.lines if memory.choice is not None and memory.choice.told else None


def _advanced(load: PlannedLoad, memory: LoadMemory, heard: Heard[LoadState] | None, now_s: float) -> LoadMemory:
    choice = _of_session(load, memory, heard)
    choice = replace(choice, switches_s=tuple(at_s for at_s in choice.switches_s if now_s - at_s < DAY_S))
    if choice.failed_s is not None and now_s - choice.failed_s >= DAY_S:
        choice = replace(choice, failed_s=None, failed="")
    if heard is None:
        return replace(memory, choice=choice)
    step = {"pausing": _pausing, "telling": _telling, "proving": _proving, "steady": _steady}[choice.stage]
    memory, choice = step(load, (memory, choice), heard, now_s)
    return _counted(load, replace(memory, choice=choice))


def _of_session(load: PlannedLoad, memory: LoadMemory, heard: Heard[LoadState] | None) -> Choice:
    """Return the choice that is known; another transaction begins on all lines, unless its station says otherwise."""
    known, every = memory.choice, len(load.phases)
    if known is None:
        line = load.phases[0]
        if load.switching is not None and load.switching.line in load.phase_names:
            line = load.phases[load.phase_names.index(load.switching.line)]
        told = heard is not None and heard.event.phases is not None
        lines = every if heard is None or heard.event.phases is None else min(every, heard.event.phases)
        return Choice(lines=lines, line=line, session=memory.session, told=told)
    forgot = known.told and known.stage in ("steady", "proving") and _says_nothing(heard)
    if known.session == memory.session and not forgot:
        return known
    fresh = replace(known, lines=every, stage="steady", told=False, session=memory.session, saw_all=False)
    return replace(fresh, fewer_s=None, more_s=None, seen=0, count=0)


def _says_nothing(heard: Heard[LoadState] | None) -> bool:
    """Tell whether its service no longer knows of a number of lines: the station was started anew."""
    return heard is not None and heard.event.reachable and heard.event.phases is None


Both = tuple[LoadMemory, Choice]


def _pausing(load: PlannedLoad, both: Both, heard: Heard[LoadState], now_s: float) -> Both:
    """Go on once the vehicle is measured not to draw, under a 0 that its station holds."""
    memory, choice = both
    measured = measured_ma(heard.event)
    held_a = heard.event.setpoint_a
    shown = measured is None or (sampled_s(heard) > memory.since_s and max(measured) < STILL_MA)
    still = memory.setpoint_ma == 0 and shown and (held_a is None or held_a == 0.0)
    if still and heard.event.reachable:
        switched = replace(
            choice,
            lines=choice.aim,
            stage="telling",
            stage_s=now_s,
            told=True,
            switches_s=(*choice.switches_s, now_s),
            seen=0,
            count=0,
        )
        return replace(memory, mask=0, mask_seen=0, mask_count=0, sent_s=-1e9), switched
    if now_s - choice.stage_s >= PAUSE_S:
        return memory, replace(choice, stage="steady", stage_s=now_s, fewer_s=None, more_s=None)
    return memory, choice


def _telling(load: PlannedLoad, both: Both, heard: Heard[LoadState], now_s: float) -> Both:
    """Go on once its service says that the station was told."""
    memory, choice = both
    if heard.event.phases == choice.lines:
        return memory, replace(choice, stage="proving", stage_s=now_s)
    if now_s - choice.stage_s >= TELL_S:
        memory, failed = _as_before(load, both, "its station does not take the number of phases", now_s)
        return memory, replace(failed, told=heard.event.phases is not None)
    return memory, choice


def _proving(load: PlannedLoad, both: Both, heard: Heard[LoadState], now_s: float) -> Both:
    """Judge by two samples on which lines it draws."""
    memory, choice = both
    memory = replace(memory, cap_ma=load.min_ma)  # no more than its minimum until its lines are proven
    measured, sample_s = measured_ma(heard.event), sampled_s(heard)
    if measured is None or sample_s <= max(choice.stage_s, choice.sample_s) or not memory.setpoint_ma:
        return memory, choice
    used = sum(1 << phase for phase in load.phases if measured[phase] >= IDLE_MA)
    if not used:
        return memory, replace(choice, sample_s=sample_s)
    count = choice.count + 1 if used == choice.seen else 1
    choice = replace(choice, seen=used, count=count, sample_s=sample_s)
    if count < PROOFS:
        return memory, choice
    return _judged(load, (memory, choice), now_s)


def _judged(load: PlannedLoad, both: Both, now_s: float) -> Both:
    memory, choice = both
    several = MASK_SIZE[choice.seen] > 1
    if (choice.lines == 1) is several and (choice.lines == 1 or choice.saw_all):
        seen = f"draws on {MASK_SIZE[choice.seen]} lines, told to use {choice.lines}"
        return _as_before(load, both, seen, now_s)
    line = choice.line if several else choice.seen.bit_length() - 1
    proven = replace(choice, stage="steady", stage_s=now_s, line=line, saw_all=choice.saw_all or several)
    return replace(memory, cap_ma=None, below_s=None), proven


def _as_before(load: PlannedLoad, both: Both, what: str, now_s: float) -> Both:
    """Return what holds after a switch that was not done: the lines of before, and nothing is believed of them."""
    memory, choice = both
    before = len(load.phases) if choice.lines == 1 else 1
    failed = replace(choice, lines=before, stage="steady", stage_s=now_s, failed_s=now_s, failed=what)
    return replace(memory, mask=0, mask_seen=choice.seen, mask_count=0, cap_ma=None, sent_s=-1e9), failed


def _steady(load: PlannedLoad, both: Both, heard: Heard[LoadState], now_s: float) -> Both:
    memory, choice = both
    if choice.lines == 1 and MASK_SIZE[memory.mask] > 1:
        return _as_before(load, both, f"draws on {MASK_SIZE[memory.mask]} lines, told to use 1", now_s)
    if not choice.saw_all and MASK_SIZE[memory.mask] > 1:
        choice = replace(choice, saw_all=True)
    return memory, choice


def _counted(load: PlannedLoad, memory: LoadMemory) -> LoadMemory:
    """Count a load that is told to use one line on that one, until another is seen to draw."""
    choice = memory.choice
    assert choice is not None
    bit = 1 << choice.line
    expected = choice.lines == 1 and choice.stage != "pausing" and choice.failed_s is None
    if expected and memory.mask == 0 and not memory.mask_seen & ~bit:
        return replace(memory, mask=bit)
    return memory


def reserved(caps: Caps, plan: Plan, memory: Memory, *, raising: bool) -> Caps:
    """Return the caps less what loads whose lines are not proven may draw on the others, below every hard limit.

    `raising`: also for those that have not started yet.
    """
    for load in plan.loads if plan.switches else ():
        known = memory.loads[load.name]
        if load.switching is None or not is_proving(known):
            continue
        current_ma = max(known.setpoint_ma, load.min_ma if raising else 0)
        others = sum(1 << phase for phase in load.phases) & ~known.mask if known.mask else 0
        if current_ma and others:
            caps = _less(caps, load.nodes, others, current_ma)
    return caps


def _less(caps: Caps, nodes: tuple[int, ...], others: int, current_ma: int) -> Caps:
    hard_ma = tuple(
        cap_ma if cap_ma >= FREE_MA else cap_ma - current_ma * MASK_SIZE[mask & others]
        for mask, cap_ma in enumerate(caps.hard_ma)
    )
    node_ma = list(caps.node_ma)
    for node in nodes:
        for phase in range(3):
            node_ma[node * 3 + phase] -= current_ma if others >> phase & 1 else 0
    bent = tuple(
        (_more_household(limit, others, current_ma) if isinstance(limit, Sharing) else limit, bound)
        for limit, bound in caps.bent
    )
    return replace(caps, hard_ma=hard_ma, node_ma=tuple(node_ma), bent=bent)


def _more_household(limit: Sharing, others: int, current_ma: int) -> Sharing:
    l1, l2, l3 = (
        household_ma + (current_ma if others >> phase & 1 else 0)
        for phase, household_ma in enumerate(limit.household_ma)
    )
    return replace(limit, household_ma=(l1, l2, l3))


def switching_alerts(memory: Memory) -> list[tuple[str, str, str, str]]:
    """Return (kind, load, text, remedy) of every station that did not switch as told."""
    remedy = "remove phase_switching of it in the site file, or see to its own settings; it is tried again after a day"
    return [
        ("phases_not_switched", name, f"{known.choice.failed}: it counts on all its lines", remedy)
        for name, known in sorted(memory.loads.items())
        if known.choice is not None and known.choice.failed_s is not None
    ]
