"""What is remembered of one meter between samples: order, period, freezing, alerts told. Pure data and rules.

Period: the median of the last intervals, so that an outage is no period; never above what its role allows.
Order: a sample that the source itself calls older than one we had is dropped. Seven such within a minute are told,
until ten minutes have passed without one; the same sample again is no disorder, as many are asked more often than they
measure.
Frozen: energy flows but the whole sample, counters and all, repeats for `FROZEN_AFTER_S`. A counter that stands still
proves nothing by itself: many devices count one direction only, or in steps of 0.1 or 1 kWh. Zeros (a sun at night, an
idle battery) are not frozen.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import median

from msgspec import Struct, structs

from evenload.contracts.events import MeterRole
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.counters import Counter
from services.meter_ingest.raw import RawSample

MAX_INTERVALS = 9
MAX_PERIOD_S = 20.0
"""A period above it must be declared `slow: true` (faults.md section 2)."""
MAX_SLOW_PERIOD_S = 3_600.0
FROZEN_AFTER_S: Mapping[MeterRole, float] = {"grid": 600.0}
FROZEN_AFTER_OTHERS_S = 3_600.0
"""An inverter or battery at its limit may tell the same for long."""
FLOWING_W = 100.0
MAX_OLD_IN_A_ROW = 3
"""After so many older stamps in a row the source's clock or counter has stepped back, and is followed."""
DISORDERED, DISORDERED_S, ORDERED_S = 7, 60.0, 600.0
"""So many older samples within so long are told, and no longer after so long without one."""


class MeterMemory(Struct, frozen=True, kw_only=True):
    """Remembered of one meter; times are monotonic seconds."""

    heard_s: float | None = None
    """When the last reading was made; None = never."""
    started_s: float | None = None
    """When this memory began to wait for readings."""
    intervals_s: tuple[float, ...] = ()
    seq: int | None = None
    taken_at: datetime | None = None
    old_in_a_row: int = 0
    older_s: tuple[float, ...] = ()
    """When the last samples came that were older than one before."""
    moved_s: float | None = None
    """When the sample last changed."""
    mark: RawSample | None = None
    imported: Counter = Counter()
    exported: Counter = Counter()
    told: Mapping[str, bool] = {}
    """Alert kind → last told state; a kind not in it may have been raised by an earlier run."""


def period_s(plan: MeterPlan, memory: MeterMemory) -> float:
    """Return the meter's usual time between readings, s, in tenths; what was asked of it until it is known."""
    usual_s = median(memory.intervals_s) if len(memory.intervals_s) >= 3 else plan.period_s
    highest_s = MAX_SLOW_PERIOD_S if plan.slow else MAX_PERIOD_S
    return round(min(max(usual_s, 0.1), max(highest_s, plan.period_s)), 1)


def silent_after_s(plan: MeterPlan, memory: MeterMemory) -> float:
    """Return the age from which the meter counts as silent."""
    return max(2.5 * period_s(plan, memory), 5.0)


def begun(memory: MeterMemory, now_s: float) -> MeterMemory:
    """Return the memory with the time from which a first reading is awaited."""
    return memory if memory.started_s is not None else structs.replace(memory, started_s=now_s)


def is_older(memory: MeterMemory, raw: RawSample) -> bool:
    """Tell whether the source itself says that the sample is older than, or the same as, one we had."""
    if memory.old_in_a_row >= MAX_OLD_IN_A_ROW:
        return False
    if raw.seq is not None and memory.seq is not None:
        return raw.seq <= memory.seq
    if raw.taken_at is not None and memory.taken_at is not None:
        return raw.taken_at < memory.taken_at
    return False


def after_older(memory: MeterMemory, raw: RawSample, now_s: float) -> MeterMemory:
    """Return the memory after a sample that was dropped as older, or as the same again."""
    again = raw.seq is not None and raw.seq == memory.seq
    older_s = memory.older_s if again else (*memory.older_s, now_s)[-DISORDERED:]
    return structs.replace(memory, old_in_a_row=memory.old_in_a_row + 1, older_s=older_s)


def is_disordered(memory: MeterMemory, now_s: float) -> bool | None:
    """Tell whether the source's samples come out of order; None = neither told often enough nor over for long enough.

    A source that restarted is followed after three of them, so that even two restarts in a minute are no such thing.
    """
    older_s = memory.older_s
    if len(older_s) == DISORDERED and now_s - older_s[0] <= DISORDERED_S:
        return True
    return False if not older_s or now_s - older_s[-1] >= ORDERED_S else None


def after_sample(memory: MeterMemory, raw: RawSample, now_s: float) -> MeterMemory:
    """Return the memory after a sample that became a reading."""
    interval = () if memory.heard_s is None else (now_s - memory.heard_s,)
    mark = structs.replace(raw, seq=None, taken_at=None)
    moved = memory.moved_s is None or mark != memory.mark
    return structs.replace(
        memory,
        heard_s=now_s,
        intervals_s=(*memory.intervals_s, *interval)[-MAX_INTERVALS:],
        seq=raw.seq,
        taken_at=raw.taken_at,
        old_in_a_row=0,
        moved_s=now_s if moved else memory.moved_s,
        mark=mark,
    )


def is_frozen(memory: MeterMemory, raw: RawSample, flow: tuple[MeterRole, float | None], now_s: float) -> bool:
    """Tell whether the source repeats itself although energy flows; `flow` = role and total W, None = not known."""
    role, power_w = flow
    flows = power_w is not None and abs(power_w) >= FLOWING_W
    if raw.traits.reports_changes or not flows or memory.moved_s is None:
        return False
    after_s = FROZEN_AFTER_S.get(role, FROZEN_AFTER_OTHERS_S)
    return now_s - memory.moved_s >= max(after_s, 30 * (median(memory.intervals_s or (0.0,))))


def stamp_skew(raw: RawSample, now: datetime) -> timedelta:
    """Return how far the source's clock is from ours; zero when it has none."""
    return timedelta() if raw.taken_at is None else raw.taken_at - now
