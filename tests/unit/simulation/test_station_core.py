"""The simulated station's protocol core: profiles, composite limit, configuration, transaction."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evenload.simulation.station_core import Station, stamp

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def profile(limit: float, end_s: float = 180.0, **changes: Any) -> dict[str, Any]:
    """Return the two-period profile of the design: `limit`, then 4 A from `end_s` after its start."""
    schedule = {
        "chargingRateUnit": changes.pop("unit", "A"),
        "startSchedule": stamp(changes.pop("starts", NOW - timedelta(seconds=60))),
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}, {"startPeriod": end_s, "limit": 4.0}],
    }
    value = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
        **changes,
    }
    return {"connectorId": 1, "csChargingProfiles": value}


def charging(**facts: Any) -> Station:
    station = Station(identity="CP001", plugged=True, **facts)
    station.started(7, NOW)
    return station


def send(station: Station, payload: dict[str, Any]) -> str:
    answer = station.answer("SetChargingProfile", payload, NOW)
    assert answer is not None
    return str(answer["status"])


def test_a_profile_carries_its_own_end() -> None:
    station = charging()
    assert send(station, profile(10.0)) == "Accepted"
    assert station.allowed_a(NOW) == 10.0
    assert station.allowed_a(NOW + timedelta(seconds=119)) == 10.0
    assert station.allowed_a(NOW + timedelta(seconds=121)) == 4.0


def test_the_same_id_is_replaced_and_the_higher_level_wins() -> None:
    station = charging()
    send(station, profile(10.0))
    send(station, profile(12.0))
    assert (len(station.profiles), station.allowed_a(NOW)) == (1, 12.0)
    send(station, profile(8.0, chargingProfileId=2, stackLevel=3))
    assert station.allowed_a(NOW) == 8.0


def test_a_transactions_profile_overrules_the_default_and_ends_with_it() -> None:
    station = charging()
    send(station, profile(16.0))
    assert send(station, profile(9.0, chargingProfileId=2, chargingProfilePurpose="TxProfile")) == "Accepted"
    assert station.allowed_a(NOW) == 9.0
    station.stop_transaction(NOW, "Local")
    assert station.allowed_a(NOW) == 16.0


def test_the_stations_maximum_bounds_all() -> None:
    station = charging(max_a=20.0)
    send(station, profile(32.0))
    assert station.allowed_a(NOW) == 20.0


def test_watts_become_amperes_over_the_lines_in_use() -> None:
    station = charging(lines=3)
    send(station, profile(6900.0, unit="W"))
    assert station.allowed_a(NOW) == pytest.approx(10.0)


def test_a_schedule_that_has_not_begun_says_nothing() -> None:
    station = charging(max_a=16.0)
    send(station, profile(8.0, starts=NOW + timedelta(seconds=5)))
    assert station.allowed_a(NOW) == 16.0
    assert station.allowed_a(NOW + timedelta(seconds=6)) == 8.0


@pytest.mark.parametrize(
    "changes",
    [
        {"chargingProfilePurpose": "TxProfile", "transactionId": 99},
        {"chargingProfilePurpose": "Unknown"},
        {"stackLevel": 9},
        {"chargingProfilePurpose": "ChargePointMaxProfile"},
        {"chargingProfileId": "x"},
    ],
)
def test_unlawful_profiles_are_rejected(changes: dict[str, Any]) -> None:
    assert send(charging(), profile(8.0, **changes)) == "Rejected"


def test_a_transactions_profile_needs_a_transaction() -> None:
    assert send(Station(identity="CP001"), profile(8.0, chargingProfilePurpose="TxProfile")) == "Rejected"


def test_clearing_says_unknown_when_nothing_was_there() -> None:
    station = charging()
    assert station.answer("ClearChargingProfile", {}, NOW) == {"status": "Unknown"}
    send(station, profile(8.0))
    assert station.answer("ClearChargingProfile", {"id": 1}, NOW) == {"status": "Accepted"}


def test_configuration_is_read_and_changed() -> None:
    station = charging()
    found = station.answer("GetConfiguration", {"key": ["HeartbeatInterval", "Nonsense"]}, NOW)
    assert found == {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
        "unknownKey": ["Nonsense"],
    }
    change = {"key": "MeterValueSampleInterval", "value": "5"}
    assert station.answer("ChangeConfiguration", change, NOW) == {"status": "Accepted"}
    assert station.sample_interval_s() == 5.0
    assert station.answer("ChangeConfiguration", {"key": "NumberOfConnectors", "value": "2"}, NOW) == {
        "status": "Rejected"
    }


def test_what_it_does_not_know_it_does_not_answer() -> None:
    assert charging().answer("ReserveNow", {}, NOW) is None


def test_status_and_draw_follow_the_limit() -> None:
    station = charging(vehicle_a=13.0)
    send(station, profile(16.0))
    assert (station.wanted_status(NOW), station.target_a(NOW)) == ("Charging", 13.0)
    send(station, profile(0.0))
    assert (station.wanted_status(NOW), station.target_a(NOW)) == ("SuspendedEVSE", 0.0)
    station.wants = False
    assert station.wanted_status(NOW) == "SuspendedEV"


def test_meter_values_show_each_phase() -> None:
    station = charging(lines=1)
    station.move(3600.0, 10.0)
    station.move(3600.0, 10.0)
    samples = station.meter_values(NOW)["meterValue"][0]["sampledValue"]
    currents = [each["value"] for each in samples if each["measurand"] == "Current.Import"]
    assert currents == ["10.0", "0.0", "0.0"]
    assert station.energy_wh == 2300.0
