"""What a station shows of itself while it works: maker, period of its values, lag, steps. Pure.

Each is learned from what was measured, and changes only when it is seen twice or by more than noise, so that the record
is written rarely.
"""

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from services.ocpp_gateway.leases import in_force_a
from services.ocpp_gateway.phasing import with_proof
from services.ocpp_gateway.station import Moment, Outlet, Output, Remember, Station

NOISE_S: Final = 2.0
OFFERS: Final = 4
CLOCK_NOISE_S: Final = 5.0
CLOCK_SET_S: Final = 600.0
"""A jump: the clock was set, drift is measured anew."""
DRIFT_OVER_S: Final = 3_600.0
DRIFT_NOISE_S: Final = 60.0


def made_by(station: Station, words: tuple[str, ...]) -> tuple[Station, list[Output]]:
    """Return the station with maker, model and firmware as it says at boot."""
    told = " ".join(word for word in words if word)[:120]
    if not told or told == station.learned.model:
        return station, []
    return replace(station, learned=replace(station.learned, model=told)), [Remember()]


def _rounded_s(gap_s: float) -> float:
    return float(round(gap_s)) if gap_s < 5 else float(5 * round(gap_s / 5))


def with_interval(station: Station, before: Outlet, outlet: Outlet) -> tuple[Station, Outlet]:
    """Return both with the period of meter values, once two gaps are alike."""
    if before.reading is None or outlet.reading is None or before.reading.at_s == outlet.reading.at_s:
        return station, outlet
    gap_s = _rounded_s(outlet.reading.at_s - before.reading.at_s)
    if gap_s == outlet.gap_s and 0 < gap_s <= 3_600 and gap_s != station.learned.interval_s:
        station = replace(station, learned=replace(station.learned, interval_s=gap_s))
    return station, outlet if gap_s == outlet.gap_s else replace(outlet, gap_s=gap_s)


def with_lag(station: Station, outlet: Outlet, now_s: float) -> tuple[Station, Outlet]:
    """Return both with the time from a cut to the first sample within it."""
    limit_a = in_force_a(outlet, now_s)
    if outlet.cut_s is None or outlet.reading is None or limit_a is None:
        return station, outlet
    drawn_a = max(outlet.reading.line_a or (0.0,))
    lag_s = now_s - outlet.cut_s
    if drawn_a > limit_a + 1.0:
        return station, outlet if lag_s < 120 else replace(outlet, cut_s=None)
    known = station.learned.lag_s
    if known is None or abs(known - lag_s) > NOISE_S:
        station = replace(station, learned=replace(station.learned, lag_s=float(round(lag_s))))
    return station, replace(outlet, cut_s=None)


def with_step(station: Station, outlet: Outlet, now_s: float) -> tuple[Station, Outlet]:
    """Return both with the step of limits: 1 A when it offers whole amperes only, 0.1 A when it offers tenths."""
    offered_a = outlet.reading.sample.offered_a if outlet.reading is not None else None
    limit_a = in_force_a(outlet, now_s)
    fits = offered_a is not None and limit_a is not None and offered_a <= limit_a + 0.05
    if not fits or offered_a is None or offered_a < outlet.plan.min_a or offered_a in outlet.offers:
        return station, outlet
    offers = (*outlet.offers, offered_a)[-OFFERS:]
    outlet = replace(outlet, offers=offers)
    if any(abs(each - round(each)) > 0.04 for each in offers):
        step_a: float | None = 0.1
    else:
        step_a = 1.0 if len(offers) == OFFERS else station.learned.step_a
    if step_a != station.learned.step_a:
        station = replace(station, learned=replace(station.learned, step_a=step_a))
    return station, outlet


def with_clock(station: Station, at: datetime | None, moment: Moment) -> Station:
    """Return the station with the offset of its clock, and what it gains a day once an hour was measured."""
    if at is None:
        return station
    offset_s = (at - moment.utc).total_seconds()
    learned = station.learned
    if learned.clock_s is None or abs(learned.clock_s - offset_s) >= CLOCK_NOISE_S:
        learned = replace(learned, clock_s=float(round(offset_s)))
    first = station.drift_from
    if first is None or abs(offset_s - first[1]) > CLOCK_SET_S:
        station, first = replace(station, drift_from=(moment.now_s, offset_s)), (moment.now_s, offset_s)
    passed_s = moment.now_s - first[0]
    if passed_s >= DRIFT_OVER_S:
        gains_s = round((offset_s - first[1]) / passed_s * 8_640.0) * 10.0
        known_s = learned.drift_s
        if known_s is None or abs(known_s - gains_s) > DRIFT_NOISE_S:
            learned = replace(learned, drift_s=gains_s)
    return station if learned is station.learned else replace(station, learned=learned)


def watched(station: Station, before: Outlet, outlet: Outlet, now_s: float) -> tuple[Station, Outlet]:
    """Return station and outlet after one more sample, with what it shows."""
    station, outlet = with_interval(station, before, outlet)
    station, outlet = with_lag(station, outlet, now_s)
    station, outlet = with_step(station, outlet, now_s)
    station = with_proof(station, before, outlet)
    if outlet.proven and not station.learned.proven:
        station = replace(station, learned=replace(station.learned, proven=True))
    return station, outlet
