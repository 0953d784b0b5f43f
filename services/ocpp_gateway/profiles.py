"""Which profile a station needs next. Pure; `profile16.py` builds the payload, `outcomes.py` reads the answer.

In a transaction the working profile follows the lease: cuts at once, raises at least 10 s apart for a station, renewed
at half its validity; when the lease has ended, the failsafe is written. Without a transaction only the default at the
failsafe is written, and only when it changes: profiles survive reboots and wear flash (faults.md section 2).
"""

from typing import Any, Final

from msgspec.structs import replace

from services.ocpp_gateway import ladder
from services.ocpp_gateway.capability import Rung
from services.ocpp_gateway.card import bears_two_periods, may_end
from services.ocpp_gateway.config import PROFILE_S, RAISE_SPACING_S, RENEW_AFTER_S
from services.ocpp_gateway.leases import failsafe_a, in_force_a, is_live, written_a
from services.ocpp_gateway.phasing import is_due, phases_to_write
from services.ocpp_gateway.profile16 import (
    Wanted,
    charging_profile,
    ending_of,
    is_dynamic,
    kind_word,
    profile_id,
    rate,
    start_schedule,
)
from services.ocpp_gateway.station import LOST_S, Flight, Moment, Outlet, Station, Written, is_running

SAME_A: Final = 0.05
ACTION: Final = "SetChargingProfile"
UPDATE: Final = "UpdateDynamicSchedule"


def _wanted_running(outlet: Outlet, station: Station, now_s: float) -> Wanted | None:
    """Return the working profile that is due, None while the one in force will do."""
    rung = ladder.running_rung(station, outlet.transaction is not None)
    if rung is None or not (_is_due(outlet, now_s) or is_due(outlet, station, rung, now_s)):
        return None
    if needs_floor(rung, outlet, station):
        return _wanted_idle(outlet, station)
    phases = phases_to_write(outlet, station, rung, now_s)
    return Wanted(rung=rung, limit_a=written_a(outlet, now_s), ends=is_live(outlet, now_s), phases=phases)


def needs_floor(rung: Rung, outlet: Outlet, station: Station) -> bool:
    """Tell whether the failsafe default must be written first, so that a default with a duration can lie over it."""
    below = ladder.idle_rung(station)
    single = rung.purpose == "default" and not bears_two_periods(station.learned) and may_end(station)
    return single and outlet.default is None and below is not None and below.level < rung.level


def _is_due(outlet: Outlet, now_s: float) -> bool:
    working, limit_a, live = outlet.working, written_a(outlet, now_s), is_live(outlet, now_s)
    if working is None:
        return live or outlet.default is None
    if working.sent_s == LOST_S:
        return True
    if abs(working.limit_a - limit_a) > SAME_A:
        ended = working.ends_s is not None and now_s >= working.ends_s
        return live or not ended
    if not live:
        return False
    if working.ends_s is None:
        return not working.endless
    return now_s - working.sent_s >= RENEW_AFTER_S


def _wanted_idle(outlet: Outlet, station: Station) -> Wanted | None:
    fallback_a = failsafe_a(outlet)
    held = outlet.default
    if held is not None and held.sent_s != LOST_S and abs(held.limit_a - fallback_a) <= SAME_A:
        return None
    rung = ladder.idle_rung(station)
    return None if rung is None else Wanted(rung=rung, limit_a=fallback_a, ends=False, idle=True)


def wanted(outlet: Outlet, station: Station, now_s: float) -> Wanted | None:
    """Return the profile that this outlet needs now, None when none or when the station must be left alone."""
    if now_s < outlet.refused_until_s:
        return None
    if is_running(outlet):
        return _wanted_running(outlet, station, now_s)
    return _wanted_idle(outlet, station)


def is_cut(outlet: Outlet, profile: Wanted, now_s: float) -> bool:
    """Tell whether the profile lowers what the station may draw; unknown counts as unlimited."""
    in_force = in_force_a(outlet, now_s)
    return in_force is None or profile.limit_a < in_force - SAME_A


def is_raise(outlet: Outlet, profile: Wanted, now_s: float) -> bool:
    """Tell whether the profile allows more than what is in force."""
    in_force = in_force_a(outlet, now_s)
    return in_force is not None and profile.limit_a > in_force + SAME_A


def cut_due(station: Station, moment: Moment) -> Flight | None:
    """Return the write that lowers an outlet, the deepest first; nothing else goes before it."""
    now_s = moment.now_s
    due = [
        (profile.limit_a - (in_force_a(outlet, now_s) or outlet.plan.max_a), outlet, profile)
        for outlet in station.outlets
        if (profile := wanted(outlet, station, now_s)) is not None and is_cut(outlet, profile, now_s)
    ]
    if not due:
        return None
    _, outlet, profile = min(due, key=lambda item: item[0])
    return write(outlet, profile, station, moment)


def other_due(station: Station, moment: Moment) -> Flight | None:
    """Return the next raise or renewal; raises wait until the last one to this station is 10 s old."""
    now_s = moment.now_s
    for outlet in station.outlets:
        profile = wanted(outlet, station, now_s)
        if profile is None:
            continue
        if is_raise(outlet, profile, now_s) and now_s - station.raised_s < RAISE_SPACING_S:
            in_force = in_force_a(outlet, now_s)
            expiring = outlet.working is not None and now_s - outlet.working.sent_s >= RENEW_AFTER_S
            if in_force is None or not expiring:
                continue
            profile = replace(profile, limit_a=in_force)
        return write(outlet, profile, station, moment)
    return None


def _resumes(outlet: Outlet, limit_a: float) -> bool:
    paused = outlet.working is not None and outlet.working.limit_a < outlet.plan.min_a
    return paused and limit_a >= outlet.plan.min_a


def _call(outlet: Outlet, profile: Wanted, station: Station, moment: Moment) -> tuple[str, dict[str, Any]]:
    """Return the call that writes a profile, or that only changes the limit of a dynamic one."""
    held, rung = outlet.working, profile.rung
    same_lines = held is not None and held.phases == profile.phases
    if (
        is_dynamic(profile, outlet, station)
        and held is not None
        and held.dynamic
        and held.sent_s != LOST_S
        and same_lines
    ):
        limit = rate(profile.limit_a, rung, outlet, station)
        update = {"chargingProfileId": profile_id(rung, outlet.plan.connector, station.learned)}
        return UPDATE, {**update, "scheduleUpdate": {"limit": limit}}
    ending = ending_of(profile, outlet, station, moment.now_s)
    payload = charging_profile(profile, outlet, station, ending)
    if kind_word(profile, outlet, station) == "Absolute":
        start = start_schedule(moment.utc, station.clock)
        payload["csChargingProfiles"]["chargingSchedule"]["startSchedule"] = start
    return ACTION, payload


def write(outlet: Outlet, profile: Wanted, station: Station, moment: Moment) -> Flight:
    """Return the call that writes `profile`, with all that its answer will need."""
    now_s = moment.now_s
    ending = ending_of(profile, outlet, station, now_s)
    action, payload = _call(outlet, profile, station, moment)
    validity_s = None if ending.after_s is None else float(PROFILE_S)
    lease = outlet.lease if is_live(outlet, now_s) and not profile.idle else None
    endless = profile.ends and ending.how == "none"
    raised = is_raise(outlet, profile, now_s)
    return Flight(
        kind="profile",
        action=action,
        payload=payload,
        sent_s=now_s,
        connector=outlet.plan.connector,
        rung=profile.rung,
        written=Written(
            limit_a=profile.limit_a,
            sent_s=now_s,
            ends_s=None if validity_s is None else now_s + validity_s,
            seq=lease.setpoint.seq if lease is not None else 0,
            endless=endless,
            dynamic=ending.how == "offline",
            phases=profile.phases,
            resumes=_resumes(outlet, profile.limit_a),
        ),
        setpoint=lease.setpoint if lease is not None else None,
        raised=raised,
        idle=profile.idle,
        endless=endless,
        cause_s=lease.cause_s if lease is not None and (raised or is_cut(outlet, profile, now_s)) else None,
    )
