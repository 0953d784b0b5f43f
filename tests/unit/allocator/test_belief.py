"""What may be believed: readings by age and shape, and the interval of what a load draws."""

from typing import Any

import pytest

from evenload.contracts.events import MeterReading
from evenload.contracts.phases import PerPhase
from evenload.site.schema import Grid as GridLimits
from evenload.site.schema import Meter, Site
from services.allocator.belief import Grid, read_grid
from services.allocator.engine import Outcome
from services.allocator.facts import Facts, Heard
from services.allocator.plan import compile_plan
from tests.property.allocator.ideal import NOW
from tests.unit.allocator.builders import Home, battery, evse, on_all, site

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


def thousandth(home: Home, **more: object) -> Home:
    """Let the grid meter say kW where W are expected, from the second that goes by now."""
    home.reads["p1"] = {"current_a": on_all(home.net_ma[0] / 1e6), **more}
    return home.pass_s(1)


def standing(home: Home) -> set[str]:
    """Return the kinds of the alerts that stand."""
    return {kind for kind, _ in home.memory.alerts}


def test_a_meter_that_reads_a_thousandth_is_found_within_a_minute_of_the_first_step() -> None:
    home = Home(site({"car": evse()}), house_a=(2.0, 2.0, 2.0))
    for _ in range(60):
        thousandth(home)
    assert "grid_unit" in standing(home)
    assert health(home) == "failsafe"
    assert home.amps("car") == 0.0


def test_what_to_do_about_a_wrong_unit_is_said() -> None:
    home = Home(site({"car": evse()}), house_a=(2.0, 2.0, 2.0))
    said = []
    for _ in range(60):
        outcome = thousandth(home).outcome
        assert outcome is not None
        said += [alert for alert in outcome.alerts if alert.kind == "grid_unit" and alert.active]
    assert [("scale: 1000" in alert.remedy, alert.about) for alert in said] == [(True, "p1")]


def test_a_larger_reading_ends_the_doubt_in_the_unit() -> None:
    home = Home(site({"car": evse()}), house_a=(2.0, 2.0, 2.0))
    for _ in range(60):
        thousandth(home)
    home.reads.clear()
    home.pass_s(2)
    assert standing(home) == set()
    assert home.pass_s(300).amps("car") == 16.0


def test_a_grid_that_a_battery_nulls_is_not_taken_for_a_wrong_unit() -> None:
    """The battery is not in the site file: that the grid meter does not show what the car draws is told as such."""
    home = Home(site({"car": evse()}))
    for second in range(300):
        home.reads["p1"] = {"current_a": on_all(0.02 if second % 3 else -0.03)}
        home.pass_s(1)
    assert standing(home) == {"grid_reads_low"}
    assert health(home) == "normal"


def test_a_slow_meter_is_doubted_only_after_three_steps() -> None:
    home = Home(site({"car": evse(max_a=6.0)}), house_a=(2.0, 2.0, 2.0))
    for _ in range(60):
        thousandth(home, period_s=10.0)
    assert standing(home) == {"grid_reads_low"}


def test_a_battery_that_is_not_seen_to_discharge_helps_no_breaker() -> None:
    """It could give 10 A; as long as its meter says 0 only what the breaker leaves is given."""
    home = Home(site({"car": evse(max_a=32.0)}, battery=battery()), house_a=(5.0, 5.0, 5.0), soc_pct=90.0)
    home.reads["bat"] = {"total_power_w": 0.0}
    home.pass_s(400)
    assert home.amps("car") <= 25.0 - (home.net_ma[0] / 1000 - home.amps("car")) + 1e-9


def test_a_battery_that_is_never_heard_may_be_discharging_all_it_can() -> None:
    """Its 10 A over three phases are in what the grid shows no import of."""
    where = site({"car": evse("solar_only")}, battery=battery())
    home = Home(where, sun_a=0.0, soc_pct=90.0)
    home.reads["bat"] = {"total_power_w": None}
    assert home.pass_s(60).amps("car") == 0.0


def promised_a(home: Home) -> float:
    """Return what all loads may draw together, A per line."""
    return sum(home.amps(name) for name in home.site.loads)


def test_what_is_promised_and_not_measured_is_a_tenth_of_the_limit_or_one_start() -> None:
    """Nobody draws: a start that nobody sees blocks the next one for a minute, so only one comes a minute."""
    home = Home(site({f"car{number}": evse(phases=("L1",)) for number in range(3)}))
    home.draws_a.update(dict.fromkeys(home.site.loads, 0.0))
    assert [promised_a(home.pass_s(1)) for _ in range(60)] == [6.0] * 60
    assert [promised_a(home.pass_s(1)) for _ in range(60)][-1] == 12.0
    assert max(promised_a(home.pass_s(1)) for _ in range(300)) == 18.0


def test_several_loads_together_promise_no_more_than_a_tenth() -> None:
    cars = {f"car{number}": evse(phases=("L1",), max_a=20.0) for number in range(2)}
    home = Home(site(cars, grid=GridLimits(breaker_a=50.0, margin_a=0.0)), house_a=(30.0, 0.0, 0.0)).pass_s(300)
    for name in cars:
        home.draws_a[name] = home.amps(name)
    drawn_a = sum(home.draws_a.values())
    home.now((0.0, 0.0, 0.0))
    for _ in range(55):
        home.pass_s(1)
        assert sum(home.amps(name) for name in cars) <= drawn_a + 5.0 + 1e-9


class SlowStation(Home):
    """A home whose station measured its car last at 6 A, when it had started."""

    measured_s: float | None = None

    def step(self, seconds: float = 1.0) -> Outcome:
        """Let the sample grow older."""
        if self.measured_s is not None:
            age_s = self.now_s + seconds - self.measured_s
            self.tells["car"] = {"measured_a": PerPhase(l1=6.0), "measured_age_s": age_s}
        return super().step(seconds)


def slow_station() -> SlowStation:
    """Return a home with such a station ten seconds after its start, before a rise."""
    home = SlowStation(site({"car": evse(phases=("L1",))}), house_a=(19.0, 0.0, 0.0))
    home.pass_s(20)
    home.measured_s = home.now_s
    return home


def test_a_matching_step_of_the_grid_meter_is_a_measurement() -> None:
    assert slow_station().now((2.0, 0.0, 0.0)).pass_s(50).amps("car") > 10.0


def test_without_a_matching_step_a_tenth_of_the_limit_is_promised() -> None:
    home = slow_station().now((2.0, 0.0, 0.0))
    home.draws_a["car"] = 6.0
    assert home.pass_s(50).amps("car") == 8.5


def test_a_step_of_the_house_is_no_measurement() -> None:
    home = slow_station().now((2.0, 0.0, 0.0))
    home.draws_a["car"] = 6.0
    home.pass_s(20).now((8.0, 0.0, 0.0))
    assert home.pass_s(30).amps("car") == 8.5
