"""Every odd station of the library: its vehicle ends at the right current, or others are told to make room."""

import pytest

from evenload.simulation.station_faults import FAULTS
from tests.unit.ocpp_gateway.drive import Drive

MADE_ROOM = {"accepts_and_ignores", "max_profile_ignored", "load_balancer_off"}
"""No limit reaches their vehicle, whatever is tried."""
SLOW = {"ignores_until_reset", "tx_profile_ignored", "forgets_at_reset", "clear_does_nothing"}
"""These need the upper rungs of the ladder."""
ONE_LINE = {"current_under_n"}


def driven(name: str) -> Drive:
    overrides = FAULTS[name].entry.get("overrides", {})
    return Drive(FAULTS[name](identity="CP001"), lines=1 if name in ONE_LINE else 3, **overrides)


@pytest.mark.parametrize("name", sorted(set(FAULTS) - MADE_ROOM))
def test_the_vehicle_ends_at_the_right_current(name: str) -> None:
    drive = driven(name)
    drive.run(1_000 if name in SLOW else 240, 10.0)
    assert 7.9 <= drive.draws[-1] <= 10.3, (drive.draws[-1], drive.alerts, drive.calls[-5:])
    drive.run(150, 0.0)
    assert drive.draws[-1] == 0.0, (drive.alerts, drive.calls[-5:])
    drive.run(240, 12.0)
    assert 9.9 <= drive.draws[-1] <= 12.4, (drive.draws[-1], drive.alerts, drive.calls[-5:])
    assert drive.state().obeys
    assert not drive.alerts.get("station_disobeys")


@pytest.mark.parametrize("name", sorted(MADE_ROOM))
def test_what_no_limit_reaches_is_told_with_what_it_draws(name: str) -> None:
    drive = driven(name)
    seconds = drive.until(lambda each: not each.state().obeys, 8.0, 120)
    assert 0 < seconds <= 60
    state = drive.state()
    assert state.measured_a is not None
    assert state.measured_a.l1 == pytest.approx(16.0)
    drive.run(1_800, 8.0)
    assert not drive.state().obeys
    assert drive.alerts["station_disobeys"]
    assert drive.calls.count("Reset") <= 2


def test_at_least_thirty_rows_of_the_field_are_in_the_library() -> None:
    assert len({row for fault in FAULTS.values() for row in fault.rows}) >= 30
    assert all(fault.__doc__ for fault in FAULTS.values())
