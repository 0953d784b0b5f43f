"""Weekly windows of wall-clock time, as `mon-fri 22:00-06:00`: what they cover, and when that changes. Pure.

A window is judged by the wall clock alone: an instant is inside when the clock on the wall of the site's time zone says
a time that is inside. So a window that lies in the hour that daylight saving skips does not happen that night, one that
lies in the hour that comes twice happens twice, and `22:00-06:00` is 7 or 9 hours long in those nights. A window that
runs over midnight belongs to the day on which it begins.

Changes can only happen where a window begins or ends and where the wall clock is set; `next_change` looks at those
instants in order and takes the first at which the value is another one.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 1440
HORIZON_DAYS = 15
"""Two weeks and a day: a window that daylight saving skips this week comes next week."""
_DAY = "|".join(DAYS)
_DAY_WORD = re.compile(rf"({_DAY})(?:-({_DAY}))?")
_TIMES = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
V = TypeVar("V")


class WindowFault(ValueError):
    """A text that is no window: what is wrong, and what to write."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}"


class Window(Struct, frozen=True):
    """Days (0 = Monday) on which it begins, and minutes of the day; an end above 1440 is on the next day."""

    days: frozenset[int]
    begin_min: int
    end_min: int


def parsed(text: str) -> Window:
    """Return the window that `text` means; raise `WindowFault`."""
    words = text.lower().replace(",", " ").split()
    if not words:
        raise WindowFault("no days and no times", "write it as mon-fri 22:00-06:00")
    begin_min, end_min = 0, DAY_MINUTES
    if words[-1][:1].isdigit():
        begin_min, end_min = _times(words.pop())
    return Window(days_of(words), begin_min, end_min)


def days_of(words: list[str]) -> frozenset[int]:
    """Return the days that words as `mon-fri` or `sat` name, 0 = Monday; all for none. Raises `WindowFault`."""
    days: set[int] = set()
    for word in words:
        days |= _days(word.lower())
    return frozenset(days or range(7))


def _days(word: str) -> set[int]:
    found = _DAY_WORD.fullmatch(word)
    if found is None:
        raise WindowFault(
            f"{word[:40]!r} is no day", f"days are {', '.join(DAYS)} and ranges as mon-fri, then the times"
        )
    first = DAYS.index(found[1])
    last = DAYS.index(found[2] or found[1])
    return {(first + step) % 7 for step in range((last - first) % 7 + 1)}


def _times(word: str) -> tuple[int, int]:
    found = _TIMES.fullmatch(word)
    if found is None:
        raise WindowFault(f"{word[:40]!r} is no span of time", "write it as 22:00-06:00")
    begin_min = int(found[1]) * 60 + int(found[2])
    end_min = int(found[3]) * 60 + int(found[4])
    if begin_min >= DAY_MINUTES or end_min > DAY_MINUTES or int(found[2]) > 59 or int(found[4]) > 59:
        raise WindowFault(f"{word} is beyond the day", "times go from 00:00 to 24:00")
    if begin_min == end_min:
        raise WindowFault(f"{word} is empty", "name only the days when whole days are meant")
    return begin_min, end_min if end_min > begin_min else end_min + DAY_MINUTES


def zone_of(name: str) -> tzinfo:
    """Return the time zone; UTC where it is not known, as `evenload check` says then."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return UTC


def covers(window: Window, local: datetime) -> bool:
    """Tell whether the wall-clock time `local` is inside."""
    minute = local.hour * 60 + local.minute
    today = local.weekday() in window.days and window.begin_min <= minute < window.end_min
    return today or ((local.weekday() - 1) % 7 in window.days and minute + DAY_MINUTES < window.end_min)


def next_change(
    value_at: Callable[[datetime], V], windows: Iterable[Window], now: datetime, zone: tzinfo
) -> datetime | None:
    """Return the first instant after `now`, UTC, at which `value_at(instant)` differs from now; None = in no fortnight.

    `value_at` may depend on the wall clock only through what `windows` cover.
    """
    instants = _instants(tuple(windows), now, zone)
    value = value_at(now)
    for instant in instants[bisect_right(instants, now) :]:
        if value_at(instant) != value:
            return instant
    return None


def _instants(windows: tuple[Window, ...], now: datetime, zone: tzinfo) -> list[datetime]:
    """Return, in order, every instant at which a window may begin or end, or the wall clock is set."""
    if not windows:
        return []
    first = (now.astimezone(zone) - timedelta(days=1)).date()
    edges = {edge for window in windows for edge in (window.begin_min, window.end_min)}
    found: set[datetime] = set()
    for number in range(HORIZON_DAYS + 1):
        found.update(_at(first + timedelta(days=number), edges, zone))
    second = now.replace(microsecond=0)
    daily = [second + timedelta(days=number) for number in range(-1, HORIZON_DAYS + 1)]
    found.update(_set_between(before, after, zone) for before, after in pairwise(daily))
    return sorted(found)


def _at(day: date, edges: Iterable[int], zone: tzinfo) -> Iterator[datetime]:
    """Yield the instants, UTC, at which the wall clock says these minutes of `day`; both where they come twice."""
    for edge in edges:
        wall = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=edge)
        yield wall.astimezone(UTC)
        yield wall.replace(fold=1).astimezone(UTC)


def _set_between(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """Return the second in (before, after] at which the wall clock is set; `after` when it is not."""
    offset = before.astimezone(zone).utcoffset()
    if after.astimezone(zone).utcoffset() == offset:
        return after
    low, high = 0, round((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)
