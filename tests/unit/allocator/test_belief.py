"""What may be believed: readings by age and shape, and the interval of what a load draws."""

from typing import Any

import pytest

from evenload.contracts.events import MeterReading
from evenload.contracts.phases import PerPhase
from evenload.site.schema import Meter, Site
from services.allocator.belief import Grid, read_grid
from services.allocator.facts import Facts, Heard
from services.allocator.plan import compile_plan
from tests.property.allocator.ideal import NOW
from tests.unit.allocator.builders import Home, evse, on_all, site

METERED = site({"car": evse()}, meters={"p1": Meter(role="grid", driver="ideal")})


def grid(where: Site = METERED, age_s: float = 0.0, **values: Any) -> Grid:
    """Return what is believed of a grid reading."""
    reading = MeterReading(site="home", meter="p1", role="grid", measured_at=NOW, **values)
    return read_grid(compile_plan(where), Facts(readings={"p1": Heard(reading, 100.0)}), 100.0 + age_s)


@pytest.mark.parametrize(
    ("period_s", "age_s", "health"),
    [
        (1.0, 5.0, "normal"),
        (1.0, 5.1, "frozen"),
        (1.0, 12.0, "frozen"),
        (1.0, 12.1, "failsafe"),
        (4.0, 10.0, "normal"),
        (10.0, 25.0, "normal"),
        (10.0, 25.1, "failsafe"),
    ],
)
def test_ages_at_which_raises_freeze_and_failsafe_comes(period_s: float, age_s: float, health: str) -> None:
    assert grid(age_s=age_s, period_s=period_s, current_a=on_all(1.0)).health == health


def test_currents_are_taken_before_powers() -> None:
    assert grid(current_a=on_all(2.0), power_w=on_all(9999.0)).current_ma == (2000, 2000, 2000)


def test_powers_are_divided_by_the_voltage() -> None:
    assert grid(power_w=PerPhase(2300.0, -460.0, 0.0)).current_ma == (10_000, -2000, 0)


def test_a_phase_without_current_is_taken_from_its_power() -> None:
    assert grid(current_a=PerPhase(1.0, 1.0), power_w=on_all(2300.0)).current_ma == (1000, 1000, 10_000)


def test_a_phase_without_either_is_missing() -> None:
    assert grid(current_a=PerPhase(1.0, None, 1.0)).missing_mask == 2


def test_a_total_alone_is_enough_on_one_phase_only() -> None:
    one = site({"car": evse()}, phases=("L1",), meters=METERED.meters)
    assert grid(one, total_power_w=2300.0).current_ma == (10_000, 0, 0)
    assert grid(total_power_w=2300.0).health == "failsafe"


def test_a_suspect_reading_never_lets_rise() -> None:
    assert grid(current_a=on_all(1.0), quality="suspect").health == "frozen"


def test_a_meter_that_says_nothing_is_failsafe() -> None:
    assert grid().health == "failsafe"


def frozen() -> Home:
    """Return a home whose meter goes on saying 16 A while its only car is told to draw 9 A."""
    home = Home(site({"car": evse()})).pass_s(200)
    home.reads["p1"] = {"current_a": on_all(16.0)}
    return home.pass_s(20).becomes(car=evse(max_a=9.0))


def health(home: Home) -> str:
    """Return how far the newest decision believed the grid meter."""
    assert home.outcome is not None
    return home.outcome.decision.health


def test_a_meter_that_repeats_itself_while_a_load_moves_is_found() -> None:
    """faults.md A2: within 30 s of a step of more than 3 A."""
    home = frozen()
    assert "frozen" in [health(home.pass_s(1)) for _ in range(30)]


def test_a_frozen_meter_stays_doubted_until_its_value_changes() -> None:
    home = frozen().pass_s(30)
    assert "normal" not in [health(home.pass_s(1)) for _ in range(60)]


def test_a_cut_that_is_not_measured_yet_gives_nobody_room() -> None:
    where = site({"car": evse(priority=2, phases=("L1",)), "new": evse(phases=("L1",))})
    home = Home(where, idle=("new",), house_a=(5.0, 0.0, 0.0)).pass_s(250)
    home.idle = frozenset()
    home.draws_a["car"] = home.amps("car")
    home.pass_s(4)
    assert home.net_ma[0] <= 25_000


def test_a_car_that_follows_late_is_not_taken_for_the_house() -> None:
    """Right after a cut the car still draws: what it has been told counts, or it would be cut twice."""
    home = Home(site({"car": evse()})).pass_s(200).now((12.0, 0.0, 0.0))
    home.silent.add("car")
    home.draws_a["car"] = 16.0
    assert home.pass_s(3).amps("car") == 13.0


def test_a_cut_that_is_overdue_is_made_again() -> None:
    home = Home(site({"car": evse(priority=1), "two": evse(priority=2)})).pass_s(250).now((6.0, 6.0, 6.0)).pass_s(1)
    cut_a = home.amps("car")
    home.draws_a["two"] = 9.0
    home.pass_s(15)
    assert home.amps("car") + home.amps("two") <= cut_a + 6.0
