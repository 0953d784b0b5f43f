"""What is kept free for whoever has no plan."""

import pytest
from msgspec.structs import replace

from evenload.contracts.events import Decision, LoadDecision
from evenload.contracts.phases import PerPhase
from evenload.site.schema import Circuit, Evse, Grid, Plug, Station
from services.planner.facts import Facts, House
from services.planner.house import FADE_S, RISE_S, house_a, known_house, reserved_a
from services.planner.shapes import rooms, shape_of
from tests.unit.planner.builders import EVENING, site

HOME = site()


def decision(base_a: float | None, **values: float) -> Decision:
    base = None if base_a is None else PerPhase(l1=base_a, l2=base_a, l3=base_a)
    return Decision(site="home", decided_at=EVENING, base_a=base, **values)


def test_the_peak_rises_within_minutes_and_fades_within_hours() -> None:
    moment = known_house(HOME, House(), decision(20.0), 1.0)
    assert moment.peak_a[0] == pytest.approx(20.0 / RISE_S)
    steady = known_house(HOME, House(), decision(20.0), RISE_S)
    assert steady.peak_a == (20.0, 20.0, 20.0)
    assert known_house(HOME, steady, decision(2.0), FADE_S).peak_a[0] == pytest.approx(20.0 / 2.718, rel=0.4)
    assert known_house(HOME, steady, decision(None), 60.0) == steady
    assert known_house(HOME, House(), decision(-8.0), RISE_S).peak_a == (0.0, 0.0, 0.0)


def test_the_mean_is_the_house_without_its_sun() -> None:
    sunny = known_house(HOME, House(), decision(-4.0, solar_w=5_000.0), 60.0)
    assert sunny.mean_w == pytest.approx(5_000.0 - 12 * 230)


def test_what_the_file_says_of_the_house_goes_over_what_was_seen() -> None:
    stated = site(grid=Grid(breaker_a=35.0, household_max_a=12.0))
    assert house_a(stated, House(peak_a=(30.0, 0.0, 0.0))) == {"L1": 12.0, "L2": 12.0, "L3": 12.0}
    assert house_a(HOME, House(peak_a=(3.0, 2.0, 1.0))) == {"L1": 3.0, "L2": 2.0, "L3": 1.0}


def test_a_load_without_a_plan_keeps_its_minimum_while_it_may_not_be_put_off() -> None:
    home = site({"car": Evse(), "guest": Evse(), "sun": Evse(), "pump": Plug(power_w=1150.0, phases=("L1",))})
    line = LoadDecision(load="guest", mode="standard", setpoint_a=16.0, target_a=16.0, could_get_a=16.0)
    lines = (
        line,
        replace(line, load="sun", mode="solar_only"),
        replace(line, load="pump", setpoint_a=5.0),
        replace(line, load="car"),
    )
    facts = Facts(decision=Decision(site="home", decided_at=EVENING, loads=lines))
    assert reserved_a(home, facts, {"car"}) == {"guest": 6.0, "pump": 5.0}


def test_limits_are_those_of_circuits_stations_breaker_and_import() -> None:
    home = site(
        {"car": Evse(circuit="garage", station="CP1"), "pump": Plug(power_w=1150.0, phases=("L1",))},
        circuits={"garage": Circuit(limit_a=20.0, within="barn"), "barn": Circuit(limit_a=25.0)},
        stations={"cp1": Station(max_a=16.0)},
        grid=Grid(breaker_a=35.0, margin_a=1.0, max_import_w=11_500.0),
    )
    shapes = {name: shape_of(name, home, None, ()) for name in home.loads}
    found = {room.name: room for room in rooms(home, shapes, {"L1": 4.0, "L2": 0.0, "L3": 0.0}, {})}
    assert {name: room.limit_a for name, room in found.items() if name.endswith("L1")} == {
        "barn L1": 25.0,
        "breaker L1": 30.0,
        "garage L1": 20.0,
        "station cp1 L1": 16.0,
    }
    assert found["breaker L1"].members == ((0, 1.0), (1, 1.0))
    assert found["breaker L2"].members == ((0, 1.0),)
    assert (found["import"].members, found["import"].limit_a) == (((0, 3.0), (1, 1.0)), 46.0)
