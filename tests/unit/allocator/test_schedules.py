"""What schedules set between the file and what is set by hand, and how the two meet."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from evenload.contracts.commands import CommandAccepted, CommandRejected, SetLimit, SetMode, SetSchedule, SiteCommand
from evenload.contracts.schedules import ScheduleWindow
from evenload.site.schema import Site
from services.allocator.overrides import Overrides, applied, in_force
from services.allocator.plan import PlannedLoad, compile_plan
from services.allocator.schedules import scheduled
from tests.unit.allocator.builders import evse, plug, site

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY_NOON = datetime(2026, 6, 22, 12, tzinfo=BERLIN).astimezone(UTC)
NIGHT = ScheduleWindow(when="mon-fri 22:00-06:00", mode="standard")
HALF = ScheduleWindow(when="22:00-24:00", max_a=8.0)


def home(*windows: ScheduleWindow) -> Site:
    return site({"car": evse("solar_only"), "heater": plug()}, schedules={"car": windows})


def at(hour: int, minute: int = 0) -> datetime:
    return MONDAY_NOON + timedelta(hours=hour - 12, minutes=minute)


def car(where: Site, now: datetime, items: Overrides = ()) -> PlannedLoad:
    live = in_force(where, items, now)
    plan = compile_plan(where, live, scheduled(where, live, now, BERLIN).values)
    return plan.loads[0]


def asked(where: Site, command: SiteCommand, now: datetime) -> tuple[Overrides, str]:
    items, reply = applied(where, (), command, now, zone=BERLIN)
    assert isinstance(reply, CommandAccepted), reply
    return items, reply.text


def test_outside_every_window_the_files_value_holds() -> None:
    assert (car(home(NIGHT), at(12)).mode, car(home(NIGHT), at(23)).mode) == ("solar_only", "standard")


def test_the_later_window_wins_value_by_value() -> None:
    both = car(home(NIGHT, HALF), at(23))
    assert (both.mode, both.max_ma, both.by_schedule, both.until) == ("standard", 8000, True, at(24))
    assert car(home(NIGHT, ScheduleWindow(when="22:00-24:00", mode="off")), at(23)).mode == "off"


def test_by_hand_holds_until_the_schedule_changes_that_value() -> None:
    items, text = asked(home(NIGHT, HALF), SetMode(site="home", load="car", mode="off"), at(23))
    assert text == "car: mode off, until 2026-06-23T06:00+02:00, when its schedule changes it"
    night = car(home(NIGHT, HALF), at(23), items)
    assert (night.mode, night.max_ma, night.by_hand) == ("off", 8000, True)
    assert car(home(NIGHT, HALF), at(24, 1), items).mode == "off", "midnight changes the limit only"
    assert car(home(NIGHT, HALF), at(30), items).mode == "solar_only"


def test_a_limit_by_hand_goes_over_that_of_the_schedule() -> None:
    items, text = asked(home(HALF), SetLimit(site="home", load="car", max_a=14.0), at(23))
    assert text.endswith("until 2026-06-23T00:00+02:00, when its schedule changes it")
    assert car(home(HALF), at(23), items).max_ma == 14_000


def test_a_given_time_and_a_wish_to_keep_go_over_the_schedule() -> None:
    mode = SetMode(site="home", load="car", mode="off", until=at(40))
    assert asked(home(NIGHT), mode, at(23))[1] == "car: mode off, until 2026-06-23T16:00+02:00"
    keeps = SetMode(site="home", load="car", mode="off", keeps=True)
    assert asked(home(NIGHT), keeps, at(23))[1] == "car: mode off, until cleared"
    assert asked(home(HALF), SetMode(site="home", load="car", mode="off"), at(23))[1].endswith("until cleared")


def test_a_schedule_by_hand_replaces_the_files() -> None:
    items, text = asked(home(NIGHT), SetSchedule(site="home", load="car", windows=(HALF,)), at(12))
    assert text == "car: schedule 22:00-24:00 8 A, until cleared"
    assert (car(home(NIGHT), at(23), items).mode, car(home(NIGHT), at(23), items).max_ma) == ("solar_only", 8000)
    nothing, text = asked(home(NIGHT), SetSchedule(site="home", load="car"), at(12))
    assert text == "car: schedule none, until cleared"
    assert car(home(NIGHT), at(23), nothing).mode == "solar_only"
    assert in_force(home(NIGHT, HALF), items, at(12)) == (), "the file's schedule changed"


@pytest.mark.parametrize(
    ("load", "window", "why"),
    [
        ("car", ScheduleWindow(when="never", mode="off"), "'never' is no day"),
        ("car", ScheduleWindow(when="mon"), "sets nothing"),
        ("car", ScheduleWindow(when="mon", max_a=20.0), "above the load's max_a 16 A"),
        ("car", ScheduleWindow(when="mon", max_a=3.0), "under min_a 6 A"),
        ("car", ScheduleWindow(when="mon", target_c=60.0), "no target temperature"),
        ("heater", ScheduleWindow(when="mon", max_a=3.0), "all or nothing"),
    ],
)
def test_windows_that_cannot_be_kept_are_refused(load: str, window: ScheduleWindow, why: str) -> None:
    items, reply = applied(home(), (), SetSchedule(site="home", load=load, windows=(window,)), MONDAY_NOON)
    assert isinstance(reply, CommandRejected)
    assert why in reply.why
    assert items == ()


def test_failsafe_currents_are_the_files_whatever_is_scheduled() -> None:
    off = home(ScheduleWindow(when="mon-sun", mode="off", max_a=6.0))
    assert car(off, at(12)).failsafe_ma == car(home(), at(12)).failsafe_ma
