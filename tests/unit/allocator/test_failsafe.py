"""While the grid is unknown: down to the failsafe at once, up to it late, and only for who may use the grid."""

from evenload.site.schema import Grid
from tests.unit.allocator.builders import Home, evse, site

PROVEN = {"grid": Grid(breaker_a=25.0, margin_a=0.0, household_max_a=9.0)}


def test_a_lost_meter_lowers_to_the_failsafe_in_one_step() -> None:
    home = Home(site({"car": evse(max_a=32.0, failsafe_a=8.0)}, **PROVEN)).pass_s(300)
    assert home.amps("car") > 20
    home.silent.add("p1")
    home.pass_s(14)
    assert home.amps("car") == 8.0


def test_who_had_nothing_rises_to_the_failsafe_when_the_others_have_come_down() -> None:
    home = Home(site({"car": evse(failsafe_a=8.0)}, **PROVEN), idle=("car",)).pass_s(30)
    home.silent.add("p1")
    home.pass_s(16)
    home.idle = frozenset()
    home.pass_s(4)
    assert home.amps("car") == 0.0
    home.pass_s(8)
    assert home.amps("car") == 8.0


def test_who_lives_from_the_sun_stays_off_while_the_grid_is_unknown() -> None:
    home = Home(site({"car": evse("solar_only", failsafe_a=8.0)}, **PROVEN)).pass_s(30)
    home.silent.add("p1")
    home.pass_s(40)
    assert home.amps("car") == 0.0


def test_without_a_proof_the_failsafe_is_nothing() -> None:
    home = Home(site({"car": evse()})).pass_s(60)
    home.silent.add("p1")
    home.pass_s(60)
    assert home.amps("car") == 0.0
