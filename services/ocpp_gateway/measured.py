"""What an outlet draws and whether it obeys, from its samples. Pure.

Not obeying is drawing more than the limit in force + 1 A for 10 s or two samples, whichever is later (faults.md I9);
drawing less never counts. What is done about it is `repair.py`'s.
"""

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from services.ocpp_gateway.alarms import alarm
from services.ocpp_gateway.card import LAG_S
from services.ocpp_gateway.config import OBEY_LAG_S, OBEY_MARGIN_A, StationPlan
from services.ocpp_gateway.repair import Shown, allowed_a, observed
from services.ocpp_gateway.samples import IN_USE_A, Sampled
from services.ocpp_gateway.station import Moment, Outlet, Output, Over, Reading, StationClock

TRUSTED_LAG_S: Final = 60.0
AGREE_S: Final = 5.0


def take_sample(outlet: Outlet, sample: Sampled, moment: Moment, lag_s: float = LAG_S) -> Outlet:
    """Return the outlet with its newest values; a message without currents keeps the last ones."""
    old = outlet.reading
    line_a = sample.line_a if sample.line_a is not None else (old.line_a if old is not None else None)
    merged = sample if old is None else _merged(old.sample, sample)
    outlet = replace(outlet, reading=Reading(merged, line_a, moment.now_s))
    if sample.line_a is None:
        return outlet
    used = sum(1 for current_a in sample.line_a if current_a > IN_USE_A)
    if used and not sample.derived and used != outlet.lines_used:
        outlet = replace(outlet, lines_used=used)
    drawn_a = max(sample.line_a)
    return observed(_judged(outlet, drawn_a, moment.now_s), Shown(drawn_a, sample.offered_a, lag_s), moment.now_s)


def _merged(old: Sampled, new: Sampled) -> Sampled:
    """Return `new` with the old values where this message had none: stations spread them over messages."""
    if None not in (new.power_w, new.energy_wh, new.offered_a, new.lowest_v, new.temperature_c):
        return new
    return Sampled(
        measured_at=new.measured_at,
        line_a=new.line_a,
        power_w=new.power_w if new.power_w is not None or new.line_a is not None else old.power_w,
        energy_wh=new.energy_wh if new.energy_wh is not None else old.energy_wh,
        offered_a=new.offered_a if new.offered_a is not None else old.offered_a,
        temperature_c=new.temperature_c if new.temperature_c is not None else old.temperature_c,
        lowest_v=new.lowest_v if new.lowest_v is not None else old.lowest_v,
        derived=new.derived,
    )


def _judged(outlet: Outlet, drawn_a: float, now_s: float) -> Outlet:
    """Return the outlet with its verdict; before anything was written there is nothing to obey."""
    limit_a = allowed_a(outlet, now_s)
    if limit_a is None or drawn_a <= limit_a + OBEY_MARGIN_A:
        return outlet if outlet.over is None and outlet.obeys else replace(outlet, over=None, obeys=True)
    over = Over(now_s, 1) if outlet.over is None else Over(outlet.over.since_s, outlet.over.samples + 1)
    obeys = not (over.samples >= 2 and now_s - over.since_s >= OBEY_LAG_S)
    return replace(outlet, over=over, obeys=obeys)


def told_verdict(before: Outlet, outlet: Outlet, plan: StationPlan) -> tuple[Outlet, list[Output]]:
    """Return the outlet with the alert that is raised or cleared when the verdict turned."""
    if before.obeys == outlet.obeys:
        return outlet, []
    drawn_a = max(outlet.reading.line_a or (0.0,)) if outlet.reading is not None else 0.0
    outlet, outputs = alarm(
        outlet, plan, "station_disobeys", active=not outlet.obeys, detail=f": {drawn_a:.1f} A measured"
    )
    if outlet.obeys:
        outlet, more = alarm(outlet, plan, "station_unrepaired", active=False)
        outputs = [*outputs, *more]
    return outlet, outputs


def observe(clock: StationClock, at: datetime | None, moment: Moment) -> StationClock:
    """Return what is known of the station's clock after it stamped a message `at`.

    Within 60 s it agrees with ours. A larger difference may be old news or garbage, and a profile that starts in the
    future limits nothing: it is believed when a second stamp, some seconds later, shows the same difference.
    """
    if at is None:
        return clock
    offset_s = (at - moment.utc).total_seconds()
    if abs(offset_s) <= TRUSTED_LAG_S:
        return clock if clock.offset_s == 0.0 and clock.candidate_s is None else StationClock()
    candidate_s = clock.candidate_s
    if candidate_s is not None and abs(candidate_s - offset_s) < AGREE_S:
        return StationClock(offset_s) if moment.now_s - clock.candidate_at_s >= AGREE_S else clock
    return StationClock(clock.offset_s, offset_s, moment.now_s)
