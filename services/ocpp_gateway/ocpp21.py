"""OCPP 2.1 as the station speaks it: 2.0.1's functions, and what 2.1 adds. Pure.

A station that takes dynamic profiles gets its setpoints by UpdateDynamicSchedule, or pulls them; one that streams tells
its power by notices (frame type 6, no answer). All others are spoken to as in 2.0.1.
"""

from typing import Final

from msgspec import Raw
from msgspec.structs import replace

from services.ocpp_gateway import ocpp201, streams21, told201
from services.ocpp_gateway.alarms import alarm
from services.ocpp_gateway.config import PROFILE_S
from services.ocpp_gateway.frames import PeerProtocolError
from services.ocpp_gateway.leases import in_force_a, written_a
from services.ocpp_gateway.messages16 import Reader
from services.ocpp_gateway.messages21 import Priority, Pull
from services.ocpp_gateway.ocpp16 import Handler
from services.ocpp_gateway.ocpp201 import MAX_ID, NOTED
from services.ocpp_gateway.profile16 import profile_id, rate
from services.ocpp_gateway.station import LOST_S, Changed, Moment, Outlet, Station, with_outlet
from services.ocpp_gateway.tolerant import text, whole
from services.ocpp_gateway.transactions16 import Handled

SUBPROTOCOL: Final = "ocpp2.1"
REFUSED: Final = {"status": "Rejected"}

_pull = Reader(Pull)
_priority = Reader(Priority)


def on_pull(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Return the limit of a dynamic profile of ours; a raise waits for our own turn, a cut does not."""
    wanted, rung = whole(_pull.read(payload).charging_profile_id), station.learned.running
    outlet = next((each for each in station.outlets if _holds(each, wanted, station)), None)
    if outlet is None or outlet.working is None or rung is None:
        return Handled(station, REFUSED)
    now_s = moment.now_s
    limit_a = min(written_a(outlet, now_s), in_force_a(outlet, now_s) or 0.0)
    since_s = outlet.working.since_s if limit_a == outlet.working.limit_a else now_s
    sent_s = now_s if limit_a >= outlet.plan.failsafe_a else LOST_S  # below it, it is written with its own end
    working = replace(outlet.working, limit_a=limit_a, sent_s=sent_s, since_s=since_s, ends_s=now_s + PROFILE_S)
    answer = {"status": "Accepted", "scheduleUpdate": {"limit": rate(limit_a, rung, outlet, station)}}
    told = (Changed(outlet.plan.connector),)
    return Handled(with_outlet(station, replace(outlet, working=working)), answer, told)


def _holds(outlet: Outlet, wanted: int | None, station: Station) -> bool:
    rung, working = station.learned.running, outlet.working
    if rung is None or working is None or not working.dynamic:
        return False
    return profile_id(rung, outlet.plan.connector, station.learned) == wanted


def on_priority(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take that a driver chose to charge with priority: what it draws is reserved, and nothing is repaired."""
    del moment
    told = _priority.read(payload)
    transaction = text(told.transaction_id, MAX_ID)
    outlet = next((each for each in station.outlets if transaction and each.transaction == transaction), None)
    if outlet is None:
        return Handled(station, {})
    active = told.activated is True
    outlet, outputs = alarm(replace(outlet, priority=active), station.plan, "station_priority", active=active)
    return Handled(with_outlet(station, outlet), {}, tuple(outputs))


ON_CALL: Final[dict[str, Handler]] = {
    **ocpp201.ON_CALL,
    "NotifyPriorityCharging": on_priority,
    "NotifyDERAlarm": NOTED,
    "NotifyDERStartStop": NOTED,
    "ReportDERControl": told201.on_part,
    "NotifyMonitoringReport": streams21.on_report,
    "OpenPeriodicEventStream": streams21.on_open,
    "ClosePeriodicEventStream": streams21.on_close,
    "PullDynamicScheduleUpdate": on_pull,
}


def on_call(station: Station, action: str, payload: Raw, moment: Moment) -> Handled:
    """Return what a station's call leads to; raises `PeerProtocolError` with the code of its refusal."""
    handler = ON_CALL.get(action)
    if handler is None:
        raise PeerProtocolError("NotImplemented", f"{action[:60]!a} is not served")
    return handler(station, payload, moment)


def on_notice(station: Station, action: str, payload: Raw, moment: Moment) -> Handled | None:
    """Return what a notice without an answer leads to; None when it is not known."""
    return streams21.on_notice(station, payload, moment) if action == streams21.NOTICE else None
