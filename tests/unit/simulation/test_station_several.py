"""A simulated station with two connectors: what is told to one, to both, and to the station."""

from datetime import UTC, datetime
from typing import Any

from evenload.simulation.station_core import Station
from evenload.simulation.station_several import Several

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def duo() -> Several:
    """Return a station with a vehicle at each connector."""
    found = Several([Station(identity="DUO1", connector=number) for number in (1, 2)])
    for number, each in enumerate(found.connectors, 1):
        each.plugged = True
        each.started(40 + number, NOW)
    return found


def profile(connector: int, purpose: str, limit_a: float) -> dict[str, Any]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}]}
    value = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    }
    return {"connectorId": connector, "csChargingProfiles": value}


def allowed_a(station: Several) -> list[float]:
    return [each.allowed_a(NOW) for each in station.connectors]


def test_a_profile_is_of_one_connector() -> None:
    station = duo()
    assert station.answer("SetChargingProfile", profile(2, "TxProfile", 9.0), NOW) == {"status": "Accepted"}
    assert allowed_a(station) == [32.0, 9.0]
    assert station.answer("SetChargingProfile", profile(3, "TxProfile", 9.0), NOW) == {"status": "Rejected"}


def test_a_default_for_connector_0_is_of_both_and_the_maximum_is_shared() -> None:
    station = duo()
    station.answer("SetChargingProfile", profile(0, "TxDefaultProfile", 11.0), NOW)
    assert allowed_a(station) == [11.0, 11.0]
    station.answer("SetChargingProfile", profile(0, "ChargePointMaxProfile", 16.0), NOW)
    assert allowed_a(station) == [8.0, 8.0]


def test_a_remote_stop_is_of_the_connector_with_that_transaction() -> None:
    station = duo()
    assert station.answer("RemoteStopTransaction", {"transactionId": 42}, NOW) == {"status": "Accepted"}
    assert [each.stops(NOW) for each in station.connectors] == [None, "Remote"]
    assert station.answer("RemoteStopTransaction", {"transactionId": 7}, NOW) == {"status": "Rejected"}


def test_configuration_and_boot_are_the_stations() -> None:
    station = duo()
    station.answer("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}, NOW)
    assert [each.configuration["HeartbeatInterval"] for each in station.connectors] == ["60", "60"]
    assert station.configuration["NumberOfConnectors"] == "2"
    station.answer("TriggerMessage", {"requestedMessage": "BootNotification"}, NOW)
    assert [each.triggered for each in station.connectors] == [["BootNotification"], []]
    station.answer("TriggerMessage", {"requestedMessage": "StatusNotification"}, NOW)
    assert [each.triggered[-1] for each in station.connectors] == ["StatusNotification"] * 2
