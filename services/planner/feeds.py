"""A JSON answer → a forecast, in three shapes: a list of entries, two lists side by side, values by time. Pure."""

import math
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from evenload.contracts.plan_events import Forecast, ForecastSlot
from evenload.devices.json_path import find, steps
from evenload.site.money import Feed

SLOTS_MOST = 1000
_MILLISECONDS_FROM = 1e11
"""A number above it counts milliseconds since 1970: in seconds it would be the year 5138."""
_LEAST, _MOST = -1_000_000.0, 10_000_000.0


class FeedFault(ValueError):
    """The answer holds no forecast where the site file says."""


def forecast_of(site: str, source: str, feed: Feed, answer: Any, *, when: tuple[datetime, tzinfo]) -> Forecast:
    """Return the forecast in `answer`; `when` = (now, the site's zone, for times without an offset).

    Raises `FeedFault`.
    """
    now, zone = when
    slots: dict[datetime, float] = {}
    for begin, value in _pairs(feed, answer)[:SLOTS_MOST]:
        at, number = _time(begin, zone), _number(value)
        scaled = number * feed.scale + feed.add_value if number is not None else math.nan
        if at is not None and _LEAST <= scaled <= _MOST:
            slots[at] = scaled
    if not slots:
        raise FeedFault("no times with values at the paths of the site file")
    ordered = tuple(ForecastSlot(starts_at=at, value=round(slots[at], 6)) for at in sorted(slots))
    ends_at = ordered[-1].starts_at + timedelta(seconds=feed.slot_s)
    return Forecast(site=site, kind=feed.kind, source=source, issued_at=now, slots=ordered, ends_at=ends_at)


def _pairs(feed: Feed, answer: Any) -> list[tuple[Any, Any]]:
    if feed.slots is not None:
        entries = find(answer, steps(feed.slots))
        starts, value = steps(feed.starts_at or ""), steps(feed.value)
        return [(find(entry, starts), find(entry, value)) for entry in entries] if isinstance(entries, list) else []
    values = find(answer, steps(feed.value))
    if isinstance(values, dict):
        return list(values.items())
    begins = find(answer, steps(feed.starts_at)) if feed.starts_at is not None else None
    if not isinstance(values, list) or not isinstance(begins, list):
        return []
    return list(zip(begins, values, strict=False))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _time(value: Any, zone: tzinfo) -> datetime | None:
    number = _number(value)
    try:
        if number is not None:
            return datetime.fromtimestamp(number / (1000 if abs(number) > _MILLISECONDS_FROM else 1), UTC)
        at = datetime.fromisoformat(str(value))
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
