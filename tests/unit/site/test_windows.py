"""Weekly windows: what a text means, what it covers, and the two nights on which the clock is set."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from evenload.site.windows import Window, WindowFault, covers, next_change, parsed, zone_of

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = frozenset(range(7))


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("22:00-06:00", Window(WEEK, 1320, 1800)),
        ("mon-fri 07:00-24:00", Window(frozenset(range(5)), 420, 1440)),
        ("sat sun", Window(frozenset({5, 6}), 0, 1440)),
        ("fri-mon", Window(frozenset({4, 5, 6, 0}), 0, 1440)),
        ("Mon, wed 6:30-7:00", Window(frozenset({0, 2}), 390, 420)),
        ("tue 00:00-24:00", Window(frozenset({1}), 0, 1440)),
    ],
)
def test_a_text_means_a_window(text: str, window: Window) -> None:
    assert parsed(text) == window


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no days and no times"),
        ("monday 10:00-11:00", "'monday' is no day"),
        ("10:00", "no span of time"),
        ("10:00-25:00", "beyond the day"),
        ("10:61-11:00", "beyond the day"),
        ("24:00-06:00", "beyond the day"),
        ("10:00-10:00", "is empty"),
        ("10:00-11:00 mon", "no day"),
    ],
)
def test_what_is_no_window_is_said(text: str, what: str) -> None:
    with pytest.raises(WindowFault, match=what):
        parsed(text)


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    friday_night = parsed("fri 22:00-06:00")
    assert covers(friday_night, datetime(2026, 6, 27, 5, 59))
    assert not covers(friday_night, datetime(2026, 6, 26, 5, 59))


def test_an_unknown_zone_is_utc() -> None:
    assert zone_of("Mars/Olympus") is UTC


def hours_covered(text: str, day: datetime) -> list[str]:
    """Return the spans, UTC, that a window covers within 36 hours from `day`, found by `next_change` alone."""
    window = parsed(text)
    at, found = day, []
    while True:
        change = next_change(lambda instant: covers(window, instant.astimezone(BERLIN)), [window], at, BERLIN)
        if change is None or change - day > timedelta(hours=36):
            return found
        found.append(f"{change:%d %H:%M}")
        at = change


SPRING, AUTUMN = datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "evening", "changes"),
    [
        ("sat 22:00-06:00", SPRING, ["28 21:00", "29 04:00"]),
        ("sat 22:00-06:00", AUTUMN, ["24 20:00", "25 05:00"][1:]),
        ("sun 02:15-02:45", SPRING, []),
        ("sun 02:30-04:00", SPRING, ["29 01:00", "29 02:00"]),
        ("sun 01:30-02:30", SPRING, ["29 00:30", "29 01:00"]),
        ("sun 02:15-02:45", AUTUMN, ["25 00:15", "25 00:45", "25 01:15", "25 01:45"]),
        ("sun 01:30-02:30", AUTUMN, ["24 23:30", "25 00:30", "25 01:00", "25 01:30"]),
        ("sun 02:30-04:00", AUTUMN, ["25 00:30", "25 01:00", "25 01:30", "25 03:00"]),
    ],
)
def test_the_nights_on_which_the_clock_is_set(text: str, evening: datetime, changes: list[str]) -> None:
    assert hours_covered(text, evening) == changes


def test_a_window_that_is_skipped_this_week_comes_next_week() -> None:
    window = parsed("sun 02:15-02:45")
    change = next_change(lambda at: covers(window, at.astimezone(BERLIN)), [window], SPRING, BERLIN)
    assert change == datetime(2026, 4, 5, 0, 15, tzinfo=UTC)


def test_what_never_changes_has_no_change() -> None:
    window = parsed("mon-sun")
    assert next_change(lambda at: covers(window, at), [window], SPRING, BERLIN) is None
