"""An operator's calls: checked, filled in, and in the words of the station's version."""

from typing import Any

import pytest
from msgspec.structs import replace

from services.ocpp_gateway import asked16, asked201
from services.ocpp_gateway.asking import Asked, Unfit, ask16, ask21, ask201
from services.ocpp_gateway.station import LOST_S, Flight, Link, Station
from tests.unit.ocpp_gateway.builders import answered, charging, due, settled, station, told
from tests.unit.ocpp_gateway.schemas import valid_call
from tests.unit.ocpp_gateway.test_ocpp201 import charging as charging201

VERSIONS = {"1.6": ask16, "2.0.1": ask201, "2.1": ask21}

CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("RemoteStartTransaction", {}, "RequestStartTransaction"),
    ("RemoteStartTransaction", {"connectorId": 1, "idTag": "TAG"}, "RequestStartTransaction"),
    ("RemoteStopTransaction", {}, "RequestStopTransaction"),
    ("ChangeAvailability", {"type": "Inoperative"}, "ChangeAvailability"),
    ("ChangeAvailability", {"connectorId": 1, "type": "Operative"}, "ChangeAvailability"),
    ("UnlockConnector", {}, "UnlockConnector"),
    ("Reset", {"type": "Soft"}, "Reset"),
    ("Reset", {"type": "Hard"}, "Reset"),
    ("TriggerMessage", {"requestedMessage": "Heartbeat"}, "TriggerMessage"),
    ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}, "TriggerMessage"),
    ("DataTransfer", {"vendorId": "V", "messageId": "M", "data": "x"}, "DataTransfer"),
    ("GetDiagnostics", {"location": "ftp://h/d", "startTime": "2026-01-01T00:00:00Z", "retries": 2}, "GetLog"),
    ("GetConfiguration", {"key": ["HeartbeatInterval"]}, "GetVariables"),
    ("GetConfiguration", {}, "GetVariables"),
    ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}, "SetVariables"),
    ("ChangeConfiguration", {"key": "TxCtrlr.EVConnectionTimeOut", "value": "60"}, "SetVariables"),
    ("GetCompositeSchedule", {}, "GetCompositeSchedule"),
    ("ClearChargingProfile", {"id": 2}, "ClearChargingProfile"),
    ("ClearChargingProfile", {"chargingProfilePurpose": "ChargePointMaxProfile"}, "ClearChargingProfile"),
    ("ClearCache", {}, "ClearCache"),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("action", "payload", "in_2x"), CALLS)
def test_calls_in_the_words_of_1_6_fit_every_version(
    version: str, action: str, payload: dict[str, Any], in_2x: str
) -> None:
    found = charging(station()) if version == "1.6" else charging201(station())
    asked = VERSIONS[version](found, action, payload)
    assert isinstance(asked, Asked), asked
    assert asked.action == (action if version == "1.6" else in_2x)
    valid_call(version, asked.action, asked.payload)


OWN: list[tuple[str, dict[str, Any]]] = [
    ("RequestStopTransaction", {"transactionId": "tx-1"}),
    ("Reset", {"type": "OnIdle", "evseId": 1}),
    ("UnlockConnector", {"evseId": 1, "connectorId": 1}),
    ("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}),
    ("GetChargingProfiles", {"requestId": 1, "chargingProfile": {}}),
    ("GetTransactionStatus", {}),
    ("GetVariables", {"getVariableData": [{"component": {"name": "C"}, "variable": {"name": "V"}}]}),
    ("ClearChargingProfile", {"chargingProfileCriteria": {"evseId": 1}}),
    ("TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 1}}),
]
NEW: list[tuple[str, dict[str, Any]]] = [
    ("UsePriorityCharging", {"transactionId": "tx-1", "activate": True}),
    ("NotifyAllowedEnergyTransfer", {"transactionId": "tx-1", "allowedEnergyTransfer": ["AC_three_phase"]}),
    ("AFRRSignal", {"timestamp": "2026-01-01T00:00:00Z", "signal": 3}),
    ("GetDERControl", {"requestId": 4, "isDefault": True}),
    (
        "SetDERControl",
        {
            "isDefault": True,
            "controlId": "c",
            "controlType": "VoltWatt",
            "curve": {
                "priority": 0,
                "yUnit": "PctMaxW",
                "curveData": [{"x": 253, "y": 100}, {"x": 258.5, "y": 20}],
                "hysteresis": {"hysteresisHigh": 1.5},
                "voltageParams": {"hv10MinMeanValue": 253},
                "reactivePowerParams": {"vRef": 230, "autonomousVRefEnable": False, "autonomousVRefTimeConstant": 300},
            },
        },
    ),
    (
        "SetDERControl",
        {
            "isDefault": False,
            "controlId": "d",
            "controlType": "FixedPFInject",
            "fixedPFInject": {
                "priority": 1,
                "displacement": 0.95,
                "excitation": True,
                "startTime": "2026-01-01T00:00:00Z",
                "duration": 60,
            },
        },
    ),
    (
        "SetDERControl",
        {
            "isDefault": True,
            "controlId": "e",
            "controlType": "LimitMaxDischarge",
            "limitMaxDischarge": {"priority": 1, "pctMaxDischargePower": 60},
        },
    ),
    ("ClearDERControl", {"isDefault": True}),
    ("GetPeriodicEventStream", {}),
    ("AdjustPeriodicEventStream", {"id": 1, "params": {"interval": 5}}),
]


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [*(("2.0.1", *each) for each in OWN), *(("2.1", *each) for each in (*OWN, *NEW))],
)
def test_calls_in_the_words_of_2_x(version: str, action: str, payload: dict[str, Any]) -> None:
    asked = VERSIONS[version](charging201(station()), action, payload)
    assert asked == Asked(action, payload)
    valid_call(version, action, payload)


@pytest.mark.parametrize(
    ("action", "payload", "part"),
    [
        ("Reste", {"type": "Soft"}, "did you mean Reset?"),
        ("Reset", {"type": "Gently"}, "Reset: Invalid enum value"),
        ("Reset", {"type": "Soft", "now": True}, "unknown field"),
        ("SetChargingProfile", {"connectorId": 1}, "evenload set LOAD limit"),
        ("UpdateDynamicSchedule", {"chargingProfileId": 1}, "evenload set LOAD limit"),
        ("SetDERControl", {"isDefault": True, "controlId": "c", "controlType": "Volts"}, "among the calls"),
        ("ClearChargingProfile", {}, "installer"),
        ("RemoteStopTransaction", {}, "transactionId"),
        ("GetDiagnostics", {"location": "here"}, "location"),
    ],
)
def test_what_does_not_fit_does_not_go_out(action: str, payload: dict[str, Any], part: str) -> None:
    for ask in VERSIONS.values():
        asked = ask(station(), action, payload)
        assert isinstance(asked, Unfit)
    assert part in ask_text(action, payload)


def ask_text(action: str, payload: dict[str, Any]) -> str:
    asked = ask16(station(), action, payload)
    return asked.why if isinstance(asked, Unfit) else ""


def test_an_empty_filter_of_2_x_is_refused_too() -> None:
    assert isinstance(ask201(station(), "ClearChargingProfile", {"chargingProfileCriteria": {}}), Unfit)


def test_the_running_transaction_and_the_last_tag_are_filled_in() -> None:
    found = charging(station())
    assert ask16(found, "RemoteStopTransaction", {}) == Asked("RemoteStopTransaction", {"transactionId": 1})
    assert ask16(found, "RemoteStartTransaction", {}) == Asked(
        "RemoteStartTransaction", {"connectorId": 1, "idTag": "T"}
    )
    two = charging(charging(station(connectors=2)), connector=2)
    assert isinstance(ask16(two, "RemoteStopTransaction", {}), Unfit)
    assert ask16(two, "RemoteStopTransaction", {"connectorId": 2}) == Asked(
        "RemoteStopTransaction", {"transactionId": 2}
    )


def test_profiles_cleared_by_hand_are_written_again() -> None:
    found, _ = settled(told(charging(station()), 10.0, 0.0, valid_s=3600), 0.0)
    assert found.link is not None
    link = Link(token="t", connected_s=0, state="serving", asked=("ClearChargingProfile", {"id": 2}))
    asked, flight = due(with_link(found, link), 1.0)
    assert isinstance(flight, Flight)
    assert flight.kind == "operator"
    cleared, _ = answered(asked, flight, 1.0, status="Accepted")
    assert cleared.outlets[0].working is not None
    assert cleared.outlets[0].working.sent_s == LOST_S
    _, flights = settled(cleared, 2.0)
    assert [each.payload["csChargingProfiles"]["chargingProfileId"] for each in flights] == [2]


def with_link(found: Station, link: Link) -> Station:
    return replace(found, link=link)


def test_tables_name_what_the_paper_names() -> None:
    assert {"RemoteStartTransaction", "GetDiagnostics", "DataTransfer", "UnlockConnector"} <= set(asked16.ASKS)
    assert set(asked201.ASKS) < set(asked201.ASKS_21)
