"""A home with car, tank, heat pump, pool pump, sun and battery on a summer day and on a winter day, second by second.

Plays the scenarios of `bench/days` as `evenload simulate` does: the allocator's, the gateway's, plug_control's and the
planner's real cores in closed loop with the plant. Draws what everything did over both days, and keeps the decisions
at chosen moments, whose sentences are tested (`tests/golden/test_days.py`). Equal code gives equal files.
Run: python -m bench.days [--picture docs/pictures/days.svg] [--keep tests/golden/days/decisions.jsonl]
"""

import argparse
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from evenload.contracts.events import Decision
from evenload.simulation.runner import run_scenario
from evenload.simulation.scenario import Scenario
from evenload.simulation.scenario_files import load_paths
from evenload.simulation.world import World
from evenload.site.schema import Site

FOLDER = Path(__file__).parent / "days"
ROW_S = 300.0
MOMENTS: dict[str, tuple[str, ...]] = {
    "summer-day": ("3:00", "8:20", "9:50", "12:20", "13:30", "16:20", "22:30"),
    "winter-day": ("0:20", "2:00", "5:30", "8:00", "12:00", "14:30", "18:30", "23:30"),
}


class Told(Struct, frozen=True):
    """A decision at a chosen moment, and the site file it was made under."""

    where: str
    site: Site
    decision: Decision


class Row(Struct, frozen=True):
    """One look: h from the start, W (grid + import, battery + discharging), %, and each load's W; °C of the masses."""

    at_h: float
    sun_w: float
    house_w: float
    grid_w: float
    battery_w: float
    soc_pct: float
    loads_w: dict[str, float]
    masses_c: dict[str, float]


class Played(Struct, frozen=True):
    """A day as it went."""

    name: str
    violations: tuple[str, ...]
    rows: tuple[Row, ...]
    told: tuple[Told, ...]


class _Watch:
    """Looks at the world every `ROW_S`, and keeps the newest decision before each chosen moment."""

    def __init__(self, name: str) -> None:
        self._next_s = 0.0
        self.rows: list[Row] = []
        self.told: list[Told] = []
        self._moments = [(_seconds(text), text) for text in MOMENTS.get(name, ())]
        self._newest: tuple[Decision, Site] | None = None

    def on_decision(self, scenario: Scenario, now_s: float, decision: Decision, world: World) -> None:
        while self._moments and self._moments[0][0] < now_s:
            text = self._moments.pop(0)[1]
            if self._newest is not None:
                self.told.append(Told(f"{scenario.name} {text}", self._newest[1], self._newest[0]))
        self._newest = decision, world.site
        if now_s >= self._next_s:
            self._next_s = now_s // ROW_S * ROW_S + ROW_S
            self.rows.append(_row(now_s, world))


def _seconds(text: str) -> float:
    hours, _, minutes = text.partition(":")
    return int(hours) * 3600.0 + int(minutes) * 60.0


def _row(now_s: float, world: World) -> Row:
    volts = world.site.voltage_v
    return Row(
        at_h=now_s / 3600,
        sun_w=world.around.solar_w,
        house_w=sum(world.around.household_a) * volts,
        grid_w=sum(world.flows().net_a) * volts,
        battery_w=world.battery_w,
        soc_pct=world.soc_pct or 0.0,
        loads_w={name: world.power_w(name) for name in sorted(world.outlets)},
        masses_c={name: mass.temperature_c for name, mass in sorted(world.masses.items())},
    )


def played(scenario: Scenario) -> Played:
    """Play a day."""
    watch = _Watch(scenario.name)
    result = run_scenario(scenario, watch=watch.on_decision)
    rows = tuple(row for row in watch.rows if row.at_h <= 24.0)
    return Played(scenario.name, result.violations, rows, tuple(watch.told))


def drawn(days: list[Played], path: str) -> None:
    """Draw all days under each other: power in stacks, state of charge and temperatures beside."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "evenload", "svg.fonttype": "none"})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(days), 2, figsize=(13, 4.2 * len(days)), squeeze=False)
    for (left, right), day in zip(axes, days, strict=True):
        _power(left, day)
        _state(right, day)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None} if path.endswith(".svg") else None)


def _power(axis: Any, day: Played) -> None:
    hours = [row.at_h for row in day.rows]
    names = sorted(day.rows[0].loads_w)
    stack = [[row.house_w / 1000 for row in day.rows]]
    stack += [[row.loads_w[name] / 1000 for row in day.rows] for name in names]
    axis.stackplot(hours, stack, labels=["house", *names], step="post", alpha=0.75)
    axis.plot(hours, [row.sun_w / 1000 for row in day.rows], color="black", linewidth=1.2, label="sun")
    axis.plot(hours, [row.grid_w / 1000 for row in day.rows], color="red", linewidth=0.8, label="grid (+ import)")
    axis.set_title(day.name)
    axis.set_ylabel("kW")
    _hours(axis)


def _state(axis: Any, day: Played) -> None:
    hours = [row.at_h for row in day.rows]
    for name in sorted(day.rows[0].masses_c):
        label = {"tank": "tank, °C", "heat_pump": "room, °C"}.get(name, f"{name}, °C")
        axis.plot(hours, [row.masses_c[name] for row in day.rows], label=label)
    axis.plot(hours, [row.soc_pct for row in day.rows], linestyle="--", label="battery, %")
    axis.set_ylim(0, 100)
    axis.set_title(f"{day.name}: what is stored")
    _hours(axis)


def _hours(axis: Any) -> None:
    axis.set_xlim(0, 24)
    axis.set_xticks(range(0, 25, 3))
    axis.set_xlabel("hour of the day")
    axis.legend(loc="upper left", fontsize=7)


def main() -> int:
    """Play all days; exit status 1 when one does not come out as its scenario says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--picture", metavar="FILE", help="draw the days")
    parser.add_argument("--keep", metavar="FILE", help="write the decisions at the chosen moments, one JSON a line")
    asked = parser.parse_args()
    with get_context("spawn").Pool(2) as pool:
        days = pool.map(played, load_paths([FOLDER]))
    for day in days:
        imported = sum(max(0.0, row.grid_w) for row in day.rows) * ROW_S / 3.6e6
        exported = sum(max(0.0, -row.grid_w) for row in day.rows) * ROW_S / 3.6e6
        print(f"{day.name}: {'as expected' if not day.violations else 'NOT as expected'}", end="; ")
        print(f"import {imported:.1f} kWh, export {exported:.1f} kWh, of looks every {ROW_S:g} s")
        for violation in day.violations:
            print(f"  {violation}")
    if asked.picture:
        drawn(days, asked.picture)
    if asked.keep:
        lines = [msgspec.json.encode(told) + b"\n" for day in days for told in day.told]
        Path(asked.keep).write_bytes(b"".join(lines))
    return int(any(day.violations for day in days))


if __name__ == "__main__":
    sys.exit(main())
