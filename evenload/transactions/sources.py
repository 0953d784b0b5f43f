"""Where a transaction's energy came from: sun, battery, grid, as far as decisions were kept. Pure.

Each decision says what the grid, the sun and the battery gave; until the next one every load drew that mix: share of
the sun = sun / (sun + battery + import), and so on. A load's shares are weighted by its amperes over that time. Time
without decisions (older than the history, the allocator down) is not covered: its energy is of unknown origin.
"""

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from msgspec import Struct

from evenload.contracts.phases import PerPhase
from evenload.transactions.view import Transaction, energy_wh

LONGEST_GAP_S: Final = 90.0
"""Decisions come each 60 s at least; after a longer silence nothing is known of the time between."""


class LoadDraw(Struct, frozen=True, kw_only=True):
    """The part of a `LoadDecision` that counts here."""

    load: str
    measured_a: PerPhase | None = None


class Mix(Struct, frozen=True, kw_only=True, tag="Decision", tag_field="type"):
    """The part of a `Decision` that counts here."""

    site: str
    decided_at: datetime
    breaker_a: float | None = None
    import_w: float | None = None
    solar_w: float | None = None
    battery_w: float | None = None
    loads: tuple[LoadDraw, ...] = ()


class Origin(Struct, frozen=True, kw_only=True):
    """Energy by source, Wh; `unknown_wh` is what no decision covers."""

    sun_wh: float = 0.0
    battery_wh: float = 0.0
    grid_wh: float = 0.0
    unknown_wh: float = 0.0


class Drawn(Struct, frozen=True, kw_only=True):
    """Ampere-seconds by source, and for how long they are known."""

    sun_as: float = 0.0
    battery_as: float = 0.0
    grid_as: float = 0.0
    known_s: float = 0.0


class Span(Struct, frozen=True):
    """When the transaction at this place of the list ran."""

    place: int
    started_at: datetime
    ended_at: datetime


Spans = dict[str, deque[Span]]
"""By load, oldest first."""


def fractions(mix: Mix) -> tuple[float, float, float] | None:
    """Return the shares of sun, battery and grid in what the site used; None when the grid's part is not known."""
    import_w = 0.0 if mix.breaker_a is None else mix.import_w
    if import_w is None:
        return None
    parts_w = [max(0.0, mix.solar_w or 0.0), max(0.0, mix.battery_w or 0.0), max(0.0, import_w)]
    total_w = sum(parts_w)
    return None if total_w <= 0.0 else (parts_w[0] / total_w, parts_w[1] / total_w, parts_w[2] / total_w)


def drawn(transactions: Iterable[Transaction], mixes: Iterable[Mix], until: datetime) -> dict[int, Drawn]:
    """Return by place in `transactions` what each drew from where; `until` ends those that still run.

    `mixes` are of one site, in order.
    """
    spans = _spans(transactions, until)
    found: dict[int, Drawn] = {}
    before: Mix | None = None
    for mix in mixes:
        if before is not None:
            _add(found, spans, before, mix.decided_at)
        before = mix
    if before is not None:
        _add(found, spans, before, until)
    return found


def _spans(transactions: Iterable[Transaction], until: datetime) -> Spans:
    found: dict[str, list[Span]] = {}
    for place, each in enumerate(transactions):
        if each.load and each.started_at is not None:
            found.setdefault(each.load, []).append(Span(place, each.started_at, each.ended_at or until))
    return {load: deque(sorted(spans, key=lambda span: span.started_at)) for load, spans in found.items()}


def _add(found: dict[int, Drawn], spans: Spans, mix: Mix, to: datetime) -> None:
    """Add what was drawn between a decision and the next one at `to`."""
    if not 0.0 < (to - mix.decided_at).total_seconds() <= LONGEST_GAP_S:
        return
    parts = fractions(mix)
    for load in mix.loads:
        queue = spans.get(load.load)
        draws_a = load.measured_a.total() or 0.0 if load.measured_a is not None else 0.0
        if not queue or (parts is None and draws_a > 0.0):
            continue
        while queue and queue[0].ended_at <= mix.decided_at:
            queue.popleft()
        for span in queue:
            lasts_s = (min(to, span.ended_at) - max(mix.decided_at, span.started_at)).total_seconds()
            if lasts_s <= 0.0:
                break
            more = Drawn(known_s=lasts_s) if parts is None else _part(parts, max(0.0, draws_a) * lasts_s, lasts_s)
            found[span.place] = _sum(found.get(span.place, Drawn()), more)


def _part(parts: tuple[float, float, float], amount_as: float, lasts_s: float) -> Drawn:
    sun, battery, grid = (fraction * amount_as for fraction in parts)
    return Drawn(sun_as=sun, battery_as=battery, grid_as=grid, known_s=lasts_s)


def _sum(one: Drawn, other: Drawn) -> Drawn:
    return Drawn(
        sun_as=one.sun_as + other.sun_as,
        battery_as=one.battery_as + other.battery_as,
        grid_as=one.grid_as + other.grid_as,
        known_s=one.known_s + other.known_s,
    )


def origin(transaction: Transaction, parts: Drawn | None, until: datetime) -> Origin | None:
    """Return a transaction's energy by source; None when its energy is not known."""
    total_wh = energy_wh(transaction)
    if total_wh is None:
        return None
    total_as = 0.0 if parts is None else parts.sun_as + parts.battery_as + parts.grid_as
    if parts is None or transaction.started_at is None or total_as <= 0.0:
        return Origin(unknown_wh=total_wh)
    lasts_s = ((transaction.ended_at or until) - transaction.started_at).total_seconds()
    known_wh = total_wh * min(1.0, parts.known_s / max(lasts_s, 1.0))
    return Origin(
        sun_wh=known_wh * parts.sun_as / total_as,
        battery_wh=known_wh * parts.battery_as / total_as,
        grid_wh=known_wh * parts.grid_as / total_as,
        unknown_wh=total_wh - known_wh,
    )
