"""An operator's call, made right before it goes out: checked, filled in, in the words of the station's version. Pure.

A call may be in the words of 1.6 whatever the station speaks: then the commands of `evenload station` need not know.
What is left out and can be known is filled in: the running transaction, the only connector, a tag. What would fight
with the allocator (profiles by hand, an empty filter of ClearChargingProfile) is refused.
"""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Final

import msgspec
from msgspec import Struct

from services.ocpp_gateway import asked16, asked201, calls201
from services.ocpp_gateway.asked16 import Ask
from services.ocpp_gateway.pausing import tag_for
from services.ocpp_gateway.station import Outlet, Station

Payload = dict[str, Any]
UNLIKE: Final = ("SetChargingProfile", "UpdateDynamicSchedule")
ASKS_OF_ANY: Final[dict[str, type[Ask]]] = {**asked16.ASKS, "RemoteStopTransaction": asked16.RemoteStopOfAny}
REPORTS: Final = frozenset({"GetBaseReport", "GetChargingProfiles", "GetDERControl"})
"""2.x: their answer is only a promise; what was asked for comes in messages of its own."""


class Asked(Struct, frozen=True):
    """A call that may go out."""

    action: str
    payload: Payload


class Unfit(Struct, frozen=True):
    """Why a call does not go out, and what to do."""

    why: str


def ask16(station: Station, action: str, payload: Payload) -> Asked | Unfit:
    """Return an operator's call as it goes to a 1.6 station."""
    return _fitting(asked16.ASKS, action, _filled(station, action, payload))


def ask201(station: Station, action: str, payload: Payload) -> Asked | Unfit:
    """Return an operator's call as it goes to a 2.0.1 station."""
    return _ask_2x(asked201.ASKS, station, action, payload)


def ask21(station: Station, action: str, payload: Payload) -> Asked | Unfit:
    """Return an operator's call as it goes to a 2.1 station."""
    return _ask_2x(asked201.ASKS_21, station, action, payload)


def _ask_2x(known: dict[str, type[Ask]], station: Station, action: str, payload: Payload) -> Asked | Unfit:
    own = _fitting(known, action, payload)
    translate = IN_2X.get(action)
    if isinstance(own, Asked) or translate is None:
        return own
    old = _fitting(ASKS_OF_ANY, action, _filled(station, action, payload))
    if isinstance(old, Unfit):
        return own if action in known else old
    return _fitting(known, *translate(old.payload, station))


def _fitting(known: dict[str, type[Ask]], action: str, payload: Payload) -> Asked | Unfit:
    """Return the call when it is one of `known` and its payload is right."""
    if action in UNLIKE:
        return Unfit("profiles are the allocator's; use `evenload set LOAD limit`, or a load's max_a in the site file")
    wanted = known.get(action)
    if wanted is None:
        close = get_close_matches(action, sorted(known), n=1, cutoff=0.5)
        return Unfit(f"{action[:60]!a} is not among the calls that may be sent; " + _did_you_mean(close, sorted(known)))
    if action == "ClearChargingProfile" and not any(value != {} for value in payload.values()):
        return Unfit("ClearChargingProfile without a filter would clear an installer's profiles too; name an id")
    try:
        msgspec.convert(payload, wanted, strict=True)
    except msgspec.ValidationError as fault:
        return Unfit(f"{action}: {fault}")
    return Asked(action, payload)


def _did_you_mean(close: list[str], known: list[str]) -> str:
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"


def _filled(station: Station, action: str, payload: Payload) -> Payload:
    """Return the payload with what is left out and can be known."""
    fill = _FILLS.get(action)
    return payload if fill is None else fill(station, dict(payload))


def _outlet(station: Station, payload: Payload) -> Outlet | None:
    """Return the outlet that a call means: the one named, else the only one."""
    named = payload.get("connectorId")
    found = [outlet for outlet in station.outlets if named is None or outlet.plan.connector == named]
    return found[0] if len(found) == 1 else None


def _fill_start(station: Station, payload: Payload) -> Payload:
    outlet = _outlet(station, payload)
    if outlet is None:
        return payload
    return {"connectorId": outlet.plan.connector, "idTag": tag_for(outlet, station)[:20], **payload}


def _fill_stop(station: Station, payload: Payload) -> Payload:
    """Name the transaction: that of the connector, or the only one that runs."""
    if "transactionId" in payload:
        return payload
    named = payload.pop("connectorId", None)
    running = [
        outlet.transaction
        for outlet in station.outlets
        if outlet.transaction is not None and named in (None, outlet.plan.connector)
    ]
    return {"transactionId": running[0]} if len(running) == 1 else payload


def _fill_connector(station: Station, payload: Payload) -> Payload:
    outlet = _outlet(station, payload)
    return payload if outlet is None else {"connectorId": outlet.plan.connector, **payload}


_FILLS: Final[dict[str, Callable[[Station, Payload], Payload]]] = {
    "RemoteStartTransaction": _fill_start,
    "RemoteStopTransaction": _fill_stop,
    "UnlockConnector": _fill_connector,
    "ChangeAvailability": lambda station, payload: {"connectorId": 0, **payload},
    "GetCompositeSchedule": lambda station, payload: {"duration": 600, **_fill_connector(station, payload)},
}

Translate = Callable[[Payload, Station], tuple[str, Payload]]


def _unlock(payload: Payload, station: Station) -> tuple[str, Payload]:
    return "UnlockConnector", {"evseId": payload["connectorId"], "connectorId": 1}


def _diagnostics(payload: Payload, station: Station) -> tuple[str, Payload]:
    log: Payload = {"remoteLocation": payload["location"]}
    for ours, theirs in (("startTime", "oldestTimestamp"), ("stopTime", "latestTimestamp")):
        if ours in payload:
            log[theirs] = payload[ours]
    more: Payload = {key: payload[key] for key in ("retries", "retryInterval") if key in payload}
    return "GetLog", {"log": log, "logType": "DiagnosticsLog", "requestId": 1, **more}


def _composite(payload: Payload, station: Station) -> tuple[str, Payload]:
    more = {key: value for key, value in payload.items() if key != "connectorId"}
    return "GetCompositeSchedule", {"evseId": payload["connectorId"], **more}


def _get_variables(payload: Payload, station: Station) -> tuple[str, Payload]:
    keys = payload.get("key") or list(calls201.VARIABLES)
    return "GetVariables", {"getVariableData": [calls201.variable(key) for key in keys]}


IN_2X: Final[dict[str, Translate]] = {
    **{action: step for action, step in calls201.IN_2X.items() if action not in UNLIKE},
    "UnlockConnector": _unlock,
    "GetDiagnostics": _diagnostics,
    "GetCompositeSchedule": _composite,
    "GetConfiguration": _get_variables,
}
