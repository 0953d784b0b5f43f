"""Vehicles follow late; outlets keep leases."""

from datetime import UTC, datetime

import pytest

from evenload.contracts.events import LoadStatus, Setpoint
from evenload.contracts.phases import PerPhase
from evenload.simulation import draw, outlet
from evenload.simulation.draw import Appetite, Track
from evenload.simulation.outlet import Outlet

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def setpoint(value_a: float, seq: int = 1, epoch: int = 1, valid_s: float = 15.0) -> Setpoint:
    return Setpoint(site="home", load="car", setpoint_a=value_a, issued_at=NOW, seq=seq, epoch=epoch, valid_s=valid_s)


def fresh(given: LoadStatus = "charging", is_plug: bool = False) -> Outlet:
    return Outlet(
        load="car", site="home", lines=("L2", "L3"), given=given, is_plug=is_plug, failsafe_a=2.0, offers_a=2.0
    )


def test_a_vehicle_follows_late_and_a_little_below() -> None:
    appetite = Appetite(lines=(0,), lag_s=3.0, offset_a=0.5)
    track = draw.offer(Track(), appetite, 10.0, 100.0)
    assert draw.at_time(track, 102.9).now_a == 0.0
    assert draw.at_time(track, 103.0).now_a == 9.5


def test_a_slow_vehicle_follows_like_a_first_order_lag() -> None:
    """1 − 1/e of the way after one time constant, from wherever it is when the offer reaches it."""
    appetite = Appetite(lines=(0,), lag_s=1.0, tau_s=2.0)
    track = draw.at_time(draw.offer(Track(), appetite, 10.0, 100.0), 103.0)
    assert draw.at_time(track, 103.0).now_a == pytest.approx(6.32, abs=0.01)
    down = draw.offer(track, appetite, 0.0, 103.0)
    assert draw.at_time(down, 104.0).now_a == pytest.approx(7.7, abs=0.1)
    assert draw.at_time(down, 106.0).now_a == pytest.approx(7.7 / 2.718, abs=0.1)
    assert draw.at_time(down, 120.0) == Track(now_a=0.0)


def test_the_last_of_several_offers_wins() -> None:
    appetite = Appetite(lines=(0,), lag_s=2.0)
    track = draw.offer(draw.offer(Track(), appetite, 16.0, 10.0), appetite, 0.0, 10.5)
    assert draw.at_time(track, 12.1).now_a == 16.0
    assert draw.at_time(track, 12.6) == Track(now_a=0.0)


def test_a_vehicle_takes_nothing_below_six_amperes_and_no_more_than_it_can() -> None:
    appetite = Appetite(lines=(0,), own_max_a=13.0)
    assert [draw.follows_a(appetite, offered) for offered in (5.9, 6.0, 16.0)] == [0.0, 6.0, 13.0]


def test_a_sleeping_vehicle_draws_nothing() -> None:
    assert draw.follows_a(Appetite(lines=(0,), sleeps=True), 16.0) == 0.0


def test_a_plug_draws_its_rating_or_nothing() -> None:
    appetite = Appetite(lines=(0,), rated_a=8.7)
    assert [draw.follows_a(appetite, offered) for offered in (0.0, 8.7)] == [0.0, 8.7]
    assert draw.follows_a(Appetite(lines=(0,), rated_a=8.7, stuck_on=True), 0.0) == 8.7


def test_draws_add_up_on_the_lines_in_use() -> None:
    one, three = Appetite(lines=(1,)), Appetite(lines=(2, 0, 1))
    assert draw.per_phase([(one, Track(6.0)), (three, Track(10.0))], 3) == (10.0, 16.0, 10.0)


def test_a_lease_that_ends_brings_the_failsafe() -> None:
    taken = outlet.take(fresh(), setpoint(12.0), 100.0)
    assert outlet.at_time(taken, 114.9).offers_a == 12.0
    assert outlet.at_time(taken, 115.0).offers_a == 2.0


def test_old_and_foreign_setpoints_are_dropped() -> None:
    taken = outlet.take(fresh(), setpoint(12.0, seq=5, epoch=3), 100.0)
    assert outlet.take(taken, setpoint(16.0, seq=5, epoch=3), 101.0) == taken
    assert outlet.take(taken, setpoint(16.0, seq=6, epoch=2), 101.0) == taken


def test_without_a_link_the_profile_runs_on_to_its_own_end() -> None:
    lost = outlet.replace(outlet.take(fresh(), setpoint(12.0), 100.0), linked=False)
    assert outlet.take(lost, setpoint(16.0, seq=2), 101.0) == lost
    assert outlet.at_time(lost, 219.9).offers_a == 12.0
    assert outlet.at_time(lost, 220.0).offers_a == 2.0
    assert outlet.report(lost, 130.0, NOW, 230.0).failsafe_in_s == 90.0


def test_status_follows_what_is_offered() -> None:
    idle = outlet.replace(fresh(), offers_a=0.0, failsafe_a=0.0)
    assert outlet.status(idle) == "suspended_evse"
    assert outlet.status(outlet.take(idle, setpoint(6.0), 0.0)) == "charging"
    assert outlet.status(outlet.replace(idle, given="preparing")) == "preparing"
    assert outlet.status(outlet.replace(idle, given="suspended_ev")) == "suspended_ev"
    assert outlet.status(outlet.replace(idle, linked=False)) == "unavailable"


def test_the_report_puts_measured_current_on_site_phases() -> None:
    state = outlet.report(outlet.measure(fresh(), 7.0, ("L3",), 90.0), 100.0, NOW, 230.0)
    assert state.measured_a == PerPhase(l2=0.0, l3=7.0)
    assert state.measured_age_s == 10.0
    assert state.power_w == 1610.0
