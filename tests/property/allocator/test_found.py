"""What the proofs have found so far, each cut to its smallest case; all four distributions where it matters."""

from random import Random

import pytest
from msgspec import structs

from evenload.contracts.events import Distribution
from evenload.site.schema import Battery, Circuit, Evse, Grid, Inverter, Plug, Site
from tests.property.allocator.cases import DISTRIBUTIONS, Case, World, random_case, surroundings_of
from tests.property.allocator.exact import better
from tests.property.allocator.ideal import Around, Loop
from tests.property.allocator.profile import decided
from tests.property.allocator.rules import Rules

ASYMMETRIC = Inverter(asymmetric=True)


def case(where: Site, world: World, soc_pct: float | None = None) -> Case:
    """Return the site in its surroundings with a vehicle everywhere."""
    return Case(where, surroundings_of(where, world, soc_pct), frozenset(), soc_pct)


def starts(loop: Loop, seconds: int) -> dict[str, int]:
    """Return how often each load is switched on."""
    found = dict.fromkeys(loop.setpoints, 0)
    for _ in range(seconds):
        before = dict(loop.setpoints)
        loop.step()
        for name, amount in loop.setpoints.items():
            found[name] += int(amount > 0 and before[name] == 0)
    return found


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_plug_counts_rounded_up_behind_an_asymmetric_inverter_too(distribution: Distribution) -> None:
    loads = {"plug": Plug(power_w=3500.0, phases=("L3",)), "car": Evse(max_a=20.0, priority=2)}
    grid = Grid(breaker_a=24.0, margin_a=0.0)
    where = Site(site="x", grid=grid, inverter=ASYMMETRIC, loads=loads, distribution=distribution)
    found = case(where, World((2314, 0, 1000), 14_694, 0))
    assert Rules(found.site, found.around).broken(decided(found)) == []


def test_strict_starts_nobody_whose_minimum_makes_an_earlier_one_import() -> None:
    loads = {"ant": Evse(mode="solar_priority", max_a=10.0), "bee": Evse(mode="solar_priority", max_a=10.0)}
    where = Site(site="x", phases=("L1",), grid=Grid(breaker_a=16.0), loads=loads, distribution="strict")
    assert decided(case(where, World((0, 0, 0), 14_300, 0))) == {"ant": 10_000, "bee": 0}


def test_strict_starts_no_excess_load_on_what_rounding_leaves() -> None:
    loads = {"ant": Evse(mode="excess", max_a=13.0), "cat": Evse(mode="excess", min_a=8.0)}
    where = Site(
        site="x",
        phases=("L1",),
        grid=Grid(breaker_a=16.0),
        excess_threshold_w=2300.0,
        loads=loads,
        distribution="strict",
    )
    assert decided(case(where, World((0, 0, 0), 21_550, 0))) == {"ant": 11_500, "cat": 0}


def test_a_plug_needs_no_more_sun_than_it_draws() -> None:
    where = Site(
        site="x",
        phases=("L1", "L3"),
        grid=Grid(breaker_a=25.0, metering="net"),
        loads={"plug": Plug(power_w=3500.0, mode="solar_only", phases=("L1", "L3"))},
    )
    assert decided(case(where, World((0, 0, 0), 15_250, 0))) == {"plug": 7700}


def test_excess_leaves_the_sun_of_a_more_urgent_load_alone() -> None:
    loads = {
        "ant": Evse(mode="solar_only", min_a=8.0, max_a=8.0, phases=("L1", "L3")),
        "bee": Evse(mode="excess", max_a=13.0, phases=("L3",)),
    }
    inverter = Inverter(asymmetric=True, max_per_phase_w=4600.0)
    for distribution in DISTRIBUTIONS:
        where = Site(
            site="x",
            phases=("L1", "L3"),
            grid=Grid(breaker_a=32.0),
            inverter=inverter,
            excess_threshold_w=0.0,
            loads=loads,
            distribution=distribution,
        )
        assert decided(case(where, World((2500, 0, 1000), 44_000, 0))) == {"ant": 8000, "bee": 11_000}


def test_a_load_is_not_stopped_for_room_that_goes_with_it() -> None:
    """The battery gives only because the load runs; without it the more important one would not fit either."""
    loads = {"plug": Plug(power_w=6000.0, phases=("L3",)), "car": Evse(max_a=20.0, priority=2)}
    where = Site(
        site="x",
        grid=Grid(breaker_a=20.0, margin_a=1.0),
        inverter=ASYMMETRIC,
        battery=Battery(),
        distribution="strict",
        loads=loads,
    )
    loop = Loop(where, Around((2500, 2500, 2500), 0, 50.0))
    assert starts(loop, 120)["car"] <= 1


def only_together(distribution: Distribution = "shared") -> Case:
    """Return a site on which alone either car imports on its phase, for the battery gives evenly; at 8 A each nothing
    imports."""
    loads = {"cat": Evse(max_a=8.0, phases=("L3",)), "dog": Evse(phases=("L1",), mode="excess", min_a=8.0, max_a=8.0)}
    where = Site(
        site="x",
        phases=("L1", "L3"),
        grid=Grid(breaker_a=25.0),
        battery=Battery(grid_charging=False),
        excess_threshold_w=0.0,
        loads=loads,
        distribution=distribution,
    )
    return case(where, World((0, 0, 0), 0, 0), soc_pct=100.0)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_loads_that_only_fit_together_stay_off(distribution: Distribution) -> None:
    """Cars start one by one, and one of them stops first: the other would run on a phase that imports."""
    found = only_together(distribution)
    rules = Rules(found.site, found.around)
    assert rules.holds({"cat": 8000, "dog": 8000})
    assert decided(found) == {"cat": 0, "dog": 0}
    assert better(found, rules, {"cat": 0, "dog": 0}) is None


@pytest.mark.parametrize("first", ["cat", "dog"])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_who_makes_the_battery_give_more_lets_another_start(distribution: Distribution, first: str) -> None:
    """A house of 20 A on L2: 12 A on L1 alone would import, (20 + 12)/3 A come there; beside 8 A on L3 it does not."""
    loads = {
        "cat": Evse(max_a=8.0, phases=("L3",), priority=1 if first == "cat" else 2),
        "dog": Evse(min_a=12.0, max_a=12.0, phases=("L1",), priority=1 if first == "dog" else 2),
    }
    battery = Battery(grid_charging=False, max_discharge_w=16_000.0)
    where = Site(site="x", grid=Grid(breaker_a=25.0), battery=battery, loads=loads, distribution=distribution)
    found = case(where, World((0, 20_000, 0), 0, 0), soc_pct=100.0)
    assert not Rules(found.site, found.around).holds({"cat": 0, "dog": 12_000})
    assert decided(found) == {"cat": 8000, "dog": 12_000}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("seed", [5573])
def test_seeds_that_once_deviated(seed: int, distribution: Distribution) -> None:
    found = random_case(Random(seed), distribution)
    assert better(found, Rules(found.site, found.around), decided(found)) is None


def blind(where: Site) -> Site:
    """Return the site without the meter that shows the house apart."""
    return structs.replace(where, meters={name: meter for name, meter in where.meters.items() if name != "house"})


class Blind(Loop):
    """A loop in which nobody measures the house."""

    def __init__(self, where: Site, around: Around) -> None:
        super().__init__(where, around)
        self.site = blind(self.site)
        self.plan = structs.replace(self.plan, site=self.site, meters={"grid": ("p1",), "solar": ("pv",)})


def test_a_house_that_nobody_sees_breaks_no_breaker() -> None:
    car = Evse(mode="solar_priority", min_a=8.0)
    where = Site(site="x", grid=Grid(breaker_a=16.0, margin_a=1.0), inverter=ASYMMETRIC, loads={"car": car})
    loop = Blind(where, Around((5000, 5000, 22_449), 31_878))
    for _ in range(400):
        loop.step()
        assert max(loop.net_ma) <= 16_000


@pytest.mark.parametrize(
    ("sun_ma", "household_max_a", "starts_at_once"),
    [(30_000, None, False), (30_000, 12.0, True), (9000, None, True), (36_000, None, True)],
    ids=["all may be on one phase", "not more than the house takes", "too little to hide", "export on top"],
)
def test_a_start_counts_the_house_where_it_may_be(
    sun_ma: int, household_max_a: float | None, starts_at_once: bool
) -> None:
    """A house of 10 A on each phase behind 30 A of sun reads as 0 A; it could as well be 30 A on one phase."""
    grid = Grid(breaker_a=16.0, margin_a=1.0, household_max_a=household_max_a)
    where = Site(site="x", grid=grid, inverter=ASYMMETRIC, loads={"car": Evse(failsafe_a=0.0)})
    each_ma = min(10_000, sun_ma // 3)
    loop = Blind(where, Around((each_ma, each_ma, each_ma), sun_ma))
    loop.run(60)
    assert (loop.setpoints["car"] > 0) is starts_at_once


def test_nested_circuits_to_depth_four() -> None:
    circuits = {
        "a": Circuit(limit_a=32.0),
        "b": Circuit(limit_a=25.0, within="a"),
        "c": Circuit(limit_a=20.0, within="b"),
        "d": Circuit(limit_a=13.0, within="c"),
    }
    loads = {name: Evse(circuit=name, max_a=32.0) for name in circuits}
    where = Site(site="x", grid=Grid(breaker_a=63.0), circuits=circuits, loads=loads, distribution="shared")
    found = case(where, World((0, 0, 0), 0, 0))
    assert decided(found) == {"a": 8000, "b": 8000, "c": 8000, "d": 8000}
