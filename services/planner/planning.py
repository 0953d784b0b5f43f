"""Needs, prices, sun and circuits → what each load is guaranteed and allowed in each quarter hour. Pure; each minute.

1. Goals (`goals`), and how much each still needs (`counting`, `amounts`).
2. What carries it: circuits, breaker and import limit less the house (`shapes`, `house`), and the hours (`hours`).
3. The cheapest answer that needs no sun is the safe one. With a forecast of the sun the cheapest answer that counts on
   it is computed too; what it does in the first slot is done when all needs can still be met without sun from then on.
   So a load waits for the sun as long as there is time to do without, and no longer.
"""

from datetime import datetime, tzinfo

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import Alert
from evenload.contracts.plan_events import LoadPlan, PlanSlot
from evenload.contracts.records import Counted
from evenload.site.scheduled import value_at, windows_of
from evenload.site.schema import Site
from evenload.site.windows import zone_of
from evenload.thermal.learning import Learning
from services.planner.amounts import Missing, missing, vehicle_reading
from services.planner.counting import aimed, drawn_wh, told_soc
from services.planner.facts import Facts, Memory
from services.planner.goals import Goal, goal_text, goals, offered_goals, told_goals
from services.planner.hours import SLOT, Hour, Slot, hours, slots
from services.planner.house import house_a, reserved_a
from services.planner.outside import limits_of, outside_rooms
from services.planner.problem import Ask, Problem, Solved, most_a
from services.planner.shapes import Shape, rooms, shape_of
from services.planner.solving import solved

SPARE_RATIO = 1.05
"""More than is needed: for rounding, losses and clouds of a minute."""
STEP_A = 0.5
"""What is guaranteed moves in such steps, so that a plan made anew does not make a setpoint tremble."""
SHORT_RATIO, SHORT_WH = 0.02, 100.0
TIE_COST = 0.0001
LATER_COST = 0.5
LEAST_PART_RATIO = 0.01
"""Of a slot; less is rounding."""
MOVES_RATIO = 0.05
"""Prices within a twentieth of each other are one price."""


class Outcome(Struct, frozen=True, kw_only=True):
    """What is to be told."""

    plans: tuple[LoadPlan, ...]
    alerts: tuple[Alert, ...]


class Aim(Struct, frozen=True, kw_only=True):
    """One goal, ready to be asked for."""

    goal: Goal
    shape: Shape
    amount: Missing | None
    done_wh: float


def planned(site: Site, facts: Facts, memory: Memory, now: datetime, *, zone: tzinfo) -> tuple[Memory, Outcome]:
    """Return the next memory and every load's plan; loads without a goal get an empty one."""
    asked = goals(site, facts.overrides, now, zone)
    asked |= _of_vehicles(site, facts, asked, now)
    memory = _aimed(site, facts, memory, asked)
    found = {**asked, **offered_goals(site, facts.states, asked, now)}
    aims = [_aim(site, facts, memory, found[load], now=now) for load in sorted(found)]
    known = slots(now, max((goal.ready_at for goal in found.values()), default=now))
    day = hours(site, facts.forecasts, known, zone)
    problem = _problem(site, facts, memory, (aims, known, day))
    answer = _waited(problem, _with_sun(problem, day, memory.house.mean_w))
    told = {
        aim.goal.load: _told(aim, index, (problem, answer), (known, day, (now, zone)))
        for index, aim in enumerate(aims)
        if not aim.goal.offered or _worth_it(problem.asks[index], day)
    }
    plans = tuple(told.get(load) or _nothing(site, load, now) for load in sorted(site.loads))
    short = tuple(plan.load for plan in plans if plan.short_wh > 0.0 and plan.load in asked)
    return replace(memory, short=short), Outcome(plans=plans, alerts=_alerts(plans, (memory.short, short), now, zone))


def _of_vehicles(site: Site, facts: Facts, asked: dict[str, Goal], now: datetime) -> dict[str, Goal]:
    """Return the goals that vehicles tell, of loads that are not off, and not served from any source already."""
    modes = {name: load.mode for name, load in site.loads.items()}
    for line in facts.decision.loads if facts.decision is not None else ():
        if not line.by_plan:
            modes[line.load] = line.mode
    told = told_goals(site, facts.states, facts.overrides, now)
    return {load: goal for load, goal in told.items() if load not in asked and modes[load] not in ("off", "standard")}


def _worth_it(ask: Ask, day: tuple[Hour, ...]) -> bool:
    """Tell whether it matters when a load runs that minds its own deadline: the price moves, or the sun is known.

    Without either its own service knows as much as the planner, and the plan only keeps its place free.
    """
    costs = [hour.cost for hour in day[: ask.slots] if hour.cost is not None]
    moves = bool(costs) and max(costs) - min(costs) > MOVES_RATIO * abs(max(costs))
    return moves or any(hour.sun_w is not None for hour in day[: ask.slots])


def _aimed(site: Site, facts: Facts, memory: Memory, found: dict[str, Goal]) -> Memory:
    """Return the memory with every goal's count begun, and what its vehicle told noted."""
    counts = dict(memory.counted)
    for load, goal in found.items():
        count = aimed(counts.get(load, Counted()), goal)
        reading = vehicle_reading(goal, site, facts) if goal.need.soc_pct is not None else None
        counts[load] = told_soc(count, reading.measured_at) if reading is not None else count
    return replace(memory, counted=counts)


def _aim(site: Site, facts: Facts, memory: Memory, goal: Goal, *, now: datetime) -> Aim:
    count = memory.counted.get(goal.load, Counted())
    shape = shape_of(goal.load, site, facts.states.get(goal.load), facts.overrides)
    learning = memory.learning.get(goal.load, Learning())
    amount = missing(goal, site, facts, (count, learning, shape), now=now)
    return Aim(goal=goal, shape=shape, amount=amount, done_wh=drawn_wh(count) - count.goal_wh)


def _problem(
    site: Site, facts: Facts, memory: Memory, known: tuple[list[Aim], tuple[Slot, ...], tuple[Hour, ...]]
) -> Problem:
    """Return the question without the sun."""
    aims, quarter_hours, day = known
    states = _switched_off(facts), _served(facts)
    asks = tuple(_scheduled(site, facts, _ask(site, aim, quarter_hours, states), quarter_hours) for aim in aims)
    shapes = {aim.goal.load: aim.shape for aim in aims}
    house, reserved = house_a(site, memory.house), reserved_a(site, facts, set(shapes))
    free = (
        *rooms(site, shapes, house, reserved),
        *outside_rooms(site, shapes, limits_of(facts, quarter_hours), (house, reserved)),
    )
    return Problem(
        lengths_h=tuple(slot.length_h for slot in quarter_hours),
        costs=_costs(day),
        sun_w=(0.0,) * len(day),
        sun_cost=site.prices.export_per_kwh if site.prices is not None else 0.0,
        asks=asks,
        rooms=free,
    )


def _switched_off(facts: Facts) -> set[str]:
    """Return loads that are off for another reason than their plan."""
    decided = facts.decision.loads if facts.decision is not None else ()
    return {line.load for line in decided if line.mode == "off" and not line.by_plan}


def _served(facts: Facts) -> set[str]:
    """Return loads that a guaranteed slot of their plan serves now."""
    decided = facts.decision.loads if facts.decision is not None else ()
    return {line.load for line in decided if line.by_plan and line.mode == "standard" and line.setpoint_a > 0.0}


def _ask(site: Site, aim: Aim, quarter_hours: tuple[Slot, ...], known: tuple[set[str], set[str]]) -> Ask:
    off, served = known
    load = aim.goal.load
    spare = 1.0 if aim.goal.offered else SPARE_RATIO  # what is offered its own service sees to, to the end
    need_wh = aim.amount.energy_wh * spare if aim.amount is not None else 0.0
    until = sum(slot.starts_at < aim.goal.ready_at for slot in quarter_hours)
    return Ask(
        load=load,
        min_a=0.0 if aim.goal.offered else aim.shape.min_a,  # it ends by itself: a part of a slot is a part of its time
        max_a=0.0 if load in off else aim.shape.max_a,
        watts_a_ratio=aim.shape.watts_a_ratio,
        need_wh=need_wh,
        slots=until,
        rank=site.loads[load].priority,
        runs=load in served,
    )


def _scheduled(site: Site, facts: Facts, ask: Ask, quarter_hours: tuple[Slot, ...]) -> Ask:
    """Return the ask with what its schedule leaves of each slot: its limit, and nothing where its mode is off.

    A mode that was set by hand holds instead; where both are, the planner learns of it minute by minute.
    """
    windows = windows_of(site, facts.overrides, ask.load)
    if not windows:
        return ask
    zone = zone_of(site.time_zone)
    by_hand = any(item.load == ask.load and item.mode is not None for item in facts.overrides)
    found = []
    for slot in quarter_hours:
        limit = value_at(windows, "max_a", slot.starts_at, zone)
        off = not by_hand and value_at(windows, "mode", slot.starts_at, zone) == "off"
        limit_a = min(ask.max_a, limit) if isinstance(limit, float) else ask.max_a
        found.append(0.0 if off else limit_a)
    return replace(ask, max_by_slot_a=tuple(found))


def _costs(day: tuple[Hour, ...]) -> tuple[float, ...]:
    """Return the cost of each slot: the earlier of equal prices; without any price the later."""
    count = max(1, len(day))
    if all(hour.cost is None for hour in day):
        return tuple(1.0 - LATER_COST * index / count for index in range(len(day)))
    return tuple((hour.cost or 0.0) + TIE_COST * index for index, hour in enumerate(day))


def _with_sun(problem: Problem, day: tuple[Hour, ...], house_w: float | None) -> Problem | None:
    """Return the question that counts on the sun; None where nothing is known of it."""
    surplus = tuple(max(0.0, (hour.sun_w or 0.0) - (house_w or 0.0)) for hour in day)
    return replace(problem, sun_w=surplus) if any(surplus) else None


def _waited(problem: Problem, sunny: Problem | None) -> Solved:
    """Return the safe answer, with the first slot as the sunny answer has it where that is safe too."""
    safe = solved(problem)
    if sunny is None:
        return safe
    hoped = solved(sunny)
    first = tuple(_first(ask, amps[0]) for ask, amps in zip(problem.asks, hoped.grid_a, strict=True))
    if first == tuple(amps[0] for amps in safe.grid_a):
        return replace(safe, how="waits for the sun")  # it does so now already: asked again it would answer the same
    waiting = solved(replace(problem, fixed_a=first))
    late = any(with_a > without_a + 1.0 for with_a, without_a in zip(waiting.short_wh, safe.short_wh, strict=True))
    return safe if late else replace(waiting, how="waits for the sun")


def _first(ask: Ask, grid_a: float) -> float:
    """Return what is drawn from the grid in the first slot: nothing, or at least the minimum."""
    return 0.0 if grid_a < ask.min_a / 2 else max(ask.min_a, grid_a)


def _told(
    aim: Aim,
    index: int,
    answered: tuple[Problem, Solved],
    around: tuple[tuple[Slot, ...], tuple[Hour, ...], tuple[datetime, tzinfo]],
) -> LoadPlan:
    """Return a goal's plan as it is told."""
    problem, answer = answered
    quarter_hours, day, (now, zone) = around
    ask, goal, amount = problem.asks[index], aim.goal, aim.amount
    steps = tuple(
        PlanSlot(
            starts_at=slot.starts_at,
            guaranteed_a=_guaranteed(aim, ask, answer.grid_a[index][place], most_a(ask, place)),
            allowed_a=aim.shape.max_a,
        )
        for place, slot in enumerate(quarter_hours[: ask.slots])
    )
    need_wh = amount.energy_wh if amount is not None else 0.0
    short_wh = max(0.0, answer.short_wh[index] - (ask.need_wh - need_wh))
    return LoadPlan(
        site=goal.site,
        load=goal.load,
        made_at=now,
        asked_at=goal.asked_at,
        ready_at=goal.ready_at,
        need=goal_text(goal, zone),
        done_wh=round(max(0.0, aim.done_wh), 1),
        missing_wh=None if amount is None else round(need_wh, 1),
        short_wh=round(short_wh, 1) if short_wh > max(SHORT_WH, SHORT_RATIO * need_wh) else 0.0,
        cost=_cost(ask, answer.grid_a[index], (problem, day)),
        slots=steps,
        ends_at=_end(goal, steps),
        why=_why(aim, answer, steps, problem),
    )


def _end(goal: Goal, steps: tuple[PlanSlot, ...]) -> datetime | None:
    """Return where the last slot ends; plans look two days ahead at most."""
    return min(goal.ready_at, steps[-1].starts_at + SLOT) if steps else None


def _guaranteed(aim: Aim, ask: Ask, grid_a: float, highest_a: float) -> float:
    """Return what is guaranteed, in whole steps where that leaves the minimum; all to a device that ends by itself."""
    if grid_a <= 0.0:
        return 0.0
    if aim.goal.offered:
        return highest_a if grid_a > LEAST_PART_RATIO * highest_a else 0.0
    stepped_a = int(grid_a / STEP_A + 1e-6) * STEP_A
    return min(highest_a, max(ask.min_a, stepped_a if grid_a < highest_a - 1e-6 else highest_a))


def _cost(ask: Ask, grid_a: tuple[float, ...], known: tuple[Problem, tuple[Hour, ...]]) -> float | None:
    problem, day = known
    if any(hour.price_per_kwh is None and amps > 0.0 for hour, amps in zip(day, grid_a, strict=True)):
        return None
    if all(hour.price_per_kwh is None for hour in day):
        return None
    energy = zip(day, grid_a, problem.lengths_h, strict=True)
    return round(
        sum((hour.price_per_kwh or 0.0) * amps * ask.watts_a_ratio * length / 1000 for hour, amps, length in energy), 4
    )


def _why(aim: Aim, answer: Solved, steps: tuple[PlanSlot, ...], problem: Problem) -> str:
    if aim.amount is None:
        return "its temperature is not known: no plan"
    count = sum(step.guaranteed_a > 0.0 for step in steps)
    parts = [aim.amount.why]
    if aim.goal.told:
        parts.append("as its vehicle says")
    if aim.amount.energy_wh <= 0.0:
        parts.insert(0, "done")
    elif count:
        parts.insert(0, f"{answer.how}: {count} of {len(steps)} quarter hours guaranteed")
    else:
        parts.insert(0, answer.how)
    parts += [f"under the {room.name}" for room in problem.rooms if room.grid_only]
    return "; ".join(part for part in parts if part)


def _nothing(site: Site, load: str, now: datetime) -> LoadPlan:
    return LoadPlan(site=site.site, load=load, made_at=now)


def _alerts(
    plans: tuple[LoadPlan, ...], shorts: tuple[tuple[str, ...], tuple[str, ...]], now: datetime, zone: tzinfo
) -> tuple[Alert, ...]:
    """Return what begins or ends to be short; `shorts` = loads that were, and that are now."""
    before, short_now = shorts
    found = []
    for plan in plans:
        short = plan.load in short_now
        if short == (plan.load in before):
            continue
        text = remedy = ""
        if short and plan.ready_at is not None:
            ready = f"{plan.ready_at.astimezone(zone):%a %H:%M}"
            text = f"{plan.need} cannot be met: {plan.short_wh / 1000:.1f} kWh will be missing at {ready}"
            remedy = "give more time or current, or ask for less"
        found.append(
            Alert(
                site=plan.site,
                kind="plan_short",
                about=plan.load,
                active=short,
                at=now,
                severity="warning" if short else "info",
                text=text,
                remedy=remedy,
            )
        )
    return tuple(found)
