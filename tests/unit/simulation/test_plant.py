"""The plant against hand-worked figures; 230 V, so that 2,300 W are 10 A."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenload.simulation.plant import PlantConfig, Surroundings, battery_answer_w, fill, flows, soc_after
from evenload.site.schema import Battery, Inverter

NO_DRAW = (0.0, 0.0, 0.0)


def plant(
    inverter: Inverter | None = None,
    battery: Battery | None = None,
    on_grid: bool = True,
    capacity_wh: float | None = None,
) -> PlantConfig:
    return PlantConfig(
        phases=3,
        voltage_v=230.0,
        on_grid=on_grid,
        inverter=inverter or Inverter(),
        battery=battery,
        capacity_wh=capacity_wh,
    )


def around(*household_a: float, solar_w: float = 0.0) -> Surroundings:
    return Surroundings(household_a=household_a, solar_w=solar_w)


def test_symmetric_inverter_shares_evenly() -> None:
    found = flows(plant(), around(2.0, 4.0, 0.0, solar_w=6900), NO_DRAW, 0.0)
    assert found.net_a == pytest.approx((-8.0, -6.0, -10.0))


def test_loads_add_to_import() -> None:
    found = flows(plant(), around(2.0, 2.0, 2.0), (16.0, 0.0, 6.0), 0.0)
    assert found.net_a == pytest.approx((18.0, 2.0, 8.0))


def test_asymmetric_inverter_serves_needs_first_and_the_rest_evenly() -> None:
    found = flows(plant(Inverter(asymmetric=True)), around(9.0, 3.0, 0.0, solar_w=18 * 230), NO_DRAW, 0.0)
    assert found.net_a == pytest.approx((-2.0, -2.0, -2.0))


def test_asymmetric_inverter_shares_a_shortage_in_equal_amounts() -> None:
    found = flows(plant(Inverter(asymmetric=True)), around(9.0, 2.0, 9.0, solar_w=12 * 230), NO_DRAW, 0.0)
    assert found.net_a == pytest.approx((4.0, 0.0, 4.0))


def test_asymmetric_inverter_ends_at_its_phase_limit() -> None:
    inverter = Inverter(asymmetric=True, max_per_phase_w=5 * 230)
    found = flows(plant(inverter), around(20.0, 0.0, 0.0, solar_w=30 * 230), NO_DRAW, 0.0)
    assert found.net_a == pytest.approx((15.0, -5.0, -5.0))


def test_battery_nulls_a_deficit() -> None:
    assert battery_answer_w(plant(battery=Battery()), around(5.0, 5.0, 5.0), NO_DRAW, 50.0) == pytest.approx(3450)


def test_battery_stays_within_what_the_inverter_leaves_beside_solar() -> None:
    config = plant(Inverter(max_w=4000), Battery(max_discharge_w=5000))
    assert battery_answer_w(config, around(20.0, 0.0, 0.0, solar_w=3000), NO_DRAW, 50.0) == pytest.approx(1000)


def test_battery_below_its_least_charge_helps_nobody() -> None:
    assert battery_answer_w(plant(battery=Battery(soc_min_pct=20)), around(5.0, 5.0, 5.0), NO_DRAW, 19.0) == 0


def test_battery_charges_from_surplus_until_full() -> None:
    config = plant(battery=Battery(max_charge_w=1500))
    assert battery_answer_w(config, around(0.0, 0.0, 0.0, solar_w=4000), NO_DRAW, 96.9) == -1500
    assert battery_answer_w(config, around(0.0, 0.0, 0.0, solar_w=4000), NO_DRAW, 97.0) == 0


def test_output_meter_of_both_wirings() -> None:
    facts = around(2.0, 2.0, 2.0, solar_w=6900)
    parallel = flows(plant(), facts, (6.0, 0.0, 0.0), -690.0)
    series = flows(plant(Inverter(wiring="series")), facts, (6.0, 0.0, 0.0), -690.0)
    assert parallel.output_a == pytest.approx((10.0, 10.0, 10.0))
    assert series.output_a == pytest.approx((8.0, 2.0, 2.0))


def test_solar_is_still_shown_when_the_battery_takes_it_all() -> None:
    assert flows(plant(), around(0.0, 0.0, 0.0, solar_w=690), NO_DRAW, -690.0).output_a == pytest.approx(
        (1.0, 1.0, 1.0)
    )


def test_off_grid_nothing_flows_in_or_out() -> None:
    assert flows(plant(on_grid=False), around(2.0, 2.0, 2.0, solar_w=6900), NO_DRAW, 0.0).net_a == NO_DRAW


def test_soc_moves_only_with_a_capacity() -> None:
    assert soc_after(plant(), 50.0, 5000.0, 3600.0) == 50.0
    assert soc_after(plant(capacity_wh=10_000), 50.0, 5000.0, 3600.0) == pytest.approx(0.0)
    assert soc_after(plant(capacity_wh=10_000), 50.0, -2500.0, 3600.0) == pytest.approx(75.0)


rooms = st.lists(st.floats(0, 1e4), min_size=1, max_size=3)


@given(st.floats(0, 5e4), rooms)
def test_fill_gives_all_that_has_room_and_never_more(amount: float, room: list[float]) -> None:
    parts = fill(amount, tuple(room))
    assert sum(parts) == pytest.approx(min(amount, sum(room)), abs=1e-3)
    assert all(part <= limit + 1e-9 for part, limit in zip(parts, room, strict=True))


@given(st.lists(st.floats(0, 60), min_size=3, max_size=3), st.floats(0, 20_000), st.floats(0, 5_000), st.booleans())
def test_the_balance_holds(household: list[float], solar_w: float, battery_w: float, asymmetric: bool) -> None:
    facts = around(*household, solar_w=solar_w)
    found = flows(plant(Inverter(asymmetric=asymmetric)), facts, NO_DRAW, battery_w)
    made_a = sum(found.solar_a) + sum(found.battery_a)
    assert made_a * 230 == pytest.approx(solar_w + battery_w, abs=1e-3)
    assert sum(found.net_a) == pytest.approx(sum(household) - made_a, abs=1e-6)
