"""What loads do, and what is made of it: given back, lost place, lines in use, sessions, contact, turns."""

from evenload.contracts.phases import PerPhase
from evenload.site.schema import Grid
from tests.unit.allocator.builders import Home, evse, plug, site

ASLEEP = {"status": "suspended_ev", "measured_a": PerPhase(0.0, 0.0, 0.0)}


def narrow(*names: str, breaker_a: float = 9.0) -> Home:
    """Return a home on one phase where the minimums of all named cars do not fit together."""
    cars = {name: evse(priority=place, phases=("L1",)) for place, name in enumerate(names)}
    return Home(site(cars, phases=("L1",), grid=Grid(breaker_a=breaker_a, margin_a=0.0)))


def test_what_is_not_drawn_for_a_minute_is_given_back() -> None:
    home = Home(site({"car": evse()})).pass_s(200)
    home.draws_a["car"] = 9.0
    assert home.pass_s(50).amps("car") == 16.0
    assert home.pass_s(30).amps("car") == 11.0


def test_a_setpoint_follows_the_draw_up_again() -> None:
    home = Home(site({"car": evse()})).pass_s(200)
    home.draws_a["car"] = 9.0
    home.pass_s(90)
    home.draws_a.clear()
    assert home.pass_s(300).amps("car") == 16.0


def test_what_is_given_back_goes_to_others() -> None:
    where = site({"one": evse(priority=1), "two": evse(priority=2)}, grid=Grid(breaker_a=25.0, margin_a=0.0))
    home = Home(where).pass_s(250)
    assert home.amps("two") == 9.0
    home.draws_a["one"] = 7.0
    assert home.pass_s(300).amps("two") > 12.0


def test_a_suspended_vehicle_loses_its_place_after_a_minute() -> None:
    home = narrow("one", "two").pass_s(20)
    assert (home.amps("one") > 0, home.amps("two")) == (True, 0.0)
    home.draws_a["one"] = 0.0
    home.tells["one"] = ASLEEP
    assert home.pass_s(40).amps("two") == 0.0
    assert home.pass_s(90).amps("two") >= 6.0


def test_a_suspended_vehicle_keeps_its_minimum_while_nobody_wants_it() -> None:
    home = narrow("one").pass_s(20)
    home.draws_a["one"] = 0.0
    home.tells["one"] = ASLEEP
    assert home.pass_s(200).amps("one") == 6.0


def test_a_draw_restores_the_place() -> None:
    home = narrow("one", "two").pass_s(20)
    home.draws_a["one"] = 0.0
    home.tells["one"] = ASLEEP
    home.pass_s(150)
    home.draws_a.clear()
    home.tells.clear()
    assert home.pass_s(60).amps("one") >= 6.0


def test_a_one_phase_vehicle_counts_on_the_line_it_uses() -> None:
    home = Home(site({"car": evse(), "other": evse(phases=("L2",), priority=2, max_a=25.0)}))
    home.uses["car"] = ("L1",)
    assert home.pass_s(400).amps("other") == 25.0


def test_until_it_is_seen_it_counts_on_all_lines() -> None:
    home = Home(site({"car": evse(min_a=16.0), "other": evse(phases=("L2",), priority=2, min_a=10.0)}))
    home.uses["car"] = ("L1",)
    home.draws_a["car"] = 0.0
    assert home.pass_s(3).amps("other") == 0.0


def test_no_vehicle_no_current() -> None:
    home = Home(site({"car": evse()}), idle=("car",)).pass_s(30)
    assert (home.amps("car"), home.line("car").rule) == (0.0, "no vehicle")


def test_an_idle_load_is_told_what_it_could_get() -> None:
    home = Home(site({"car": evse(), "guest": evse(priority=2)}), idle=("guest",)).pass_s(200)
    assert home.line("guest").could_get_a == 9.0


def test_a_vehicle_that_leaves_frees_its_place_at_once() -> None:
    home = narrow("one", "two").pass_s(20)
    home.idle = frozenset({"one"})
    assert home.pass_s(2).amps("one") == 0.0
    assert home.pass_s(20).amps("two") >= 6.0


def test_a_station_out_of_contact_counts_at_its_last_setpoint() -> None:
    home = narrow("one", "two", breaker_a=12.5).pass_s(100)
    assert home.amps("one") == 6.5
    home.tells["one"] = {"reachable": False}
    home.silent.add("one")
    assert home.pass_s(30).amps("two") == 6.0


def test_a_dead_plug_without_a_timer_counts_as_on() -> None:
    where = site({"car": evse(phases=("L1",)), "heater": plug(2300.0, priority=2)})
    home = Home(where, idle=("heater",))
    home.tells["heater"] = {"reachable": False, "status": "unavailable", "failsafe_in_s": None}
    assert home.pass_s(300).amps("car") == 15.0


def test_what_a_load_draws_above_its_setpoint_is_kept_free() -> None:
    home = Home(site({"car": evse(phases=("L1",)), "two": evse(phases=("L1",), priority=2)})).pass_s(300)
    assert home.amps("two") == 9.0
    home.draws_a["car"] = 16.4
    assert home.pass_s(20).amps("two") <= 8.6
