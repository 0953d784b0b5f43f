"""Every scenario file passes: the project's own and the shared floor beside the project's root."""

from pathlib import Path

import pytest

from evenload.simulation.runner import run_scenario
from evenload.simulation.scenario import Scenario
from evenload.simulation.scenario_files import load_paths

OWN = Path(__file__).parent
SHARED = OWN.parents[2] / "shared" / "scenarios"
SHARED_COUNT = 130


def named(scenarios: list[Scenario]) -> list[object]:
    return [pytest.param(scenario, id=f"{Path(scenario.file).stem}-{scenario.name}") for scenario in scenarios]


@pytest.mark.parametrize("scenario", named(load_paths([OWN])))
def test_own_scenario(scenario: Scenario) -> None:
    assert not run_scenario(scenario).violations


@pytest.mark.parametrize("scenario", named(load_paths([SHARED]) if SHARED.is_dir() else []))
def test_shared_scenario(scenario: Scenario) -> None:
    assert not run_scenario(scenario).violations


def test_the_shared_floor_is_all_there() -> None:
    assert SHARED.is_dir(), f"{SHARED} is missing: the shared scenarios stand beside the project's root"
    assert len(load_paths([SHARED])) >= SHARED_COUNT


def test_every_own_expectation_says_who_vouches_for_it() -> None:
    texts = {path.name: path.read_text() for path in OWN.rglob("*.yaml")}
    lacking = [name for name, text in texts.items() if any("checked_by:" not in part for part in text.split("\n---\n"))]
    assert not lacking
