"""One decision for one site: (plan, memory, facts, now) → (memory, outcome). Pure; every reading leads here.

0. What newly measured steps say of the wiring is learned and in force at once (`wiring`, `rewired`).
1. The memory is brought up to date with what the loads did (`watch`).
2. Facts become two images of the surroundings, for cutting and for raising (`belief`, `around`).
3. Each image is decided jointly (`share`), so there is a share to cut to and a share to rise to.
4. Cuts at once (`cuts`), then raises with care (`raises`), then what is said of it (`explain`).
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import Alert, Decision, LoadDecision, Setpoint
from services.allocator.around import latched, no_grid, surroundings, with_battery
from services.allocator.balance import balanced, drawn_below
from services.allocator.belief import Grid, Sides, read_grid, read_sides
from services.allocator.cuts import SHORT_S, Cut, Scene, cuts, remembered
from services.allocator.disagreement import compared
from services.allocator.draws import Draw, Moment, Phases, draw_of
from services.allocator.explain import Said, alerts, explained, site_decision, told_line, with_could_get
from services.allocator.facts import Facts
from services.allocator.frozen import Seen, doubted, is_frozen, repeated
from services.allocator.gain import reads_a_thousandth, weighed
from services.allocator.limits import Surroundings, caps_for
from services.allocator.memory import Command, LoadMemory, Memory
from services.allocator.offers import with_offers
from services.allocator.outside import outside_limits, told_limits
from services.allocator.phase_choice import chosen, reserved, told_lines
from services.allocator.phase_wish import preferred
from services.allocator.plan import MA, Plan, PlannedLoad
from services.allocator.promised import Pending
from services.allocator.raises import Rise, raises
from services.allocator.rewired import in_force, on_both, relabelled
from services.allocator.share import Share, allocate
from services.allocator.wants import class_of, party
from services.allocator.watch import watched
from services.allocator.wiring import learned

RENEW_S = 4.0
LEASE_S = 15.0
WAKE_MOST_S = 4.0
TELL_S = 60.0
READS_OFTEN_S = 1.0
_HARD_KINDS = frozenset(
    {"breaker", "import", "circuit", "station", "outside", "supply", "no_import", "surplus", "excess"}
)


class Outcome(Struct, frozen=True, kw_only=True):
    """What a decision leads to."""

    setpoints: tuple[Setpoint, ...]
    """To send now, cuts first: changes and renewals of leases."""
    decision: Decision
    changed: bool
    """A setpoint, a state or a reason changed, or the decision is due to be told again."""
    alerts: tuple[Alert, ...]
    wake_in_s: float
    """Decide again then, even without a new fact."""


class Thought(Struct, frozen=True, kw_only=True):
    """A decision before it is put into the words of its event."""

    memory: Memory
    said: Said
    lines: tuple[LoadDecision, ...]
    setpoints: tuple[Setpoint, ...]
    alerts: tuple[Alert, ...]
    changed: bool


def decide(plan: Plan, memory: Memory, facts: Facts, now_s: float, *, now: datetime) -> tuple[Memory, Outcome]:
    """Return the next memory and what to do; never changes its arguments. `now_s` is monotonic, `now` is UTC."""
    thought = _thought(plan, memory, facts, (now_s, now))
    said = thought.said
    return thought.memory, Outcome(
        setpoints=thought.setpoints,
        decision=site_decision(said, with_could_get(said, thought.lines)),
        changed=thought.changed,
        alerts=thought.alerts,
        wake_in_s=_wake_in(said.scene, said.rises, thought.memory),
    )


def remembered_after(plan: Plan, memory: Memory, facts: Facts, now_s: float, *, now: datetime) -> tuple[Memory, bool]:
    """Return the next memory of `decide`, and whether something changed; for a replay of what was not told."""
    thought = _thought(plan, memory, facts, (now_s, now))
    return thought.memory, thought.changed


def _thought(plan: Plan, memory: Memory, facts: Facts, time: tuple[float, datetime]) -> Thought:
    now_s, now = time
    grid, sides = read_grid(plan, facts, now_s), read_sides(plan, facts, memory, now_s)
    filed, known = plan, learned(plan, memory, facts, (grid, sides, now_s))
    plan = in_force(filed, known)
    facts = relabelled(facts, filed, plan)
    plan = with_offers(plan, facts.loads)
    known = watched(plan, known, facts, now_s)
    known = chosen(plan, known, facts, now_s)
    known = latched(plan, known, sides.soc_pct)
    if sides.soc_is_fresh:
        known = replace(known, soc_pct=sides.soc_pct, soc_s=now_s)
    scene = _scene(plan, known, facts, (grid, sides, now_s))
    if plan.switches:
        scene = replace(scene, memory=preferred(scene, facts))
    cut = cuts(scene)
    known = remembered(scene, cut)
    scene = replace(scene, memory=known)
    pending = Pending(scene, facts)
    rises = raises(scene, cut, (facts, pending))
    after = replace(_next_memory(scene, cut, rises), promise=pending.promise)
    said = Said(scene=scene, sides=sides, facts=facts, rises=rises, memory=after, now=now)
    lines = explained(said)
    setpoints, after = _to_send(said, after, [line.reason for line in lines])
    found = alerts(said)
    told = (f"{plan.distribution} {plan.breaker_ma}", *(told_line(line) for line in lines), *told_limits(facts, now_s))
    changed = told != memory.told or scene.grid.health != memory.health or now_s - memory.decided_s >= TELL_S
    blind_s = None if scene.grid.health != "failsafe" else known.failsafe_s if known.failsafe_s is not None else now_s
    after = replace(
        after,
        failsafe_s=blind_s,
        alerts=found.standing,
        health=scene.grid.health,
        told=told,
        decided_s=now_s if changed else memory.decided_s,
    )
    return Thought(memory=after, said=said, lines=lines, setpoints=setpoints, alerts=found.events, changed=changed)


def _scene(plan: Plan, memory: Memory, facts: Facts, seen: tuple[Grid, Sides, float]) -> Scene:
    grid, sides, now_s = seen
    grid_s = now_s - (grid.age_s or 0.0)
    who = party(plan, memory, facts, now_s)
    beyond = dict(who.beyond)
    draws = tuple(
        draw_of(
            load,
            memory.loads[load.name],
            facts.loads.get(load.name),
            Moment(grid_s, beyond.get(load.index), load.index in who.lost),
        )
        for load in plan.loads
    )
    draws = on_both(draws, plan, memory)
    low, high = _sums(draws)
    if plan.limit_ma is not None and grid.age_s is not None:
        news = Seen(grid_s, _oldest_sample_s(plan, memory), low if low == high else None)
        memory = repeated(memory, grid, sides, news)
        memory = weighed(memory, grid, sides, (low, high))
        inverted = memory.grid_wiring.inverted_s is not None
        wrong = inverted or is_frozen(memory, sides, news) or reads_a_thousandth(memory, grid)
        memory, grid = doubted(memory, grid, now_s, frozen=wrong)
        memory = compared(memory, grid, now_s)
        memory, grid = balanced(plan, memory, grid, (sides, drawn_below(plan, memory, facts, draws), now_s))

    def seen_with(draws_ma: Phases, lowest: bool) -> Surroundings:
        if grid.health == "failsafe" and grid.age_s is None:
            around = no_grid(plan)
        else:
            around = surroundings(plan, grid, sides, draws_ma)
        around = with_battery(plan, around, sides.soc_pct, memory)
        around = replace(around, foreign_ma=_foreign(plan, facts, draws, (lowest, now_s)))
        return outside_limits(plan, facts, around, now_s)

    around = seen_with(low, True)
    if plan.inverter.asymmetric and grid.health == "normal" and low == high:
        memory = replace(memory, household_ma=around.household_ma)
    raise_caps = reserved(caps_for(plan, around), plan, memory, raising=True)
    raise_shares = tuple(allocate(plan, who.loads, raise_caps, (who.wants, who.fixed)))
    same = low == high
    same = same and not plan.switches
    cut_around = around if low == high else seen_with(high, False)
    cut_caps = raise_caps if same else reserved(caps_for(plan, cut_around), plan, memory, raising=False)
    cut_shares = raise_shares if same else tuple(allocate(plan, who.loads, cut_caps, (who.wants, who.fixed)))
    return Scene(
        plan=plan,
        memory=memory,
        party=who,
        grid=grid,
        draws=draws,
        now_s=now_s,
        around=around,
        cut_caps=cut_caps,
        raise_caps=raise_caps,
        cut_shares=cut_shares,
        raise_shares=raise_shares,
    )


def _oldest_sample_s(plan: Plan, memory: Memory) -> float:
    """Return when the oldest of the newest samples of all loads that could draw was taken."""
    known = [memory.loads[load.name] for load in plan.loads]
    return min([load.sample_s for load in known if load.active or load.setpoint_ma], default=-1e9)


def _sum(currents: Sequence[Phases]) -> Phases:
    one = two = three = 0
    for current in currents:
        one += current[0]
        two += current[1]
        three += current[2]
    return one, two, three


def _sums(draws: Sequence[Draw]) -> tuple[Phases, Phases]:
    """Return what all draw at least and at most."""
    low = _sum([draw.low for draw in draws])
    return low, low if all(draw.low is draw.high for draw in draws) else _sum([draw.high for draw in draws])


def _foreign(plan: Plan, facts: Facts, draws: Sequence[Draw], side: tuple[bool, float]) -> tuple[int, ...]:
    """Return what else is drawn below metered circuits, mA per node and phase; unknown = no room to rise.

    An empty tuple when no circuit is metered.
    """
    if all(node.meter is None for node in plan.nodes):
        return ()
    lowest, now_s = side
    found: list[int] = []
    for node in plan.nodes:
        below = _sum([draws[index].low if lowest else draws[index].high for index in node.loads])
        heard = facts.readings.get(node.meter) if node.meter is not None else None
        for phase in range(3):
            if node.meter is None:
                found.append(0)
            elif heard is None or heard.event.current_a is None or now_s - heard.at_s > 30.0:
                found.append(max(0, node.limit_ma - below[phase]))
            else:
                current_a = (heard.event.current_a.l1, heard.event.current_a.l2, heard.event.current_a.l3)[phase]
                found.append(max(0, round((current_a or 0.0) * MA) - below[phase]))
    return tuple(found)


def _next_memory(scene: Scene, cut: Cut, rises: Sequence[Rise]) -> Memory:
    loads = {}
    for load in scene.plan.loads:
        rise = rises[load.index]
        loads[load.name] = _commanded(scene, load, rise, hard=load.index in cut.hard)
    return replace(scene.memory, loads=loads, contended=_contended(scene))


def _commanded(scene: Scene, load: PlannedLoad, rise: Rise, *, hard: bool) -> LoadMemory:
    """Return the load's memory with its new command, its grace and its pause."""
    now_s, memory = scene.now_s, _graced(scene, load, rise.memory)
    before_ma = memory.setpoint_ma
    if rise.setpoint_ma == before_ma:
        return memory
    changed = replace(
        memory,
        setpoint_ma=rise.setpoint_ma,
        history=(*memory.history, Command(now_s, rise.setpoint_ma)),
    )
    if (rise.setpoint_ma == 0) == (before_ma == 0):
        return changed
    stopped = rise.setpoint_ma == 0
    pauses = stopped and not hard and load.urgency in (2, 3) and scene.cut_shares[load.index].rule != "idle"
    return replace(
        changed,
        since_s=now_s,
        grace_s=None,
        below_s=None,
        over_ma=0 if stopped else changed.over_ma,
        cap_ma=None if stopped else changed.cap_ma,
        pause_until_s=now_s + load.pause_s if pauses else changed.pause_until_s,
    )


def _graced(scene: Scene, load: PlannedLoad, memory: LoadMemory) -> LoadMemory:
    graced = scene.cut_shares[load.index].graced
    if graced == (memory.grace_s is not None) or (not graced and memory.setpoint_ma == 0):
        return memory
    return replace(memory, grace_s=scene.now_s if graced else None)


def _contended(scene: Scene) -> tuple[str, ...]:
    """Return the classes of equal rights in which one has its minimum and another does not."""
    fed: dict[str, set[bool]] = {}
    for want in scene.party.wants:
        if want.last:
            continue
        share: Share = scene.raise_shares[want.index]
        if share.given_ma or (share.bound is not None and share.bound.kind in _HARD_KINDS):
            fed.setdefault(class_of(scene.plan.loads[want.index]), set()).add(share.given_ma > 0)
    mixed = {name for name, states in fed.items() if len(states) == 2}
    return tuple(sorted(mixed | _still_waiting(scene)))


def _still_waiting(scene: Scene) -> set[str]:
    """Return contended classes in which somebody is still off: turns go on until all have their minimum."""
    if not scene.memory.contended:
        return set()
    members: dict[str, list[bool]] = {}
    for want in scene.party.wants:
        load = scene.plan.loads[want.index]
        if not want.last:
            members.setdefault(class_of(load), []).append(scene.memory.loads[load.name].setpoint_ma > 0)
    return {name for name in scene.memory.contended if len(members.get(name, [])) > 1 and not all(members[name])}


def _to_send(said: Said, memory: Memory, reasons: Sequence[str]) -> tuple[tuple[Setpoint, ...], Memory]:
    """Return changes and due renewals, cuts first, and the memory that they were sent.

    A load that was never heard is not told anything: its device may hold a setpoint that must not be ended unseen.
    """
    scene = said.scene
    cuts_first: list[tuple[int, str, Setpoint]] = []
    loads = dict(memory.loads)
    for load in scene.plan.loads:
        known = loads[load.name]
        before_ma = scene.memory.loads[load.name].setpoint_ma
        moved = known.setpoint_ma - before_ma
        if load.name not in said.facts.loads or (not moved and scene.now_s - known.sent_s < RENEW_S - 0.05):
            continue
        loads[load.name] = replace(known, sent_s=scene.now_s)
        sent = _setpoint(said, load.name, (known.setpoint_ma, moved), reasons[load.index])
        cuts_first.append((1 if moved >= 0 else 0, load.name, sent))
    cuts_first.sort(key=lambda item: item[:2])
    return tuple(item[2] for item in cuts_first), replace(memory, loads=loads)


def _setpoint(said: Said, load: str, command: tuple[int, int], reason: str) -> Setpoint:
    facts, scene = said.facts, said.scene
    setpoint_ma, moved = command
    return Setpoint(
        site=scene.plan.site.site,
        load=load,
        setpoint_a=setpoint_ma / MA,
        issued_at=said.now,
        valid_s=LEASE_S,
        phases=told_lines(scene.memory.loads[load]),
        reason=reason,
        cause=facts.cause if moved else "renewal",
    )


def _wake_in(scene: Scene, rises: Sequence[Rise], memory: Memory) -> float:
    """Return in how many seconds something changes by itself; at most the time to the next renewal.

    Where readings come as often as a rise has steps, they carry it on: a step that is late is made up for.
    """
    now_s = scene.now_s
    ramps = scene.grid.health != "normal" or scene.grid.period_s > READS_OFTEN_S
    times = [now_s + WAKE_MOST_S]
    for load in scene.plan.loads:
        known = memory.loads[load.name]
        rise = rises[load.index]
        times += [known.sent_s + RENEW_S, known.pause_until_s]
        if rise.until_s is not None and (ramps or rise.waits != "ramp"):
            times.append(rise.until_s)
        if known.grace_s is not None:
            times.append(known.grace_s + load.grace_s)
        if known.short_s is not None:
            times.append(known.short_s + SHORT_S)
    later = [time for time in times if time > now_s + 1e-6]
    return max(0.02, min(later) - now_s)
