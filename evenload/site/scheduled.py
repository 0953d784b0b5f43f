"""What a load's windows set at a moment, and when that next changes: the allocator lays it, the planner minds it.

Pure. Of the windows that cover the wall-clock time and set a value, the last in the list counts.
"""

from collections.abc import Callable
from datetime import datetime, tzinfo

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
    return change_of_any(windows, (key,), now, zone)


def change_of_any(windows: Windows, keys: tuple[str, ...], now: datetime, zone: tzinfo) -> datetime | None:
    """Return when the windows next change what they set for any of `keys`, UTC; None = in no fortnight."""

    def values(instant: datetime) -> tuple[Value, ...]:
        return tuple(value_at(windows, key, instant, zone) for key in keys)

    return next_change(values, (window for window, _ in windows), now, zone)
