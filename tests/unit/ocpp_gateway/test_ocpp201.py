"""OCPP 2.0.1: the same decisions in its own words; every frame that we send fits the official schemas."""

import json
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from evenload.contracts.events import LoadState, TransactionEnded, TransactionStarted, TransactionUpdated
from services.ocpp_gateway import calls201, ocpp21, ocpp201
from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.dialect import DIALECTS, OCPP16, OCPP201, choose
from services.ocpp_gateway.frames import PeerProtocolError
from services.ocpp_gateway.states import load_state
from services.ocpp_gateway.station import Flight, Keep, Link, Output, Station
from tests.unit.ocpp_gateway.builders import UTC0, at, stamp, station, told
from tests.unit.ocpp_gateway.schemas import valid_answer, valid_call


def said(found: Station, action: str, now_s: float, **payload: Any) -> tuple[Station, dict[str, Any], list[Output]]:
    """Return the station after a call of its own, the answer, and what is to be done."""
    handled = ocpp201.on_call(found, action, Raw(json.dumps(payload).encode()), at(now_s))
    valid_answer("2.0.1", action, handled.payload)
    return handled.station, handled.payload, list(handled.outputs)


def event(kind: str, now_s: float, seq: int, state: str = "Charging", **more: Any) -> dict[str, Any]:
    """Return a TransactionEvent."""
    info = {"transactionId": "tx-1", "chargingState": state} | more.pop("info", {})
    return {
        "eventType": kind,
        "timestamp": stamp(now_s),
        "triggerReason": "ChargingStateChanged",
        "seqNo": seq,
        "transactionInfo": info,
        "evse": {"id": 1, "connectorId": 1},
    } | more


def values(now_s: float, *currents_a: float, **more: Any) -> list[dict[str, Any]]:
    """Return meterValue."""
    samples: list[dict[str, Any]] = [
        {"value": amps, "measurand": "Current.Import", "phase": f"L{line}", "unitOfMeasure": {"unit": "A"}}
        for line, amps in enumerate(currents_a, 1)
    ]
    return [{"timestamp": stamp(now_s), "sampledValue": [*samples, *more.values()]}]


def charging(found: Station) -> Station:
    return said(found, "TransactionEvent", 0.0, **event("Started", 0.0, 0))[0]


def due(found: Station, now_s: float) -> tuple[Station, Flight | None]:
    found, flight = calls201.next_call(found, at(now_s))
    if flight is not None:
        valid_call("2.0.1", flight.action, flight.payload)
    return found, flight


def answered(found: Station, flight: Flight, now_s: float, **payload: Any) -> tuple[Station, list[Output]]:
    return calls201.on_answer(found, flight, Answer("result", Raw(json.dumps(payload).encode())), now_s)


def settled(found: Station, now_s: float) -> tuple[Station, list[Flight]]:
    """Return the station after all calls due now were accepted, and the calls."""
    flights: list[Flight] = []
    for _ in range(30):
        found, flight = due(found, now_s)
        if flight is None:
            return found, flights
        flights.append(flight)
        found, _ = answered(found, flight, now_s, status="Accepted")
    raise AssertionError("the station is never done")


def shown(found: Station, now_s: float) -> LoadState:
    return load_state(found, found.outlets[0], now_s, UTC0)


def test_boot_then_variables_then_what_differs() -> None:
    found = replace(station(), link=Link(token="t", connected_s=0))
    boot = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
    found, answer, _ = said(found, "BootNotification", 1.0, **boot)
    assert answer["status"] == "Accepted"
    found, flight = due(found, 1.0)
    assert flight is not None
    assert flight.action == "GetVariables"
    asked = flight.payload["getVariableData"]
    told_values = {"RateUnit": "W", "ProfileStackLevel": "2", "TxUpdatedInterval": "300", "TxUpdatedMeasurands": ""}
    results = [
        {**each, "attributeStatus": "Accepted", "attributeValue": told_values[each["variable"]["name"]]}
        if each["variable"]["name"] in told_values
        else {**each, "attributeStatus": "UnknownVariable"}
        for each in asked
    ]
    found, _ = answered(found, flight, 1.0, getVariableResult=results)
    assert (found.learned.units, found.learned.max_level, found.learned.max_periods) == (("W", "A"), 2, None)
    changed = {}
    while (step := due(found, 1.0))[1] is not None:
        found, flight = step
        assert flight is not None
        if flight.action == "SetVariables":
            (wanted,) = flight.payload["setVariableData"]
            changed[wanted["variable"]["name"]] = wanted["attributeValue"]
            result = {key: value for key, value in wanted.items() if key != "attributeValue"}
            found, _ = answered(found, flight, 1.0, setVariableResult=[{**result, "attributeStatus": "Accepted"}])
        else:
            found, _ = answered(found, flight, 1.0, status="Accepted")
    assert changed["TxUpdatedInterval"] == "10"
    assert "Current.Import" in changed["TxUpdatedMeasurands"]


def test_a_setpoint_becomes_a_profile_that_carries_its_own_end() -> None:
    found, flights = settled(told(charging(station(failsafe_a=6.0)), 12.34, 0.0), 0.0)
    profile = next(flight for flight in flights if flight.action == "SetChargingProfile").payload
    assert profile["evseId"] == 1
    assert profile["chargingProfile"]["transactionId"] == "tx-1"
    (schedule,) = profile["chargingProfile"]["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 12.3},
        {"startPeriod": 180, "limit": 6.0},
    ]
    assert shown(found, 1.0).setpoint_a == pytest.approx(12.34)


def test_events_carry_state_samples_start_and_end() -> None:
    energy = {
        "value": 5,
        "measurand": "Energy.Active.Import.Register",
        "unitOfMeasure": {"unit": "Wh", "multiplier": 3},
    }
    start = event("Started", 0.0, 0, "EVConnected", meterValue=values(0.0, 0.0, energy=energy))
    found, _, outputs = said(station(), "TransactionEvent", 0.0, **start, idToken={"idToken": "T", "type": "Central"})
    (keep,) = [output for output in outputs if isinstance(output, Keep)]
    assert isinstance(keep.event, TransactionStarted)
    assert (keep.event.transaction, keep.event.meter_start_wh) == ("tx-1", 5000.0)
    assert shown(found, 0.0).status == "preparing"
    update = event("Updated", 10.0, 1, triggerReason="MeterValuePeriodic", meterValue=values(10.0, 8.0, 8.0, 8.0))
    found, _, outputs = said(found, "TransactionEvent", 10.0, **update)
    assert not [output for output in outputs if isinstance(output, Keep)]
    state = shown(found, 10.0)
    assert state.status == "charging"
    assert state.measured_a is not None
    assert state.measured_a.l3 == 8.0
    found, _, outputs = said(found, "TransactionEvent", 20.0, **event("Updated", 20.0, 2, "SuspendedEV"))
    assert isinstance(next(output.event for output in outputs if isinstance(output, Keep)), TransactionUpdated)
    end = event("Ended", 30.0, 3, info={"stoppedReason": "EVDisconnected"})
    found, _, outputs = said(found, "TransactionEvent", 30.0, **end)
    ended = next(output.event for output in outputs if isinstance(output, Keep))
    assert isinstance(ended, TransactionEnded)
    assert (ended.known, ended.why) == (True, "EVDisconnected")
    assert shown(found, 30.0).transaction is None


def test_a_repeat_has_the_same_message_id_and_missing_events_are_told() -> None:
    found = charging(station())
    keeps = [
        output.message_id
        for _ in range(2)
        for output in said(found, "TransactionEvent", 0.0, **event("Started", 0.0, 0))[2]
        if isinstance(output, Keep)
    ]
    assert len(set(keeps)) == 1
    _, _, outputs = said(found, "TransactionEvent", 5.0, **event("Ended", 5.0, 4))
    ended = next(output.event for output in outputs if isinstance(output, Keep))
    assert isinstance(ended, TransactionEnded)
    assert "3 events missing" in ended.why


def test_an_ended_transaction_is_not_revived_and_an_offline_one_controls_nothing() -> None:
    found = charging(station())
    found, _, _ = said(found, "TransactionEvent", 1.0, **event("Ended", 1.0, 1))
    found, _, _ = said(found, "TransactionEvent", 2.0, **event("Updated", 2.0, 2))
    assert found.outlets[0].transaction is None
    late = event("Started", 3.0, 0, info={"transactionId": "tx-2"}, offline=True)
    found, _, outputs = said(found, "TransactionEvent", 3.0, **late)
    assert found.outlets[0].transaction is None
    started = next(output.event for output in outputs if isinstance(output, Keep))
    assert isinstance(started, TransactionStarted)
    assert started.late


def test_only_starts_and_ends_are_stored_before_the_answer() -> None:
    def first(payload: bytes) -> bool:
        return ocpp201.is_stored_first("TransactionEvent", Raw(payload))

    assert first(b'{"eventType":"Started"}')
    assert first(b'{"eventType":"Ended"}')
    assert not first(b'{"eventType":"Updated"}')
    assert not first(b"[]")


def test_states_of_connectors_and_of_the_transaction() -> None:
    found, _, _ = said(
        station(), "StatusNotification", 0.0, evseId=1, connectorId=1, connectorStatus="Occupied", timestamp=stamp(0)
    )
    assert shown(found, 0.0).status == "preparing"
    found, _, _ = said(found, "TransactionEvent", 1.0, **event("Started", 1.0, 0, "SuspendedEVSE"))
    found, _, _ = said(
        found, "StatusNotification", 2.0, evseId=1, connectorId=1, connectorStatus="Occupied", timestamp=stamp(2)
    )
    assert shown(found, 2.0).status == "suspended_evse"


@pytest.mark.parametrize("action", sorted(set(ocpp201.ON_CALL) - {"TransactionEvent", "StatusNotification"}))
def test_everything_is_answered_as_the_standard_wants(action: str) -> None:
    said(station(), action, 0.0)


def test_2_1_is_2_0_1_with_more_notices() -> None:
    for action in sorted(set(ocpp21.ON_CALL) - {"TransactionEvent", "StatusNotification"}):
        handled = ocpp21.on_call(station(), action, Raw(b"{}"), at(0.0))
        valid_answer("2.1", action, handled.payload)
    chosen = choose(["ocpp1.6", "ocpp2.0.1", "ocpp2.1"], None)
    assert chosen is not None
    assert chosen.dialect.version == "2.1"
    _, flights = settled(told(charging(station(failsafe_a=6.0)), 12.34, 0.0), 0.0)
    for flight in flights:
        valid_call("2.1", flight.action, flight.payload)


@pytest.mark.parametrize("payload", [{}, {"eventType": "Odd"}, {"eventType": "Started"}])
def test_events_that_cannot_be_used_are_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(PeerProtocolError):
        said(station(), "TransactionEvent", 0.0, **payload)


def test_repairs_pauses_and_resets_fit_the_schemas() -> None:
    for action, old in (
        ("ClearChargingProfile", {"id": 2}),
        ("ClearChargingProfile", {"connectorId": 1, "chargingProfilePurpose": "ChargePointMaxProfile"}),
        ("RemoteStartTransaction", {"connectorId": 1, "idTag": "T"}),
        ("RemoteStopTransaction", {"transactionId": "tx-1"}),
        ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}),
        ("Reset", {"type": "Soft"}),
        ("Reset", {"type": "Hard"}),
        ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}),
        ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1}),
        ("TriggerMessage", {"requestedMessage": "BootNotification"}),
    ):
        new_action, payload = calls201.IN_2X[action](old, charging(station()))
        valid_call("2.0.1", new_action, payload)


def test_the_version_is_chosen_by_subprotocol_and_may_be_pinned() -> None:
    both = ["ocpp1.6", "ocpp2.0.1"]
    newest = choose(both, None)
    assert newest is not None
    assert newest.dialect is DIALECTS["ocpp2.0.1"] is OCPP201
    pinned = choose(both, "1.6")
    assert pinned is not None
    assert pinned.dialect is OCPP16
    assert choose(["ocpp2.0.1"], "1.6") is None
    assert choose([], "1.6") is not None
    assert choose([], None) is None
    assert choose(["soap"], None) is None
