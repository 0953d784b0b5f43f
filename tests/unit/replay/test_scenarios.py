"""Limits that come and go, and switched phases, are made again byte for byte from their records."""

from pathlib import Path

import pytest

from evenload.replay.fold import Fold
from evenload.simulation.recording import Recorder
from evenload.simulation.runner import run_scenario
from evenload.simulation.scenario_files import load_paths

SCENARIOS = Path(__file__).parents[2] / "scenarios"
NAMES = (
    "a-write-after-a-sign-of-life-ends-the-failsafe",
    "a-source-that-was-never-heard-counts-as-missing",
    "between-two-switches-the-dwell-time-is-kept",
    "the-allocator-starts-again-in-the-middle-of-a-switch",
    "the-gateway-starts-again-while-one-line-is-used",
)


@pytest.mark.parametrize("name", NAMES)
def test_every_decision_is_made_again(name: str) -> None:
    paths = [SCENARIOS / "limits" / "outside.yaml", SCENARIOS / "phases" / "switching.yaml"]
    scenario = next(each for each in load_paths(paths) if each.name == name)
    fold = Fold()
    assert run_scenario(scenario, recorder=Recorder(fold.take, "simulated")).passed
    assert fold.findings == []
    assert fold.counts.equal == fold.counts.decisions > 20
