"""What we call a 2.0.1 station for: the calls that `calls16.py` decides on, in the words of 2.0.1. Pure.

Configuration keys become variables of components (GetVariables, SetVariables), connectors EVSEs, the profile's one
schedule a list of one, a soft reset OnIdle. Answers come back as 1.6's, so that one code judges both.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from services.ocpp_gateway import calls16, sequence201
from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.config import OFFLINE_S
from services.ocpp_gateway.frames import PeerProtocolError
from services.ocpp_gateway.messages16 import Reader
from services.ocpp_gateway.messages201 import SetResults, Variables
from services.ocpp_gateway.phasing import AC_SWITCH_KEY
from services.ocpp_gateway.setup16 import (
    ATTEMPTS_KEY,
    DYNAMIC_KEY,
    HEARTBEAT_KEY,
    INTERVAL_KEY,
    LEVEL_KEY,
    MEASURANDS_KEY,
    OFFLINE_KEY,
    PERIODS_KEY,
    RETRY_KEY,
    UNIT_KEY,
)
from services.ocpp_gateway.station import Flight, Moment, Output, Remember, Station, Step, outlet_at
from services.ocpp_gateway.streams21 import monitor_step, on_told
from services.ocpp_gateway.tolerant import text

VARIABLES: Final[dict[str, tuple[str, str, str]]] = {
    UNIT_KEY: ("SmartChargingCtrlr", "RateUnit", ""),
    LEVEL_KEY: ("SmartChargingCtrlr", "ProfileStackLevel", ""),
    PERIODS_KEY: ("SmartChargingCtrlr", "PeriodsPerSchedule", ""),
    MEASURANDS_KEY: ("SampledDataCtrlr", "TxUpdatedMeasurands", ""),
    INTERVAL_KEY: ("SampledDataCtrlr", "TxUpdatedInterval", ""),
    ATTEMPTS_KEY: ("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"),
    RETRY_KEY: ("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent"),
    HEARTBEAT_KEY: ("OCPPCommCtrlr", "HeartbeatInterval", ""),
    DYNAMIC_KEY: ("SmartChargingCtrlr", DYNAMIC_KEY, ""),
    AC_SWITCH_KEY: ("SmartChargingCtrlr", AC_SWITCH_KEY, ""),
    OFFLINE_KEY: ("SmartChargingCtrlr", OFFLINE_KEY, ""),
}
"""1.6 key → (component, variable, instance)."""
PURPOSES: Final = {"ChargePointMaxProfile": "ChargingStationMaxProfile"}
RESETS: Final = {"Soft": "OnIdle", "Hard": "Immediate"}

Payload = dict[str, Any]
_variables = Reader(Variables)
_set_results = Reader(SetResults)


def variable(key: str) -> Payload:
    """Return the variable of a 1.6 key, or of `Component.Variable` or `Component.Variable.Instance`."""
    component, name, instance = VARIABLES.get(key) or (*key.split(".", 2), "", "")[:3]
    named = {"name": name, "instance": instance} if instance else {"name": name}
    return {"component": {"name": component}, "variable": named}


def _get_variables(payload: Payload, station: Station) -> tuple[str, Payload]:
    version = station.link.version if station.link is not None else ""
    keys = (*payload["key"], *((DYNAMIC_KEY, OFFLINE_KEY) if version == "2.1" else ()))
    return "GetVariables", {"getVariableData": [variable(key) for key in keys if key in VARIABLES]}


def _set_variables(payload: Payload, station: Station) -> tuple[str, Payload]:
    wanted = {"attributeValue": payload["value"], **variable(payload["key"])}
    return "SetVariables", {"setVariableData": [wanted]}


def _trigger(payload: Payload, station: Station) -> tuple[str, Payload]:
    """Values of a running transaction come by TransactionEvent."""
    wanted, evse = payload["requestedMessage"], payload.get("connectorId", 0)
    if not evse:
        return "TriggerMessage", {"requestedMessage": wanted}
    outlet = outlet_at(station, evse)
    if wanted == "MeterValues" and outlet is not None and outlet.transaction is not None:
        wanted = "TransactionEvent"
    where: Payload = {"id": evse, "connectorId": 1} if wanted == "StatusNotification" else {"id": evse}
    return "TriggerMessage", {"requestedMessage": wanted, "evse": where}


def _set_profile(payload: Payload, station: Station) -> tuple[str, Payload]:
    profile = profile_2x(payload["csChargingProfiles"])
    return "SetChargingProfile", {"evseId": payload["connectorId"], "chargingProfile": profile}


def profile_2x(old: Payload) -> Payload:
    """Return a profile of 1.6 in the words of 2.x."""
    profile = {
        "id": old["chargingProfileId"],
        "stackLevel": old["stackLevel"],
        "chargingProfilePurpose": PURPOSES.get(old["chargingProfilePurpose"], old["chargingProfilePurpose"]),
        "chargingProfileKind": old["chargingProfileKind"],
        "chargingSchedule": [{"id": 1, **old["chargingSchedule"]}],
    }
    if old["chargingProfileKind"] == "Dynamic":
        profile |= {"maxOfflineDuration": OFFLINE_S, "invalidAfterOfflineDuration": True}
    if "transactionId" in old:
        profile["transactionId"] = str(old["transactionId"])
    return profile


def _clear_profile(payload: Payload, station: Station) -> tuple[str, Payload]:
    if "id" in payload:
        return "ClearChargingProfile", {"chargingProfileId": payload["id"]}
    purpose = payload["chargingProfilePurpose"]
    where = {"evseId": payload["connectorId"]} if "connectorId" in payload else {}
    criteria = {**where, "chargingProfilePurpose": PURPOSES.get(purpose, purpose)}
    return "ClearChargingProfile", {"chargingProfileCriteria": criteria}


def _start(payload: Payload, station: Station) -> tuple[str, Payload]:
    token = {"idToken": payload["idTag"], "type": "Central"}
    more: Payload = {"evseId": payload["connectorId"]} if payload.get("connectorId") else {}
    if "chargingProfile" in payload:
        more["chargingProfile"] = profile_2x(payload["chargingProfile"])
    return "RequestStartTransaction", {"idToken": token, "remoteStartId": 1, **more}


def _stop(payload: Payload, station: Station) -> tuple[str, Payload]:
    return "RequestStopTransaction", {"transactionId": str(payload["transactionId"])}


def _availability(payload: Payload, station: Station) -> tuple[str, Payload]:
    where = {"evse": {"id": payload["connectorId"]}} if payload["connectorId"] else {}
    return "ChangeAvailability", {"operationalStatus": payload["type"], **where}


def _reset(payload: Payload, station: Station) -> tuple[str, Payload]:
    return "Reset", {"type": RESETS[payload["type"]]}


IN_2X: Final[dict[str, Callable[[Payload, Station], tuple[str, Payload]]]] = {
    "GetConfiguration": _get_variables,
    "ChangeConfiguration": _set_variables,
    "TriggerMessage": _trigger,
    "SetChargingProfile": _set_profile,
    "ClearChargingProfile": _clear_profile,
    "RemoteStartTransaction": _start,
    "RemoteStopTransaction": _stop,
    "ChangeAvailability": _availability,
    "Reset": _reset,
}


def next_call(station: Station, moment: Moment) -> tuple[Station, Flight | None]:
    """Return the call to send now, in the words of 2.0.1; an operator's call goes out as it was given."""
    station, flight = calls16.next_call(station, moment)
    if flight is None:
        return sequence201.ask_due(station, moment)
    if flight.kind == "operator" or station.link is None:
        return station, flight
    translate = IN_2X.get(flight.action)
    if translate is None:
        return station, flight
    action, payload = translate(flight.payload, station)
    wire = replace(flight, action=action, payload=payload)
    return replace(station, link=replace(station.link, flight=wire)), wire


def _as_configuration(payload: Raw, flight: Flight) -> Payload:
    """Return variables as configuration keys; only what was accepted is known."""
    asked = {_asked(each): key for key, each in ((key, variable(key)) for key in VARIABLES)}
    results = _variables.read(payload).get_variable_result or []
    keys = []
    for wanted, result in zip(flight.payload["getVariableData"], results, strict=False):
        if text(result.attribute_status).lower() == "accepted":
            keys.append({"key": asked[_asked(wanted)], "readonly": False, "value": text(result.attribute_value, 2_000)})
    return {"configurationKey": keys}


def _asked(wanted: Payload) -> tuple[str, str]:
    return wanted["component"]["name"], wanted["variable"]["name"]


def _as_change(payload: Raw, flight: Flight) -> Payload:
    del flight
    results = _set_results.read(payload).set_variable_result or []
    status = text(results[0].attribute_status) if results else "Rejected"
    return {"status": status if status.lower() in ("accepted", "rebootrequired") else "Rejected"}


_AS_16: Final = {"GetVariables": _as_configuration, "SetVariables": _as_change}


def _with_more(station: Station, flight: Flight) -> Station:
    """Return the station with what is asked of 2.x besides, once it was set up.

    Its device model, when it told none of the variables that were asked for; monitors of its power where it streams.
    """
    link = station.link
    if flight.action != "GetVariables" or flight.kind == "operator" or link is None:
        return station
    steps: tuple[Step, ...] = ()
    if not station.learned.units:
        steps = (Step("report", "GetBaseReport", {"requestId": 1, "reportBase": "ConfigurationInventory"}),)
    if link.version == "2.1" and station.outlets:
        steps = (*steps, monitor_step(station))
    return replace(station, link=replace(link, steps=(*link.steps, *steps)))


def on_answer(station: Station, flight: Flight, answer: Answer, now_s: float) -> tuple[Station, list[Output]]:
    """Return the station after the answer to `flight`."""
    station, outputs = _on_answer(station, flight, answer, now_s)
    if flight.kind == "transaction":
        station, more = sequence201.on_answer(station, flight, answer)
        return station, [*outputs, *more]
    if flight.kind == "monitor" and answer.kind == "result":
        known = station.monitors
        with suppress(PeerProtocolError):
            station = on_told(station, flight.action, answer.payload)
        outputs = [*outputs, Remember()] if station.monitors != known else outputs
    return _with_more(station, flight), outputs


def _on_answer(station: Station, flight: Flight, answer: Answer, now_s: float) -> tuple[Station, list[Output]]:
    reading = _AS_16.get(flight.action) if flight.kind != "operator" else None
    if reading is not None and answer.kind == "result":
        try:
            answer = Answer("result", Raw(msgspec.json.encode(reading(answer.payload, flight))))
        except PeerProtocolError as fault:
            answer = Answer("error", why=str(fault))
    return calls16.on_answer(station, flight, answer, now_s)
