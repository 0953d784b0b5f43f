"""A tank's or room's thermal model beside its core: learned from what is seen, and how long the sun can be waited for.

A core hands in each believed temperature with the power at that time; a look is taken each minute and where the power
changes (`evenload/thermal/learning.py` has the rest). The model is fitted anew each 6 h. While it says nothing, the
core goes by its hysteresis alone.

With a time of the day by which it must be ready (`ready_by`), heating may wait while
    left > 1.15 · heating + 30 min,    heating: by the model, in the last hours before, to the goal and a little more
and while it has not cooled too far (`waits_k`). Heating that began goes on to the target.
"""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from evenload.thermal.learning import Fit, Learning, Sample, fitted, seen
from evenload.thermal.model import Around, heating_s
from services.plug_control.calendar import first_at
from services.plug_control.core import Now

SAMPLE_S, REFIT_S = 60.0, 6 * 3600.0
CHANGED_RATIO = 0.2
SPARE_S, SPARE_RATIO = 1800.0, 1.15
"""For the noise of the thermometer and a late hand-wash (docs/decisions/0026 and `make thermal`)."""
SPARE_C = 0.5
TOLD_STEP = timedelta(minutes=15)


class Modelled(Struct, frozen=True, kw_only=True):
    """What is known of a body. Times are s of the monotonic clock."""

    learning: Learning = Learning()
    fit: Fit | None = None
    """The newest that could be told."""
    fitted_s: float = -1e9
    looked_s: float | None = None
    power_w: float = 0.0
    """Since the last look."""


class Body(Struct, frozen=True, kw_only=True):
    """What a core knows of its body: its power, W (cooling < 0), the surroundings, °C, and if others heat it too."""

    power_w: float
    ambient_c: float
    gains: bool


def learned(known: Modelled, body: Body, temperature_c: float, power_w: float, *, now_s: float) -> Modelled:
    """Return what is known after a look: `temperature_c` now, `power_w` electric from now on, cooling < 0."""
    changed = abs(power_w - known.power_w) > CHANGED_RATIO * max(abs(power_w), abs(known.power_w))
    if known.looked_s is not None and now_s - known.looked_s < SAMPLE_S and not changed:
        return known
    sample = Sample(at_s=now_s, temperature_c=temperature_c, power_w=known.power_w, ambient_c=body.ambient_c)
    learning = seen(known.learning, sample)
    after = replace(known, learning=learning, looked_s=now_s, power_w=power_w)
    if learning.rows == known.learning.rows or now_s - known.fitted_s < REFIT_S:
        return after
    return replace(after, fit=fitted(learning, gains=body.gains) or known.fit, fitted_s=now_s)


def latest_start(known: Modelled, body: Body, span_c: tuple[float, float], left_s: float) -> float | None:
    """Return in how many s heating must begin to bring it from one temperature to the other in time; 0 = now.

    None without a model. Coasting that ends at the goal leaves all the time but the spare.
    """
    if known.fit is None:
        return None
    start_c, goal_c = span_c
    further_c = SPARE_C if body.power_w > 0 else -SPARE_C
    around = Around(power_w=body.power_w, ambient_c=body.ambient_c)
    run_s = heating_s(known.fit.model, start_c, goal_c + further_c, around, by_s=left_s)
    return 0.0 if run_s is None else max(0.0, left_s - run_s * SPARE_RATIO - SPARE_S)


def ready_at(clocks: tuple[str, ...], now: datetime, time_zone: str) -> datetime:
    """Return the next of some times of the day, UTC."""
    return min(first_at(now, clock, time_zone) for clock in clocks)


def waits(known: Modelled, body: Body, span_c: tuple[float, float], until: datetime, *, now: Now) -> datetime | None:
    """Return until when the sun can be waited for, UTC in quarter hours; None = not any longer, or nothing is known."""
    start_s = latest_start(known, body, span_c, (until - now.utc).total_seconds())
    if start_s is None or start_s <= 0.0:
        return None
    at = now.utc + timedelta(seconds=start_s)
    return at - (at - datetime.min.replace(tzinfo=at.tzinfo)) % TOLD_STEP
