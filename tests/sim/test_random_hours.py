"""Random hours with a fault now and then: the standing invariants hold. A failing seed is in the test's name.

Allocator, gateway and plug_control are the real cores.

Between two things that happen lie at least 40 s: one fault at a time, and every lease and age has run out before the
next thing. The house stays within household_max_a, as the site file promises.
"""

import random
from typing import Any

import msgspec
import pytest

from evenload.simulation.loop import Loop
from evenload.simulation.scenario import Fault, Given, LoadFacts, MeterFacts, Scenario, Turn
from evenload.simulation.serviced_world import ServicedWorld
from evenload.site.load import load_mapping

SEEDS = range(24)
HOUR_S = 3600.0
REPAIRS = {"meter_silent": "meter_returns", "link_lost": "link_back", "allocator_dies": "allocator_returns"}


def site(dice: random.Random) -> dict[str, Any]:
    phases = ["L1", "L2", "L3"]
    loads: dict[str, Any] = {}
    for index in range(dice.randint(1, 4)):
        dice.shuffle(phases)
        loads[f"car{index}"] = {
            "type": "evse",
            "min_a": 6,
            "max_a": dice.choice([10, 16, 32]),
            "phases": phases[: dice.choice([1, 3, 3])],
            "priority": dice.randint(1, 3),
            "mode": dice.choice(["standard", "solar_priority", "solar_only", "excess"]),
            **({"circuit": dice.choice(["garage", "left"])} if dice.random() < 0.5 else {}),
        }
    loads["heater"] = {
        "type": "plug",
        "power_w": dice.choice([1000, 2000, 3000]),
        "phases": [dice.choice(phases)],
        "mode": dice.choice(["standard", "solar_only", "excess"]),
        "priority": dice.randint(1, 3),
    }
    value = {
        "site": "home",
        "grid": {"breaker_a": dice.choice([25, 35, 63]), "household_max_a": 12},
        "inverter": {"max_w": 12000, "asymmetric": dice.random() < 0.3, "max_per_phase_w": 5000},
        "distribution": dice.choice(["shared", "priority", "optimized", "strict"]),
        "excess_threshold_w": 2000,
        "circuits": {"garage": {"limit_a": 32}, "left": {"limit_a": 16, "within": "garage"}},
        "loads": loads,
    }
    if dice.random() < 0.5:
        value["battery"] = {"max_charge_w": 3000, "max_discharge_w": 3000}
    return value


def facts(dice: random.Random, before: Given, loads: list[str]) -> Given:
    """Return facts of which a few differ from `before`."""
    changed = dict(before.loads)
    for name in loads:
        if dice.random() < 0.3:
            status = (
                "charging" if name == "heater" else dice.choice(["charging", "charging", "available", "suspended_ev"])
            )
            changed[name] = LoadFacts(status=status, lag_s=dice.uniform(0.5, 5.0), offset_a=dice.uniform(0, 0.5))
    return msgspec.structs.replace(
        before,
        household_a={phase: round(dice.uniform(0.5, 12.0), 1) for phase in ("L1", "L2", "L3")},
        solar_w=dice.choice([0.0, 3000.0, 6000.0, 10_000.0]),
        loads=changed,
    )


def fault(dice: random.Random, cars: list[str]) -> Fault:
    kind = dice.choice(["meter_silent", "link_lost", "allocator_dies", "memory_lost"])
    return Fault(kind=kind, about=dice.choice(cars) if kind == "link_lost" else "grid")


def hour(seed: int) -> Scenario:
    dice = random.Random(seed)
    value = site(dice)
    loaded = load_mapping(value, f"seed {seed}", simulated=True)
    assert loaded.site is not None, loaded.findings
    names = sorted(value["loads"])
    meters = MeterFacts(solar=dice.random() < 0.5, noise_a=dice.choice([0.0, 0.1]))
    given = facts(dice, Given(soc_pct=dice.uniform(10, 99), meters=meters, seed=seed), names)
    start, turns, broken, at_s = given, [], None, 0.0
    while at_s < HOUR_S:
        at_s += round(dice.uniform(40.0, 300.0), 1)
        what: Fault | None = None
        if broken is not None and dice.random() < 0.6:
            what, broken = Fault(kind=REPAIRS[broken.kind], about=broken.about), None
        elif broken is None and dice.random() < 0.3:
            what = fault(dice, names[:-1])
            broken = what if what.kind in REPAIRS else None
        else:
            given = facts(dice, given, names)
        turns.append(Turn(at_s=at_s, given=given if what is None else None, site=None, fault=what, expect={}))
    return Scenario(
        file="random",
        name=f"seed {seed}",
        why="",
        site=loaded.site,
        given=start,
        expect={},
        moments=tuple(turns),
        always={},
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_invariants_hold_through_a_random_hour(seed: int) -> None:
    scenario = hour(seed)
    loop = Loop(scenario, lambda now_s, decision, world: None, ServicedWorld)
    for turn in scenario.moments:
        loop.run_until(turn.at_s)
        loop.turn(turn)
    assert not loop.watch.found


def test_the_same_seed_gives_the_same_hour() -> None:
    def told() -> list[bytes]:
        lines: list[bytes] = []
        scenario = hour(3)
        loop = Loop(scenario, lambda now_s, decision, world: lines.append(msgspec.json.encode(decision)))
        for turn in scenario.moments[:5]:
            loop.run_until(turn.at_s)
            loop.turn(turn)
        return lines

    assert told() == told()
