"""Small questions to the planner, and a site with plans."""

from datetime import UTC, datetime, timedelta
from typing import Any

from evenload.contracts.plan_events import Forecast, ForecastKind, ForecastSlot
from evenload.contracts.plans import Need
from evenload.contracts.records import Override
from evenload.site.schema import Circuit, Evse, Grid, Load, Site
from services.planner.facts import Facts, Memory
from services.planner.planning import Outcome, planned
from services.planner.problem import Ask, Problem, Room

EVENING = datetime(2026, 6, 22, 20, 0, tzinfo=UTC)


def site(loads: dict[str, Load] | None = None, **values: Any) -> Site:
    """Return a house of three phases behind 35 A with one outlet of 11 kW."""
    grid = Grid(breaker_a=35.0, margin_a=0.0)
    return Site(site="home", loads=loads or {"car": Evse()}, **{"grid": grid, **values})


def asked(load: str, *, by: str = "07:00", **amount: Any) -> Override:
    """Return what was asked for by hand this evening."""
    return Override(load=load, plan=(Need(by=by, **amount),), at=EVENING)


def made(
    where: Site, *overrides: Override, memory: Memory | None = None, now: datetime = EVENING, **facts: Any
) -> tuple[Memory, Outcome]:
    """Return what is planned."""
    return planned(where, Facts(overrides=overrides, **facts), memory or Memory(), now, zone=UTC)


def forecast(kind: ForecastKind, *values: float, begin: datetime = EVENING) -> Forecast:
    """Return a forecast with a value for each hour from `begin` on."""
    slots = tuple(ForecastSlot(starts_at=begin + timedelta(hours=n), value=value) for n, value in enumerate(values))
    ends_at = begin + timedelta(hours=len(values))
    return Forecast(site="home", kind=kind, issued_at=EVENING, slots=slots, ends_at=ends_at)


def ask(load: str = "car", **values: Any) -> Ask:
    """Return an outlet of 6 to 16 A on three lines that has 8 quarter hours."""
    usual = {"min_a": 6.0, "max_a": 16.0, "watts_a_ratio": 690.0, "need_wh": 5_520.0, "slots": 8, "rank": 1}
    return Ask(load=load, **{**usual, **values})  # type: ignore[arg-type]  # by key


def problem(*asks: Ask, costs: tuple[float, ...] = (1.0,) * 8, **values: Any) -> Problem:
    """Return a question of quarter hours."""
    count = len(costs)
    usual = {"lengths_h": (0.25,) * count, "sun_w": (0.0,) * count, "sun_cost": 0.0, "rooms": ()}
    return Problem(asks=asks, costs=costs, **{**usual, **values})


def circuit(limit_a: float, members: int) -> Room:
    """Return one phase of a circuit above the first asks."""
    return Room(name="garage L1", members=tuple((index, 1.0) for index in range(members)), limit_a=limit_a)


GARAGE = {"garage": Circuit(limit_a=16.0)}
