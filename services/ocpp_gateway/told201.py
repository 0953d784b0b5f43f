"""What a 2.x station tells beside transactions: its device model, a vehicle's needs, limits of others. Pure.

A report comes in parts and is bounded; its variables are read as the configuration keys that 1.6 would have. A
vehicle's needs are answered Accepted, which promises a profile: the working one is written again (use case K15). A
limit from outside is told as an alert and never touched.
"""

from typing import Any, Final

from msgspec import Raw
from msgspec.structs import replace

from services.ocpp_gateway import calls201, setup16
from services.ocpp_gateway.alarms import alarm
from services.ocpp_gateway.messages16 import Reader, listed
from services.ocpp_gateway.messages201 import Needs as NeedsTold
from services.ocpp_gateway.messages201 import (
    NotifyChargingLimit,
    NotifyEVChargingNeeds,
    NotifyReport,
    ReportedVariable,
    ReportHead,
)
from services.ocpp_gateway.station import (
    LOST_S,
    Changed,
    Moment,
    Needs,
    Outlet,
    Output,
    Remember,
    Report,
    Reported,
    Station,
    meant_by,
    with_outlet,
)
from services.ocpp_gateway.tolerant import moment as read_time
from services.ocpp_gateway.tolerant import number, text, whole
from services.ocpp_gateway.transactions16 import Handled

MAX_PARTS: Final = 64

_report = Reader(NotifyReport)
_head = Reader(ReportHead)
_whole = Reader(dict[str, Any])
_needs = Reader(NotifyEVChargingNeeds)
_limit = Reader(NotifyChargingLimit)


def _with_part(station: Station, payload: Raw) -> tuple[Station, list[Output]]:
    """Return the station with one more part of a report, and the report when it is whole."""
    head = _head.read(payload)
    request = whole(head.request_id) or 0
    known = station.report if station.report is not None and station.report.request == request else Report(request)
    part: dict[str, Any] = _whole.read(payload)
    report = replace(known, parts=(*known.parts, part)[:MAX_PARTS])
    if head.tbc:
        return replace(station, report=report), []
    return replace(station, report=None), [Reported(report)]


def on_part(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take a part of a report that somebody asked for."""
    del moment
    station, outputs = _with_part(station, payload)
    return Handled(station, {}, tuple(outputs))


def on_report(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take a part of the device model, and learn from it what GetVariables did not tell."""
    told = _variables(listed(_report.read(payload).report_data))
    station, outputs = _with_part(station, payload)
    if told and not station.learned.units:
        learned = setup16.learn(station.learned, told)
        outputs += [Remember()] if learned != station.learned else []
        station = replace(station, learned=learned)
    del moment
    return Handled(station, {}, tuple(outputs))


def _variables(reported: list[ReportedVariable]) -> dict[str, tuple[str, bool]]:
    """Return key of 1.6 → (value, read-only) of the variables that we know."""
    keys = {named[:2]: key.lower() for key, named in calls201.VARIABLES.items()}
    found = {}
    for each in reported:
        component = text(each.component.name, 50) if each.component is not None else ""
        variable = text(each.variable.name, 50) if each.variable is not None else ""
        key = keys.get((component, variable))
        for attribute in listed(each.variable_attribute):
            if key is not None and text(attribute.type or "Actual", 20).lower() == "actual":
                readonly = text(attribute.mutability, 20).lower() == "readonly"
                found[key] = (text(attribute.value, 2_000), readonly)
    return found


def on_needs(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take what a vehicle wants; the profile that the answer promises is due at once."""
    del moment
    told = _needs.read(payload)
    outlet = meant_by(station, whole(told.evse_id) or 0)
    if outlet is None or told.charging_needs is None:
        return Handled(station, {"status": "Rejected"})
    outlet = replace(outlet, needs=_needs_of(told.charging_needs), lines_used=_lines(told.charging_needs, outlet))
    if outlet.working is not None:
        outlet = replace(outlet, working=replace(outlet.working, sent_s=LOST_S))
    return Handled(with_outlet(station, outlet), {"status": "Accepted"}, (Changed(outlet.plan.connector),))


def _needs_of(told: NeedsTold) -> Needs:
    ac = told.ac_charging_parameters
    energy_wh = number(ac.energy_amount) if ac is not None else None
    max_a = number(ac.ev_max_current) if ac is not None else None
    return Needs(
        energy_wh=energy_wh if energy_wh is not None and 0 <= energy_wh <= 1e9 else None,
        max_a=max_a if max_a is not None and 0 < max_a <= 10_000 else None,
        leaves_at=read_time(told.departure_time),
    )


def _lines(told: NeedsTold, outlet: Outlet) -> int | None:
    """Return how many lines it uses: as measured, or one where it says so; more must be seen, not said."""
    says_one = text(told.requested_energy_transfer, 40).lower() == "ac_single_phase"
    return 1 if outlet.lines_used is None and says_one else outlet.lines_used


def _limited(station: Station, payload: Raw, source: str, detail: str) -> Handled:
    """Return the station with the outlets that a message means limited by `source`; "" = no longer."""
    evse = whole(_limit.read(payload).evse_id) or 0
    outputs: list[Output] = []
    for outlet in station.outlets:
        if evse in (0, outlet.plan.connector):
            told, more = alarm(
                replace(outlet, outside=source), station.plan, "station_outside", active=bool(source), detail=detail
            )
            station, outputs = with_outlet(station, told), [*outputs, *more]
    return Handled(station, {}, tuple(outputs))


def on_limit(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take that somebody else limits the station: a person is told, its profile is never touched."""
    del moment
    told = _limit.read(payload)
    source = text(told.charging_limit.charging_limit_source, 20) if told.charging_limit is not None else ""
    schedules = listed(told.charging_schedule)
    periods = listed(schedules[0].charging_schedule_period) if schedules else []
    limit = number(periods[0].limit) if periods else None
    unit = text(schedules[0].charging_rate_unit, 2) if schedules else ""
    detail = f" ({source!a})" if limit is None else f" ({source!a}): {limit:g} {unit}"
    return _limited(station, payload, source or "Other", detail)


def on_limit_cleared(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take that nobody else limits the station any more."""
    del moment
    return _limited(station, payload, "", "")
