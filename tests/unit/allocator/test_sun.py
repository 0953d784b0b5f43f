"""Grace, pause, soc latches and wirings as a home lives through them."""

from typing import Any

import pytest

from evenload.contracts.phases import PerPhase
from tests.unit.allocator.builders import Home, battery, evse, plug, site

SUN_A = 30.0


def sunny(**values: Any) -> Home:
    """Return a home whose solar_only car runs at 10 A from 30 A of sun."""
    home = Home(site({"car": evse("solar_only", **values)}), sun_a=SUN_A).pass_s(200)
    assert home.amps("car") == 10.0
    return home


def test_a_cloud_lowers_at_once() -> None:
    assert sunny().now(sun_a=24.0).pass_s(1).amps("car") == 8.0


def test_after_a_cloud_it_follows_the_sun_three_times_as_fast_as_the_grid() -> None:
    """A wrong raise costs some import there, no overload."""
    home = sunny().now(sun_a=18.0).pass_s(10)
    assert home.amps("car") == 6.0
    assert home.now(sun_a=SUN_A).pass_s(6).amps("car") == pytest.approx(7.8)


def test_without_surplus_the_minimum_is_held_for_the_grace_time() -> None:
    home = sunny().now(sun_a=3.0).pass_s(1)
    assert (home.amps("car"), home.line("car").rule) == (6.0, "grace: holds its minimum")
    assert home.pass_s(297).amps("car") == 6.0
    assert home.pass_s(5).amps("car") == 0.0


def test_sun_within_the_grace_time_ends_it() -> None:
    home = sunny().now(sun_a=3.0).pass_s(200).now(sun_a=SUN_A).pass_s(60).now(sun_a=3.0).pass_s(200)
    assert home.amps("car") == 6.0


def test_after_a_pause_it_stays_off_for_the_pause_time() -> None:
    home = sunny(grace_s=0.0).now(sun_a=3.0).pass_s(2).now(sun_a=SUN_A).pass_s(170)
    assert (home.amps("car"), home.line("car").rule) == (0.0, "paused")
    assert home.pass_s(20).amps("car") >= 6.0


def test_a_paused_loads_share_goes_to_others() -> None:
    loads = {"car": evse("solar_only", priority=1, grace_s=0.0), "late": evse("solar_only", priority=2)}
    home = Home(site(loads), sun_a=24.0).pass_s(60).now(sun_a=3.0).pass_s(2).now(sun_a=24.0).pass_s(60)
    assert (home.amps("car"), home.amps("late") >= 6.0) == (0.0, True)


def test_a_change_of_mode_skips_grace() -> None:
    home = sunny().now(sun_a=3.0).pass_s(10)
    assert home.becomes(car=evse("off")).pass_s(1).amps("car") == 0.0


def test_a_change_of_mode_skips_the_pause() -> None:
    home = sunny(grace_s=0.0).now(sun_a=3.0).pass_s(10)
    assert home.becomes(car=evse("standard")).pass_s(8).amps("car") >= 6.0


def test_a_plug_holds_through_the_grace_time() -> None:
    home = Home(site({"heater": plug(2300.0, "solar_only", grace_s=60.0)}), sun_a=SUN_A).pass_s(5)
    assert home.now().pass_s(50).amps("heater") == 10.0
    assert home.pass_s(20).amps("heater") == 0.0


def test_the_target_once_reached_holds_until_the_hysteresis_below_it() -> None:
    home = Home(site({"car": evse("solar_only", grace_s=0.0)}, battery=battery()), sun_a=SUN_A, soc_pct=79.0)
    assert home.pass_s(20).amps("car") == 0.0
    assert home.charge(80.0).pass_s(20).amps("car") >= 6.0
    assert home.charge(77.5).pass_s(20).amps("car") >= 6.0
    assert home.charge(76.5).pass_s(2).amps("car") == 0.0


def test_an_unknown_soc_is_kept_for_ten_minutes_and_then_counts_as_below_the_target() -> None:
    home = Home(site({"car": evse("solar_only", grace_s=0.0)}, battery=battery()), sun_a=SUN_A, soc_pct=90.0).pass_s(20)
    home.reads["bat"] = {"soc_pct": None}
    assert home.pass_s(500).amps("car") >= 6.0
    assert home.pass_s(200).amps("car") == 0.0


def test_without_a_solar_meter_production_is_what_is_exported_and_stored() -> None:
    home = Home(site({"car": evse("solar_only")}), sun_a=SUN_A)
    home.reads["pv"] = {"total_power_w": None}
    assert home.pass_s(200).amps("car") == 10.0


def test_a_phase_that_the_meter_does_not_give_counts_as_full() -> None:
    home = Home(site({"car": evse(phases=("L1",)), "far": evse(phases=("L2",))})).pass_s(20)
    home.reads["p1"] = {"current_a": PerPhase(l2=6.0, l3=0.0)}
    home.pass_s(2)
    assert home.amps("car") == 0.0
    assert home.amps("far") >= 6.0
