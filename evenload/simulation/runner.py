"""Runs scenarios and compares: from a cold start until no setpoint has changed for 6 virtual minutes."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from msgspec import Struct

from evenload.contracts.events import Decision, LoadDecision
from evenload.simulation import trace as trace_lines
from evenload.simulation.limit_expectations import limits_missed
from evenload.simulation.loop import Loop
from evenload.simulation.recording import Recorder, Sink
from evenload.simulation.scenario import TOLERANCE_A, LoadExpect, Scenario
from evenload.simulation.scenario_files import load_paths
from evenload.simulation.serviced_world import ServicedWorld
from evenload.simulation.virtual_time import clock_text
from evenload.simulation.world import World

QUIET_S = 360.0
"""More than the grace time: nothing that is under way can be mistaken for settled."""
LONGEST_S = 3 * 3600.0
_STRIDE_S = 10.0

Trace = Callable[[str], None]
Watch = Callable[[Scenario, float, Decision, World], None]
"""Takes each decision with its virtual time, s, and the world it was made in."""


class LoadResult(Struct, frozen=True, kw_only=True):
    """What a load has in the end: A per line, and why."""

    setpoint_a: float
    could_get_a: float
    reason: str


class ScenarioResult(Struct, frozen=True, kw_only=True):
    """What came of one scenario; `settled_s` None = it never settled."""

    file: str
    name: str
    passed: bool
    settled_s: float | None
    loads: dict[str, LoadResult]
    violations: tuple[str, ...] = ()
    decisions: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the object that `evenload simulate --json` prints."""
        return {
            "file": self.file,
            "name": self.name,
            "passed": self.passed,
            "settled_s": self.settled_s,
            "loads": {
                name: {"setpoint_a": load.setpoint_a, "could_get_a": load.could_get_a, "reason": load.reason}
                for name, load in self.loads.items()
            },
            "violations": list(self.violations),
        }


class Totals(Struct, frozen=True, kw_only=True):
    """How many scenarios ran and passed."""

    run: int
    passed: int

    def __str__(self) -> str:
        return f"{self.passed} of {self.run} scenarios passed"


def totals(results: Iterable[ScenarioResult]) -> Totals:
    """Return the counts."""
    found = list(results)
    return Totals(run=len(found), passed=sum(result.passed for result in found))


def run_paths(
    paths: Iterable[str | Path], trace: Trace | None = None, sink: Sink | None = None, watch: Watch | None = None
) -> list[ScenarioResult]:
    """Run all scenarios of files and folders; raise `ConfigError` when one cannot be read or means nothing.

    `sink` is given everything that the simulated sites publish, in the form of the history stream; `watch` every
    decision.
    """
    results = []
    for number, scenario in enumerate(load_paths(paths), 1):
        if trace is not None:
            trace(f"# {scenario.file}: {scenario.name}: {scenario.why}")
        recorder = Recorder(sink, f"simulation{number}") if sink is not None else None
        results.append(run_scenario(scenario, trace, recorder=recorder, watch=watch))
    return results


def run_scenario(
    scenario: Scenario,
    trace: Trace | None = None,
    world: type[World] = ServicedWorld,
    *,
    recorder: Recorder | None = None,
    watch: Watch | None = None,
) -> ScenarioResult:
    """Run one scenario and compare what came out; the same scenario gives the same result.

    `world` says what stands between allocator and devices: plain outlets, or the real device services' cores
    (`serviced_world.py`), which take twice the time.
    """
    bounds = _Bounds(scenario.always)
    writer = None
    if trace is not None:
        writer = trace_lines.changes_only(trace, tuple(sorted(scenario.site.loads)), len(scenario.site.phases))

    def on_decision(now_s: float, decision: Decision, world: World) -> None:
        bounds.look(now_s, decision)
        if writer is not None:
            writer(now_s, decision)
        if watch is not None:
            watch(scenario, now_s, decision, world)

    loop = Loop(scenario, on_decision, world, recorder)
    violations: list[str] = []
    for turn in scenario.moments:
        if turn.at_s > 0:
            loop.run_until(turn.at_s)
        violations += _missed(loop, turn.expect, clock_text(turn.at_s))
        violations += limits_missed(loop, turn.expect_limits, clock_text(turn.at_s))
        loop.turn(turn)
    settled = _settle(loop)
    if not settled:
        violations.append(f"setpoints still change after {LONGEST_S / 3600:g} virtual hours")
    violations += limits_missed(loop, scenario.expect_limits, "settled")
    violations += [*_missed(loop, scenario.expect, "settled"), *bounds.found, *loop.watch.found, *loop.world.found]
    return ScenarioResult(
        file=scenario.file,
        name=scenario.name,
        passed=not violations,
        settled_s=round(loop.settled_s, 1) if settled else None,
        loads={name: _load_result(loop, name) for name in sorted(scenario.site.loads)},
        violations=tuple(violations),
        decisions=loop.decisions,
    )


def _settle(loop: Loop) -> bool:
    """Run until quiet, or to the bound; tell which."""
    end_s = loop.world.now_s + LONGEST_S
    while loop.quiet_s() < QUIET_S:
        if loop.world.now_s >= end_s:
            return False
        loop.run_until(max(loop.settled_s + QUIET_S, loop.world.now_s + _STRIDE_S))
    return True


def _decided(loop: Loop, name: str) -> LoadDecision | None:
    decisions = loop.decision.loads if loop.decision is not None else ()
    return next((load for load in decisions if load.load == name), None)


def _load_result(loop: Loop, name: str) -> LoadResult:
    decided = _decided(loop, name)
    return LoadResult(
        setpoint_a=_in_force_a(loop, name),
        could_get_a=decided.could_get_a if decided is not None else 0.0,
        reason=decided.reason if decided is not None else "",
    )


def _in_force_a(loop: Loop, name: str) -> float:
    """Return what the outlet was told last; what it falls back to when it was never told."""
    outlet = loop.world.outlets[name]
    return outlet.offers_a if outlet.setpoint_a is None else outlet.setpoint_a


def _missed(loop: Loop, expect: dict[str, LoadExpect], when: str) -> list[str]:
    """Return what differs from the expectation now."""
    return [
        f"{when} {name}: {text}"
        for name, wanted in expect.items()
        for text in (
            *_differences(wanted, _load_result(loop, name), loop.world.tracks[name].now_a),
            *_of_its_service(wanted, loop.world, name),
            *_of_its_lines(wanted, loop, name),
        )
    ]


def _of_its_lines(wanted: LoadExpect, loop: Loop, name: str) -> list[str]:
    """Return what differs in the lines that it has, and in the allocator's alerts about it."""
    found, lines = [], len(loop.world.appetites[name].lines)
    if wanted.lines is not None and wanted.lines != lines:
        found.append(f"lines expected {wanted.lines}, got {lines}")
    standing = sorted(kind for kind, about in loop.memory.alerts if about == name)
    if wanted.alarm is not None and wanted.alarm not in standing:
        found.append(f"alarm expected {wanted.alarm}, got {standing}")
    return found


def _of_its_service(wanted: LoadExpect, world: World, name: str) -> list[str]:
    """Return what differs in its temperature and in the alerts about it."""
    found = []
    mass = world.masses.get(name)
    if mass is not None and wanted.at_least_c is not None and mass.temperature_c < wanted.at_least_c:
        found.append(f"expected at least {wanted.at_least_c:g} °C, got {mass.temperature_c:.1f}")
    if mass is not None and wanted.at_most_c is not None and mass.temperature_c > wanted.at_most_c:
        found.append(f"expected at most {wanted.at_most_c:g} °C, got {mass.temperature_c:.1f}")
    standing = world.alerts(name)
    if wanted.alerts is not None and standing != frozenset(wanted.alerts):
        found.append(f"alerts expected {sorted(wanted.alerts)}, got {sorted(standing)}")
    return found


def _differences(wanted: LoadExpect, got: LoadResult, drawn_a: float) -> list[str]:
    found = []
    for what, want_a, got_a in (
        ("setpoint_a", wanted.setpoint_a, got.setpoint_a),
        ("could_get_a", wanted.could_get_a, got.could_get_a),
        ("draws_a", wanted.draws_a, drawn_a),
    ):
        if want_a is not None and abs(want_a - got_a) > TOLERANCE_A + 1e-9:
            found.append(f"{what} expected {want_a:g}, got {got_a:g} ({got.reason})")
    found += _outside(wanted, got.setpoint_a)
    if wanted.reason is not None and wanted.reason.lower() not in got.reason.lower():
        found.append(f"reason expected {wanted.reason!r} in it, got {got.reason!r}")
    return found


def _outside(wanted: LoadExpect, setpoint_a: float) -> list[str]:
    found = []
    if wanted.at_least_a is not None and setpoint_a < wanted.at_least_a - TOLERANCE_A:
        found.append(f"setpoint_a expected at least {wanted.at_least_a:g}, got {setpoint_a:g}")
    if wanted.at_most_a is not None and setpoint_a > wanted.at_most_a + TOLERANCE_A:
        found.append(f"setpoint_a expected at most {wanted.at_most_a:g}, got {setpoint_a:g}")
    return found


class _Bounds:
    """Keeps an eye on what must hold at every decision; each load is told once."""

    def __init__(self, always: dict[str, LoadExpect]) -> None:
        self._always = dict(always)
        self.found: list[str] = []

    def look(self, now_s: float, decision: Decision) -> None:
        """Compare one decision with the bounds that have not been broken yet."""
        if not self._always:
            return
        for load in decision.loads:
            wanted = self._always.get(load.load)
            broken = _outside(wanted, load.setpoint_a) if wanted is not None else []
            if broken:
                self.found.append(f"{clock_text(now_s)} always {load.load}: {broken[0]}")
                del self._always[load.load]
