"""Pausing a vehicle whose station cannot pause by a limit, and starting it again. Pure.

A station that rejects 0 A is held at the least it takes; while it must not draw at all, its transaction is ended, and
where it refuses that, its connector is made inoperative (row 16). A station that ends the transaction at 0 A by itself
(row 17) is left so. When current is there again, a paused vehicle is started by RemoteStartTransaction; so is one that
waits for it after plugging in, where the site file says `remote_start: true` (row 72). To the allocator such a load is
`suspended_evse`. A transaction is never ended to pause where a limit can do it (rows 18, 19).
"""

from typing import Any, Final

from msgspec.structs import replace

from services.ocpp_gateway import ladder
from services.ocpp_gateway.alarms import alarm
from services.ocpp_gateway.card import zero_of
from services.ocpp_gateway.leases import in_force_a, is_live, target_a, written_a
from services.ocpp_gateway.profile16 import Wanted, charging_profile, ending_of, start_schedule
from services.ocpp_gateway.samples import IN_USE_A
from services.ocpp_gateway.station import Moment, Outlet, Output, Pause, Station, Step, with_outlet

PATIENCE_S: Final = 30.0
OFF_S: Final = 60.0
"""A start soon after a stop knocks some stations offline (row 75)."""
MAX_STARTS: Final = 3
PLUGGED_S: Final = 10.0
ANY_TAG: Final = "EVENLOAD"
WAITING: Final = ("preparing", "finishing", "suspended_evse", "suspended_ev")


def pause_due(station: Station, moment: Moment) -> tuple[Station, Step | None]:
    """Return the next call that pauses or starts a vehicle, None when none is due."""
    now_s = moment.now_s
    for outlet in station.outlets:
        step = _stop_step(outlet, now_s) or _start_step(outlet, station, moment)
        if step is not None:
            return with_outlet(station, replace(outlet, pause_asked_s=now_s)), step
    return station, None


def _call(action: str, payload: dict[str, Any], connector: int) -> Step:
    return Step("pause", action, payload, (str(connector),))


def _stop_step(outlet: Outlet, now_s: float) -> Step | None:
    """Return what ends the draw of a vehicle that must not draw and whose station takes no such limit."""
    if outlet.least_a <= target_a(outlet, now_s) or outlet.pause is not None or outlet.reading is None:
        return None
    draws = max(outlet.reading.line_a or (0.0,)) > IN_USE_A and outlet.transaction is not None
    held_s = now_s - outlet.working.sent_s if outlet.working is not None else 0.0
    if not draws or min(held_s, now_s - outlet.pause_asked_s) < PATIENCE_S:
        return None
    connector = outlet.plan.connector
    if outlet.stops_refused == 0:
        return _call("RemoteStopTransaction", {"transactionId": outlet.transaction}, connector)
    if outlet.stops_refused == 1:
        return _call("ChangeAvailability", {"connectorId": connector, "type": "Inoperative"}, connector)
    return None


def _start_step(outlet: Outlet, station: Station, moment: Moment) -> Step | None:
    """Return what starts a paused or waiting vehicle when there is current for it."""
    now_s = moment.now_s
    if not is_live(outlet, now_s) or target_a(outlet, now_s) < outlet.plan.min_a or outlet.transaction is not None:
        return None
    pause, connector = outlet.pause, outlet.plan.connector
    if now_s - outlet.pause_asked_s < PATIENCE_S:
        return None
    if pause is not None and now_s - pause.since_s < OFF_S:
        return None
    if pause is not None and pause.how == "inoperative":
        return _call("ChangeAvailability", {"connectorId": connector, "type": "Operative"}, connector)
    starts_itself = station.plan.overrides.get("remote_start") is True and outlet.status == "preparing"
    if pause is None and not (starts_itself and now_s - outlet.status_s >= PLUGGED_S):
        return None
    if outlet.status not in WAITING or outlet.starts >= MAX_STARTS:
        return None
    payload = {"connectorId": connector, "idTag": tag_for(outlet, station), **_profile(outlet, station, moment)}
    return _call("RemoteStartTransaction", payload, connector)


def _profile(outlet: Outlet, station: Station, moment: Moment) -> dict[str, Any]:
    """Return the limit to begin with, for a station whose transaction would end at the failsafe at once (row 17)."""
    rung = ladder.running_rung(station, in_transaction=True)
    if zero_of(station) != "ends" or rung is None or rung.purpose != "tx":
        return {}
    wanted = Wanted(rung=rung, limit_a=written_a(outlet, moment.now_s), ends=True)
    ending = ending_of(wanted, outlet, station, moment.now_s)
    profile = charging_profile(wanted, outlet, station, ending)["csChargingProfiles"]
    if profile["chargingProfileKind"] == "Absolute":
        profile["chargingSchedule"]["startSchedule"] = start_schedule(moment.utc, station.clock)
    return {"chargingProfile": {key: value for key, value in profile.items() if key != "transactionId"}}


def tag_for(outlet: Outlet, station: Station) -> str:
    """Return the tag for a remote start: the last one seen there, one of the site file's, or ours."""
    return outlet.id_tag or next(iter(station.plan.tags or ()), ANY_TAG)


def on_pause_answered(station: Station, step: Step, *, accepted: bool, now_s: float) -> tuple[Station, list[Output]]:
    """Return the station after the answer to a call of this file."""
    connector = int(step.others[0])
    outlet = next((each for each in station.outlets if each.plan.connector == connector), None)
    if outlet is None:
        return station, []
    if step.action == "RemoteStartTransaction":
        outlet = replace(outlet, starts=outlet.starts + 1)
        lost = outlet.starts >= MAX_STARTS and not accepted
        outlet = replace(outlet, pause=None) if lost else outlet
        outlet, outputs = alarm(outlet, station.plan, "station_not_started", active=lost)
        return with_outlet(station, outlet), outputs
    if step.payload.get("type") == "Operative":
        pause = Pause("stopped", now_s - OFF_S) if accepted else outlet.pause
        return with_outlet(station, replace(outlet, pause=pause)), []
    if accepted:
        how: Any = "stopped" if step.action == "RemoteStopTransaction" else "inoperative"
        return with_outlet(station, replace(outlet, pause=Pause(how, now_s))), []
    outlet = replace(outlet, stops_refused=outlet.stops_refused + 1)
    outlet, outputs = alarm(outlet, station.plan, "station_unpausable", active=outlet.stops_refused > 1)
    return with_outlet(station, outlet), outputs


def ended_by_limit(outlet: Outlet, reason: str, now_s: float) -> bool:
    """Tell whether a transaction ended because of our limit below what a vehicle takes, and not of its driver."""
    limit_a, working = in_force_a(outlet, now_s), outlet.working
    if limit_a is None or limit_a >= outlet.plan.min_a or reason.lower() in ("evdisconnected", "remote"):
        return False
    since_s = working.sent_s if working is not None else outlet.started_s
    return since_s is not None and 0.0 <= now_s - since_s <= 2 * OFF_S
