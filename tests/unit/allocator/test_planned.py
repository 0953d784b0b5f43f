"""What slots mean for the loads, and who goes over them."""

from datetime import timedelta

import pytest

from evenload.contracts.commands import ClearPlan, CommandAccepted, CommandRejected, SetMode, SetPlan
from evenload.contracts.events import Mode
from evenload.contracts.plan_events import LoadPlan, PlanSlot
from evenload.contracts.plans import Need
from evenload.contracts.records import Override
from services.allocator.overrides import applied, in_force
from services.allocator.plan import PlannedLoad, compile_plan
from services.allocator.planned import planned, slot_at
from tests.property.allocator.ideal import NOW
from tests.unit.allocator.builders import evse, plug, site

QUARTER = timedelta(minutes=15)


def slots(*amps: tuple[float, float], asked_at_s: float | None = None) -> LoadPlan:
    """Return a plan of quarter hours from now on: (guaranteed, allowed)."""
    steps = tuple(PlanSlot(starts_at=NOW + n * QUARTER, guaranteed_a=g, allowed_a=a) for n, (g, a) in enumerate(amps))
    asked_at = None if asked_at_s is None else NOW + timedelta(seconds=asked_at_s)
    return LoadPlan(
        site="home", load="car", made_at=NOW, asked_at=asked_at, slots=steps, ends_at=NOW + len(amps) * QUARTER
    )


def car(mode: Mode, plan: LoadPlan, *by_hand: Override, after: timedelta = timedelta()) -> PlannedLoad:
    home = site({"car": evse(mode)})
    found = planned(home, by_hand, (plan,), NOW + after)
    return compile_plan(home, by_hand, (), found.values).loads[0]


@pytest.mark.parametrize("mode", ["standard", "solar_priority", "solar_only", "excess"])
def test_what_is_guaranteed_comes_from_any_source(mode: Mode) -> None:
    load = car(mode, slots((10.0, 16.0)))
    assert (load.mode, load.max_ma, load.by_plan) == ("standard", 10_000, True)


@pytest.mark.parametrize(
    ("mode", "served"),
    [
        ("standard", "solar_only"),
        ("solar_priority", "solar_priority"),
        ("solar_only", "solar_only"),
        ("excess", "excess"),
    ],
)
def test_what_is_only_allowed_comes_from_surplus(mode: Mode, served: Mode) -> None:
    load = car(mode, slots((0.0, 12.0)))
    assert (load.mode, load.max_ma) == (served, 12_000)
    assert car(mode, slots((0.0, 0.0))).mode == "off"


def test_slots_follow_each_other_to_the_end() -> None:
    plan = slots((16.0, 16.0), (0.0, 16.0))
    assert [car("standard", plan, after=n * QUARTER).mode for n in range(3)] == ["standard", "solar_only", "standard"]
    assert slot_at(plan, NOW) == (plan.slots[0], NOW + QUARTER)
    assert slot_at(plan, NOW - QUARTER) == (None, None)
    assert planned(site({"car": evse()}), (), (plan,), NOW).next_change == NOW + QUARTER


def test_off_and_a_mode_set_later_by_hand_go_over_the_plan() -> None:
    assert car("off", slots((16.0, 16.0))).mode == "off"
    by_hand = Override(load="car", mode="excess", at=NOW)
    assert car("standard", slots((16.0, 16.0)), by_hand).mode == "excess", "a plan of the file was before"
    assert car("standard", slots((16.0, 16.0), asked_at_s=-60.0), by_hand).mode == "excess"
    assert car("standard", slots((16.0, 16.0), asked_at_s=60.0), by_hand).mode == "standard"
    limit = Override(load="car", max_a=8.0, at=NOW)
    assert car("standard", slots((16.0, 16.0), asked_at_s=60.0), limit).max_ma == 8_000


def test_a_scheduled_mode_does_not_go_over_the_plan() -> None:
    scheduled = Override(load="car", mode="solar_only", at=NOW, by="schedule")
    home = site({"car": evse()})
    found = planned(home, (scheduled,), (slots((16.0, 16.0)),), NOW)
    assert compile_plan(home, (), (scheduled,), found.values).loads[0].mode == "standard"


def test_a_plan_of_a_load_that_is_gone_is_nothing() -> None:
    assert planned(site({"heater": plug()}), (), (slots((16.0, 16.0)),), NOW).values == ()


def test_a_need_once_ends_with_its_deadline_and_is_cleared_alone() -> None:
    home = site({"car": evse()})
    once = (NOW + timedelta(hours=9)).isoformat()
    items, reply = applied(home, (), SetPlan(site="home", load="car", needs=(Need(by=once, energy_wh=4e4),)), NOW)
    assert isinstance(reply, CommandAccepted)
    assert reply.text == f"car: plan 40 kWh by {once}, until then"
    assert in_force(home, items, NOW + timedelta(hours=10)) == ()
    items, _ = applied(home, items, SetMode(site="home", load="car", mode="solar_only"), NOW)
    assert len(items) == 2
    kept, _ = applied(home, items, ClearPlan(site="home", load="car"), NOW)
    assert [item.mode for item in kept] == ["solar_only"]


@pytest.mark.parametrize(
    ("need", "why"),
    [
        (Need(by="someday", energy_wh=1e4), "is no deadline"),
        (Need(by="07:00"), "names no amount"),
        (Need(by="07:00", energy_wh=1e4, target_c=55.0), "energy_wh and target_c"),
        (Need(by="07:00", energy_wh=0.0), "a need of nothing"),
        (Need(by="07:00", soc_pct=80.0), "size of the vehicle's battery"),
        (Need(by="07:00", soc_pct=80.0, battery_wh=6e4), "no meter of role vehicle"),
        (Need(by="07:00", target_c=55.0, meter="x"), "no meter x of role temperature"),
        (Need(by="2020-01-01T07:00", energy_wh=1e4), "past"),
    ],
)
def test_needs_that_cannot_be_meant_are_refused(need: Need, why: str) -> None:
    items, reply = applied(site({"car": evse()}), (), SetPlan(site="home", load="car", needs=(need,)), NOW)
    assert isinstance(reply, CommandRejected)
    assert why in reply.why
    assert items == ()
