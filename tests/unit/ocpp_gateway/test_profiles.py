"""Which profile goes out when, and what the answers mean."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import ocpp.v16
import pytest
from msgspec.structs import replace

from evenload.contracts.events import Applied, Clamped, Event, Refused
from services.ocpp_gateway.capability import Learned, Rung
from services.ocpp_gateway.leases import in_force_a
from services.ocpp_gateway.states import load_state
from services.ocpp_gateway.station import Flight, Output, Station, StationClock, Tell, Warn, with_profiles_due
from tests.unit.ocpp_gateway.builders import UTC0, answered, charging, due, limit, metered, sent, settled, station, told

SCHEMA = json.loads((Path(ocpp.v16.__file__).parent / "schemas" / "SetChargingProfile.json").read_text())


def checked(flight: Flight | None) -> Flight:
    """Return the call after the standard's own schema has passed its payload (tenths need exact decimals)."""
    assert flight is not None
    schema = json.loads(json.dumps(SCHEMA).replace('"multipleOf": 0.1', '"minimum": 0'))
    jsonschema.validate(flight.payload, schema)
    for period in flight.payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]:
        assert round(period["limit"], 1) == period["limit"]
    return flight


def results(outputs: list[Output]) -> list[Event]:
    """Return the results that are told."""
    return [output.event for output in outputs if isinstance(output, Tell)]


def running(amps: float = 10.0, **more: Any) -> Station:
    """Return a charging station that holds a setpoint."""
    found, _ = settled(told(charging(station(**more)), amps, 0.0), 0.0)
    return found


def test_idle_station_gets_its_failsafe_as_default_once() -> None:
    found, flights = settled(station(failsafe_a=6.0), 0.0)
    assert [limit(checked(flight)) for flight in flights] == [("TxDefaultProfile", 6.0)]
    assert settled(told(found, 12.0, 1.0), 1.0)[1] == []


def test_the_working_profile_carries_its_own_end() -> None:
    found = told(charging(station(failsafe_a=6.0)), 12.34, 0.0)
    _, flight = due(found, 0.0)
    profile = checked(flight).payload["csChargingProfiles"]
    schedule = profile["chargingSchedule"]
    assert profile["transactionId"] == 1
    assert profile["chargingProfileKind"] == "Absolute"
    assert schedule["startSchedule"] == "2026-06-01T11:59:00Z"
    assert schedule["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 12.3},
        {"startPeriod": 180, "limit": 6.0},
    ]
    assert "duration" not in schedule


def test_start_is_a_minute_before_the_stations_own_time() -> None:
    found = replace(told(charging(station()), 10.0, 0.0), clock=StationClock(3600.0))
    _, flight = due(found, 0.0)
    assert checked(flight).payload["csChargingProfiles"]["chargingSchedule"]["startSchedule"] == "2026-06-01T12:59:00Z"


def test_it_is_renewed_at_half_of_its_validity() -> None:
    found = running()
    for now_s in (15.0, 30.0, 45.0, 59.0):
        found, flights = settled(told(found, 10.0, now_s), now_s)
        assert flights == []
    _, flights = settled(told(found, 10.0, 60.0), 60.0)
    assert [limit(flight) for flight in flights] == [("TxProfile", 10.0)]


def test_cuts_go_at_once_and_raises_ten_seconds_apart() -> None:
    found = running(6.0)
    found, flights = settled(told(found, 10.0, 20.0), 20.0)
    assert [limit(flight)[1] for flight in flights] == [10.0]
    found, flights = settled(told(found, 12.0, 25.0), 25.0)
    assert flights == []
    found, flights = settled(told(found, 8.0, 26.0), 26.0)
    assert [limit(flight)[1] for flight in flights] == [8.0]
    found, flights = settled(told(found, 12.0, 29.0), 29.0)
    assert flights == []
    _, flights = settled(told(found, 12.0, 30.0), 30.0)
    assert [limit(flight)[1] for flight in flights] == [12.0]


def test_the_deepest_cut_goes_first() -> None:
    found = charging(charging(station(connectors=2)), connector=2)
    for connector in (1, 2):
        found = told(found, 16.0, 0.0, connector=connector)
    found, _ = settled(found, 0.0)
    found, _ = settled(told(found, 16.0, 10.0, connector=2), 10.0)
    found = told(told(found, 14.0, 12.0), 6.0, 12.0, connector=2)
    _, flight = due(found, 12.0)
    assert flight is not None
    assert flight.connector == 2


def test_when_the_lease_ends_the_failsafe_is_written() -> None:
    found, flights = settled(running(10.0, failsafe_a=6.0), 15.0)
    assert [limit(checked(flight)) for flight in flights] == [("TxProfile", 6.0)]
    assert in_force_a(found.outlets[0], 16.0) == 6.0
    assert settled(found, 200.0)[1] == []


def test_in_force_becomes_the_failsafe_when_the_profile_has_ended() -> None:
    outlet = running(10.0, failsafe_a=6.0).outlets[0]
    assert in_force_a(outlet, 119.0) == 10.0
    assert in_force_a(outlet, 121.0) == 6.0


def test_nothing_above_the_outlets_maximum_and_the_result_says_so() -> None:
    found, flight = due(told(charging(station()), 32.0, 0.0), 0.0)
    assert flight is not None
    assert limit(flight)[1] == 16.0
    _, outputs = answered(found, flight, 0.0, status="Accepted")
    (result,) = results(outputs)
    assert isinstance(result, Clamped)
    assert result.applied_a == 16.0


def test_a_result_is_told_once_for_the_same_setpoint() -> None:
    found, flight = due(told(charging(station()), 10.0, 0.0), 0.0)
    assert flight is not None
    found, outputs = answered(found, flight, 0.0, status="Accepted")
    assert [type(result) for result in results(outputs)] == [Applied]
    found, flight = due(told(found, 10.0, 61.0), 61.0)
    assert flight is not None
    assert results(answered(found, flight, 61.0, status="Accepted")[1]) == []


def test_rejections_try_unit_purpose_and_level_then_rest() -> None:
    found = charging(station(failsafe_a=6.0))
    found = replace(told(found, 10.0, 0.0, valid_s=3600), learned=Learned(max_level=3))
    tried = []
    outputs: list[Output] = []
    while (flight := due(found, 1.0)[1]) is not None and flight.kind == "profile":
        tried.append(flight.rung)
        found, outputs = answered(*due(found, 1.0), 1.0, status="Rejected")  # type: ignore[arg-type]  # one is due
        assert len(tried) <= 12
    assert tried[:4] == [Rung("tx", "A", 3), Rung("tx", "W", 3), Rung("default", "A", 3), Rung("default", "W", 3)]
    assert len(set(tried)) == 12
    assert [type(result) for result in results(outputs)] == [Refused]
    assert sent(found, 300.0).kind == "trigger"
    assert sent(found, 302.0).rung == tried[0]


def first_limits(flight: Flight) -> list[float]:
    """Return the limits of all periods."""
    periods = checked(flight).payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
    return [period["limit"] for period in periods]


def test_a_station_that_rejects_zero_is_held_at_its_least_and_told_about() -> None:
    found = told(charging(station()), 0.0, 0.0, valid_s=3600)
    outputs: list[Output] = []
    for _ in range(40):
        found, flight = due(found, 1.0)
        if flight is None or flight.kind != "profile":
            break
        status = "Rejected" if 0.0 in first_limits(flight) else "Accepted"
        found, told_now = answered(found, flight, 1.0, status=status)
        outputs += told_now
    assert in_force_a(found.outlets[0], 1.0) == 6.0
    assert found.learned.zero == "rejected"
    assert [output.kind for output in outputs if isinstance(output, Warn)] == ["station_no_zero"]
    assert [type(result) for result in results(outputs)] == [Refused]
    assert load_state(found, found.outlets[0], 1.0, UTC0).failsafe_a == 6.0


def test_a_refusing_station_is_an_operators_task_until_it_accepts() -> None:
    found = told(charging(station(failsafe_a=6.0)), 10.0, 0.0, valid_s=3600)
    outputs: list[Output] = []
    for _ in range(12):
        found, flight = due(found, 1.0)
        assert flight is not None
        found, told_now = answered(found, flight, 1.0, status="Rejected")
        outputs += told_now
    found, flight = due(found, 302.0)
    assert flight is not None
    found, told_now = answered(found, flight, 302.0, status="Accepted")
    warnings = [output for output in [*outputs, *told_now] if isinstance(output, Warn)]
    assert [(warning.kind, warning.active) for warning in warnings] == [
        ("station_refuses", True),
        ("station_refuses", False),
    ]


def test_pinned_kind_and_no_expiry_are_kept_to() -> None:
    found = told(charging(station(kind="relative", expiry=False)), 10.0, 0.0)
    found, flight = due(found, 0.0)
    profile = checked(flight).payload["csChargingProfiles"]
    assert profile["chargingProfileKind"] == "Relative"
    assert len(profile["chargingSchedule"]["chargingSchedulePeriod"]) == 1
    found, outputs = answered(found, flight, 0.0, status="Accepted")
    assert not [output for output in outputs if isinstance(output, Warn)]
    assert load_state(found, found.outlets[0], 1.0, UTC0).failsafe_in_s is None


def test_a_default_with_a_duration_lies_over_the_failsafe_default() -> None:
    found = replace(station(failsafe_a=6.0, purpose="TxDefaultProfile"), learned=Learned(max_periods=1, max_level=2))
    found, flights = settled(found, 0.0)
    assert flights[0].payload["csChargingProfiles"]["stackLevel"] == 0
    found, flights = settled(told(charging(found), 10.0, 0.0), 0.0)
    over = checked(flights[0]).payload["csChargingProfiles"]
    assert (over["stackLevel"], over["chargingSchedule"]["duration"], over["chargingProfileId"]) == (2, 180, 2)
    assert found.outlets[0].default is not None
    assert load_state(found, found.outlets[0], 0.0, UTC0).failsafe_in_s == 120.0


def test_profiles_without_an_end_are_told_once() -> None:
    found = replace(station(purpose="TxDefaultProfile", stack_level=0), learned=Learned(max_periods=1))
    found = told(charging(found), 10.0, 0.0, valid_s=3600)
    warnings = []
    for amps, now_s in ((10.0, 0.0), (8.0, 5.0)):
        found, flight = due(told(found, amps, now_s, valid_s=3600), now_s)
        assert flight is not None
        found, outputs = answered(found, flight, now_s, status="Accepted")
        warnings += [output.kind for output in outputs if isinstance(output, Warn)]
    assert warnings == ["station_no_expiry"]


def test_the_winner_is_tried_first_next_time() -> None:
    found = told(charging(station()), 10.0, 0.0)
    found = replace(found, learned=Learned(running=Rung("default", "W", 0)))
    _, flight = due(found, 0.0)
    assert limit(flight)[0] == "TxDefaultProfile"


def test_two_silences_try_the_other_kind() -> None:
    found = told(charging(station()), 10.0, 0.0, valid_s=3600)
    for now_s in (10.0, 20.0):
        found, flight = due(found, now_s)
        assert flight is not None
        found, _ = answered(found, flight, now_s)
    _, flight = due(found, 30.0)
    profile = checked(flight).payload["csChargingProfiles"]
    assert profile["chargingProfileKind"] == "Relative"
    assert "startSchedule" not in profile["chargingSchedule"]
    assert profile["chargingSchedule"]["chargingSchedulePeriod"][1]["startPeriod"] == 30 + 120


def test_one_period_only_uses_a_duration_over_the_default() -> None:
    found = replace(told(charging(station()), 10.0, 0.0), learned=Learned(max_periods=1))
    _, flight = due(found, 0.0)
    schedule = checked(flight).payload["csChargingProfiles"]["chargingSchedule"]
    assert schedule["duration"] == 180
    assert len(schedule["chargingSchedulePeriod"]) == 1


@pytest.mark.parametrize(
    ("currents_a", "amps", "watts"),
    [
        ((8.0, 8.0, 8.0), 10.0, 10.0 * 225 * 3),
        ((8.0, 0.0, 0.0), 10.0, 10.0 * 225),
        ((0.0, 0.0, 0.0), 6.0, 6.0 * 225 * 3),
    ],
)
def test_watts_follow_the_lines_in_use_and_the_lowest_voltage(
    currents_a: tuple[float, ...], amps: float, watts: float
) -> None:
    found = metered(charging(station(rate_unit="W")), 0.0, *currents_a, voltage=225)
    _, flight = due(told(found, amps, 0.0), 0.0)
    assert checked(flight).payload["csChargingProfiles"]["chargingSchedule"]["chargingRateUnit"] == "W"
    assert limit(flight)[1] == int(watts)


def test_unseen_voltage_counts_as_low() -> None:
    _, flight = due(told(charging(station(lines="L1", rate_unit="W")), 10.0, 0.0), 0.0)
    assert limit(flight)[1] == 2070


def test_older_epochs_are_dropped_until_nobody_leads_for_a_minute() -> None:
    found = told(charging(station()), 10.0, 0.0, epoch=5)
    assert told(found, 12.0, 1.0, epoch=4) is found
    assert told(found, 12.0, 80.0, epoch=1).outlets[0].epoch == 1


def test_the_cause_is_measured_from_its_arrival_to_the_socket() -> None:
    found, _ = settled(told(charging(station()), 10.0, 0.0), 0.0)
    found, flight = due(told(found, 8.0, 20.0, cause_age_ms=50), 20.0)
    assert flight is not None
    assert flight.cause_s == pytest.approx(19.95)


def test_a_rejection_right_after_the_start_is_asked_again_before_another_way_is_tried() -> None:
    found = told(charging(station(failsafe_a=6.0)), 10.0, 0.0, valid_s=3600)
    found, flight = due(found, 0.1)
    assert flight is not None
    found, _ = answered(found, flight, 0.1, status="Rejected")
    assert found.tried_running == ()
    again = due(found, 1.2)[1]
    assert again is not None
    assert again.rung == flight.rung


def test_after_a_reconnect_everything_is_written_again_once() -> None:
    idle, _ = settled(station(failsafe_a=6.0), 0.0)
    assert settled(idle, 1.0)[1] == []
    again, flights = settled(with_profiles_due(idle), 2.0)
    assert [limit(flight) for flight in flights] == [("TxDefaultProfile", 6.0)]
    assert settled(again, 3.0)[1] == []
    running, _ = settled(told(charging(station(failsafe_a=6.0)), 10.0, 0.0, valid_s=3600), 0.0)
    _, flights = settled(with_profiles_due(running), 2.0)
    assert [limit(flight) for flight in flights] == [("TxProfile", 10.0)]
