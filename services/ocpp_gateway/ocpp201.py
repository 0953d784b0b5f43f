"""OCPP 2.0.1 (and what 2.1 shares with it) as the station speaks it: one function for each action. Pure.

EVSEs stand where 1.6 has connectors. TransactionEvent carries start, samples, states and end; Started and Ended are
stored before they are answered, an Updated of a period is not stored, any other is stored behind its answer. The
transaction's id is the station's; (station, id, seqNo) tells a repeat.
"""

from datetime import datetime
from typing import Any, Final

from msgspec import Raw
from msgspec.structs import replace

from evenload.contracts.events import LoadStatus, TransactionEnded, TransactionStarted, TransactionUpdated
from evenload.transactions.tags import content_hash, tag_hash
from services.ocpp_gateway import sequence201, told201
from services.ocpp_gateway.frames import PeerProtocolError
from services.ocpp_gateway.heard import Told, Values, status_told, values_told, with_status
from services.ocpp_gateway.measured import observe
from services.ocpp_gateway.messages16 import Reader
from services.ocpp_gateway.messages201 import (
    Authorize,
    EventType,
    MeterValues,
    StatusNotification,
    TransactionEvent,
    as16,
)
from services.ocpp_gateway.ocpp16 import Handler, accepts, on_boot, on_heartbeat
from services.ocpp_gateway.pausing import ended_by_limit
from services.ocpp_gateway.samples import Wiring, sampled
from services.ocpp_gateway.station import (
    Changed,
    Keep,
    Moment,
    Outlet,
    Output,
    Pause,
    Station,
    meant_by,
    outlet_at,
    with_outlet,
)
from services.ocpp_gateway.tolerant import moment as read_time
from services.ocpp_gateway.tolerant import text, whole
from services.ocpp_gateway.transactions16 import (
    MAX_TAG,
    Handled,
    begin,
    end,
    is_late,
    tag_status,
)

SUBPROTOCOL: Final = "ocpp2.0.1"
MAX_ID: Final = 64
PERIODIC: Final = ("metervalueperiodic", "metervalueclock")

CONNECTOR_STATUSES: Final[dict[str, LoadStatus]] = {
    "available": "available",
    "occupied": "preparing",
    "reserved": "unavailable",
    "unavailable": "unavailable",
    "faulted": "faulted",
}
CHARGING_STATES: Final[dict[str, LoadStatus]] = {
    "charging": "charging",
    "evconnected": "preparing",
    "suspendedev": "suspended_ev",
    "suspendedevse": "suspended_evse",
    "idle": "finishing",
}

_status = Reader(StatusNotification)
_meter_values = Reader(MeterValues)
_authorize = Reader(Authorize)
_transaction = Reader(TransactionEvent)
_event_type = Reader(EventType)


def is_stored_first(action: str, payload: Raw) -> bool:
    """Tell whether a call's event is stored before the call is answered."""
    if action != "TransactionEvent":
        return False
    try:
        return text(_event_type.read(payload).event_type, 20).lower() in ("started", "ended")
    except PeerProtocolError:
        return False


def on_status(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take a connector's state; an occupied one with a transaction has the state of the transaction."""
    told = _status.read(payload)
    evse, raw = whole(told.evse_id), text(told.connector_status, 50)
    if evse is None:
        raise PeerProtocolError("TypeConstraintViolation", "evseId is not a whole number")
    station = replace(station, clock=observe(station.clock, read_time(told.timestamp), moment))
    outlet = outlet_at(station, evse)
    if raw.lower() == "occupied" and outlet is not None and outlet.transaction is not None:
        return Handled(station, {})
    station, outputs = status_told(station, evse, Told(CONNECTOR_STATUSES.get(raw.lower()), raw), moment.now_s)
    return Handled(station, {}, outputs)


def on_meter_values(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take samples that are of no transaction."""
    told = _meter_values.read(payload)
    outlet = meant_by(station, whole(told.evse_id) or 0)
    if outlet is None:
        return Handled(station, {})
    station, outputs = values_told(station, outlet, Values(as16(told.meter_value)), moment)
    return Handled(station, {}, outputs)


def on_authorize(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Return whether the token is among those of the site file."""
    token = _authorize.read(payload).id_token
    tag = text(token.id_token, MAX_TAG) if token is not None else ""
    return Handled(station, {"idTokenInfo": {"status": tag_status(station, tag)}})


def on_transaction(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take an event of a transaction; the answer tells about the token where the event has one."""
    told = _transaction.read(payload)
    event_type = text(told.event_type, 20).lower()
    handler = {"started": _started, "updated": _updated, "ended": _ended}.get(event_type)
    if handler is None or told.transaction_info is None:
        raise PeerProtocolError("PropertyConstraintViolation", "eventType or transactionInfo cannot be used")
    station = replace(station, clock=observe(station.clock, read_time(told.timestamp), moment))
    tag = _tag(told)
    station, outputs = handler(station, told, moment)
    outlet = _outlet_of(station, told)
    if outlet is not None and outlet.sequence is not None:
        station, more = sequence201.told(station, outlet.plan.connector)
        outputs = [*outputs, *more]
    answer = {"idTokenInfo": {"status": tag_status(station, tag)}} if tag else {}
    return Handled(station, answer, tuple(outputs))


def _tag(told: TransactionEvent) -> str:
    return text(told.id_token.id_token, MAX_TAG) if told.id_token is not None else ""


def _id(told: TransactionEvent) -> str:
    assert told.transaction_info is not None
    return text(told.transaction_info.transaction_id, MAX_ID) or "none"


def _outlet_of(station: Station, told: TransactionEvent) -> Outlet | None:
    """Return the outlet of the event's EVSE, else the one that has its transaction."""
    evse = whole(told.evse.id) if told.evse is not None else None
    if evse is not None:
        return meant_by(station, evse)
    holding = [outlet for outlet in station.outlets if outlet.transaction == _id(told)]
    return holding[0] if holding else station.outlets[0] if len(station.outlets) == 1 else None


def _facts(station: Station, outlet: Outlet | None, told: TransactionEvent, moment: Moment) -> dict[str, Any]:
    return {
        "site": station.plan.site,
        "station": station.plan.station,
        "evse": outlet.plan.connector if outlet is not None else 0,
        "load": outlet.plan.load if outlet is not None else "",
        "transaction": _id(told),
        "received_at": moment.utc,
        "config_rev": station.plan.config_rev,
    }


def _message_id(station: Station, told: TransactionEvent, what: str) -> str:
    """Return what a repeat of the event has too: (station, transaction, seqNo), its time where one is missing."""
    assert told.transaction_info is not None
    identity: tuple[object, ...] = (station.plan.station.lower(), _id(told), told.seq_no)
    if told.seq_no is None or not text(told.transaction_info.transaction_id, MAX_ID):
        identity = (*identity, told.timestamp, told.trigger_reason)
    return f"2x-{what}-{content_hash(*identity)}"


def _energy_wh(outlet: Outlet | None, station: Station, told: TransactionEvent) -> float | None:
    lines = len(outlet.plan.lines) if outlet is not None else 3
    found = sampled(as16(told.meter_value), Wiring(lines, station.plan.voltage_v), closing=True)
    return None if found is None else found.energy_wh


def _is_offline(station: Station, told: TransactionEvent, at: datetime | None, moment: Moment) -> bool:
    return told.offline is True or is_late(station, at, moment)


def _started(station: Station, told: TransactionEvent, moment: Moment) -> tuple[Station, list[Output]]:
    outlet, at = _outlet_of(station, told), read_time(told.timestamp)
    late, start_wh = _is_offline(station, told, at, moment), _energy_wh(outlet, station, told)
    event = TransactionStarted(
        started_at=at or moment.utc,
        id_tag_hash=tag_hash(_tag(told), moment.tag_key),
        meter_start_wh=start_wh,
        late=late,
        **_facts(station, outlet, told, moment),
    )
    outputs: list[Output] = [Keep(event, _message_id(station, told, "start"))]
    if outlet is None or late or _id(told) in outlet.ended:
        return station, outputs
    if sequence201.is_old(outlet, _id(told), whole(told.seq_no), at):
        return with_outlet(station, _heard(outlet, told)), outputs
    outlet = begin(outlet, _id(told), moment.now_s, start_wh)
    outlet = replace(_heard(outlet, told), id_tag=_tag(told) or outlet.id_tag)
    station, more = _live(with_outlet(station, outlet), outlet, told, moment)
    return station, [*outputs, *more]


def _live(
    station: Station, outlet: Outlet, told: TransactionEvent, moment: Moment
) -> tuple[Station, tuple[Output, ...]]:
    """Return the station after the state and the samples of an event that is no old news."""
    assert told.transaction_info is not None
    raw = text(told.transaction_info.charging_state, 30)
    outlet = with_status(outlet, Told(CHARGING_STATES.get(raw.lower()), raw), moment.now_s) if raw else outlet
    station = with_outlet(station, outlet)
    groups = as16(told.meter_value)
    if not groups:
        return station, (Changed(outlet.plan.connector),)
    station, outputs = values_told(station, outlet, Values(groups), moment)
    return station, outputs or (Changed(outlet.plan.connector),)


def _updated(station: Station, told: TransactionEvent, moment: Moment) -> tuple[Station, list[Output]]:
    """Take a change; a transaction of which the start was not seen is adopted, an ended one is not revived."""
    outlet, at = _outlet_of(station, told), read_time(told.timestamp)
    late = _is_offline(station, told, at, moment)
    outputs: list[Output] = []
    why = text(told.trigger_reason, 64)
    if why.lower() not in PERIODIC:
        event = TransactionUpdated(
            updated_at=at or moment.utc,
            meter_wh=_energy_wh(outlet, station, told),
            why=why,
            **_facts(station, outlet, told, moment),
        )
        outputs.append(Keep(event, _message_id(station, told, "update")))
    if outlet is None:
        return station, outputs
    is_old = sequence201.is_old(outlet, _id(told), whole(told.seq_no), at)
    if sequence201.tracks(outlet, _id(told)):
        outlet = _heard(outlet, told)
        station = with_outlet(station, outlet)
    if late or is_old or _id(told) in outlet.ended:
        return station, outputs
    if outlet.transaction != _id(told):
        outlet = replace(begin(outlet, _id(told), moment.now_s, None), started_s=None)
    outlet = _heard(outlet, told)
    station, more = _live(with_outlet(station, outlet), outlet, told, moment)
    return station, [*outputs, *more]


def _ended(station: Station, told: TransactionEvent, moment: Moment) -> tuple[Station, list[Output]]:
    """Take an end, always; missing events are told in it."""
    outlet, at = _outlet_of(station, told), read_time(told.timestamp)
    assert told.transaction_info is not None
    known = outlet is not None and outlet.transaction == _id(told)
    reason = text(told.transaction_info.stopped_reason, 40) or text(told.trigger_reason, 40)
    if outlet is not None and (known or sequence201.tracks(outlet, _id(told))):
        outlet = _heard(outlet, told)
        station = with_outlet(station, outlet)
    missing = sequence201.missing(outlet, _id(told)) if outlet is not None else 0
    event = TransactionEnded(
        ended_at=at or moment.utc,
        id_tag_hash=tag_hash(_tag(told), moment.tag_key),
        meter_stop_wh=_energy_wh(outlet, station, told),
        why=f"{reason}; {missing} events missing" if missing else reason,
        known=known,
        late=_is_offline(station, told, at, moment),
        **_facts(station, outlet, told, moment),
    )
    outputs: list[Output] = [Keep(event, _message_id(station, told, "stop"))]
    if outlet is None or not known:
        return station, outputs
    if outlet.pause is None and ended_by_limit(outlet, reason, moment.now_s):
        outlet = replace(outlet, pause=Pause("ended", moment.now_s))
    station = with_outlet(station, end(outlet))
    return station, [*outputs, Changed(outlet.plan.connector)]


def _heard(outlet: Outlet, told: TransactionEvent) -> Outlet:
    return sequence201.heard(outlet, _id(told), whole(told.seq_no), read_time(told.timestamp))


ACCEPTED: Final = accepts({"status": "Accepted"})
NOTED: Final = accepts({})

ON_CALL: Final[dict[str, Handler]] = {
    "BootNotification": on_boot,
    "Heartbeat": on_heartbeat,
    "StatusNotification": on_status,
    "MeterValues": on_meter_values,
    "TransactionEvent": on_transaction,
    "Authorize": on_authorize,
    "DataTransfer": accepts({"status": "UnknownVendorId"}),
    "SignCertificate": accepts({"status": "Rejected"}),
    "NotifyEVChargingNeeds": told201.on_needs,
    "NotifyEVChargingSchedule": ACCEPTED,
    "NotifyReport": told201.on_report,
    "NotifyEvent": NOTED,
    "NotifyMonitoringReport": NOTED,
    "NotifyCustomerInformation": NOTED,
    "NotifyDisplayMessages": NOTED,
    "NotifyChargingLimit": told201.on_limit,
    "ClearedChargingLimit": told201.on_limit_cleared,
    "ReportChargingProfiles": told201.on_part,
    "ReservationStatusUpdate": NOTED,
    "SecurityEventNotification": NOTED,
    "FirmwareStatusNotification": NOTED,
    "PublishFirmwareStatusNotification": NOTED,
    "LogStatusNotification": NOTED,
}


def on_call(station: Station, action: str, payload: Raw, moment: Moment) -> Handled:
    """Return what a station's call leads to; raises `PeerProtocolError` with the code of its refusal."""
    handler = ON_CALL.get(action)
    if handler is None:
        raise PeerProtocolError("NotImplemented", f"{action[:60]!a} is not served")
    return handler(station, payload, moment)
