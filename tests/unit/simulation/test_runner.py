"""The runner: results, traces and faults of expectations; the scenarios themselves are in tests/scenarios."""

from itertools import pairwise
from pathlib import Path

import msgspec

from evenload.simulation.runner import ScenarioResult, run_paths, totals

CASE = """\
name: sun
site:
  site: home
  phases: [L1]
  grid: {breaker_a: 25}
  inverter: {max_w: 12000}
  loads:
    car: {type: evse, min_a: 6, max_a: 16, mode: solar_only}
given:
  household_a: {L1: 2}
  solar_w: 2990
  loads: {car: {status: charging}}
"""


def run(folder: Path, text: str) -> tuple[ScenarioResult, list[str]]:
    path = folder / "case.yaml"
    path.write_text(text)
    lines: list[str] = []
    (result,) = run_paths([path], lines.append)
    return result, lines


def test_a_scenario_without_expectation_is_run_and_told(tmp_path: Path) -> None:
    result, _ = run(tmp_path, CASE)
    told = result.to_json()
    assert list(told) == ["file", "name", "passed", "settled_s", "loads", "violations"]
    assert (told["passed"], told["loads"]["car"]["setpoint_a"]) == (True, 11.0)


def test_what_differs_is_named(tmp_path: Path) -> None:
    result, _ = run(tmp_path, CASE + "expect: {car: {setpoint_a: 12, could_get_a: 11, reason: garage}}\n")
    assert not result.passed
    assert len(result.violations) == 2
    assert result.violations[0].startswith("settled car: setpoint_a expected 12, got 11")


def test_bounds_hold_at_every_decision(tmp_path: Path) -> None:
    result, _ = run(tmp_path, CASE + "always: {car: {at_most_a: 8}}\n")
    assert len(result.violations) == 1
    assert "always car: setpoint_a expected at most 8" in result.violations[0]


def test_the_trace_has_a_header_and_only_changes(tmp_path: Path) -> None:
    _, lines = run(tmp_path, CASE)
    title, header, *steps = lines
    assert title.endswith("case.yaml: sun: ")
    assert header.split()[:4] == ["time", "net1", "base1", "surplus"]
    bodies = [step[10:] for step in steps]
    assert all(before != after for before, after in pairwise(bodies))


def test_the_same_scenario_gives_the_same_bytes(tmp_path: Path) -> None:
    noisy = CASE.replace("  loads: {car: {status", "  meters: {noise_a: 0.3}\n  seed: 5\n  loads: {car: {status")
    one, other = run(tmp_path, noisy), run(tmp_path, noisy)
    assert msgspec.json.encode(one[0]) == msgspec.json.encode(other[0])
    assert one[1] == other[1]


def test_totals_count(tmp_path: Path) -> None:
    good, _ = run(tmp_path, CASE)
    bad, _ = run(tmp_path, CASE + "expect: {car: {setpoint_a: 1}}\n")
    assert str(totals([good, bad])) == "1 of 2 scenarios passed"
