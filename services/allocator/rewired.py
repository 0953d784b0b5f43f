"""What found wiring changes: phases in force, what the loads' services say of phases, doubts, and the alerts. Pure.

A corrected load is decided on as if the site file said so. While a line is only suspected to be on another phase, it
counts on both (faults.md A7): it may draw nothing or all of its current on either.
"""

from msgspec.structs import replace

from evenload.contracts.events import LoadState
from evenload.contracts.phases import PHASES, PerPhase, Phase
from services.allocator.draws import Draw, Phases
from services.allocator.facts import Facts, Heard
from services.allocator.memory import LoadMemory, Memory, Wiring
from services.allocator.plan import Plan, PlannedLoad

Words = tuple[str, str, str, str]


def in_force(plan: Plan, memory: Memory) -> Plan:
    """Return the plan with the phases that were found; the plan itself while all are as the site file says."""
    if not memory.grid_wiring.notable:
        return plan
    moved = {
        load.index: known.wiring.found[: len(load.phases)]
        for load in plan.loads
        if load.name in memory.grid_wiring.notable
        and (known := memory.loads.get(load.name)) is not None
        and known.wiring is not None
        and _differs(load, known.wiring)
    }
    if not moved:
        return plan
    loads = tuple(_on(load, moved[load.index]) if load.index in moved else load for load in plan.loads)
    return replace(plan, loads=loads)


def _differs(load: PlannedLoad, wiring: Wiring) -> bool:
    return wiring.file == load.phases and wiring.found[: len(load.phases)] != load.phases


def _on(load: PlannedLoad, phases: tuple[int, ...]) -> PlannedLoad:
    return replace(
        load,
        mask=sum(1 << phase for phase in phases),
        phases=phases,
        phase_names=names(phases),
        slots=tuple(node * 3 + phase for node in load.nodes for phase in phases),
    )


def relabelled(facts: Facts, filed: Plan, wired: Plan) -> Facts:
    """Return the facts with the currents of corrected loads on the phases where they were found."""
    if wired is filed:
        return facts
    loads = dict(facts.loads)
    for before, after in zip(filed.loads, wired.loads, strict=True):
        heard = loads.get(before.name)
        if before is not after and heard is not None and heard.event.measured_a is not None:
            loads[before.name] = _relabelled(heard, before.phases, after.phases)
    return replace(facts, loads=loads)


def _relabelled(heard: Heard[LoadState], told: tuple[int, ...], found: tuple[int, ...]) -> Heard[LoadState]:
    measured = heard.event.measured_a
    assert measured is not None, "only what was measured is moved"
    moved = {PHASES[now]: measured.get(PHASES[then]) for then, now in zip(told, found, strict=True)}
    return replace(heard, event=replace(heard.event, measured_a=PerPhase.of(moved)))


def on_both(draws: tuple[Draw, ...], plan: Plan, memory: Memory) -> tuple[Draw, ...]:
    """Return the draws with those of lines in doubt: each may draw nothing, or all, on either of two phases."""
    if not memory.grid_wiring.notable:
        return draws
    return tuple(_on_both(draw, memory.loads[load.name]) for draw, load in zip(draws, plan.loads, strict=True))


def _on_both(draw: Draw, memory: LoadMemory) -> Draw:
    if memory.wiring is None or not memory.wiring.doubts:
        return draw
    low, high = list(draw.low), list(draw.high)
    for here, there in memory.wiring.doubts:
        low[here] = 0
        high[there] += draw.high[here]
    return Draw(_three(low), _three(high))


def widened(loads: tuple[PlannedLoad, ...], memory: Memory) -> tuple[PlannedLoad, ...]:
    """Return the loads with the phases on which their lines in use are suspected to be as well."""
    if not memory.grid_wiring.notable:
        return loads
    return tuple(_widened(load, memory.loads[load.name]) for load in loads)


def _widened(load: PlannedLoad, memory: LoadMemory) -> PlannedLoad:
    if memory.wiring is None or not memory.wiring.doubts:
        return load
    mask = load.mask
    for here, there in memory.wiring.doubts:
        mask |= 1 << there if load.mask >> here & 1 else 0
    return _on(load, tuple(phase for phase in range(3) if mask >> phase & 1))


def _three(values: list[int]) -> Phases:
    return values[0], values[1], values[2]


def names(phases: tuple[int, ...]) -> tuple[Phase, ...]:
    """Return the names of site phases."""
    return tuple(PHASES[phase] for phase in phases)


def wiring_alerts(plan: Plan, memory: Memory) -> list[Words]:
    """Return (kind, about, text, remedy) of every load that is not wired as the site file says, or seems not to be.

    Where all that is proven of two loads or more is one exchange of phases, it is the meter that is wired so.
    """
    turned = turned_meter(plan, memory)
    found: list[Words] = [] if turned is None else [_turned(plan, turned)]
    for name in memory.grid_wiring.notable:
        wiring = memory.loads[name].wiring if name in memory.loads else None
        if wiring is None:
            continue
        if turned is None and wiring.found[: len(wiring.file)] != wiring.file:
            found.append(_corrected(name, wiring))
        found += [_suspected(name, pair) for pair in wiring.doubts[:1]]
    return found


def _corrected(load: str, wiring: Wiring) -> Words:
    phases = ", ".join(names(wiring.found[: len(wiring.file)]))
    filed = ", ".join(names(wiring.file))
    text = f"its currents appear on {phases}, the site file says {filed}: decided with {phases} from now on"
    remedy = f"write phases: [{phases}] for it in the site file, for which failsafe currents are proven; or rewire it"
    return ("wiring_corrected", load, text, remedy)


def _suspected(load: str, pair: tuple[int, int]) -> Words:
    here, there = names(pair)
    text = f"what it draws on {here} seems to appear on {there}: it counts on both until that is proven"
    return ("wiring_suspected", load, text, f"check its phases: in the site file; {here} and {there} may be swapped")


def turned_meter(plan: Plan, memory: Memory) -> Phases | None:
    """Return under which phase the grid meter tells L1, L2 and L3; None unless it is proven to exchange them.

    Two loads must have moved, on different phases, and no line be proven that says otherwise. Two grid meters do not
    tell which of them it is.
    """
    told: dict[int, set[int]] = {}
    movers: set[str] = set()
    for name in memory.grid_wiring.notable:
        wiring = memory.loads[name].wiring if name in memory.loads else None
        if wiring is not None and any(wiring.confirmed) and wiring.found[: len(wiring.file)] != wiring.file:
            movers.add(name)
    if len(movers) < 2 or len(plan.meters.get("grid", ())) > 1:
        return None
    for load in memory.loads.values():
        if load.wiring is None:
            continue
        for line, phase in enumerate(load.wiring.file):
            if load.wiring.confirmed[line]:
                told.setdefault(phase, set()).add(load.wiring.found[line])
    pairs = {phase: next(iter(seen)) for phase, seen in told.items() if len(seen) == 1}
    if len(pairs) < len(told) or len(pairs) < 2 or len(set(pairs.values())) < len(pairs):
        return None
    for phase in {0, 1, 2} - set(pairs):
        pairs[phase] = next(iter({0, 1, 2} - set(pairs.values())))
    return pairs[0], pairs[1], pairs[2]


def _turned(plan: Plan, turned: Phases) -> Words:
    about = next(iter(plan.meters.get("grid", ())), "grid")
    meter = plan.site.meters.get(about)
    lines = (meter.phases if meter is not None else None) or PHASES
    really = ", ".join(PHASES[turned.index(PHASES.index(line))] for line in lines)
    pairs = ", ".join(f"{PHASES[phase]} as {PHASES[seen]}" for phase, seen in enumerate(turned) if phase != seen)
    text = f"it tells {pairs} by all loads that are proven: they are decided on as it tells them"
    remedy = (
        f"write phases: [{really}] for this meter in the site file, not for the loads; or exchange its transformers"
    )
    return ("grid_phases", about, text, remedy)
