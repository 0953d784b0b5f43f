"""What a station's answer to a profile means: the way that worked is remembered, the next one is tried. Pure.

Every way refused: a station that rejects 0 A gets the least that a vehicle takes (row 16); one that rejects that too is
left alone for a while, counts at its worst, and is told as an operator's task (rows 16, 22).
"""

from typing import Any, Final

from msgspec.structs import replace

from evenload.contracts.events import Applied, Clamped, Refused, Setpoint, SetpointResult, Unreachable
from services.ocpp_gateway import ladder
from services.ocpp_gateway.alarms import alarm
from services.ocpp_gateway.card import kind_of, lies_over, may_end
from services.ocpp_gateway.config import LADDER_REST_S, RAISE_SPACING_S
from services.ocpp_gateway.leases import target_a
from services.ocpp_gateway.profile16 import can_end
from services.ocpp_gateway.profiles import SAME_A, UPDATE
from services.ocpp_gateway.station import (
    LOST_S,
    Changed,
    Flight,
    Measure,
    Outlet,
    Output,
    Remember,
    Station,
    Step,
    Tell,
    Written,
    outlet_at,
    with_outlet,
)

SILENCES_TO_SWITCH: Final = 2
EARLY_S: Final = 0.9
EARLY_AGAIN_S: Final = 1.0


def result_of(outlet: Outlet, setpoint: Setpoint, outcome: SetpointResult) -> tuple[Outlet, list[Output]]:
    """Return the outlet and the result to tell; a renewal with the same outcome is not told again."""
    told = (type(outcome).__name__, setpoint.setpoint_a)
    return (outlet, []) if outlet.told == told else (replace(outlet, told=told), [Tell(outcome)])


def _taken(outlet: Outlet, setpoint: Setpoint, limit_a: float) -> SetpointResult:
    """Return the result of an accepted profile with this limit."""
    if limit_a > setpoint.setpoint_a + SAME_A:
        why = f"the station takes no limit below {outlet.least_a:g} A; it is held there"
        return Refused(setpoint=setpoint, why=why)
    if limit_a < setpoint.setpoint_a - SAME_A:
        why = f"raises are {RAISE_SPACING_S:g} s apart, and the load's max_a is {outlet.plan.max_a:g} A"
        return Clamped(setpoint=setpoint, applied_a=limit_a, why=why)
    return Applied(setpoint=setpoint)


def _cut_s(outlet: Outlet, flight: Flight) -> float | None:
    """Return when a limit below the draw was sent, to learn how long the station takes to follow."""
    assert flight.written is not None
    drawn_a = max(outlet.reading.line_a or (0.0,)) if outlet.reading is not None else 0.0
    return flight.sent_s if drawn_a > flight.written.limit_a + 1.0 else outlet.cut_s


def _kept(outlet: Outlet, written: Written) -> Written:
    """Return the profile with the time since which its limit has been in force."""
    old = outlet.working
    same = old is not None and abs(old.limit_a - written.limit_a) <= SAME_A
    return replace(written, since_s=old.since_s if same and old is not None else written.sent_s)


def _accepted(outlet: Outlet, flight: Flight, station: Station) -> tuple[Outlet, list[Output]]:
    written, setpoint, rung = flight.written, flight.setpoint, flight.rung
    assert written is not None
    assert rung is not None
    if flight.idle:
        return replace(outlet, default=written), [Changed(outlet.plan.connector)]
    lines_used = outlet.lines_used if written.phases == outlet.phases else None
    outlet = replace(outlet, phases=written.phases, lines_used=lines_used)
    outlet = replace(outlet, working=_kept(outlet, written), cut_s=_cut_s(outlet, flight))
    if rung.purpose == "max" or (rung.purpose == "default" and not lies_over(rung, station.learned)):
        outlet = replace(outlet, default=None)
    if setpoint is None:
        return outlet, [Changed(outlet.plan.connector)]
    outlet, outputs = result_of(outlet, setpoint, _taken(outlet, setpoint, written.limit_a))
    return outlet, [*outputs, Changed(outlet.plan.connector)]


def _learned_from(station: Station, flight: Flight, outlet: Outlet) -> Station:
    """Return the station with what an accepted profile shows; one without a transaction says nothing of TxProfiles."""
    learned = station.learned
    if flight.idle:
        learned = replace(learned, idle=flight.rung)
    elif outlet.transaction is not None or learned.running is None or learned.running.purpose != "tx":
        learned = replace(learned, running=flight.rung)
    if not flight.idle and _hidden_by_default(station, flight):
        station = _without_default(station, outlet)
        learned = replace(learned, idle=None)
    if outlet.least_a > 0 and learned.zero != "rejected":
        learned = replace(learned, zero="rejected")
    return replace(
        station,
        learned=learned,
        raised_s=flight.sent_s if flight.raised else station.raised_s,
        **({"tried_idle": ()} if flight.idle else {"tried_running": ()}),
    )


def _hidden_by_default(station: Station, flight: Flight) -> bool:
    """Tell whether a ChargePointMaxProfile was taken while a failsafe default holds: it could only lower that."""
    idle, rung = station.learned.idle, flight.rung
    return rung is not None and rung.purpose == "max" and idle is not None and idle.purpose == "default"


def _without_default(station: Station, outlet: Outlet) -> Station:
    assert station.link is not None
    assert station.learned.idle is not None
    clear = Step("clear", "ClearChargingProfile", {"id": 2 * outlet.plan.connector - 1})
    return replace(station, link=replace(station.link, steps=(clear, *station.link.steps)))


def on_accepted(station: Station, flight: Flight, now_s: float) -> tuple[Station, list[Output]]:
    """Return the station after it took the profile: the rung is remembered, the way is measured."""
    outlet = outlet_at(station, flight.connector)
    if outlet is None or flight.rung is None:
        return station, []
    before, phases = station.learned, outlet.phases
    station = _learned_from(station, flight, outlet)
    outputs: list[Output] = [Remember()] if station.learned != before else []
    outlet, told = _accepted(outlet, flight, station)
    outlet, alarms = _alarmed(outlet, flight, station)
    if outlet.phases != phases and not outputs:
        outputs.append(Remember())
    if flight.cause_s is not None:
        outputs.append(Measure("raise" if flight.raised else "cut", flight.sent_s - flight.cause_s))
        if outlet.lease is not None:
            outlet = replace(outlet, lease=replace(outlet.lease, cause_s=None))
    return with_outlet(station, outlet), [*outputs, *told, *alarms]


def _alarmed(outlet: Outlet, flight: Flight, station: Station) -> tuple[Outlet, list[Output]]:
    """Raise or clear what an accepted profile shows: no expiry, no 0 A, no refusal any more."""
    assert flight.rung is not None
    endless = not flight.idle and flight.endless and may_end(station) and not can_end(flight.rung, station)
    outputs: list[Output] = []
    for kind, active in (
        ("station_refuses", False),
        ("station_no_zero", outlet.least_a > outlet.plan.failsafe_a),
        ("station_no_expiry", endless or ("station_no_expiry" in outlet.warned and flight.idle)),
    ):
        outlet, told = alarm(outlet, station.plan, kind, active=active)
        outputs += told
    return outlet, outputs


def on_rejected(station: Station, flight: Flight, why: str, now_s: float) -> tuple[Station, list[Output]]:
    """Return the station with the next rung to try; when none is left, the least limit is tried, then it rests."""
    outlet = outlet_at(station, flight.connector)
    if outlet is None or flight.rung is None:
        return station, []
    if flight.written is not None and flight.written.phases != outlet.phases and not flight.idle:
        return _not_switched(station, outlet)
    if flight.written is not None and flight.written.dynamic:
        return _not_dynamic(station, outlet, flight)
    if _is_early(outlet, flight, now_s):
        return with_outlet(station, replace(outlet, refused_until_s=now_s + EARLY_AGAIN_S)), []
    tried: dict[str, Any]
    if flight.idle:
        station = replace(station, tried_idle=(*station.tried_idle, flight.rung))
        left, tried = ladder.idle_rung(station), {"tried_idle": ()}
    else:
        station = replace(station, tried_running=(*station.tried_running, flight.rung))
        left, tried = ladder.running_rung(station, outlet.transaction is not None), {"tried_running": ()}
    if left is not None:
        return station, []
    station = replace(station, **tried)
    if outlet.least_a == 0.0 and _has_low_limit(outlet, now_s):
        return with_outlet(station, replace(outlet, least_a=outlet.plan.min_a)), []
    return _rested(station, outlet, flight, why=why, now_s=now_s)


def _not_switched(station: Station, outlet: Outlet) -> tuple[Station, list[Output]]:
    """Return the station after it refused another number of lines: told this way again, without it."""
    station = with_outlet(station, replace(outlet, phases_refused=True))
    return replace(station, learned=replace(station.learned, switchable=False)), [Remember()]


def _not_dynamic(station: Station, outlet: Outlet, flight: Flight) -> tuple[Station, list[Output]]:
    """Return the station after it refused a dynamic profile; refused an update, it is written whole once more."""
    if flight.action == UPDATE and outlet.working is not None:
        return with_outlet(station, replace(outlet, working=replace(outlet.working, sent_s=LOST_S))), []
    return replace(station, learned=replace(station.learned, dynamic=False)), [Remember()]


def _is_early(outlet: Outlet, flight: Flight, now_s: float) -> bool:
    """Tell whether a station may not have taken in yet that its transaction began: the same way is tried again."""
    of_transaction = flight.rung is not None and flight.rung.purpose == "tx"
    return of_transaction and outlet.started_s is not None and now_s - outlet.started_s < EARLY_S


def _has_low_limit(outlet: Outlet, now_s: float) -> bool:
    """Tell whether what was rejected had a limit below the least current of a vehicle."""
    return min(target_a(outlet, now_s), outlet.plan.failsafe_a) < outlet.plan.min_a


def _rested(
    station: Station, outlet: Outlet, flight: Flight, *, why: str, now_s: float
) -> tuple[Station, list[Output]]:
    learned_zero = station.learned.zero == "rejected"
    outlet = replace(outlet, refused_until_s=now_s + LADDER_REST_S, least_a=outlet.least_a if learned_zero else 0.0)
    outputs: list[Output] = []
    if flight.setpoint is not None:
        outcome = Refused(setpoint=flight.setpoint, why=f"every way of SetChargingProfile was refused, last: {why}")
        outlet, outputs = result_of(outlet, flight.setpoint, outcome)
    outlet, told = alarm(outlet, station.plan, "station_refuses", active=True, detail=f"; its answer: {why[:120]!a}")
    return with_outlet(station, outlet), [*outputs, *told, Changed(outlet.plan.connector)]


def on_unanswered(station: Station, flight: Flight, why: str) -> tuple[Station, list[Output]]:
    """Return the station after no answer: a raise may have been taken, a cut may not: the higher one counts.

    From the second time on, the other kind of profile is tried: some stations answer only one (row 24).
    """
    outlet = outlet_at(station, flight.connector)
    if outlet is None or flight.written is None:
        return station, []
    if flight.raised and outlet.working is not None:
        uncertain = replace(flight.written, sent_s=LOST_S)
        outlet = replace(outlet, working=uncertain)
    outputs: list[Output] = []
    if flight.setpoint is not None:
        outcome = Unreachable(setpoint=flight.setpoint, why=why)
        outlet, outputs = result_of(outlet, flight.setpoint, outcome)
    silences = station.link.unanswered if station.link is not None else 0
    if silences >= SILENCES_TO_SWITCH and "kind" not in station.plan.overrides:
        other: Any = "relative" if kind_of(station) == "absolute" else "absolute"
        station = replace(station, learned=replace(station.learned, kind=other))
    return with_outlet(station, outlet), [*outputs, Changed(outlet.plan.connector)]
