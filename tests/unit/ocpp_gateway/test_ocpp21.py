"""OCPP 2.1: dynamic schedules, event streams, priority; every frame fits the official schemas."""

import json
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.dialect import OCPP21
from services.ocpp_gateway.frames import Unasked, parse
from services.ocpp_gateway.learning import facts_of, restored
from services.ocpp_gateway.profile16 import OFFLINE_S
from services.ocpp_gateway.station import Flight, Link, Output, Remember, Station, Warn, new_station, with_profiles_due
from tests.unit.ocpp_gateway.builders import at, stamp, station, told
from tests.unit.ocpp_gateway.test_ocpp201 import event, shown, values

RESULTS: dict[str, str] = {
    "RateUnit": "A", "ProfileStackLevel": "3", "SupportsDynamicProfiles": "true", "SupportsMaxOfflineDuration": "true",
}  # fmt: skip


def said(found: Station, action: str, now_s: float, **payload: Any) -> tuple[Station, dict[str, Any], list[Output]]:
    handled = OCPP21.on_call(found, action, Raw(json.dumps(payload).encode()), at(now_s))
    return handled.station, handled.payload, list(handled.outputs)


def noticed(found: Station, now_s: float, **payload: Any) -> Station:
    handled = OCPP21.on_notice(found, "NotifyPeriodicEventStream", Raw(json.dumps(payload).encode()), at(now_s))
    assert handled is not None
    return handled.station


def reply(flight: Flight, refuses: tuple[str, ...], results: dict[str, str]) -> dict[str, Any]:
    """Return what a 2.1 station answers that sets every monitor."""
    if flight.action == "GetVariables":
        told_of = [
            {**each, "attributeStatus": "Accepted", "attributeValue": results[each["variable"]["name"]]}
            if each["variable"]["name"] in results
            else {**each, "attributeStatus": "UnknownVariable"}
            for each in flight.payload["getVariableData"]
        ]
        return {"getVariableResult": told_of}
    if flight.action == "SetVariableMonitoring":
        wanted = flight.payload["setMonitoringData"]
        if flight.action in refuses:
            return {"setMonitoringResult": [{**each, "status": "Duplicate"} for each in wanted]}
        return {"setMonitoringResult": [{**each, "id": 70 + n, "status": "Accepted"} for n, each in enumerate(wanted)]}
    if flight.action == "GetPeriodicEventStream":
        return {"constantStreamData": [{"id": 5, "variableMonitoringId": 70, "params": {"interval": 2, "values": 1}}]}
    kind = flight.payload.get("chargingProfile", {}).get("chargingProfileKind", "")
    return {"status": "Rejected" if flight.action in refuses or kind in refuses else "Accepted"}


def settled(
    found: Station, now_s: float, *refuses: str, results: dict[str, str] = RESULTS
) -> tuple[Station, list[Flight]]:
    """Return the station after all calls due now were answered, and the calls but triggers."""
    flights: list[Flight] = []
    for _ in range(40):
        found, flight = OCPP21.next_call(found, at(now_s))
        if flight is None:
            return found, flights
        if flight.action != "TriggerMessage":
            flights.append(flight)
        answer = Answer("result", Raw(json.dumps(reply(flight, refuses, results)).encode()))
        found, _ = OCPP21.on_answer(found, flight, answer, now_s)
    raise AssertionError("the station is never done")


def fresh() -> Station:
    return replace(station(failsafe_a=6.0), link=Link(token="t", connected_s=0, state="booted", version="2.1"))


def charging(results: dict[str, str] = RESULTS, *refuses: str) -> tuple[Station, list[Flight]]:
    """Return a station that charges at 12 A, and what was called for it."""
    found, _ = settled(fresh(), 0.0, results=results)
    found, _, _ = said(found, "TransactionEvent", 0.0, **event("Started", 0.0, 0))
    return settled(told(found, 12.0, 0.0, valid_s=3600), 0.0, *refuses)


def test_a_dynamic_profile_ends_offline_and_is_then_updated_only() -> None:
    found, flights = charging()
    assert [flight.action for flight in flights] == ["SetChargingProfile"]
    profile = flights[0].payload["chargingProfile"]
    assert (profile["chargingProfileKind"], profile["maxOfflineDuration"]) == ("Dynamic", OFFLINE_S)
    assert profile["invalidAfterOfflineDuration"] is True
    (schedule,) = profile["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 12.0}]
    assert not {"startSchedule", "duration"} & set(schedule)
    found, flights = settled(told(found, 8.0, 1.0, valid_s=3600), 1.0)
    assert [(flight.action, flight.payload) for flight in flights] == [
        ("UpdateDynamicSchedule", {"chargingProfileId": 2, "scheduleUpdate": {"limit": 8.0}})
    ]
    state = shown(found, 1.0)
    assert (state.setpoint_a, state.failsafe_in_s) == (8.0, 120.0)
    _, flights = settled(found, 62.0)
    assert [flight.action for flight in flights] == ["UpdateDynamicSchedule"]


def test_a_refused_update_is_written_whole_and_a_refused_kind_is_not_tried_again() -> None:
    found, _ = charging()
    found, flights = settled(told(found, 8.0, 1.0, valid_s=3600), 1.0, "UpdateDynamicSchedule")
    assert [flight.action for flight in flights] == ["UpdateDynamicSchedule", "SetChargingProfile"]
    found, flights = charging(RESULTS, "Dynamic")
    kinds = [flight.payload["chargingProfile"]["chargingProfileKind"] for flight in flights]
    assert kinds == ["Dynamic", "Absolute"]
    assert found.learned.dynamic is False
    found, _, _ = said(found, "BootNotification", 2.0)
    found, _ = settled(found, 2.0)
    assert found.learned.dynamic is False


@pytest.mark.parametrize("missing", ["SupportsDynamicProfiles", "SupportsMaxOfflineDuration"])
def test_without_an_end_offline_there_is_no_dynamic_profile(missing: str) -> None:
    _, flights = charging({**RESULTS, missing: "false"})
    assert flights[0].payload["chargingProfile"]["chargingProfileKind"] == "Absolute"


def test_below_the_failsafe_the_profile_carries_an_end_that_waits_for_the_neighbours() -> None:
    found, _ = charging()
    found, flights = settled(told(found, 0.0, 1.0, valid_s=3600), 1.0)
    (schedule,) = flights[0].payload["chargingProfile"]["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 0.0}, {"startPeriod": 300, "limit": 6.0}]
    found, flights = settled(told(found, 12.0, 20.0, valid_s=3600), 20.0)
    assert flights[0].payload["chargingProfile"]["chargingProfileKind"] == "Dynamic"
    found, answer, _ = said(
        told(found, 0.0, 21.0, valid_s=3600), "PullDynamicScheduleUpdate", 21.0, chargingProfileId=2
    )
    assert answer["scheduleUpdate"] == {"limit": 0.0}
    _, flights = settled(found, 21.0)
    assert flights[0].payload["chargingProfile"]["chargingProfileKind"] == "Absolute"


def test_a_station_pulls_its_limit_cuts_at_once_and_raises_not() -> None:
    found, _ = charging()
    found, answer, _ = said(told(found, 9.0, 1.0, valid_s=3600), "PullDynamicScheduleUpdate", 1.0, chargingProfileId=2)
    assert answer == {"status": "Accepted", "scheduleUpdate": {"limit": 9.0}}
    assert shown(found, 1.0).setpoint_a == 9.0
    found, answer, _ = said(told(found, 14.0, 2.0, valid_s=3600), "PullDynamicScheduleUpdate", 2.0, chargingProfileId=2)
    assert answer["scheduleUpdate"] == {"limit": 9.0}
    _, answer, _ = said(found, "PullDynamicScheduleUpdate", 2.0, chargingProfileId=99)
    assert answer == {"status": "Rejected"}


def test_after_a_reconnect_the_profile_is_written_whole() -> None:
    found, _ = charging()
    link = Link(token="u", connected_s=5, state="serving", version="2.1")
    _, flights = settled(replace(with_profiles_due(found), link=link), 5.0)
    assert flights[0].action == "SetChargingProfile"


def streaming() -> Station:
    found, _ = charging()
    stream = {"id": 5, "variableMonitoringId": 70, "params": {"interval": 2, "values": 1}}
    found, answer, _ = said(found, "OpenPeriodicEventStream", 1.0, constantStreamData=stream)
    assert answer == {"status": "Accepted"}
    return found


def test_a_stream_of_power_is_read_as_currents_of_the_lines_in_use() -> None:
    found = streaming()
    update = event("Updated", 2.0, 1, meterValue=values(2.0, 10.0, 0.0, 0.0))
    found, _, _ = said(found, "TransactionEvent", 2.0, **update)
    found = noticed(found, 4.0, id=5, pending=0, basetime=stamp(2.0), data=[{"t": 0, "v": "9"}, {"t": 2, "v": "1840"}])
    state = shown(found, 4.0)
    assert state.power_w == 1840.0
    assert state.measured_a is not None
    assert (state.measured_a.l1, state.measured_a.l2) == (8.0, 0.0)
    assert state.measured_age_s == 0.0


def test_streams_of_others_and_closed_ones_are_nothing() -> None:
    found = streaming()
    foreign = {"id": 6, "variableMonitoringId": 1, "params": {}}
    found, answer, _ = said(found, "OpenPeriodicEventStream", 1.0, constantStreamData=foreign)
    assert answer == {"status": "Rejected"}
    before = noticed(found, 2.0, id=6, pending=0, basetime=stamp(2.0), data=[{"t": 0, "v": "1840"}])
    assert before.outlets[0].reading is None
    found, _, _ = said(found, "ClosePeriodicEventStream", 3.0, id=5)
    after = noticed(found, 4.0, id=5, pending=0, basetime=stamp(4.0), data=[{"t": 0, "v": "1840"}])
    assert after.outlets[0].reading is None


def test_monitors_and_streams_outlive_a_connection_and_a_duplicate() -> None:
    found = streaming()
    again = replace(found, link=Link(token="u", connected_s=5, state="booted", version="2.1"))
    again, flights = settled(again, 5.0, "SetVariableMonitoring")
    assert "SetVariableMonitoring" in [flight.action for flight in flights]
    again = noticed(again, 6.0, id=5, pending=0, basetime=stamp(6.0), data=[{"t": 0, "v": "1840"}])
    assert shown(again, 6.0).power_w == 1840.0
    again, _, _ = said(again, "BootNotification", 7.0)
    assert (again.streams, again.monitors) == ((), ((70, 1),))


def after_a_restart_of_ours(found: Station, facts: dict[str, Any]) -> tuple[Station, list[str]]:
    """Return the station as a new process knows it once it has connected again, and what it was called for."""
    fresh = restored(new_station(found.plan), facts)
    fresh = replace(fresh, link=Link(token="v", connected_s=50, state="booted", version="2.1"))
    fresh, flights = settled(fresh, 50.0, "SetVariableMonitoring")
    return fresh, [flight.action for flight in flights]


def test_after_a_restart_of_ours_the_record_knows_the_monitors_and_the_station_its_streams() -> None:
    facts = facts_of(streaming())
    assert facts["monitors"] == "70:1"
    fresh, actions = after_a_restart_of_ours(streaming(), facts)
    assert "GetMonitoringReport" not in actions
    fresh = noticed(fresh, 51.0, id=5, pending=0, basetime=stamp(51.0), data=[{"t": 0, "v": "1840"}])
    assert shown(fresh, 51.0).power_w == 1840.0


def test_without_a_record_the_station_is_asked_for_its_monitors() -> None:
    fresh, actions = after_a_restart_of_ours(streaming(), {})
    assert "GetMonitoringReport" in actions
    assert "GetPeriodicEventStream" not in actions
    monitor = {"id": 70, "transaction": False, "value": 2, "type": "Periodic", "severity": 9,
               "eventNotificationType": "CustomMonitor"}  # fmt: skip
    power = {
        "component": {"name": "EVSE", "evse": {"id": 1}},
        "variable": {"name": "Power"},
        "variableMonitoring": [monitor | {"id": 3, "type": "Delta"}, monitor],
    }
    other = {"component": {"name": "EVSE"}, "variable": {"name": "Power"}, "variableMonitoring": [monitor]}
    fresh, answer, outputs = said(
        fresh, "NotifyMonitoringReport", 51.0, requestId=2, seqNo=0, generatedAt=stamp(51.0), monitor=[other, power]
    )
    assert (answer, outputs, fresh.monitors) == ({}, [Remember()], ((70, 1),))
    fresh, flights = settled(fresh, 51.0)
    assert "GetPeriodicEventStream" in [flight.action for flight in flights]
    assert fresh.streams == ((5, 1),)


def test_a_new_monitor_takes_the_place_of_one_that_the_station_has_lost() -> None:
    found = replace(streaming(), monitors=((12, 1),))
    again = replace(found, link=Link(token="u", connected_s=5, state="booted", version="2.1"))
    again, _ = settled(again, 5.0)
    assert again.monitors == ((70, 1),)


@pytest.mark.parametrize("data", [[], [{"t": 0, "v": "x"}], [{"v": None}], [{"t": 1e300, "v": "7"}]])
def test_odd_notices_end_nothing(data: list[dict[str, Any]]) -> None:
    noticed(streaming(), 4.0, id=5, pending=0, basetime="never", data=data)


def test_a_notice_is_a_frame_of_its_own_type() -> None:
    frame = parse(b'[6,"n1","NotifyPeriodicEventStream",{"id":5}]')
    assert frame == Unasked("n1", "NotifyPeriodicEventStream", Raw(b'{"id":5}'))
    assert parse(b'[6,"n1",{}]') == Unasked("n1")
    assert OCPP21.on_notice(station(), "SettlePizza", Raw(b"{}"), at(0.0)) is None


def test_a_driver_who_charges_with_priority_is_not_repaired() -> None:
    found, _ = charging()
    found, _, outputs = said(found, "NotifyPriorityCharging", 1.0, transactionId="tx-1", activated=True)
    assert [(each.kind, each.active) for each in outputs if isinstance(each, Warn)] == [("station_priority", True)]
    for now_s in range(20, 200, 10):
        update = event("Updated", float(now_s), 1, meterValue=values(float(now_s), 16.0, 16.0, 16.0))
        found, _, _ = said(found, "TransactionEvent", float(now_s), **update)
    assert not shown(found, 200.0).obeys
    assert found.outlets[0].stage == 0
