"""Decisions of scenario runs, one of each kind that `evenload why` has sentences for.

`python -m tests.golden.why_cases` runs the scenarios of tests/scenarios and tests/golden/why and writes
`why/decisions.jsonl` anew: for each pair of rule and limit the first decision in which a load had it.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from evenload.contracts.events import Decision
from evenload.simulation.loop import Loop
from evenload.simulation.scenario import Scenario
from evenload.simulation.scenario_files import load_paths
from evenload.simulation.serviced_world import ServicedWorld
from evenload.simulation.virtual_time import clock_text
from evenload.simulation.world import World
from evenload.site.schema import Site

FOLDER = Path(__file__).parent / "why"
SCENARIOS = Path(__file__).parents[1] / "scenarios"
AFTER_S = 400.0


class Told(Struct, frozen=True):
    """A decision about one load, and the site file it was made under."""

    where: str
    load: str
    site: Site
    decision: Decision


def cases() -> list[Told]:
    """Return the decisions that are kept."""
    lines = (FOLDER / "decisions.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Told) for line in lines]


def kind(told: Told) -> tuple[str, str, str]:
    """Return what makes a case one of its own: rule, limit, and the status where it has sentences of its own."""
    line = next(line for line in told.decision.loads if line.load == told.load)
    rule = line.rule.partition(":")[0]
    beside = line.status if rule == "no vehicle" else ""
    if rule == "paused" and line.timer is not None and line.timer.in_s == 0:
        beside = "waits for its turn"
    if rule == "fill" and line.target_a > line.setpoint_a:
        beside = "has just begun"
    if rule == "waits" and line.mode == "solar_only" and "heater" in line.load:
        beside = "a plug"
    return rule, "" if line.bound is None else line.bound.kind, beside


def captured() -> list[Told]:
    """Run all scenarios and return the first decision of each kind."""
    found: dict[tuple[str, str, str], Told] = {}
    for scenario in load_paths([SCENARIOS, FOLDER / "more.yaml"]):
        for told in decided(scenario):
            found.setdefault(kind(told), told)
    return [found[key] for key in sorted(found)]


def decided(scenario: Scenario) -> list[Told]:
    """Return every load of every decision of a scenario."""
    found: list[Told] = []

    def on_decision(now_s: float, decision: Decision, world: World) -> None:
        where = f"{scenario.name} {clock_text(now_s)}"
        found.extend(Told(where, line.load, world.site, decision) for line in decision.loads)

    loop = Loop(scenario, on_decision, ServicedWorld)
    for turn in scenario.moments:
        if turn.at_s > 0:
            loop.run_until(turn.at_s)
        loop.turn(turn)
    loop.run_until(loop.world.now_s + AFTER_S)
    return found


if __name__ == "__main__":
    (FOLDER / "decisions.jsonl").write_bytes(b"".join(msgspec.json.encode(told) + b"\n" for told in captured()))
