"""The plan: indices, whole steps, chains of breakers, overrides."""

from evenload.contracts.records import Override
from evenload.site.schema import Circuit, Grid, Station
from services.allocator.plan import compile_plan
from tests.property.allocator.ideal import NOW
from tests.unit.allocator.builders import evse, plug, site


def test_loads_are_in_the_order_of_their_names() -> None:
    plan = compile_plan(site({"zoe": evse(), "ada": evse()}))
    assert [(load.index, load.name) for load in plan.loads] == [(0, "ada"), (1, "zoe")]


def test_a_plug_counts_its_rated_current_rounded_up_and_draws_it_to_the_milliampere() -> None:
    load = compile_plan(site({"heater": plug(2000.0)})).loads[0]
    assert (load.min_ma, load.max_ma, load.exact_ma, load.all_or_nothing) == (8700, 8700, 8696, True)


def test_a_minimum_is_rounded_up_and_a_maximum_down() -> None:
    load = compile_plan(site({"car": evse(min_a=6.01, max_a=15.99)})).loads[0]
    assert (load.min_ma, load.max_ma) == (6100, 15_900)


def test_margin_and_buffer_are_taken_off() -> None:
    grid = Grid(breaker_a=25.0, margin_a=0.5, max_import_w=11_500.0, buffer_w=1150.0)
    plan = compile_plan(site({"car": evse()}, grid=grid))
    assert (plan.breaker_ma, plan.limit_ma, plan.import_ma) == (25_000, 24_500, 45_000)


def test_every_circuit_above_a_load_has_a_slot_for_each_of_its_lines() -> None:
    circuits = {"barn": Circuit(limit_a=20.0), "stall": Circuit(limit_a=16.0, within="barn")}
    plan = compile_plan(site({"car": evse(circuit="stall", phases=("L2", "L3"))}, circuits=circuits))
    assert [plan.nodes[node].name for node in plan.loads[0].nodes] == ["stall", "barn"]
    assert plan.loads[0].slots == (4, 5, 1, 2)


def test_a_station_with_a_limit_is_a_breaker_of_its_own() -> None:
    stations = {"CP1": Station(max_a=20.0)}
    plan = compile_plan(
        site({"one": evse(station="CP1", evse=1), "two": evse(station="CP1", evse=2)}, stations=stations)
    )
    assert [(node.kind, node.name, node.limit_ma, node.loads) for node in plan.nodes] == [
        ("station", "cp1", 20_000, (0, 1))
    ]


def test_an_override_changes_mode_priority_and_limit() -> None:
    items = (
        Override(load="car", mode="solar_only", at=NOW),
        Override(load="car", priority=7, at=NOW),
        Override(load="car", max_a=10.0, at=NOW),
    )
    load = compile_plan(site({"car": evse()}), items).loads[0]
    assert (load.mode, load.priority, load.max_ma, load.by_hand) == ("solar_only", 7, 10_000, True)


def test_an_override_never_raises_a_limit() -> None:
    items = (Override(load="car", max_a=32.0, at=NOW),)
    assert compile_plan(site({"car": evse(max_a=16.0)}), items).loads[0].max_ma == 16_000


def test_an_override_of_the_distribution_is_the_sites() -> None:
    plan = compile_plan(site({"car": evse()}), (Override(distribution="strict", at=NOW),))
    assert plan.distribution == "strict"


def test_an_island_has_no_breaker() -> None:
    plan = compile_plan(site({"car": evse()}, grid=None))
    assert (plan.breaker_ma, plan.limit_ma, plan.import_ma) == (None, None, None)
