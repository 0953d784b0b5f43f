"""The next change of a schedule is really the next, in zones with and without daylight saving, on any day."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from evenload.contracts.schedules import ScheduleWindow
from evenload.site.scheduled import change_of, value_at, windows_of
from evenload.site.schema import Evse, Site
from services.allocator.schedules import scheduled
from tests.property.allocator.profile import examples

ZONES = tuple(map(ZoneInfo, ("UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata")))
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
STEP = timedelta(minutes=15)


def span(begin: int, length: int) -> str:
    """Return a span that begins at quarter `begin` of the day and is `length` quarters long, up to 24 h."""
    end = (begin + length) % 96
    return f"{begin // 4:02d}:{begin % 4 * 15:02d}-{end // 4:02d}:{end % 4 * 15:02d}"


WINDOWS = st.builds(
    ScheduleWindow,
    when=st.builds(
        lambda days, begin, length: " ".join([*days, span(begin, length)]),
        st.lists(st.sampled_from(DAYS), max_size=3, unique=True),
        st.integers(0, 95),
        st.integers(1, 95),
    ),
    mode=st.sampled_from([None, "standard", "off"]),
    max_a=st.sampled_from([None, 6.0, 10.0]),
)
SCHEDULES = st.lists(WINDOWS, min_size=1, max_size=4).map(tuple)
# Around both changes of daylight saving in either hemisphere, and in between.
STARTS = st.tuples(
    st.sampled_from([(3, 7), (3, 28), (4, 4), (6, 20), (10, 3), (10, 24), (10, 31)]), st.integers(0, 191)
)


def home(windows: tuple[ScheduleWindow, ...]) -> Site:
    return Site(site="home", loads={"car": Evse(mode="excess")}, schedules={"car": windows})


@examples(60)
@given(SCHEDULES, STARTS, st.sampled_from(ZONES), st.sampled_from(["mode", "max_a"]))
def test_nothing_changes_before_the_next_change(
    windows: tuple[ScheduleWindow, ...], start: tuple[tuple[int, int], int], zone: ZoneInfo, key: str
) -> None:
    (month, day), quarters = start
    now = datetime(2026, month, day, tzinfo=UTC) + quarters * STEP + timedelta(seconds=7)
    read = windows_of(home(windows), (), "car")
    before = value_at(read, key, now, zone)
    change = change_of(read, key, now, zone)
    at, end = now - timedelta(seconds=7), change or now + timedelta(days=14)
    while (at := at + STEP) < end:
        assert value_at(read, key, at, zone) == before, at
    if change is not None:
        assert value_at(read, key, change - timedelta(seconds=1), zone) == before
        assert value_at(read, key, change, zone) != before


@examples(60)
@given(SCHEDULES, STARTS, st.sampled_from(ZONES))
def test_the_whole_is_its_values(
    windows: tuple[ScheduleWindow, ...], start: tuple[tuple[int, int], int], zone: ZoneInfo
) -> None:
    (month, day), quarters = start
    now = datetime(2026, month, day, tzinfo=UTC) + quarters * STEP
    site = home(windows)
    found = scheduled(site, (), now, zone)
    read = windows_of(site, (), "car")
    changes = [change_of(read, key, now, zone) for key in ("mode", "max_a")]
    assert found.next_change == min((each for each in changes if each is not None), default=None)
    item = found.values[0] if found.values else None
    assert (item.mode if item else None) == value_at(read, "mode", now, zone)
    assert (item.max_a if item else None) == value_at(read, "max_a", now, zone)
