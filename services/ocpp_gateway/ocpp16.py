"""OCPP 1.6 as the station speaks it: one function for each action, in a table. Pure.

Everything gets an answer: what we do not serve NotImplemented, security and firmware notices an empty acceptance,
DataTransfer UnknownVendorId. Meter values and states come in every spelling of ocpp.md section 5.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Raw
from msgspec.structs import replace

from evenload.contracts.events import LoadStatus
from services.ocpp_gateway.config import HEARTBEAT_S
from services.ocpp_gateway.frames import PeerProtocolError
from services.ocpp_gateway.heard import Told, Values, status_told, values_told
from services.ocpp_gateway.measured import observe
from services.ocpp_gateway.messages16 import (
    Authorize,
    BootNotification,
    MeterValues,
    QuickMeterValues,
    Reader,
    Request,
    StatusNotification,
)
from services.ocpp_gateway.observations import made_by
from services.ocpp_gateway.profile16 import utc_text
from services.ocpp_gateway.session_states import after
from services.ocpp_gateway.station import (
    Changed,
    Moment,
    Station,
    StationClock,
    meant_by,
)
from services.ocpp_gateway.tolerant import moment as read_time
from services.ocpp_gateway.tolerant import text, whole
from services.ocpp_gateway.transactions16 import MAX_TAG, Handled, on_start, on_stop, tag_status

SUBPROTOCOL: Final = "ocpp1.6"

STATUSES: Final[dict[str, LoadStatus]] = {
    "available": "available",
    "preparing": "preparing",
    "occupied": "preparing",
    "charging": "charging",
    "suspendedev": "suspended_ev",
    "suspendedevse": "suspended_evse",
    "finishing": "finishing",
    "reserved": "unavailable",
    "unavailable": "unavailable",
    "faulted": "faulted",
}

_boot = Reader(BootNotification)
_status = Reader(StatusNotification)
_meter_values = Reader(MeterValues, QuickMeterValues)
_authorize = Reader(Authorize)
_anything = Reader(Request)

Handler = Callable[[Station, Raw, Moment], Handled]


def on_boot(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Return Accepted with the time; the station's memory of profiles is taken as gone, and it is set up anew."""
    told = _boot.read(payload)
    maker = (told.charge_point_vendor, told.charge_point_model, told.firmware_version)
    if told.charging_station is not None:
        maker = (told.charging_station.vendor_name, told.charging_station.model, told.charging_station.firmware_version)
    station, learned = made_by(station, tuple(text(word, 50) for word in maker))
    link = station.link
    if link is not None:
        link = replace(link, state=after(link.state, "boots"), steps=())
    # What a running transaction was told of phases stays: saying nothing now could switch them under current.
    outlets = tuple(replace(outlet, working=None, default=None, told=None) for outlet in station.outlets)
    station = replace(
        station,
        link=link,
        outlets=outlets,
        clock=StationClock(),
        drift_from=None,
        streams=(),
        tried_running=(),
        tried_idle=(),
    )
    answer = {"status": "Accepted", "currentTime": utc_text(moment.utc), "interval": HEARTBEAT_S}
    return Handled(station, answer, (*learned, *(Changed(outlet.plan.connector) for outlet in outlets)))


def on_heartbeat(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Return the time."""
    _anything.read(payload)
    return Handled(station, {"currentTime": utc_text(moment.utc)})


def on_status(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take a connector's state; connector 0 is the station's and concerns an outlet only when it is out of order."""
    told = _status.read(payload)
    connector, raw = whole(told.connector_id), text(told.status, 50)
    if connector is None:
        raise PeerProtocolError("TypeConstraintViolation", "connectorId is not a whole number")
    station = replace(station, clock=observe(station.clock, read_time(told.timestamp), moment))
    station, outputs = status_told(station, connector, Told(STATUSES.get(raw.lower()), raw), moment.now_s)
    return Handled(station, {}, outputs)


def on_meter_values(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take the newest samples of an outlet; older than what we have, or than five minutes, they drive nothing."""
    told = _meter_values.read_quickly(payload)
    connector = whole(told.connector_id)
    outlet = meant_by(station, connector if connector is not None else -1)
    if outlet is None:
        return Handled(station, {})
    transaction = None if told.transaction_id is None else whole(told.transaction_id) or 0
    station, outputs = values_told(station, outlet, Values(told.meter_value, transaction), moment)
    return Handled(station, {}, outputs)


def on_authorize(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Return whether the tag is among those of the site file."""
    tag = text(_authorize.read(payload).id_tag, MAX_TAG)
    return Handled(station, {"idTagInfo": {"status": tag_status(station, tag)}})


def accepts(answer: dict[str, Any]) -> Handler:
    """Return a handler that gives `answer` to whatever it gets."""

    def handle(station: Station, payload: Raw, moment: Moment) -> Handled:
        _anything.read(payload)
        return Handled(station, answer)

    return handle


ON_CALL: Final[dict[str, Handler]] = {
    "BootNotification": on_boot,
    "Heartbeat": on_heartbeat,
    "StatusNotification": on_status,
    "MeterValues": on_meter_values,
    "StartTransaction": on_start,
    "StopTransaction": on_stop,
    "Authorize": on_authorize,
    "DataTransfer": accepts({"status": "UnknownVendorId"}),
    "SecurityEventNotification": accepts({}),
    "FirmwareStatusNotification": accepts({}),
    "SignedFirmwareStatusNotification": accepts({}),
    "DiagnosticsStatusNotification": accepts({}),
    "LogStatusNotification": accepts({}),
    "SignCertificate": accepts({"status": "Rejected"}),
}


def is_stored_first(action: str, payload: Raw) -> bool:
    """Tell whether a call's event is stored before the call is answered."""
    del payload
    return action in ("StartTransaction", "StopTransaction")


def on_call(station: Station, action: str, payload: Raw, moment: Moment) -> Handled:
    """Return what a station's call leads to; raises `PeerProtocolError` with the code of its refusal."""
    handler = ON_CALL.get(action)
    if handler is None:
        raise PeerProtocolError("NotImplemented", f"{action[:60]!a} is not served")
    return handler(station, payload, moment)
