"""Days and times of the site's own calendar, as moments in UTC. Pure.

A local time that a change of daylight saving time skips is taken an hour later, one that comes twice is its first.
"""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from evenload.site.section import Weekday

DAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def zone(name: str) -> ZoneInfo:
    """Return the time zone; UTC where this machine does not know it, of which the site file's check has warned."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def at_local(day: datetime, clock: str, time_zone: str) -> datetime:
    """Return the moment, UTC, of a time as 18:00 on the local day of `day`."""
    hour, minute = clock.split(":")
    wall = datetime.combine(day.astimezone(zone(time_zone)).date(), time(int(hour), int(minute)))
    return wall.replace(tzinfo=zone(time_zone)).astimezone(UTC)


def next_weekly(now: datetime, weekday: Weekday, clock: str, time_zone: str) -> datetime:
    """Return the first moment after `now` that is this day and time, UTC."""
    for days in range(9):
        moment = at_local(now + timedelta(days=days), clock, time_zone)
        if moment > now and moment.astimezone(zone(time_zone)).weekday() == DAYS.index(weekday):
            return moment
    raise AssertionError("each weekday comes within 8 days")
