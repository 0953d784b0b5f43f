"""Counting, hours, feeds, goals: the small parts of a plan."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from evenload.contracts.events import LoadState
from evenload.contracts.phases import PerPhase
from evenload.contracts.plans import Need
from evenload.contracts.records import Counted, Override
from evenload.site.deadlines import at_or_after, before, deadline
from evenload.site.money import Feed
from evenload.site.windows import WindowFault
from services.planner.counting import counted, drawn_wh
from services.planner.feeds import FeedFault, forecast_of
from services.planner.goals import goals
from services.planner.hours import SLOTS_MOST, forecast_at, hours, slots
from tests.unit.planner.builders import EVENING, asked, forecast, site

BERLIN = ZoneInfo("Europe/Berlin")


def state(at: datetime, **values: Any) -> LoadState:
    return LoadState(site="home", load="car", measured_at=at, status="charging", **values)


@pytest.mark.parametrize(
    ("told", "total_wh"),
    [
        ([{"energy_wh": 100.0}, {"energy_wh": 350.0}], 250.0),
        ([{"energy_wh": 350.0}, {"energy_wh": 100.0}, {"energy_wh": 150.0}], 50.0),
        ([{"energy_wh": 0.0}, {"energy_wh": 5e6}], 0.0),
        ([{"session_wh": 900.0}, {"session_wh": 200.0}], 200.0),
        ([{"power_w": 6000.0}, {"power_w": 6000.0}], 100.0),
        ([{"power_w": -50.0}, {"power_w": -50.0}], 0.0),
        ([{"measured_a": PerPhase(l1=10.0)}, {"measured_a": PerPhase(l1=10.0)}], 2300 / 60),
        ([{}, {}], 0.0),
        ([{"energy_wh": 0.0, "power_w": 6000.0}] * 4, 300.0),
        ([{"energy_wh": 0.0, "power_w": 6000.0}] * 4 + [{"energy_wh": 390.0, "power_w": 6000.0}], 390.0),
    ],
)
def test_energy_is_counted_over_resets_and_without_a_counter(told: list[dict[str, Any]], total_wh: float) -> None:
    count = None
    for minute, values in enumerate(told):
        at = EVENING + timedelta(minutes=minute)
        count = counted(count, state(at, **values), 230.0, at)
    assert count is not None
    assert drawn_wh(count) == pytest.approx(total_wh)


def test_a_silence_counts_a_minute_at_most() -> None:
    count = Counted(seen_at=EVENING)
    later = EVENING + timedelta(hours=3)
    assert drawn_wh(counted(count, state(later, power_w=6000.0), 230.0, later)) == pytest.approx(100.0)


def test_quarter_hours_begin_on_the_clock_and_the_first_is_what_is_left() -> None:
    now = EVENING + timedelta(minutes=20)
    found = slots(now, EVENING + timedelta(hours=1))
    assert [f"{slot.starts_at:%H:%M}" for slot in found] == ["20:15", "20:30", "20:45"]
    assert [round(slot.length_h, 4) for slot in found] == [round(10 / 60, 4), 0.25, 0.25]
    assert len(slots(now, now + timedelta(days=9))) == SLOTS_MOST


def test_prices_that_are_not_known_yet_count_as_the_dearest_known() -> None:
    day = hours(site(), {"price": forecast("price", 0.1, 0.3)}, slots(EVENING, EVENING + timedelta(hours=3)), UTC)
    assert [hour.cost for hour in day[::4]] == [0.1, 0.3, 0.3]
    assert [hour.price_per_kwh for hour in day[::4]] == [0.1, 0.3, None]


def test_a_forecast_says_nothing_before_and_after() -> None:
    known = forecast("solar", 5.0)
    assert forecast_at(known, EVENING - timedelta(seconds=1)) is None
    assert forecast_at(known, EVENING + timedelta(minutes=59)) == 5.0
    assert forecast_at(known, EVENING + timedelta(hours=1)) is None


def feed(**values: Any) -> Feed:
    return Feed(**{"kind": "price", "url": "http://prices.lan", **values})


AT = datetime(2026, 6, 22, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("how", "answer"),
    [
        (
            {"slots": "data", "starts_at": "start", "value": "marketprice", "scale": 0.001, "add_value": 0.2},
            {"data": [{"start": AT.timestamp() * 1000, "marketprice": 100}, {"start": None, "marketprice": 1}]},
        ),
        ({"starts_at": "unix", "value": "price"}, {"unix": [int(AT.timestamp())], "price": [0.3]}),
        ({"value": "result"}, {"result": {"2026-06-23T00:00": 0.3, "x": 1, "2026-06-23T01:00": None}}),
        ({"slots": "", "starts_at": "at", "value": "v"}, [{"at": "2026-06-22T22:00Z", "v": "0.3"}]),
    ],
)
def test_feeds_of_three_shapes(how: dict[str, Any], answer: Any) -> None:
    found = forecast_of("home", "day_ahead", feed(**how), answer, when=(EVENING, BERLIN))
    assert [(slot.starts_at, slot.value) for slot in found.slots] == [(AT, pytest.approx(0.3))]
    assert found.ends_at == AT + timedelta(hours=1)


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"data": {}}, {"data": [1, "x", None]}, {"data": [{"start": 1e300}]}, 7]
)
def test_an_answer_without_a_forecast_is_refused(answer: Any) -> None:
    for how in (
        {"slots": "data", "starts_at": "start", "value": "p"},
        {"starts_at": "a", "value": "b"},
        {"value": "c"},
    ):
        with pytest.raises(FeedFault):
            forecast_of("home", "x", feed(**how), answer, when=(EVENING, UTC))


@pytest.mark.parametrize(
    ("text", "next_at", "last_at"),
    [
        ("07:00", "2026-06-23T05:00", "2026-06-22T05:00"),
        ("mon 23:30", "2026-06-22T21:30", "2026-06-15T21:30"),
        ("sat, sun 12:00", "2026-06-27T10:00", "2026-06-21T10:00"),
        ("2026-06-24T07:00", "2026-06-24T05:00", None),
        ("2026-06-24T07:00+00:00", "2026-06-24T07:00", None),
    ],
)
def test_deadlines(text: str, next_at: str, last_at: str | None) -> None:
    found, last = at_or_after(deadline(text), EVENING, BERLIN), before(deadline(text), EVENING, BERLIN)
    assert found == datetime.fromisoformat(f"{next_at}+00:00")
    assert last == (datetime.fromisoformat(f"{last_at}+00:00") if last_at else None)


def test_a_deadline_in_the_hour_that_is_skipped_is_an_hour_later_and_one_that_comes_twice_the_first() -> None:
    spring, autumn = datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC)
    assert at_or_after(deadline("02:30"), spring, BERLIN) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert at_or_after(deadline("02:30"), autumn, BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "7", "25:00", "07:60", "someday 07:00", "2026-13-01T07:00", "mon"])
def test_what_is_no_deadline_is_said(text: str) -> None:
    with pytest.raises(WindowFault):
        deadline(text)


def test_what_was_asked_for_by_hand_goes_over_the_file_and_ends() -> None:
    home = site(plans={"car": (Need(by="07:00", energy_wh=5_000.0),)})
    by_hand = asked("car", by="2026-06-23T06:00", energy_wh=1_000.0)
    assert goals(home, (by_hand,), EVENING, UTC)["car"].need.energy_wh == 1_000.0
    past = EVENING + timedelta(hours=11)
    ended = Override(load="car", plan=by_hand.plan, at=EVENING, until=EVENING + timedelta(hours=10))
    assert goals(home, (ended,), past, UTC)["car"].need.energy_wh == 5_000.0
    assert goals(home, (Override(load="car", plan=(), at=EVENING),), EVENING, UTC) == {}


def test_a_repeating_goal_counts_from_the_deadline_before_or_from_when_it_was_asked_for() -> None:
    of_file = site(plans={"car": (Need(by="07:00", energy_wh=5_000.0),)})
    assert goals(of_file, (), EVENING, UTC)["car"].begins_at == EVENING.replace(hour=7)
    assert goals(site(), (asked("car", energy_wh=1.0),), EVENING, UTC)["car"].begins_at == EVENING
