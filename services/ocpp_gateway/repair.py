"""The repair ladder: what is done about a station that draws or offers more than its limit (ocpp.md section 6). Pure.

Disobedience is measured current, or Current.Offered, above the limit in force by more than 3 % + 0.5 A, after the
station's lag, in 3 samples and for 30 s. Drawing less never counts; an offer so far below the limit that somebody
else's profile must lie over ours takes the first three rungs, once a transaction. Each rung waits for fresh evidence:

    send again → clear our profile, send again → clear foreign TxProfiles and TxDefaultProfiles, by purpose →
    the next unit, purpose, level (each once) → the other kind → Reset soft → Reset hard → given up, sent again

An installer's ChargePointMaxProfile is never cleared. A reset needs measured current above the limit and a day since
the last one. What the station draws meanwhile is reserved: `LoadState.obeys` is false.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from services.ocpp_gateway import ladder
from services.ocpp_gateway.alarms import alarm
from services.ocpp_gateway.capability import Kind
from services.ocpp_gateway.card import kind_of
from services.ocpp_gateway.leases import in_force_a, target_a
from services.ocpp_gateway.profile16 import profile_id
from services.ocpp_gateway.station import LOST_S, Moment, Outlet, Output, Over, Remember, Station, Step, with_outlet

SHARE: Final = 0.03
MARGIN_A: Final = 0.5
SAMPLES: Final = 3
FOR_S: Final = 30.0
SOFT_REST_S: Final = 120.0
HARD_REST_S: Final = 300.0
RESET_EVERY_S: Final = 86_400.0
COARSEST_A: Final = 3.0
"""The widest step between limits that a station is known to round down by (row 27: 13 to 16 A)."""
HARD_WITHIN_S: Final = 600.0
"""The hard reset follows a soft one that did not help."""

Rung = Callable[[Station, Outlet, Moment], tuple[Station, Outlet, tuple[Step, ...]]]


def allowed_a(outlet: Outlet, now_s: float) -> float | None:
    """Return what the outlet may draw by all that we know, A per line; None = it was never told anything.

    One that refuses every limit, or takes none as low as it should, is held to its setpoint: what it draws above it
    must be reserved.
    """
    if "station_refuses" in outlet.warned or outlet.least_a > target_a(outlet, now_s):
        return target_a(outlet, now_s)
    return in_force_a(outlet, now_s)


def _bound_a(limit_a: float) -> float:
    return limit_a * (1 + SHARE) + MARGIN_A


class Shown(Struct, frozen=True, gc=False):
    """What one sample shows, A per line; `offered_a` None = this message did not tell, what is old does not count."""

    drawn_a: float
    offered_a: float | None
    lag_s: float


def observed(outlet: Outlet, shown: Shown, now_s: float) -> Outlet:
    """Return the outlet with the evidence of one more sample; samples within the lag of a write show nothing."""
    limit_a, working = in_force_a(outlet, now_s), outlet.working
    if limit_a is None or working is None:
        return outlet if outlet.evidence is None else replace(outlet, evidence=None)
    if now_s - max(working.since_s, outlet.acted_s) < shown.lag_s:
        return outlet
    drawn_a, offered_a = shown.drawn_a, shown.offered_a
    outlet = _offered_less(outlet, offered_a, limit_a, now_s)
    bound_a = _bound_a(limit_a)
    if drawn_a <= bound_a and (offered_a is None or offered_a <= bound_a):
        return _seen_to_obey(outlet, drawn_a, limit_a)
    seen = outlet.evidence
    return replace(outlet, evidence=Over(now_s, 1) if seen is None else Over(seen.since_s, seen.samples + 1))


def _offered_less(outlet: Outlet, offered_a: float | None, limit_a: float, now_s: float) -> Outlet:
    """Return the outlet with the evidence of an offer that no coarse step explains (rows 14, 27)."""
    if offered_a is None:
        return outlet
    starved = offered_a < outlet.plan.min_a <= limit_a
    if not starved and offered_a >= _least_bound_a(limit_a) - COARSEST_A:
        return outlet if outlet.less is None else replace(outlet, less=None)
    seen = outlet.less
    return replace(outlet, less=Over(now_s, 1) if seen is None else Over(seen.since_s, seen.samples + 1))


def _least_bound_a(limit_a: float) -> float:
    return limit_a * (1 - SHARE) - MARGIN_A


def _seen_to_obey(outlet: Outlet, drawn_a: float, limit_a: float) -> Outlet:
    """Return the outlet at the foot of the ladder; a limit that binds the vehicle proves the way it was told."""
    if outlet.evidence is not None or outlet.stage:
        outlet = replace(outlet, evidence=None, stage=0)
    binds = limit_a >= outlet.plan.min_a and drawn_a >= 0.85 * limit_a and limit_a < outlet.plan.max_a - 1.0
    return replace(outlet, proven=True) if binds and not outlet.proven else outlet


def _resend(station: Station, outlet: Outlet, moment: Moment) -> tuple[Station, Outlet, tuple[Step, ...]]:
    return station, _lost(outlet), ()


def _lost(outlet: Outlet) -> Outlet:
    return outlet if outlet.working is None else replace(outlet, working=replace(outlet.working, sent_s=LOST_S))


def _clear_own(station: Station, outlet: Outlet, moment: Moment) -> tuple[Station, Outlet, tuple[Step, ...]]:
    rung = station.learned.running
    if rung is None:
        return station, _lost(outlet), ()
    payload = {"id": profile_id(rung, outlet.plan.connector, station.learned)}
    default = None if rung.purpose == "default" else outlet.default
    return station, replace(_lost(outlet), default=default), (_clear(payload),)


def _clear(payload: dict[str, Any]) -> Step:
    return Step("clear", "ClearChargingProfile", payload)


def _clear_foreign(station: Station, outlet: Outlet, moment: Moment) -> tuple[Station, Outlet, tuple[Step, ...]]:
    """Clear by purpose, never with an empty filter; ours go with them and are written again."""
    connector = outlet.plan.connector
    filters = (("TxProfile", connector), ("TxDefaultProfile", connector), ("TxDefaultProfile", 0))
    steps = tuple(_clear({"connectorId": where, "chargingProfilePurpose": purpose}) for purpose, where in filters)
    others = tuple(replace(each, default=None) for each in station.outlets)
    return replace(station, outlets=others), replace(_lost(outlet), default=None), steps


def _next_way(station: Station, outlet: Outlet, moment: Moment) -> tuple[Station, Outlet, tuple[Step, ...]]:
    """Distrust the way that was accepted and not obeyed; when none is left, the other kind of profile is tried."""
    rung = station.learned.running
    distrusted = station.distrusted if rung is None else (*station.distrusted, rung)
    station = replace(station, distrusted=distrusted)
    steps: tuple[Step, ...] = ()
    if rung is not None:
        outlet = replace(outlet, default=None) if rung.purpose == "default" else outlet
        steps = (_clear({"id": profile_id(rung, outlet.plan.connector, station.learned)}),)
    if ladder.running_rung(station, outlet.transaction is not None) is not None:
        return station, replace(_lost(outlet), stage=outlet.stage - 1), steps
    station = replace(station, distrusted=())
    if "kind" not in station.plan.overrides:
        other: Kind = "relative" if kind_of(station) == "absolute" else "absolute"
        station = replace(station, learned=replace(station.learned, kind=other))
    return station, _lost(outlet), steps


def _reset(how: str) -> Rung:
    def reset(station: Station, outlet: Outlet, moment: Moment) -> tuple[Station, Outlet, tuple[Step, ...]]:
        """Restart the station, where it really draws too much and was not restarted within a day."""
        at_s = moment.utc.timestamp()
        drawn_a = max(outlet.reading.line_a or (0.0,)) if outlet.reading is not None else 0.0
        limit_a = in_force_a(outlet, moment.now_s)
        since_s = at_s - station.learned.reset_at_s
        rested = since_s <= HARD_WITHIN_S if how == "Hard" else since_s >= RESET_EVERY_S
        if limit_a is None or drawn_a <= _bound_a(limit_a) or not rested:
            return station, _lost(outlet), ()
        learned = replace(station.learned, reset_at_s=at_s)
        return replace(station, learned=learned), outlet, (Step("reset", "Reset", {"type": how}),)

    return reset


LADDER: Final[tuple[tuple[Rung, float], ...]] = (
    (_resend, 0.0),
    (_clear_own, 0.0),
    (_clear_foreign, 0.0),
    (_next_way, 0.0),
    (_reset("Soft"), SOFT_REST_S),
    (_reset("Hard"), HARD_REST_S),
)
"""What is done, and how long nothing more is done after it."""
GIVEN_UP: Final[tuple[Rung, float]] = (_resend, HARD_REST_S)


UNCOVERING: Final[tuple[Rung, ...]] = (_resend, _clear_own, _clear_foreign)
"""What is done about an offer far below the limit."""


def is_due(outlet: Outlet, now_s: float) -> bool:
    """Tell whether the evidence is enough for the next rung; the first sample is after a resume from 0 A (row 20)."""
    seen = outlet.evidence
    if seen is None or now_s < outlet.rest_until_s:
        return False
    resumed = outlet.working is not None and outlet.working.resumes and outlet.stage == 0
    return resumed or (seen.samples >= SAMPLES and now_s - seen.since_s >= FOR_S)


def _taken(station: Station, outlet: Outlet, moment: Moment, rung: Rung) -> tuple[Station, Outlet]:
    """Return both with a rung taken and its calls put before all others."""
    station, outlet, steps = rung(station, outlet, moment)
    link = station.link
    assert link is not None
    return replace(station, link=replace(link, steps=(*steps, *link.steps))), outlet


def _uncovered(station: Station, outlet: Outlet, moment: Moment) -> tuple[Station, list[Output]]:
    """Return the station with somebody else's lower profile cleared, where it seems to lie over ours.

    Less is never unsafe: each rung is taken once in a transaction, then it is told and left so.
    """
    now_s, seen, stage = moment.now_s, outlet.less, outlet.less_stage
    due = seen is not None and seen.samples >= SAMPLES and now_s - seen.since_s >= FOR_S
    outputs: list[Output] = []
    if seen is None and stage:
        outlet, outputs = alarm(outlet, station.plan, "station_offers_less", active=False)
    elif due and stage < len(UNCOVERING) and outlet.transaction is not None:
        outlet = replace(outlet, less=None, less_stage=stage + 1, acted_s=now_s)
        station, outlet = _taken(station, outlet, moment, UNCOVERING[stage])
    elif due and stage == len(UNCOVERING):
        outlet, outputs = alarm(outlet, station.plan, "station_offers_less", active=True)
    return with_outlet(station, outlet), outputs


def repaired(station: Station, outlet: Outlet, moment: Moment) -> tuple[Station, list[Output]]:
    """Return the station with the next rung of the ladder taken for this outlet, where it is due."""
    now_s = moment.now_s
    if station.link is None or outlet.priority:
        return with_outlet(station, outlet), []
    if not is_due(outlet, now_s):
        return _uncovered(station, outlet, moment)
    outputs: list[Output] = []
    taken, rest_s = LADDER[outlet.stage] if outlet.stage < len(LADDER) else GIVEN_UP
    if outlet.stage >= len(LADDER):
        outlet, outputs = alarm(outlet, station.plan, "station_unrepaired", active=True)
    outlet = replace(
        outlet, evidence=None, acted_s=now_s, rest_until_s=now_s + rest_s, stage=outlet.stage + 1, proven=False
    )
    before = station.learned
    station, outlet = _taken(station, outlet, moment, taken)
    if station.learned != before:
        outputs.append(Remember())
    return with_outlet(station, outlet), outputs
