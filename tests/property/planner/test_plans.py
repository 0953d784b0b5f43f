"""Random questions: every limit holds, nothing is better, and a plan that could be met is met whatever the sun does."""

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from evenload.contracts.events import LoadState
from evenload.contracts.plan_events import Forecast, ForecastSlot
from evenload.contracts.plans import Need
from evenload.contracts.records import Override
from evenload.site.money import Prices, PriceWindow
from evenload.site.schema import Circuit, Evse, Grid, Site
from services.planner.facts import Facts, Memory
from services.planner.greedy import by_order
from services.planner.planning import planned
from services.planner.problem import Ask, Problem, Room, Solved, cost_of
from services.planner.sight import load_seen
from services.planner.solving import SHORT_COST, solved
from tests.property.allocator.profile import examples

NOISE_A = 1e-4


def random_problem(chance: Random) -> Problem:
    """Return up to four loads on up to three limits over up to twelve quarter hours."""
    count, loads = chance.randint(1, 12), chance.randint(1, 4)
    asks = tuple(
        Ask(
            load=str(number),
            min_a=chance.choice([0.0, 6.0, 8.7]),
            max_a=chance.choice([8.7, 16.0, 32.0]),
            watts_a_ratio=230.0 * chance.choice([1, 3]),
            need_wh=chance.uniform(0, 20_000),
            slots=chance.randint(1, count),
            rank=chance.randint(0, 3),
        )
        for number in range(loads)
    )
    rooms = tuple(
        Room(
            name=str(number),
            members=tuple((index, 1.0) for index in range(loads) if chance.random() < 0.7),
            limit_a=chance.choice([0.0, 6.0, 16.0, 20.0, 40.0]),
        )
        for number in range(chance.randint(0, 3))
    )
    return Problem(
        lengths_h=(chance.uniform(0.01, 0.25), *[0.25] * (count - 1)),
        costs=tuple(round(chance.uniform(-0.05, 0.6), 3) for _ in range(count)),
        sun_w=tuple(chance.choice([0.0, 0.0, 3000.0, 8000.0]) for _ in range(count)),
        sun_cost=0.08,
        asks=asks,
        rooms=rooms,
    )


def check(problem: Problem, answer: Solved) -> None:
    """Hold an answer against every limit."""
    for slot in range(len(problem.lengths_h)):
        total = [grid[slot] + sun[slot] for grid, sun in zip(answer.grid_a, answer.sun_a, strict=True)]
        for room in problem.rooms:
            assert sum(total[index] * weight for index, weight in room.members) <= room.limit_a + NOISE_A
        sun_w = sum(sun[slot] * ask.watts_a_ratio for sun, ask in zip(answer.sun_a, problem.asks, strict=True))
        assert sun_w <= problem.sun_w[slot] + 1.0
        for ask, amps in zip(problem.asks, total, strict=True):
            assert amps == 0.0 or (ask.min_a - NOISE_A <= amps <= ask.max_a + NOISE_A and slot < ask.slots)
    for index, ask in enumerate(problem.asks):
        amps = zip(answer.grid_a[index], answer.sun_a[index], problem.lengths_h, strict=True)
        energy_wh = sum((grid + sun) * length for grid, sun, length in amps) * ask.watts_a_ratio
        assert energy_wh + answer.short_wh[index] >= ask.need_wh - 1.0


def price(problem: Problem, answer: Solved) -> float:
    """Return what an answer costs, by the solver's measure."""
    total = 0.0
    for index, ask in enumerate(problem.asks):
        total += answer.short_wh[index] / 1000 * SHORT_COST * (1.0 + 0.1 / (1 + ask.rank))
        for slot, length in enumerate(problem.lengths_h):
            grid, sun = answer.grid_a[index][slot], answer.sun_a[index][slot]
            kwh_a = ask.watts_a_ratio * length / 1000
            total += grid * kwh_a * cost_of(problem, ask, slot) + sun * kwh_a * problem.sun_cost
    return total


@examples(60)
@given(st.integers(0, 2**32).map(Random))
def test_every_limit_holds_and_the_plain_answer_is_never_better(chance: Random) -> None:
    problem = random_problem(chance)
    best, plain = solved(problem), by_order(problem)
    check(problem, best)
    check(problem, plain)
    if best.how == "cheapest":
        least = price(problem, best)
        assert least <= price(problem, plain) + 0.01 * abs(price(problem, plain)) + 0.05


START = datetime(2026, 6, 22, 18, 0, tzinfo=UTC)


@examples(4)
@given(st.integers(0, 2**32).map(Random))
def test_what_could_be_met_is_met_whatever_the_sun_does(chance: Random) -> None:
    """Two cars on one circuit, with a tariff and a forecast that promises too much; planned anew each quarter hour."""
    ready = START + timedelta(hours=chance.randint(4, 14))
    needs = {name: chance.uniform(2_000.0, 30_000.0) for name in ("a", "b")}
    cheap = chance.randint(0, 20)
    site = Site(
        site="home",
        grid=Grid(breaker_a=40.0),
        circuits={"garage": Circuit(limit_a=20.0)},
        loads={name: Evse(circuit="garage") for name in needs},
        prices=Prices(
            table=(
                PriceWindow(when="mon-sun", price_per_kwh=0.3),
                PriceWindow(when=f"{cheap:02d}:00-{cheap + 3:02d}:00", price_per_kwh=0.1),
            )
        ),
    )
    asked = tuple(
        Override(load=name, plan=(Need(by=ready.isoformat(), energy_wh=wh),), at=START) for name, wh in needs.items()
    )
    sun = Forecast(
        site="home",
        kind="solar",
        issued_at=START,
        slots=tuple(ForecastSlot(starts_at=START + timedelta(hours=n), value=8000.0 * (n % 3)) for n in range(16)),
        ends_at=START + timedelta(hours=16),
    )
    memory, done, now = Memory(), dict.fromkeys(needs, 0.0), START
    facts = Facts(overrides=asked, forecasts={"solar": sun} if chance.random() < 0.7 else {})
    could = False
    while now < ready:
        memory, outcome = planned(site, facts, memory, now, zone=UTC)
        could = could or (now == START and not any(plan.short_wh for plan in outcome.plans))
        now += timedelta(minutes=15)
        shines_a = chance.choice([0.0, 0.0, 8.0])
        for plan in outcome.plans:
            amps = plan.slots[0].guaranteed_a or (min(shines_a, plan.slots[0].allowed_a))
            done[plan.load] += amps * 690 / 4
            heard = LoadState(
                site="home", load=plan.load, measured_at=now, status="charging", energy_wh=done[plan.load]
            )
            memory = load_seen(site, memory, heard, now)
    if could:
        assert all(done[name] >= wh * 0.98 for name, wh in needs.items()), (done, needs)
