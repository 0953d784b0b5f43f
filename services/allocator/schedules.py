"""What the schedules set at a moment, as values that lie between the site file and what is set by hand. Pure.

For each load and each value (mode, limit, target) the last window in its list that covers the wall-clock time and sets
that value counts; outside every such window the load's own value in the file holds. A value that is set by hand is left
alone: it ends by itself when the schedule next changes that value (`overrides.py`).
"""

from collections.abc import Callable
from datetime import datetime, tzinfo

from msgspec import Struct

from evenload.contracts.records import Override
from evenload.site.scheduled import SET_BY, Value, change_of_any, value_at, windows_of
from evenload.site.schema import Site

LAID_BY: dict[str, Callable[[Override], Value]] = {
    "mode": lambda item: item.mode,
    "max_a": lambda item: item.max_a,
    "target_c": lambda item: item.target_c,
}


class Scheduled(Struct, frozen=True, kw_only=True):
    """What the schedules of a site set now, and when any of it next changes, UTC; None = in no fortnight."""

    values: tuple[Override, ...] = ()
    next_change: datetime | None = None


def scheduled(site: Site, overrides: tuple[Override, ...], now: datetime, zone: tzinfo) -> Scheduled:
    """Return what the schedules set at `now` for values that are not set by hand."""
    values: list[Override] = []
    changes: list[datetime] = []
    for load in sorted(site.loads):
        windows = windows_of(site, overrides, load)
        if not windows:
            continue
        ends = change_of_any(windows, tuple(SET_BY), now, zone)
        changes += [ends] if ends is not None else []
        by_hand = {
            key for item in overrides if item.load == load for key, of in LAID_BY.items() if of(item) is not None
        }
        found = {key: value_at(windows, key, now, zone) for key in SET_BY if key not in by_hand}
        if any(value is not None for value in found.values()):
            values.append(Override(load=load, until=ends, by="schedule", at=now, **found))  # type: ignore[arg-type]  # by key
    return Scheduled(values=tuple(values), next_change=min(changes, default=None))
