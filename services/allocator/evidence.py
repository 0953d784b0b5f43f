"""The evidence of limits from outside: what was told, when it took force, and what was drawn then. Pure.

Whenever what is in force of a source changes, the span before is closed with its mean and most, and a new one begins.
While a limit is in force it is noted when the site was first measured within it, and each 15 min the mean and the most.
What counts is what the scope bounds: the import, or what the loads draw from the grid, own solar taken off:

    managed = max(0, Σ draws of the loads − max(0, −Σ base)) · V,   base = what else flows at the connection

Means weigh each decision until the next one; a gap of more than 90 s, without decisions, is not counted.
"""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import Decision
from evenload.contracts.limit_events import LimitRecord, RecordKind
from evenload.contracts.limits import LimitInForce
from evenload.contracts.units import Name

QUARTER_S = 900.0
LONGEST_GAP_S = 90.0
WITHIN_RATIO, WITHIN_W = 1.01, 25.0
"""Measured within a limit: up to 1 % and 25 W above it, what meters of homes are off by."""


class Span(Struct, frozen=True, kw_only=True):
    """One state of one source, from when it took force."""

    limit: LimitInForce
    since: datetime
    heard_at: datetime | None
    after_s: float = 0.0
    """Since it took force."""
    followed: bool = False
    part_s: float = 0.0
    """Since the record before."""
    known_s: float = 0.0
    energy_wh: float = 0.0
    most_w: float | None = None
    last_w: float | None = None
    """What was drawn at the decision before."""


class Evidence(Struct, frozen=True, kw_only=True):
    """What was witnessed so far of one site."""

    spans: dict[Name, Span] = {}
    decided_s: float | None = None
    """Monotonic time of the decision before; None = none on this clock."""


def witnessed(before: Evidence, decision: Decision, voltage_v: float) -> tuple[Evidence, tuple[LimitRecord, ...]]:
    """Return what is witnessed with one more decision, and the records to keep."""
    lasted_s = 0.0 if before.decided_s is None else max(0.0, decision.now_s - before.decided_s)
    managed_w = managed_from_grid_w(decision, voltage_v)
    spans: dict[str, Span] = {}
    records: list[LimitRecord] = []
    now = {limit.source: limit for limit in decision.limits}
    for source, span in before.spans.items():
        aged = _aged(span, lasted_s)
        limit = now.pop(source, None)
        if limit is not None and _same(limit, span.limit):
            spans[source], found = _going_on(aged, decision, managed_w)
            records += found
            continue
        if span.limit.limit_w is not None:
            records.append(_record("ended", aged, decision, managed_w))
        if limit is not None:
            spans[source], began = _begun(limit, decision, managed_w)
            records.append(began)
    for source, limit in now.items():
        spans[source], began = _begun(limit, decision, managed_w)
        records.append(began)
    return Evidence(spans=spans, decided_s=decision.now_s), tuple(records)


def resumed(kept: Evidence) -> Evidence:
    """Return what was kept, for another process: the time between is not counted."""
    return replace(kept, decided_s=None)


def managed_from_grid_w(decision: Decision, voltage_v: float) -> float | None:
    """Return what the loads draw from the grid, own solar taken off, W; None while the grid is not known."""
    if decision.base_a is None:
        return None
    drawn_a = sum((load.measured_a.total() or 0.0) for load in decision.loads if load.measured_a is not None)
    surplus_a = max(0.0, -(decision.base_a.total() or 0.0))
    return round(max(0.0, drawn_a - surplus_a) * voltage_v, 1)


def _same(now: LimitInForce, before: LimitInForce) -> bool:
    return (now.scope, now.state, now.limit_w, now.told_w) == (
        before.scope,
        before.state,
        before.limit_w,
        before.told_w,
    )


def _aged(span: Span, lasted_s: float) -> Span:
    """Return the span with the time since the decision before, at what was drawn then."""
    counts_s = lasted_s if lasted_s <= LONGEST_GAP_S and span.last_w is not None else 0.0
    return replace(
        span,
        after_s=span.after_s + lasted_s,
        part_s=span.part_s + lasted_s,
        known_s=span.known_s + counts_s,
        energy_wh=span.energy_wh + counts_s / 3600 * (span.last_w or 0.0),
    )


def _begun(limit: LimitInForce, decision: Decision, managed_w: float | None) -> tuple[Span, LimitRecord]:
    heard_at = None
    if limit.heard_s is not None:
        heard_at = decision.decided_at - timedelta(seconds=max(0.0, decision.now_s - limit.heard_s))
    span = Span(limit=limit, since=decision.decided_at, heard_at=heard_at)
    record = _record("began", span, decision, managed_w)
    return _drawn(span, decision, managed_w), record


def _drawn(span: Span, decision: Decision, managed_w: float | None) -> Span:
    power_w = _bounded_w(span.limit, decision, managed_w)
    most_w = span.most_w
    if power_w is not None and span.followed:
        most_w = power_w if most_w is None else max(most_w, power_w)
    return replace(span, last_w=power_w, most_w=most_w)


def _bounded_w(limit: LimitInForce, decision: Decision, managed_w: float | None) -> float | None:
    return decision.import_w if limit.scope == "import" else managed_w


def _going_on(span: Span, decision: Decision, managed_w: float | None) -> tuple[Span, list[LimitRecord]]:
    limit_w = span.limit.limit_w
    if limit_w is None:
        return _drawn(span, decision, managed_w), []
    records = []
    power_w = _bounded_w(span.limit, decision, managed_w)
    if not span.followed and power_w is not None and power_w <= limit_w * WITHIN_RATIO + WITHIN_W:
        span = replace(span, followed=True)
        records.append(_record("followed", span, decision, managed_w))
    if span.part_s >= QUARTER_S:
        records.append(_record("measured", span, decision, managed_w))
        span = replace(span, part_s=0.0, known_s=0.0, energy_wh=0.0, most_w=None)
    return _drawn(span, decision, managed_w), records


def _record(kind: RecordKind, span: Span, decision: Decision, managed_w: float | None) -> LimitRecord:
    limit = span.limit
    mean_w = round(span.energy_wh * 3600 / span.known_s, 1) if span.known_s > 0 else None
    return LimitRecord(
        site=decision.site,
        source=limit.source,
        at=decision.decided_at,
        kind=kind,
        scope=limit.scope,
        state=limit.state,
        heard_at=span.heard_at,
        in_force_at=span.since,
        told_w=limit.told_w,
        limit_w=limit.limit_w,
        after_s=round(span.after_s, 1),
        import_w=decision.import_w,
        managed_w=managed_w,
        mean_w=mean_w if kind in ("measured", "ended") else None,
        most_w=span.most_w if kind in ("measured", "ended") else None,
    )
