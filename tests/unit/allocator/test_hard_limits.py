"""Hard limits (engine.md section 1), each by hand: breaker, import, circuits, stations, outside, no import, supply."""

import pytest
from msgspec import structs

from evenload.contracts.events import Bound
from evenload.site.schema import Circuit, Grid, Inverter, Station
from tests.unit.allocator.builders import amps, battery, beside, evse, plug, shared_out, site


def test_each_phase_has_the_breaker_less_its_margin() -> None:
    where = site({"car": evse(phases=("L2",), max_a=32.0)}, grid=Grid(breaker_a=25.0, margin_a=0.5))
    assert amps(where, beside(where, house_a=(20.0, 4.0, 20.0))) == {"car": 20.5}


def test_the_fullest_phase_binds_and_is_named() -> None:
    where = site({"car": evse()})
    share = shared_out(where, beside(where, house_a=(10.0, 12.3, 11.0)))["car"]
    assert (share.given_ma, share.bound) == (12_700, Bound(kind="breaker", phase="L2"))


def test_export_on_one_phase_does_not_pay_for_import_on_another() -> None:
    grid = Grid(breaker_a=63.0, max_import_w=2300.0)
    where = site({"car": evse(phases=("L1",))}, grid=grid)
    assert amps(where, beside(where, sun_a=30.0)) == {"car": 16.0}
    assert amps(where, beside(where, house_a=(0.0, 20.0, 0.0), sun_a=30.0)) == {"car": 10.0}


def test_the_buffer_is_kept_free_below_the_import_limit() -> None:
    grid = Grid(breaker_a=63.0, max_import_w=6900.0, buffer_w=690.0)
    where = site({"car": evse()}, grid=grid)
    assert amps(where, beside(where)) == {"car": 9.0}


def test_nested_circuits_bind_together() -> None:
    circuits = {"barn": Circuit(limit_a=20.0), "stall": Circuit(limit_a=13.0, within="barn")}
    loads = {"one": evse(circuit="stall"), "two": evse(circuit="stall"), "three": evse(circuit="barn")}
    where = site(loads, circuits=circuits, distribution="shared")
    assert amps(where, beside(where)) == {"one": 6.5, "two": 6.5, "three": 7.0}


def test_what_one_circuit_cannot_carry_goes_to_loads_elsewhere() -> None:
    where = site(
        {"in": evse(circuit="barn"), "out": evse()}, circuits={"barn": Circuit(limit_a=8.0)}, distribution="shared"
    )
    assert amps(where, beside(where)) == {"in": 8.0, "out": 16.0}


def test_the_foreign_draw_of_a_metered_circuit_is_subtracted() -> None:
    where = site({"car": evse(circuit="barn")}, circuits={"barn": Circuit(limit_a=20.0)})
    around = structs.replace(beside(where), foreign_ma=(9000, 0, 0))
    assert amps(where, around) == {"car": 11.0}


def test_two_outlets_share_their_station() -> None:
    loads = {"one": evse(station="CP1", evse=1), "two": evse(station="CP1", evse=2)}
    where = site(loads, stations={"CP1": Station(max_a=20.0)}, distribution="shared")
    assert amps(where, beside(where)) == {"one": 10.0, "two": 10.0}


def test_a_plug_is_all_or_nothing() -> None:
    where = site({"heater": plug(2000.0)})
    assert amps(where, beside(where, house_a=(16.3, 0.0, 0.0))) == {"heater": 8.7}
    assert amps(where, beside(where, house_a=(16.31, 0.0, 0.0))) == {"heater": 0.0}


def test_measured_discharge_helps_and_no_more_than_that() -> None:
    where = site({"car": evse(max_a=32.0)}, battery=battery())
    around = beside(where, house_a=(20.0, 20.0, 20.0), discharge_a=6.0, soc_pct=90.0)
    assert amps(where, around) == {"car": 7.0}


def test_an_outside_limit_on_import_binds_as_the_sites_own() -> None:
    where = site({"car": evse()})
    around = structs.replace(beside(where, sun_a=3.0), outside_import_ma=24_000, outside_import="dso")
    share = shared_out(where, around)["car"]
    assert (share.given_ma, share.bound) == (9000, Bound(kind="outside", name="dso"))


def test_own_sun_comes_on_top_of_a_limit_on_managed_loads() -> None:
    where = site({"car": evse()})
    around = structs.replace(beside(where, sun_a=9.0), outside_managed_ma=24_000, outside_managed="dso")
    assert amps(where, around) == {"car": 11.0}


@pytest.mark.parametrize(("sun_a", "wanted_a"), [(18.0, 6.0), (30.0, 10.0), (17.9, 0.0)])
def test_without_grid_charging_nobody_imports(sun_a: float, wanted_a: float) -> None:
    where = site({"car": evse()}, battery=battery(grid_charging=False, max_discharge_w=0.0))
    assert amps(where, beside(where, sun_a=sun_a, soc_pct=10.0)) == {"car": wanted_a}


def test_without_grid_charging_the_battery_carries_what_it_can() -> None:
    where = site({"car": evse()}, battery=battery(grid_charging=False, max_discharge_w=6900.0))
    assert amps(where, beside(where, soc_pct=50.0)) == {"car": 10.0}


def test_an_asymmetric_inverter_serves_the_phase_in_need() -> None:
    loads = {"car": evse("solar_only", phases=("L1",), max_a=32.0)}
    symmetric = site(loads, grid=Grid(breaker_a=40.0, margin_a=0.0))
    asymmetric = structs.replace(symmetric, inverter=Inverter(asymmetric=True))
    assert amps(symmetric, beside(symmetric, sun_a=18.0)) == {"car": 6.0}
    assert amps(asymmetric, beside(asymmetric, sun_a=18.0)) == {"car": 18.0}


def test_an_asymmetric_inverter_ends_at_its_limit_per_phase() -> None:
    inverter = Inverter(asymmetric=True, max_per_phase_w=2300.0)
    where = site({"car": evse("solar_only", phases=("L1",))}, inverter=inverter)
    assert amps(where, beside(where, house_a=(1.0, 0.0, 0.0), sun_a=18.0)) == {"car": 9.0}


def test_a_breaker_behind_an_asymmetric_inverter_counts_what_the_others_take() -> None:
    where = site({"car": evse(phases=("L1",), max_a=32.0)}, inverter=Inverter(asymmetric=True))
    assert amps(where, beside(where, sun_a=6.0)) == {"car": 31.0}
    assert amps(where, beside(where, house_a=(0.0, 3.0, 3.0), sun_a=6.0)) == {"car": 27.0}


def test_off_grid_sun_and_battery_carry_everything() -> None:
    where = site({"car": evse(phases=("L1",))}, grid=None, battery=battery(), inverter=Inverter(max_w=4600.0))
    assert amps(where, beside(where, house_a=(2.0, 2.0, 2.0), sun_a=6.0, soc_pct=50.0)) == {"car": 10.0}
    assert amps(where, beside(where, house_a=(2.0, 2.0, 2.0), sun_a=16.0, soc_pct=50.0)) == {"car": 14.0}


def test_a_limit_that_the_house_alone_breaks_lets_nobody_on() -> None:
    where = site({"car": evse()})
    assert amps(where, beside(where, house_a=(30.0, 0.0, 0.0))) == {"car": 0.0}
