"""Days and times of the site's own calendar, as moments in UTC. Pure.

A local time that a change of daylight saving time skips is taken an hour later, one that comes twice is its first.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from evenload.site.section import Weekday

DAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def zone(name: str) -> ZoneInfo:
    """Return the time zone; UTC where this machine does not know it, of which the site file's check has warned."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def local_day(now: datetime, time_zone: str) -> date:
    """Return the day that it is now at the site. Days are added to it, never 24 h to a moment: some have 23 or 25."""
    return now.astimezone(zone(time_zone)).date()


def at_local(day: date, clock: str, time_zone: str) -> datetime:
    """Return the moment, UTC, of a time as 18:00 on a day at the site."""
    hour, minute = clock.split(":")
    wall = datetime.combine(day, time(int(hour), int(minute)))
    return wall.replace(tzinfo=zone(time_zone)).astimezone(UTC)


def first_at(after: datetime, clock: str, time_zone: str) -> datetime:
    """Return the first moment from `after` on that is this time of a day, UTC."""
    day = local_day(after, time_zone)
    moment = at_local(day, clock, time_zone)
    return moment if moment >= after else at_local(day + timedelta(days=1), clock, time_zone)


def next_weekly(now: datetime, weekday: Weekday, clock: str, time_zone: str) -> datetime:
    """Return the first moment after `now` that is this day and time, UTC."""
    today = local_day(now, time_zone)
    for days in range(9):
        day = today + timedelta(days=days)
        if day.weekday() == DAYS.index(weekday) and (moment := at_local(day, clock, time_zone)) > now:
            return moment
    raise AssertionError("each weekday comes within 8 days")
