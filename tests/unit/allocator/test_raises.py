"""Up with care (engine.md section 5): ramp, dead band, starts, what is not measured, old readings."""

import pytest

from evenload.site.schema import Grid
from tests.unit.allocator.builders import Home, evse, plug, site


def test_a_start_to_the_minimum_is_not_ramped() -> None:
    assert Home(site({"car": evse()})).pass_s(1).amps("car") == 6.0


def test_a_rise_goes_on_at_a_tenth_of_an_ampere_a_second() -> None:
    home = Home(site({"car": evse()})).pass_s(20)
    before_a = home.amps("car")
    assert home.pass_s(10).amps("car") == pytest.approx(before_a + 1.0)


def test_a_rise_ends_at_the_target() -> None:
    assert Home(site({"car": evse()})).pass_s(130).amps("car") == 16.0


def test_a_gap_below_three_tenths_waits_for_thirty_seconds() -> None:
    home = Home(site({"car": evse()}), house_a=(10.0, 0.0, 0.0)).pass_s(400)
    home.now((9.8, 0.0, 0.0)).pass_s(25)
    assert (home.amps("car"), home.line("car").rule) == (15.0, "dead band")
    assert home.pass_s(10).amps("car") > 15.0
    assert home.pass_s(60).amps("car") == 15.2


def test_what_is_not_drawn_does_not_rise() -> None:
    home = Home(site({"car": evse()}))
    home.draws_a["car"] = 0.0
    assert home.pass_s(30).amps("car") == 6.0


def test_what_is_raised_and_not_measured_is_withdrawn_after_a_minute() -> None:
    home = Home(site({"car": evse()})).pass_s(60)
    home.draws_a["car"] = 7.0
    assert home.pass_s(90).amps("car") == 9.0


def test_raises_not_yet_measured_are_bounded_by_a_tenth_of_the_limit() -> None:
    home = Home(site({"car": evse(max_a=25.0)})).pass_s(30)
    home.draws_a["car"] = home.amps("car")
    before_a = home.amps("car")
    assert home.pass_s(50).amps("car") <= before_a + 2.5


def test_a_load_waits_for_room_that_is_commanded_but_not_measured() -> None:
    where = site({"car": evse(priority=2), "new": evse(priority=1)}, grid=Grid(breaker_a=16.0, margin_a=0.0))
    home = Home(where, idle=("new",)).pass_s(130)
    home.idle = frozenset()
    home.draws_a["car"] = 16.0
    home.tells["car"] = {"measured_age_s": 60.0}
    assert home.pass_s(3).amps("new") == 0.0


def test_nothing_rises_on_an_old_grid_reading() -> None:
    home = Home(site({"car": evse()})).pass_s(20)
    home.silent.add("p1")
    before_a = home.pass_s(6).amps("car")
    assert home.pass_s(4).amps("car") == before_a
    assert home.line("car").rule == "waits for the grid meter"


def test_a_grid_reading_older_than_twelve_seconds_is_failsafe() -> None:
    home = Home(site({"car": evse()})).pass_s(60)
    home.silent.add("p1")
    assert home.pass_s(11).amps("car") > 0
    assert home.pass_s(3).amps("car") == 0.0


def test_a_slow_meter_has_two_and_a_half_periods() -> None:
    home = Home(site({"car": evse()})).pass_s(60)
    home.reads["p1"] = {"period_s": 20.0}
    home.pass_s(1)
    home.silent.add("p1")
    assert home.pass_s(45).amps("car") > 0
    assert home.pass_s(10).amps("car") == 0.0


def test_a_meter_that_returns_lets_rise_again() -> None:
    home = Home(site({"car": evse()})).pass_s(60)
    home.silent.add("p1")
    home.pass_s(20)
    home.silent.clear()
    assert home.pass_s(200).amps("car") == 16.0


def test_a_spent_budget_of_starts_keeps_a_load_off() -> None:
    home = Home(site({"car": evse(cycles_per_h=2)})).pass_s(5)
    home.now((25.0, 0.0, 0.0)).pass_s(1).now().pass_s(60)
    assert home.amps("car") > 0
    home.now((25.0, 0.0, 0.0)).pass_s(1).now().pass_s(310)
    assert (home.amps("car"), home.line("car").rule) == (0.0, "cycles")


def test_a_relay_rests_for_its_minimum_off_time() -> None:
    home = Home(site({"heater": plug(2300.0, min_off_s=120.0)})).pass_s(5)
    home.now((25.0, 0.0, 0.0)).pass_s(1).now().pass_s(100)
    assert home.amps("heater") == 0.0
    assert home.pass_s(30).amps("heater") == 10.0
