"""Who gets what: the order of minimums, and each distribution of what is left (engine.md section 3)."""

import pytest

from evenload.contracts.events import Distribution
from tests.unit.allocator.builders import amps, beside, evse, plug, shared_out, site

JOINT = ("shared", "priority", "optimized")


def two(distribution: Distribution, house_a: float = 0.0, **second: object) -> dict[str, float]:
    """Return what two cars get of 25 A less the house; the second is less important."""
    loads = {"one": evse(priority=1), "two": evse(**{"priority": 2, **second})}  # type: ignore[arg-type]  # EVSE fields
    where = site(loads, distribution=distribution)
    return amps(where, beside(where, house_a=(house_a, house_a, house_a)))


@pytest.mark.parametrize(
    ("distribution", "wanted"),
    [
        ("shared", {"one": 10.0, "two": 10.0}),
        ("priority", {"one": 14.0, "two": 6.0}),
        ("optimized", {"one": 14.0, "two": 6.0}),
        ("strict", {"one": 16.0, "two": 0.0}),
    ],
)
def test_twenty_amperes_for_two_cars(distribution: Distribution, wanted: dict[str, float]) -> None:
    assert two(distribution, house_a=5.0) == wanted


@pytest.mark.parametrize("distribution", JOINT)
def test_the_more_important_minimum_comes_first(distribution: Distribution) -> None:
    assert two(distribution, house_a=14.0) == {"one": 11.0, "two": 0.0}


def test_strict_lets_what_is_left_flow_on() -> None:
    assert two("strict", house_a=2.9) == {"one": 16.0, "two": 6.1}


def test_shared_gives_what_one_cannot_take_to_the_other() -> None:
    assert two("shared", house_a=5.0, max_a=8.0) == {"one": 12.0, "two": 8.0}


def test_shared_gives_equal_increments_above_different_minimums() -> None:
    assert two("shared", house_a=5.0, min_a=8.0) == {"one": 9.0, "two": 11.0}


def test_shared_gives_the_last_step_in_order() -> None:
    assert two("shared", house_a=4.9) == {"one": 10.1, "two": 10.0}


def test_each_stops_at_its_own_bottleneck_only() -> None:
    loads = {"one": evse(phases=("L1",)), "two": evse(phases=("L1",)), "three": evse(phases=("L2",))}
    where = site(loads, distribution="shared")
    assert amps(where, beside(where, house_a=(5.0, 5.0, 0.0))) == {"one": 10.0, "two": 10.0, "three": 16.0}


@pytest.mark.parametrize("distribution", [*JOINT, "strict"])
def test_urgency_comes_before_priority(distribution: Distribution) -> None:
    loads = {"sunny": evse("solar_only", priority=1), "any": evse("standard", priority=9)}
    where = site(loads, distribution=distribution)
    assert amps(where, beside(where, sun_a=30.0)) == {"any": 16.0, "sunny": 0.0}


@pytest.mark.parametrize("distribution", [*JOINT, "strict"])
def test_a_load_that_lives_from_the_sun_never_holds_back_a_more_urgent_one(distribution: Distribution) -> None:
    loads = {"a": evse("solar_only"), "b": evse("solar_priority", priority=9)}
    where = site(loads, distribution=distribution)
    assert amps(where, beside(where, sun_a=24.0)) == {"a": 0.0, "b": 8.0}


def test_minimums_of_solar_priority_come_before_the_fill_of_standard() -> None:
    where = site({"car": evse(), "sun": evse("solar_priority")}, distribution="priority")
    assert amps(where, beside(where, house_a=(5.0, 5.0, 5.0))) == {"car": 14.0, "sun": 6.0}


def test_a_plug_that_does_not_fit_leaves_its_place_to_the_next() -> None:
    where = site({"big": plug(6900.0, priority=1), "small": plug(2300.0, priority=2)})
    assert amps(where, beside(where, house_a=(10.0, 0.0, 0.0))) == {"big": 0.0, "small": 10.0}


def test_strict_starts_nobody_whose_minimum_makes_an_earlier_one_import() -> None:
    loads = {"one": evse("solar_priority", max_a=10.0), "two": evse("solar_priority")}
    where = site(loads, distribution="strict")
    assert amps(where, beside(where, sun_a=42.0)) == {"one": 10.0, "two": 0.0}


def test_who_lost_its_place_is_served_its_minimum_after_everybody() -> None:
    where = site({"here": evse(priority=9), "gone": evse(priority=1)})
    found = shared_out(where, beside(where, house_a=(5.0, 5.0, 5.0)), gone={"last": True, "max_ma": 6000})
    assert (found["here"].given_ma, found["gone"].given_ma) == (16_000, 0)


def test_what_is_drawn_above_the_setpoint_is_reserved() -> None:
    where = site({"one": evse(), "two": evse()}, distribution="priority")
    found = shared_out(where, beside(where, house_a=(5.0, 5.0, 5.0)), one={"reserve_ma": 400})
    assert (found["one"].given_ma, found["two"].given_ma) == (13_600, 6000)
