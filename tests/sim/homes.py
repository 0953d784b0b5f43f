"""Homes that live: appliances, clouds and cars come and go by chance, for tests of what is learned from it.

A home is three-phase with a station on three lines, one on one line and a heater behind a plug. `wired`
says on which phases loads really are. Everything follows from the seed.
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from evenload.contracts.events import Decision, LoadStatus
from evenload.contracts.phases import PHASES, Phase
from evenload.simulation.loop import Loop
from evenload.simulation.scenario import Given, LoadFacts, MeterFacts, Scenario, Turn
from evenload.simulation.world import World
from evenload.site.load import load_mapping
from services.allocator.memory import Window, Wiring

DAY_S = 86_400.0
SUNRISE_S, SUNSET_S = 6 * 3600.0, 20 * 3600.0
MODES = ("standard", "solar_priority", "solar_only", "excess")
Lines = tuple[Phase, ...]


@dataclass(frozen=True)
class Appliance:
    """Something that switches by chance: A on one phase (None = all three), mean s on and off."""

    phase: int | None
    current_a: float
    on_s: float
    off_s: float


@dataclass(frozen=True)
class Kind:
    """What kind of home it is."""

    seed: int
    solar_w: float = 0.0
    solar_meter: bool = False
    battery: bool = False
    asymmetric: bool = False
    period_s: float = 2.0
    noise_a: float = 0.1
    busy: float = 1.0
    """How often cars come, against a quiet home."""
    wired: dict[str, Lines] = field(default_factory=dict)
    inverted: bool = False
    meter_wired: Lines | None = None
    """Site phases that the grid meter's lines really measure."""
    modes: tuple[str, str, str] = ("standard", "standard", "standard")
    car_lines: tuple[int, ...] = (1, 2, 3)
    filed: dict[str, Lines] = field(default_factory=dict)


def kind_of(seed: int) -> Kind:
    """Return a random kind of home, wired as its site file says."""
    dice = random.Random(f"kind {seed}")
    solar_w = dice.choice([0.0, 5000.0, 9000.0, 14_000.0])
    return Kind(
        seed=seed,
        solar_w=solar_w,
        solar_meter=dice.random() < 0.5,
        battery=solar_w > 0 and dice.random() < 0.4,
        asymmetric=solar_w > 0 and dice.random() < 0.2,
        period_s=dice.choice([2.0, 5.0, 10.0]),
        noise_a=dice.choice([0.05, 0.1, 0.3]),
        busy=dice.choice([1.0, 3.0]),
        modes=(dice.choice(MODES), dice.choice(MODES), dice.choice(MODES)),
        filed={"one": (dice.choice(PHASES),), "heater": (dice.choice(PHASES),)},
    )


def site_of(kind: Kind) -> dict[str, Any]:
    """Return the home's site file."""
    loads: dict[str, Any] = {
        "three": {"type": "evse", "max_a": 16, "phases": list(PHASES), "mode": kind.modes[0]},
        "one": {"type": "evse", "max_a": 20, "phases": ["L1"], "mode": kind.modes[1], "priority": 2},
        "heater": {"type": "plug", "power_w": 2000, "phases": ["L3"], "mode": kind.modes[2], "priority": 3},
    }
    for name, phases in kind.filed.items():
        loads[name]["phases"] = list(phases)
    found: dict[str, Any] = {
        "site": "home",
        "grid": {"breaker_a": 40},
        "inverter": {"max_w": 15_000, "asymmetric": kind.asymmetric, "max_per_phase_w": 6000},
        "excess_threshold_w": 2000,
        "loads": loads,
    }
    if kind.battery:
        found["battery"] = {"max_charge_w": 3000, "max_discharge_w": 3000}
    return found


def scenario_of(kind: Kind, length_s: float) -> Scenario:
    """Return so long a piece of the home's life."""
    loaded = load_mapping(site_of(kind), f"seed {kind.seed}", simulated=True)
    assert loaded.site is not None, loaded.findings
    turns = [Turn(at_s=at_s, given=given, site=None, fault=None, expect={}) for at_s, given in _life(kind, length_s)]
    assert turns[0].given is not None
    return Scenario(
        file="homes", name=f"{kind}", why="", site=loaded.site, given=turns[0].given, expect={},
        moments=tuple(turns[1:]), always={},
    )  # fmt: skip


def _life(kind: Kind, length_s: float) -> Iterator[tuple[float, Given]]:
    """Yield what is so from when on: changes of house, sun and cars by time."""
    dice = random.Random(f"life {kind.seed}")
    house, sun, cars = _house(dice, length_s), _sun(kind, dice, length_s), _cars(kind, dice, length_s)
    changes = sorted([*house, *sun, *cars], key=lambda change: change[0])
    amps, solar_w, loads = [0.8, 0.6, 0.7], 0.0, {}
    meters = MeterFacts(
        solar=kind.solar_meter,
        period_s=kind.period_s,
        noise_a=kind.noise_a,
        inverted=kind.inverted,
        wired=kind.meter_wired,
    )
    blank = Given(meters=meters, soc_pct=85.0 if kind.battery else None, capacity_wh=10_000.0, seed=kind.seed)
    for number, (at_s, what, value) in enumerate(changes):
        if what == "house":
            phases = range(3) if value[0] is None else [value[0]]
            for phase in phases:
                amps[phase] = max(0.2, amps[phase] + value[1])
        elif what == "sun":
            solar_w = value
        else:
            loads[what] = value
        if number + 1 < len(changes) and changes[number + 1][0] == at_s:
            continue
        house_a = {phase: round(amps[index], 2) for index, phase in enumerate(PHASES)}
        yield at_s, replace(blank, household_a=house_a, solar_w=solar_w, loads=dict(loads))


def _house(dice: random.Random, length_s: float) -> list[tuple[float, str, Any]]:
    found: list[tuple[float, str, Any]] = []
    appliances = [
        Appliance(dice.randrange(3), 0.7, 900, 1800),
        Appliance(dice.randrange(3), 8.7, 180, 7200),
        Appliance(dice.randrange(3), 9.6, 150, 900),
        Appliance(dice.randrange(3), 2.6, 1200, 9000),
        Appliance(dice.randrange(3), 1.1, 3600, 3600),
        Appliance(None, 3.0, 1500, 2400),
    ]
    for each in appliances:
        at_s, on = dice.uniform(0, each.off_s), False
        while at_s < length_s:
            on = not on
            found.append((round(at_s, 1), "house", (each.phase, each.current_a if on else -each.current_a)))
            at_s += dice.expovariate(1 / (each.on_s if on else each.off_s)) + 5.0
    return found


def _sun(kind: Kind, dice: random.Random, length_s: float) -> list[tuple[float, str, Any]]:
    """Return production each minute, with clouds that take up to 80 % and move within seconds."""
    if not kind.solar_w:
        return []
    found: list[tuple[float, str, Any]] = []
    at_s, cover = 0.0, 0.0
    while at_s < length_s:
        of_day_s = at_s % DAY_S
        if SUNRISE_S < of_day_s < SUNSET_S:
            height = 1 - abs(2 * (of_day_s - SUNRISE_S) / (SUNSET_S - SUNRISE_S) - 1)
            cover = dice.choice([0.0, 0.0, 0.3, 0.8]) if dice.random() < 0.2 else cover
            found.append((round(at_s, 1), "sun", round(kind.solar_w * height * (1 - cover))))
            at_s += dice.uniform(5.0, 115.0)
        else:
            found.append((round(at_s, 1), "sun", 0.0))
            at_s += 600.0
    return found


def _cars(kind: Kind, dice: random.Random, length_s: float) -> list[tuple[float, str, Any]]:
    found: list[tuple[float, str, Any]] = [
        (0.0, name, _facts(kind, name, "available", 3, 16.0)) for name in ("three", "one", "heater")
    ]
    for name in ("three", "one", "heater"):
        at_s = dice.uniform(10, 600 / kind.busy)
        stays_s, gone_s = (600, 1200) if name == "heater" else (2400, 3600)
        while at_s < length_s:
            lines = dice.choice(kind.car_lines) if name == "three" else 1
            own_max_a = dice.choice([8.0, 10.0, 16.0, 20.0])
            found.append((round(at_s, 1), name, _facts(kind, name, "charging", lines, own_max_a)))
            at_s += dice.uniform(0.3, 2.0) * stays_s / kind.busy
            found.append((round(at_s, 1), name, _facts(kind, name, _rests(dice, name), lines, own_max_a)))
            at_s += dice.uniform(0.3, 2.0) * gone_s / kind.busy
    return found


def _rests(dice: random.Random, name: str) -> LoadStatus:
    return "available" if name != "heater" and dice.random() < 0.3 else "suspended_ev"


def _facts(kind: Kind, name: str, status: LoadStatus, lines: int, own_max_a: float) -> LoadFacts:
    return LoadFacts(
        status=status,
        lines=lines if name == "three" else 1,
        own_max_a=own_max_a,
        offset_a=0.3,
        wired=kind.wired.get(name),
    )


class AtReadings(Loop):
    """A loop that decides at each meter reading only, which is enough for leases of 15 s: for long lives."""

    def _decide(self) -> None:
        self._news, self._wake_s = False, math.inf
        if self._tick != self._decided:
            self._decided = self._tick
            super()._decide()
            self._wake_s = math.inf

    _decided = 0


class Watched:
    """A home that lives, and what was found out on the way."""

    def __init__(self, kind: Kind, length_s: float, loop: type[Loop] = Loop) -> None:
        self.scenario = scenario_of(kind, length_s)
        self.loop = loop(self.scenario, self._look)
        self.offered: dict[tuple[str, int], float] = {}
        """Weight of all steps of a load that could tell of a line, whatever the grid meter showed of them."""
        self.steps: dict[str, int] = {}
        """Steps of a load that told of a line."""
        self.corrections: list[tuple[float, str, float]] = []
        """When a load's phases were changed, and after which weight of steps since the last change."""
        self.signs = 0
        """Steps that told of the meter's sign until it was found inverted."""
        self.alarms: set[tuple[str, str]] = set()
        self.inverted_s: float | None = None
        self._last: dict[str, Wiring] = {}
        self._signs: tuple[bool, ...] = ()

    def run(self, until_s: float) -> "Watched":
        """Let it live until `until_s`."""
        for turn in self.scenario.moments:
            if turn.at_s > until_s:
                break
            self.loop.run_until(turn.at_s)
            self.loop.turn(turn)
        self.loop.run_until(until_s)
        return self

    def search(self, most_s: float, found: Callable[["Watched"], bool]) -> bool:
        """Let it live until `found`, for `most_s` at most; tell whether it came to that."""
        for turn in self.scenario.moments:
            if turn.at_s > most_s or found(self):
                break
            self.loop.run_until(turn.at_s)
            self.loop.turn(turn)
        return found(self)

    def found(self, name: str) -> Lines:
        """Return the phases on which a load is taken to be."""
        wiring = self._last.get(name)
        if wiring is None:
            return ()
        return tuple(PHASES[phase] for phase in wiring.found[: len(wiring.file)])

    def _look(self, now_s: float, decision: Decision, world: World) -> None:
        del decision, world
        memory = self.loop.memory
        self.alarms |= set(memory.alerts)
        if self.inverted_s is None:
            self.signs += memory.grid_wiring.steps is not self._signs
            self.inverted_s = None if memory.grid_wiring.inverted_s is None else now_s
        self._signs = memory.grid_wiring.steps
        for name, load in memory.loads.items():
            before, after = self._last.get(name), load.wiring
            if after is None or after is before:
                continue
            self._last[name] = after
            if before is None:
                continue
            line, weight = _weight(before.window, after.window)
            self.steps[name] = self.steps.get(name, 0) + (weight > 0)
            self.offered[name, line] = self.offered.get((name, line), 0.0) + weight
            if after.found != before.found:
                self.corrections.append((now_s, name, round(self.offered[name, line], 1)))


def _weight(begun: Window | None, ended: Window | None) -> tuple[int, float]:
    """Return of which line a step tells, and its weight."""
    if begun is None or ended is None or begun.at_s == ended.at_s:
        return 0, 0.0
    pairs = list(enumerate(zip(begun.lines_ma, ended.lines_ma, strict=True)))
    moved = {line: abs(after - before) for line, (before, after) in pairs if max(before, after) >= 1000}
    if len(moved) not in (1, 2) or max(moved.values()) < 500:
        return 0, 0.0
    line = next(iter(moved)) if len(moved) == 1 else 3 - sum(moved)
    return line, min(max(moved.values()), 15_000) / 5000
