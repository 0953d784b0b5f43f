"""Random clouds over stations that switch phases: breakers hold, and no vehicle is switched while it draws."""

import random
from typing import Any

import msgspec
import pytest

from evenload.simulation.loop import Loop
from evenload.simulation.scenario import Fault, Given, LoadFacts, Scenario, Turn
from evenload.simulation.serviced_world import ServicedWorld
from evenload.site.load import load_mapping

SEEDS = range(12)
HOURS_S = 7200.0
KINDS = ("switches_phases", "switches_phases", "ignores_phases", "refuses_phases", "stuck_on_one_line")


def site(dice: random.Random) -> dict[str, Any]:
    switching = {"down_after_s": 30, "up_after_s": 60, "per_day": 20}
    cars = {
        f"car{number}": {
            "type": "evse",
            "max_a": dice.choice([16, 32]),
            "mode": dice.choice(["solar_only", "solar_priority"]),
            "priority": dice.randint(1, 2),
            "circuit": "garage",
            "phase_switching": {**switching, "line": dice.choice(["L1", "L2"])},
        }
        for number in range(dice.randint(1, 2))
    }
    heater = {"type": "plug", "power_w": 2000, "phases": ["L2"]}
    return {
        "site": "home",
        "grid": {"breaker_a": dice.choice([25, 35]), "metering": dice.choice(["net", "per_phase"])},
        "circuits": {"garage": {"limit_a": 25}},
        "loads": {**cars, "heater": heater},
    }


def turns(dice: random.Random, given: Given) -> tuple[Turn, ...]:
    """Return clouds, a house that moves, and now and then a service that starts again."""
    found, at_s = [], 0.0
    while (at_s := at_s + dice.uniform(60, 800)) < HOURS_S:
        fault = None
        if dice.random() < 0.15:
            fault = Fault(kind=dice.choice(["gateway_restarts", "memory_lost"]), about="car0")
        house_a: Any = {phase: round(dice.uniform(0, 2), 1) for phase in ("L1", "L2", "L3")}
        given = msgspec.structs.replace(
            given, solar_w=dice.choice([dice.uniform(2500, 4500), dice.uniform(7000, 14_000)]), household_a=house_a
        )
        found.append(Turn(at_s=at_s, given=given, site=None, fault=fault, expect={}))
    return tuple(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_clouds_over_stations_that_switch(seed: int) -> None:
    dice = random.Random(f"phases {seed}")
    loaded = load_mapping(site(dice), "random", simulated=True)
    assert loaded.site is not None, loaded.findings
    cars = [name for name in loaded.site.loads if name != "heater"]
    loads = {
        name: LoadFacts(status="charging", fault=dice.choice(KINDS), lines=dice.choice([1, 3, 3])) for name in cars
    }
    given = Given(solar_w=5000.0, loads={**loads, "heater": LoadFacts(status="charging")}, seed=seed)
    scenario = Scenario(
        file="random", name=f"seed {seed}", why="", site=loaded.site, given=given, expect={}, moments=(), always={}
    )
    loop = Loop(scenario, lambda *_: None, ServicedWorld)
    for turn in turns(dice, given):
        loop.run_until(turn.at_s)
        loop.turn(turn)
    loop.run_until(HOURS_S)
    assert [*loop.watch.found, *loop.world.found] == []
