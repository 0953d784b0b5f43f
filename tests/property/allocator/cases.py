"""Random sites with what is around them: one generator for the property tests and for `bench/prove.py`.

Everything is drawn from one `random.Random`, so hypothesis can drive (and shrink) it and a seed can repeat it. Currents
are whole mA. Sun, discharge and household are drawn so that they divide by the number of phases: what is tested is the
decision, not the rounding of readings.
"""

from dataclasses import dataclass
from random import Random

from evenload.contracts.events import Distribution, Mode
from evenload.contracts.phases import PHASES, Phase
from evenload.site.schema import Battery, Circuit, Evse, Grid, Inverter, Load, Plug, Site, Station
from services.allocator.limits import Surroundings

DISTRIBUTIONS: tuple[Distribution, ...] = ("shared", "priority", "optimized", "strict")
MODES: tuple[Mode, ...] = ("standard", "solar_priority", "solar_only", "excess")
VOLTS = 230.0
_NAMES = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen")
_CIRCUITS = ("attic", "barn", "cellar", "drive", "east")


@dataclass(frozen=True)
class Case:
    """A site and what is around it; `idle` names the loads without a vehicle."""

    site: Site
    around: Surroundings
    idle: frozenset[str]
    soc_pct: float | None


def random_case(dice: Random, distribution: Distribution | None = None, loads_most: int = 8) -> Case:
    """Return a site of 1 to `loads_most` loads with everything that the rules know of."""
    phases = dice.choice((("L1",), ("L1", "L2"), ("L1", "L3"), PHASES, PHASES, PHASES, PHASES))
    circuits = _circuits(dice)
    stations = {"CP1": Station(max_a=float(dice.randint(10, 40)))} if dice.random() < 0.3 else {}
    count = dice.randint(1, loads_most)
    loads = {name: _load(dice, phases, tuple(circuits), stations) for name in _NAMES[:count]}
    battery = _battery(dice) if dice.random() < 0.5 else None
    site = Site(
        site="random",
        voltage_v=VOLTS,
        phases=phases,
        grid=_grid(dice) if dice.random() < 0.9 else None,
        inverter=_inverter(dice) if dice.random() < 0.6 else None,
        battery=battery,
        distribution=distribution or dice.choice(DISTRIBUTIONS),
        excess_threshold_w=float(dice.choice((0, 1000, 3000, 6000))),
        circuits=circuits,
        stations=stations,
        loads=loads,
    )
    idle = frozenset(name for name in loads if dice.random() < 0.1)
    soc_pct = float(dice.choice((5, 20, 50, 80, 90, 98, 100))) if battery is not None else None
    return Case(site, surroundings_of(site, _world(dice, site), soc_pct), idle, soc_pct)


@dataclass(frozen=True)
class World:
    """What is there beside the loads: mA per phase of the house, mA in total of sun and battery (+ discharging)."""

    household_ma: tuple[int, int, int]
    solar_ma: int
    battery_ma: int
    outside_import_ma: int | None = None
    outside_managed_ma: int | None = None


def surroundings_of(site: Site, world: World, soc_pct: float | None) -> Surroundings:
    """Return the surroundings by the rules of engine.md section 2; a threshold that soc stands at has been reached."""
    numbers = [PHASES.index(phase) for phase in site.phases]
    count = len(numbers)
    solar_each, discharge_each = world.solar_ma // count, max(0, world.battery_ma) // count
    base, discharge = [0, 0, 0], [0, 0, 0]
    for phase in numbers:
        base[phase] = world.household_ma[phase] - solar_each
        discharge[phase] = discharge_each
    return Surroundings(
        base_ma=(base[0], base[1], base[2]),
        household_ma=world.household_ma,
        discharge_ma=(discharge[0], discharge[1], discharge[2]),
        solar_ma=world.solar_ma,
        outside_import_ma=world.outside_import_ma,
        outside_managed_ma=world.outside_managed_ma,
        **_battery_rules(site, world.solar_ma, soc_pct),
    )


def _battery_rules(site: Site, solar_ma: int, soc_pct: float | None) -> dict[str, int | bool]:
    battery = site.battery
    if battery is None or soc_pct is None:
        return {}
    most_w = battery.max_discharge_w
    if site.inverter is not None and site.inverter.max_w is not None:
        most_w = min(most_w, max(0.0, site.inverter.max_w - solar_ma * VOLTS / 1000))
    most_ma = int(most_w * 1000 / VOLTS)
    return {
        "surplus_discharge_ma": most_ma if soc_pct >= battery.soc_target_pct else 0,
        "no_import_discharge_ma": most_ma if soc_pct >= battery.soc_min_pct else 0,
        "battery_charge_ma": int(battery.max_charge_w * 1000 / VOLTS) if soc_pct < 97 else 0,
        "battery_first": soc_pct < battery.soc_target_pct,
        "battery_full": soc_pct >= 98,
    }


def _world(dice: Random, site: Site) -> World:
    count = len(site.phases)
    house = [0, 0, 0]
    for phase in site.phases:
        house[PHASES.index(phase)] = dice.choice((0, 0, 1000, 2500, dice.randint(0, 20_000)))
    solar_ma = dice.choice((0, 0, 6000, dice.randint(0, 20_000), dice.randint(0, 60_000))) // count * count
    most_w = site.battery.max_discharge_w if site.battery is not None else 0.0
    battery_ma = int(dice.choice((0.0, 0.0, -0.5, 0.3, 1.0)) * most_w * 1000 / VOLTS) // count * count
    inverter_w = site.inverter.max_w if site.inverter is not None else None
    if inverter_w is not None:
        solar_ma = min(solar_ma, int(inverter_w * 1000 / VOLTS)) // count * count
        battery_ma = min(battery_ma, int(inverter_w * 1000 / VOLTS) - solar_ma) // count * count
    return World(
        household_ma=(house[0], house[1], house[2]),
        solar_ma=solar_ma,
        battery_ma=battery_ma,
        outside_import_ma=dice.randint(0, 60_000) if dice.random() < 0.1 else None,
        outside_managed_ma=dice.randint(0, 60_000) if dice.random() < 0.1 else None,
    )


def _grid(dice: Random) -> Grid:
    limited = dice.random() < 0.3
    return Grid(
        breaker_a=float(dice.choice((16, 20, 25, 32, 35, 63))),
        margin_a=dice.choice((0.0, 0.5, 1.0)),
        max_import_w=float(dice.choice((3000, 4200, 7360, 11_000, 17_250))) if limited else None,
        buffer_w=float(dice.choice((0, 300, 1000))) if limited else 0.0,
        metering=dice.choice(("per_phase", "per_phase", "net")),
    )


def _inverter(dice: Random) -> Inverter:
    return Inverter(
        max_w=float(dice.choice((4000, 8000, 12_000))) if dice.random() < 0.5 else None,
        max_per_phase_w=float(dice.choice((2000, 3680, 4600))) if dice.random() < 0.5 else None,
        asymmetric=dice.random() < 0.6,
        wiring=dice.choice(("parallel", "series")),
    )


def _battery(dice: Random) -> Battery:
    return Battery(
        soc_min_pct=20.0,
        soc_target_pct=float(dice.choice((50, 80, 90))),
        max_charge_w=float(dice.choice((0, 2000, 5000))),
        max_discharge_w=float(dice.choice((0, 2000, 5000))),
        grid_charging=dice.random() < 0.7,
    )


def _circuits(dice: Random) -> dict[str, Circuit]:
    """Return up to five circuits, nested up to four deep (a chain is as likely as a bush)."""
    found: dict[str, Circuit] = {}
    depth: dict[str, int] = {}
    for name in _CIRCUITS[: dice.choice((0, 0, 1, 2, 3, 5))]:
        fit = [other for other in found if depth[other] < 4]
        within = dice.choice(fit) if fit and dice.random() < 0.7 else None
        depth[name] = depth[within] + 1 if within is not None else 1
        found[name] = Circuit(limit_a=dice.choice((8.0, 10.0, 12.5, 16.0, 20.0, 32.0, 40.0)), within=within)
    return found


def _load(dice: Random, phases: tuple[Phase, ...], circuits: tuple[str, ...], stations: dict[str, Station]) -> Load:
    own = list(phases)
    dice.shuffle(own)
    lines = tuple(own[: dice.randint(1, len(own))]) if dice.random() < 0.5 else tuple(own)
    circuit = dice.choice(circuits) if circuits and dice.random() < 0.7 else None
    mode, priority = dice.choice(MODES), dice.choice((1, 1, 2, 3))
    if dice.random() < 0.2:
        power_w = float(dice.choice((300, 1000, 2000, 3500, 6000)))
        return Plug(power_w=power_w, phases=lines, circuit=circuit, mode=mode, priority=priority)
    low_a = dice.choice((6.0, 6.0, 6.0, 8.0, 10.0))
    return Evse(
        min_a=low_a,
        max_a=max(low_a, dice.choice((6.0, 10.0, 13.0, 16.0, 16.0, 20.0, 32.0))),
        station="CP1" if stations and dice.random() < 0.5 else None,
        phases=lines,
        circuit=circuit,
        mode=mode,
        priority=priority,
    )
