"""Consecutive answers of another configuration that say the same of a load, as one row of a table. Pure."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from evenload.replay.findings import LoadSaid, Otherwise

TOGETHER_S = 61.0
"""Told decisions are at most 60 s apart: a longer pause means that they agreed in between."""


class Span(Struct, frozen=True, kw_only=True):
    """Least and most of what was said in a row of decisions, A per line, and why."""

    setpoint_a: tuple[float, float]
    target_a: tuple[float, float]
    why: str


class Interval(Struct, frozen=True, kw_only=True):
    """Decisions from `begin` to `end` about one load in which both sides kept their reasons; None = no such load."""

    site: str
    load: str
    begin: datetime
    end: datetime
    decisions: int
    recorded: Span | None
    other: Span | None


def intervals(found: Iterable[Otherwise]) -> list[Interval]:
    """Return the rows, by their begin."""
    rows: list[Interval] = []
    newest: dict[tuple[str, str], int] = {}
    for each in found:
        row = Interval(
            site=each.site,
            load=each.load,
            begin=each.at,
            end=each.at,
            decisions=1,
            recorded=_span(each.recorded),
            other=_span(each.other),
        )
        place = newest.get((each.site, each.load))
        if place is not None and _continues(rows[place], row):
            rows[place] = _joined(rows[place], row)
        else:
            newest[each.site, each.load] = len(rows)
            rows.append(row)
    return rows


def _span(said: LoadSaid | None) -> Span | None:
    if said is None:
        return None
    setpoint_a, target_a = said.setpoint_a, said.target_a
    return Span(setpoint_a=(setpoint_a, setpoint_a), target_a=(target_a, target_a), why=said.why)


def _continues(one: Interval, other: Interval) -> bool:
    same = _why(one.recorded) == _why(other.recorded) and _why(one.other) == _why(other.other)
    return same and 0 <= (other.begin - one.end).total_seconds() <= TOGETHER_S


def _why(span: Span | None) -> str | None:
    return None if span is None else span.why


def _joined(one: Interval, other: Interval) -> Interval:
    return replace(
        one,
        end=other.end,
        decisions=one.decisions + 1,
        recorded=_wider(one.recorded, other.recorded),
        other=_wider(one.other, other.other),
    )


def _wider(one: Span | None, other: Span | None) -> Span | None:
    if one is None or other is None:
        return one
    return Span(
        setpoint_a=(min(one.setpoint_a[0], other.setpoint_a[0]), max(one.setpoint_a[1], other.setpoint_a[1])),
        target_a=(min(one.target_a[0], other.target_a[0]), max(one.target_a[1], other.target_a[1])),
        why=one.why,
    )
