"""From readings to what is beside the loads: both wirings, both inverters, islands, missing phases, latches."""

from typing import Any

import pytest
from msgspec import structs

from evenload.site.schema import Inverter, Site
from services.allocator.around import latched, shared_output, surroundings, with_battery
from services.allocator.belief import Grid, Phases, Sides
from services.allocator.limits import Surroundings
from services.allocator.memory import Memory, first_memory
from services.allocator.plan import compile_plan
from tests.unit.allocator.builders import battery, evse, site

NOTHING: Phases = (0, 0, 0)


def seen(where: Site, grid_ma: Phases, draws_ma: Phases = NOTHING, missing_mask: int = 0, **sides: Any) -> Surroundings:
    """Return the surroundings that a grid reading and side meters show."""
    nothing: dict[str, Any] = dict.fromkeys(Sides.__struct_fields__)
    nothing.update(soc_is_fresh=False)
    grid = Grid(current_ma=grid_ma, health="normal", age_s=0.0, missing_mask=missing_mask)
    return surroundings(compile_plan(where), grid, Sides(**{**nothing, **sides}), draws_ma)


def home(**values: Any) -> Site:
    """Return a site with one car."""
    return site({"car": evse()}, **values)


def test_what_loads_draw_is_taken_off_the_grid_reading() -> None:
    assert seen(home(), (16_000, 12_000, 10_000), (10_000, 10_000, 10_000)).base_ma == (6000, 2000, 0)


def test_discharge_is_taken_out_and_charging_is_credited() -> None:
    where = home(battery=battery())
    assert seen(where, (1000, 1000, 1000), battery_ma=6000).base_ma == (3000, 3000, 3000)
    assert seen(where, (1000, 1000, 1000), battery_ma=6000).discharge_ma == (2000, 2000, 2000)
    assert seen(where, (1000, 1000, 1000), battery_ma=-6000).base_ma == (-1000, -1000, -1000)
    assert seen(where, (1000, 1000, 1000), battery_ma=-6000).discharge_ma == NOTHING


def test_without_a_solar_meter_production_is_at_least_what_is_exported() -> None:
    assert seen(home(), (-3000, -3000, -3000)).solar_ma == 9000
    assert seen(home(), (3000, 3000, 3000)).solar_ma == 0


def test_a_solar_meter_below_zero_counts_as_none() -> None:
    assert seen(home(), (3000, 3000, 3000), solar_ma=-500).solar_ma == 0


def test_in_parallel_wiring_the_inverters_output_is_the_sun() -> None:
    assert seen(home(), (1000, 1000, 1000), output_ma=(4000, 4000, 4000)).solar_ma == 12_000


def test_in_series_wiring_grid_and_battery_flow_through_the_inverter() -> None:
    where = home(battery=battery(), inverter=Inverter(wiring="series"))
    found = seen(where, (1000, 1000, 1000), battery_ma=3000, output_ma=(6000, 6000, 6000))
    assert found.solar_ma == 12_000


@pytest.mark.parametrize("where", [home(inverter=Inverter(asymmetric=True, wiring="series"))])
def test_behind_a_hybrid_inverter_the_house_is_its_output_less_the_loads(where: Site) -> None:
    found = seen(where, NOTHING, (6000, 0, 0), output_ma=(8000, 1000, 500), solar_ma=9500)
    assert found.household_ma == (2000, 1000, 500)


def test_a_household_meter_tells_the_phases_of_an_asymmetric_inverter_apart() -> None:
    where = home(inverter=Inverter(asymmetric=True))
    assert seen(where, NOTHING, solar_ma=9000, household_ma=(7000, 1000, 1000)).household_ma == (7000, 1000, 1000)


def test_a_house_that_imports_is_told_apart_by_the_grid_meter() -> None:
    where = home(inverter=Inverter(asymmetric=True))
    assert seen(where, (9000, 4000, 2000), solar_ma=0).household_ma == (9000, 4000, 2000)


def test_an_island_in_series_shows_its_house_at_the_inverter() -> None:
    where = home(grid=None, battery=battery(), inverter=Inverter(wiring="series"))
    found = seen(where, NOTHING, (6000, 0, 0), output_ma=(8000, 1000, 0), battery_ma=3000)
    assert (found.household_ma, found.solar_ma) == ((2000, 1000, 0), 6000)


def test_an_island_in_parallel_balances() -> None:
    where = home(grid=None, battery=battery())
    found = seen(where, NOTHING, (3000, 3000, 3000), output_ma=(4000, 4000, 4000), battery_ma=3000)
    assert (found.household_ma, found.solar_ma) == ((2000, 2000, 2000), 12_000)


def test_a_missing_phase_counts_as_at_its_limit() -> None:
    assert seen(home(), (1000, 0, 1000), missing_mask=2).base_ma == (1000, 25_000, 1000)


@pytest.mark.parametrize(
    ("total_ma", "most_ma", "wanted"),
    [
        (12_000.0, 99_000.0, [5500.0, 1000.0, 5500.0]),
        (12_000.0, 5000.0, [5000.0, 2000.0, 5000.0]),
        (24_000.0, 99_000.0, [9500.0, 5000.0, 9500.0]),
        (-3000.0, 99_000.0, [-1000.0, -1000.0, -1000.0]),
    ],
)
def test_an_asymmetric_inverter_shares_needs_first_and_the_rest_evenly(
    total_ma: float, most_ma: float, wanted: list[float]
) -> None:
    assert sum(shared_output([9000.0, 1000.0, 9000.0], total_ma, most_ma)) == pytest.approx(sum(wanted))
    assert max(shared_output([9000.0, 1000.0, 9000.0], total_ma, most_ma)) <= most_ma


def through(*socs_pct: float | None) -> Memory:
    """Return the memory after the soc went through these values."""
    plan, memory = compile_plan(home(battery=battery())), first_memory()
    for soc_pct in socs_pct:
        memory = latched(plan, memory, soc_pct)
    return memory


@pytest.mark.parametrize(
    ("socs_pct", "above_target"),
    [((79.9,), False), ((80.0,), True), ((80.0, 77.0), True), ((80.0, 76.9), False), ((80.0, 76.9, 79.0), False)],
)
def test_the_target_latches(socs_pct: tuple[float, ...], above_target: bool) -> None:
    assert through(*socs_pct).above_target is above_target


@pytest.mark.parametrize(("socs_pct", "above_min"), [((19.0,), False), ((20.0, 17.0), True), ((20.0, 16.9), False)])
def test_the_minimum_latches(socs_pct: tuple[float, ...], above_min: bool) -> None:
    assert through(*socs_pct).above_min is above_min


def rules(soc_pct: float | None, **values: Any) -> Surroundings:
    """Return the battery's rules laid over nothing, at a soc that has been reached."""
    plan = compile_plan(home(battery=battery(), **values))
    nothing = Surroundings(base_ma=NOTHING, household_ma=NOTHING, solar_ma=6000)
    return with_battery(plan, nothing, soc_pct, latched(plan, first_memory(), soc_pct))


def test_discharge_serves_solar_modes_only_from_the_target_on() -> None:
    assert rules(85.0).surplus_discharge_ma == 10_000
    assert rules(70.0).surplus_discharge_ma == 0


def test_discharge_is_what_the_inverter_leaves_beside_the_sun() -> None:
    assert rules(85.0, inverter=Inverter(max_w=2300.0)).surplus_discharge_ma == 4000
    assert rules(85.0, inverter=Inverter(max_w=1000.0)).surplus_discharge_ma == 0


def test_an_unknown_soc_counts_as_below_everything() -> None:
    found = rules(None)
    assert (found.battery_first, found.battery_full, found.no_import_discharge_ma) == (True, False, 0)


def test_from_97_percent_it_charges_no_more_and_from_98_it_is_full() -> None:
    assert [(rules(soc).battery_charge_ma > 0, rules(soc).battery_full) for soc in (96.9, 97.0, 98.0)] == [
        (True, False),
        (False, False),
        (False, True),
    ]


def test_a_site_without_a_battery_has_no_rules() -> None:
    nothing = Surroundings(base_ma=NOTHING, household_ma=NOTHING)
    assert with_battery(compile_plan(home()), nothing, 90.0, first_memory()) == structs.replace(nothing)
