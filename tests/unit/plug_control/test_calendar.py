"""Days and windows in the site's own time, over the changes of daylight saving time too."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.plug_control.calendar import at_local, next_weekly, zone
from services.plug_control.windows import Times, is_within, left_s, windows_left

BERLIN = "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "clock", "moment"),
    [
        ("2026-01-10", "18:00", "2026-01-10T17:00"),
        ("2026-07-10", "18:00", "2026-07-10T16:00"),
        ("2026-03-29", "02:30", "2026-03-29T01:30"),
        ("2026-10-25", "02:30", "2026-10-25T00:30"),
    ],
)
def test_a_local_time_is_one_moment(day: str, clock: str, moment: str) -> None:
    assert at_local(date.fromisoformat(day), clock, BERLIN) == utc(moment)


def test_a_time_zone_that_is_not_known_is_utc() -> None:
    assert str(zone("Mars/Olympus")) == "UTC"


def test_the_next_weekday_is_always_ahead_and_within_eight_days() -> None:
    now = utc("2026-01-01T00:00")
    for hour in range(0, 24 * 400, 5):
        moment = next_weekly(now + timedelta(hours=hour), "sunday", "18:00", BERLIN)
        local = moment.astimezone(zone(BERLIN))
        assert timedelta() < moment - now - timedelta(hours=hour) <= timedelta(days=7, hours=1)
        assert (local.weekday(), local.hour, local.minute) == (6, 18, 0)


def test_a_day_has_one_window_and_the_next_day_follows() -> None:
    times = Times(begins="08:00", ends="20:00", time_zone=BERLIN, weekly=False)
    (before,) = windows_left(times, utc("2026-07-10T05:00"))
    assert (before.begins, before.ends) == (utc("2026-07-10T06:00"), utc("2026-07-10T18:00"))
    now = utc("2026-07-10T17:00")
    within = windows_left(times, now)
    assert is_within(within, now)
    assert left_s(within, now) == 3600
    (after,) = windows_left(times, utc("2026-07-10T18:00"))
    assert after.begins == utc("2026-07-11T06:00")


def test_a_week_ends_on_sunday() -> None:
    times = Times(begins="08:00", ends="20:00", time_zone="UTC", weekly=True)
    wednesday = utc("2026-07-08T14:00")
    left = windows_left(times, wednesday)
    assert len(left) == 5
    assert left_s(left, wednesday) == 6 * 3600 + 4 * 12 * 3600
    assert left[-1].ends == utc("2026-07-12T20:00")
    assert windows_left(times, utc("2026-07-12T21:00"))[-1].ends == utc("2026-07-19T20:00")
