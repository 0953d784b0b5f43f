"""The site as the engine computes with it: loads and breakers as indices, currents as whole milliamperes.

A plan is made once for each site file and set of overrides, and never changes. Each load knows its *slots*: for every
circuit above it and each of its lines, one place in a flat table of residual currents. The main breaker, the import
limit and the surplus are not slots but sums over sets of phases (`limits.py`), named by a bit mask: L1 = 1, L2 = 2,
L3 = 4.
"""

import hashlib
import math
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import Distribution, Mode
from evenload.contracts.phases import PHASES, Phase
from evenload.contracts.records import Override
from evenload.contracts.units import plug_da
from evenload.site.failsafe import failsafe_currents
from evenload.site.phase_switching import PhaseSwitching
from evenload.site.schema import Battery, Circuit, Device, Evse, Inverter, Load, Site, phases_of

STEP_MA = 100
MA = 1000
URGENCY: dict[Mode, int] = {"standard": 0, "solar_priority": 1, "solar_only": 2, "excess": 3, "off": 4}
BITS: dict[Phase, int] = {"L1": 1, "L2": 2, "L3": 4}
MASK_SIZE: tuple[int, ...] = tuple(mask.bit_count() for mask in range(8))
MASK_PHASES: tuple[tuple[int, ...], ...] = tuple(
    tuple(index for index in range(3) if mask >> index & 1) for mask in range(8)
)


class PlannedLoad(Struct, frozen=True, kw_only=True):
    """One load in the engine's terms."""

    index: int
    name: str
    mode: Mode
    urgency: int
    priority: int
    min_ma: int
    max_ma: int
    all_or_nothing: bool
    mask: int
    phases: tuple[int, ...]
    phase_names: tuple[Phase, ...]
    slots: tuple[int, ...]
    nodes: tuple[int, ...]
    failsafe_ma: int
    rating_ma: int
    exact_ma: int
    grace_s: float
    pause_s: float
    min_on_s: float
    min_off_s: float
    cycles_per_h: int
    group: str = ""
    """Station that serves one of its outlets at a time; empty = none."""
    by_hand: bool = False
    step_ma: int = 0
    """The widest gap between the levels that it knows: what is given back leaves room for the next one."""
    wish: str = ""
    """Why it offers what it offers, in its own words; empty = it offers nothing of its own."""
    switching: PhaseSwitching | None = None
    """Its station can charge on one line or on all; None = it cannot."""
    by_schedule: bool = False
    by_plan: bool = False
    until: datetime | None = None
    """When what is set by hand, else by schedule, next ends by itself; None = never."""


class Node(Struct, frozen=True, kw_only=True):
    """One breaker below the main one; a station with a limit of its own is one too."""

    name: str
    kind: str
    limit_ma: int
    meter: str | None
    loads: tuple[int, ...]


class Plan(Struct, frozen=True, kw_only=True):
    """A site, ready to be decided on."""

    site: Site
    phase_count: int
    site_mask: int
    loads: tuple[PlannedLoad, ...]
    nodes: tuple[Node, ...]
    distribution: Distribution
    breaker_ma: int | None
    limit_ma: int | None
    import_ma: int | None
    meters: dict[str, tuple[str, ...]]
    switches: bool = False
    """Some load can switch phases."""
    grid_meter: str = ""
    """A digest of the grid meters' entries in the site file: a changed one is another meter."""

    @property
    def battery(self) -> Battery | None:
        """The battery's rules, None without one."""
        return self.site.battery

    @property
    def inverter(self) -> Inverter:
        """The inverter; a symmetric one without limits where the file names none."""
        return self.site.inverter or Inverter()

    def watts_ma(self, power_w: float) -> int:
        """Return the current in mA, summed over phases, that carries `power_w` at nominal voltage, rounded down."""
        return math.floor(power_w * MA / self.site.voltage_v + 1e-6)


def compile_plan(
    site: Site,
    overrides: tuple[Override, ...] = (),
    scheduled: tuple[Override, ...] = (),
    planned: tuple[Override, ...] = (),
) -> Plan:
    """Return the plan of a checked site with what its schedules, then people, then the planner set laid over it.

    Failsafe currents are the file's, whatever is overridden: they are what was proven and what the devices hold.
    """
    effective = _with_overrides(site, (*scheduled, *overrides, *planned))
    names = sorted(effective.loads)
    index = {name: position for position, name in enumerate(names)}
    circuits = _circuits(effective)
    chains = {name: _chain(name, effective, circuits) for name in names}
    order = sorted(circuits)
    number = {circuit: position for position, circuit in enumerate(order)}
    by_hand = {item.load for item in overrides if item.load and _is_value(item)}
    by_schedule = {item.load for item in scheduled}
    by_plan = {item.load for item in planned}
    ends = {load: _first_end(load, overrides) or _first_end(load, scheduled) for load in by_hand | by_schedule}
    failsafe = failsafe_currents(site)
    capped = {
        item.load: _ma(item.max_a) // STEP_MA * STEP_MA
        for item in (*scheduled, *overrides)
        if item.load and item.max_a is not None
    }
    loads = tuple(
        _planned(name, effective, tuple(number[c] for c in chains[name]), failsafe.get(name, 0.0)) for name in names
    )
    nodes = tuple(
        Node(
            name=circuit.removeprefix("station "),
            kind="station" if circuit.startswith("station ") else "circuit",
            limit_ma=_ma(circuits[circuit].limit_a),
            meter=circuits[circuit].meter,
            loads=tuple(index[name] for name in names if circuit in chains[name]),
        )
        for circuit in order
    )
    return Plan(
        site=effective,
        phase_count=len(effective.phases),
        site_mask=sum(BITS[phase] for phase in effective.phases),
        loads=tuple(
            replace(
                _capped(load, capped.get(load.name)),
                index=index[load.name],
                by_hand=load.name in by_hand,
                by_schedule=load.name in by_schedule,
                by_plan=load.name in by_plan,
                until=ends.get(load.name),
            )
            for load in loads
        ),
        nodes=nodes,
        distribution=effective.distribution,
        meters=_meters_by_role(effective),
        switches=any(load.switching is not None for load in loads),
        grid_meter=_grid_meter(site),
        **_root_limits(effective),
    )


def _grid_meter(site: Site) -> str:
    """Return what tells one grid meter from another, address included; a basis carries it, and no address."""
    entries = [(name, meter) for name, meter in sorted(site.meters.items()) if meter.role == "grid"]
    return hashlib.blake2b(repr(entries).encode(), digest_size=8).hexdigest()


def _capped(load: PlannedLoad, cap_ma: int | None) -> PlannedLoad:
    """Return the load with the limit that lies over its own; what is all or nothing has none."""
    if cap_ma is None or load.all_or_nothing:
        return load
    return replace(load, max_ma=max(load.min_ma, min(load.max_ma, cap_ma)))


def _first_end(load: str | None, items: tuple[Override, ...]) -> datetime | None:
    """Return when the first of a load's values ends by itself."""
    ends = [item.until for item in items if item.load == load and _is_value(item)]
    return min((end for end in ends if end is not None), default=None)


def _is_value(item: Override) -> bool:
    """Tell whether an override sets a value itself; a schedule or a plan sets others, at their times."""
    return item.schedule is None and item.plan is None


def _ma(current_a: float) -> int:
    return math.floor(current_a * MA + 1e-6)


def _root_limits(site: Site) -> dict[str, int | None]:
    """Return breaker, breaker less margin, and import limit as a current summed over phases, in mA."""
    grid = site.grid
    if grid is None:
        return {"breaker_ma": None, "limit_ma": None, "import_ma": None}
    import_ma = None
    if grid.max_import_w is not None:
        import_ma = math.floor((grid.max_import_w - grid.buffer_w) * MA / site.voltage_v + 1e-6)
    return {
        "breaker_ma": _ma(grid.breaker_a),
        "limit_ma": _ma(grid.breaker_a - grid.margin_a),
        "import_ma": import_ma,
    }


def _meters_by_role(site: Site) -> dict[str, tuple[str, ...]]:
    roles: dict[str, list[str]] = {}
    for name in sorted(site.meters):
        roles.setdefault(site.meters[name].role, []).append(name)
    return {role: tuple(names) for role, names in roles.items()}


def _circuits(site: Site) -> dict[str, Circuit]:
    """Return the file's circuits and, for stations with a limit of their own, one circuit each."""
    circuits = dict(site.circuits)
    circuits.update(
        {
            f"station {name.casefold()}": Circuit(limit_a=station.max_a)
            for name, station in site.stations.items()
            if station.max_a
        }
    )
    return circuits


def _chain(name: str, site: Site, circuits: dict[str, Circuit]) -> tuple[str, ...]:
    """Return the circuits above a load, innermost first; bounded, so that a loop cannot hang."""
    load = site.loads[name]
    chain = []
    if isinstance(load, Evse) and load.station is not None and f"station {load.station.casefold()}" in circuits:
        chain.append(f"station {load.station.casefold()}")
    above = load.circuit
    while above is not None and above in circuits and len(chain) < 64:
        chain.append(above)
        above = circuits[above].within
    return tuple(chain)


def _planned(name: str, site: Site, nodes: tuple[int, ...], failsafe_a: float) -> PlannedLoad:
    load = site.loads[name]
    phases = phases_of(load, site)
    numbers = tuple(PHASES.index(phase) for phase in phases)
    low_ma, high_ma, rating_ma = _range_ma(load, site, len(phases))
    return PlannedLoad(
        index=0,
        name=name,
        mode=load.mode,
        urgency=URGENCY[load.mode],
        priority=load.priority,
        min_ma=low_ma,
        max_ma=high_ma,
        all_or_nothing=isinstance(load, Device) and load.all_or_nothing,
        mask=sum(BITS[phase] for phase in phases),
        phases=numbers,
        phase_names=phases,
        slots=tuple(node * 3 + phase for node in nodes for phase in numbers),
        nodes=nodes,
        failsafe_ma=_ma(failsafe_a),
        rating_ma=rating_ma,
        exact_ma=_exact_ma(load, site, len(phases)),
        grace_s=load.grace_s,
        pause_s=load.pause_s,
        min_on_s=load.min_on_s if isinstance(load, Device) else 0.0,
        min_off_s=load.min_off_s if isinstance(load, Device) else 0.0,
        cycles_per_h=load.cycles_per_h,
        group=_sequential(load, site),
        switching=load.phase_switching if isinstance(load, Evse) and len(phases) > 1 else None,
    )


def _sequential(load: Load, site: Site) -> str:
    """Return the station of a load whose outlets take turns; ids compare without case."""
    if not isinstance(load, Evse) or load.station is None:
        return ""
    for name, station in site.stations.items():
        if name.casefold() == load.station.casefold() and station.connectors == "sequential":
            return name.casefold()
    return ""


def _range_ma(load: Load, site: Site, lines: int) -> tuple[int, int, int]:
    """Return lowest and highest setpoint in whole steps, and the rating, in mA per line.

    A vehicle's minimum is rounded up to a step and its maximum down; a device's currents are rounded up.
    """
    if isinstance(load, Device):
        rated_ma = plug_da(load.most_w, site.voltage_v, lines) * STEP_MA
        return plug_da(load.least_w, site.voltage_v, lines) * STEP_MA, rated_ma, rated_ma
    low_ma = -(-_ma(load.min_a) // STEP_MA) * STEP_MA
    high_ma = _ma(load.max_a) // STEP_MA * STEP_MA
    return low_ma, max(high_ma, 0), _ma(load.max_a)


def _exact_ma(load: Load, site: Site, lines: int) -> int:
    """Return what the load draws per line at its rating, to the mA, rounded up."""
    if isinstance(load, Device):
        return math.ceil(load.most_w * MA / (site.voltage_v * lines) - 1e-6)
    return _ma(load.max_a)


def _with_overrides(site: Site, overrides: tuple[Override, ...]) -> Site:
    loads = dict(site.loads)
    distribution = site.distribution
    for item in overrides:
        if item.load is None:
            distribution = item.distribution or distribution
        elif item.load in loads:
            loads[item.load] = _overridden(loads[item.load], item)
    return replace(site, loads=loads, distribution=distribution)


def _overridden(load: Load, item: Override) -> Load:
    changed = load
    if item.mode is not None:
        changed = replace(changed, mode="standard" if item.mode == "boost" else item.mode)
    if item.priority is not None:
        changed = replace(changed, priority=item.priority)
    if item.max_a is not None and isinstance(changed, Evse):
        changed = replace(changed, max_a=min(changed.max_a, max(item.max_a, 0.1)))
    return changed
