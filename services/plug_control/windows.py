"""The windows of a day in which something may run, and how much of them is left until a deadline. Pure."""

from datetime import date, datetime, timedelta

from msgspec import Struct

from services.plug_control.calendar import at_local, local_day

DAYS_IN_WEEK = 7


class Window(Struct, frozen=True):
    """From when until when, UTC."""

    begins: datetime
    ends: datetime


class Times(Struct, frozen=True, kw_only=True):
    """The window of each day, as 08:00 in the site's time zone, and whether the period is a day or a week."""

    begins: str
    ends: str
    time_zone: str
    weekly: bool


def windows_left(times: Times, now: datetime) -> tuple[Window, ...]:
    """Return the windows of this period that are not over, what is over cut off; when all are, the next period's.

    A week ends with Sunday's window.
    """
    days = _days_left(times, now)
    found = [window for day in days if (window := _window(times, day)).ends > now]
    if not found:
        after = days[-1] + timedelta(days=1)
        return tuple(_window(times, after + timedelta(days=day)) for day in range(DAYS_IN_WEEK if times.weekly else 1))
    return (Window(max(found[0].begins, min(now, found[0].ends)), found[0].ends), *found[1:])


def _days_left(times: Times, now: datetime) -> list[date]:
    """Return each local day of the period from today on."""
    today = local_day(now, times.time_zone)
    left = DAYS_IN_WEEK - today.weekday() if times.weekly else 1
    return [today + timedelta(days=day) for day in range(left)]


def _window(times: Times, day: date) -> Window:
    begins = at_local(day, times.begins, times.time_zone)
    return Window(begins, max(begins, at_local(day, times.ends, times.time_zone)))


def left_s(windows: tuple[Window, ...], now: datetime) -> float:
    """Return how much of the windows is still ahead, s."""
    return sum((window.ends - max(window.begins, now)).total_seconds() for window in windows)


def is_within(windows: tuple[Window, ...], now: datetime) -> bool:
    """Tell whether a window is open now."""
    return any(window.begins <= now < window.ends for window in windows)
