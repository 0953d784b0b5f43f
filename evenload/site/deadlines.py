"""Deadlines of needs, as `07:00`, `mon-fri 07:00` or `2026-06-01T07:00`: when the next one is. Pure.

A time of day repeats, on its days; one with a date is once. Times are wall-clock times of the site's zone. One in the
hour that daylight saving skips counts as an hour later, one in the hour that comes twice as the first.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo

from msgspec import Struct

from evenload.contracts.plans import Need
from evenload.site.windows import WindowFault, days_of

_TIME = re.compile(r"(\d{1,2}):(\d{2})")


class Deadline(Struct, frozen=True):
    """Days (0 = Monday) and minute of the day, or one wall-clock time; with an offset where it has one."""

    days: frozenset[int]
    minute: int
    once: datetime | None = None


def deadline(text: str) -> Deadline:
    """Return the deadline that `text` means; raise `WindowFault`."""
    words = text.replace(",", " ").split()
    if len(words) == 1 and "-" in words[0] and "t" in words[0].lower():
        try:
            return Deadline(frozenset(), 0, datetime.fromisoformat(words[0]))
        except ValueError:
            raise WindowFault(f"{text[:40]!r} is no date and time", "write it as 2026-06-01T07:00") from None
    found = _TIME.fullmatch(words[-1]) if words else None
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise WindowFault(f"{text[:40]!r} is no deadline", "write it as 07:00, mon-fri 07:00 or 2026-06-01T07:00")
    return Deadline(days_of(words[:-1]), int(found[1]) * 60 + int(found[2]))


def at_or_after(due: Deadline, now: datetime, zone: tzinfo) -> datetime | None:
    """Return the next time of the deadline at `now` or later, UTC; None = it was once, and is past."""
    if due.once is not None:
        once = (due.once if due.once.tzinfo else due.once.replace(tzinfo=zone)).astimezone(UTC)
        return once if once >= now else None
    return min(_around(due, now, zone, at_least=now))


def before(due: Deadline, now: datetime, zone: tzinfo) -> datetime | None:
    """Return the last time of a repeating deadline before `now`, UTC; None for one that is once."""
    if due.once is not None:
        return None
    return max(_around(due, now, zone, at_least=None))


def need_text(need: Need) -> str:
    """Return a need in words: `40 kWh by mon-fri 07:00`."""
    if need.energy_wh is not None:
        amount = f"{need.energy_wh / 1000:g} kWh"
    elif need.soc_pct is not None:
        amount = f"{need.soc_pct:g} %"
    else:
        amount = f"{need.target_c or 0.0:g} °C"
    return f"{amount} by {need.by}"


def plan_text(needs: tuple[Need, ...]) -> str:
    """Return needs in one line; `none` for none."""
    return "; ".join(map(need_text, needs)) or "none"


def _around(due: Deadline, now: datetime, zone: tzinfo, *, at_least: datetime | None) -> list[datetime]:
    """Return the deadline's times of a week: from `at_least` on, or before `now`."""
    today = now.astimezone(zone).date()
    found = []
    for step in range(-8, 9):
        day = today + timedelta(days=step)
        wall = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=due.minute)
        at = wall.astimezone(UTC)
        wanted = at >= at_least if at_least is not None else at < now
        if day.weekday() in due.days and wanted:
            found.append(at)
    return found
