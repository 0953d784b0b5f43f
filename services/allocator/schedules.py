"""What the schedules set at a moment, as values that lie between the site file and what is set by hand. Pure.

For each load and each value (mode, limit, target) the last window in its list that covers the wall-clock time and sets
that value counts; outside every such window the load's own value in the file holds. A value that is set by hand is left
alone: it ends by itself when the schedule next changes that value (`overrides.py`).
"""

from collections.abc import Callable
from datetime import datetime, tzinfo

from msgspec import Struct

from evenload.contracts.events import AskedMode
from evenload.contracts.records import Override
from evenload.contracts.schedules import ScheduleWindow
from evenload.site.schema import Site
from evenload.site.windows import Window, WindowFault, covers, next_change, parsed

Value = AskedMode | float | None
Windows = tuple[tuple[Window, ScheduleWindow], ...]
SET_BY: dict[str, Callable[[ScheduleWindow], Value]] = {
    "mode": lambda window: window.mode,
    "max_a": lambda window: window.max_a,
    "target_c": lambda window: window.target_c,
}
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
        ends = _next(windows, tuple(SET_BY), now, zone)
        changes += [ends] if ends is not None else []
        by_hand = {
            key for item in overrides if item.load == load for key, of in LAID_BY.items() if of(item) is not None
        }
        found = {key: value_at(windows, key, now, zone) for key in SET_BY if key not in by_hand}
        if any(value is not None for value in found.values()):
            values.append(Override(load=load, until=ends, by="schedule", at=now, **found))  # type: ignore[arg-type]  # by key
    return Scheduled(values=tuple(values), next_change=min(changes, default=None))


def windows_of(site: Site, overrides: tuple[Override, ...], load: str) -> Windows:
    """Return a load's windows: those set by hand, else the file's."""
    by_hand = [item.schedule for item in overrides if item.load == load and item.schedule is not None]
    written = by_hand[-1] if by_hand else site.schedules.get(load, ())
    return tuple((window, each) for each in written if (window := _read(each)) is not None)


def _read(window: ScheduleWindow) -> Window | None:
    try:
        return parsed(window.when)
    except WindowFault:  # kept by another version: the checks of this one let none in
        return None


def value_at(windows: Windows, key: str, now: datetime, zone: tzinfo) -> Value:
    """Return what the windows set for `key` at `now`; None = nothing, the file's value holds."""
    local = now.astimezone(zone)
    for window, each in reversed(windows):
        value = SET_BY[key](each)
        if value is not None and covers(window, local):
            return value
    return None


def change_of(windows: Windows, key: str, now: datetime, zone: tzinfo) -> datetime | None:
    """Return when the windows next change what they set for `key`, UTC; None = in no fortnight."""
    return _next(windows, (key,), now, zone)


def _next(windows: Windows, keys: tuple[str, ...], now: datetime, zone: tzinfo) -> datetime | None:
    def values(instant: datetime) -> tuple[Value, ...]:
        return tuple(value_at(windows, key, instant, zone) for key in keys)

    return next_change(values, (window for window, _ in windows), now, zone)
