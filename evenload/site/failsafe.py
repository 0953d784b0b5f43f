"""What every load falls back to when nothing controls it, and the proof that this fits (invariant I5).

When all leases, profiles and timers have run out, a load draws its failsafe current; a plug without a timer of its own,
and a station declared without expiry (`overrides: {expiry: false}`), may stay at its rating; one that takes no
limit below `overrides: {min_a: …}` stays at that. On every bound b (breaker, circuit, station; each phase) must hold

    Σ rating(stuck) + Σ failsafe(others) ≤ limit_b − household_b

with limit = breaker_a − margin_a, or limit_a, or a station's max_a; household = household_max_a on the breaker, and on
a circuit with a meter, whose foreign draw may be the whole house. `auto` takes equal shares of what the fixed currents
leave: the minimums in the order (priority, name) as far as they fit, then equal increments (max-min) up to max_a.
All sums are in whole 0.1 A: limits rounded down, draws rounded up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from evenload.contracts.phases import Phase
from evenload.contracts.units import ceil_da, floor_da, plug_da
from evenload.site.drivers import HAS_TIMER
from evenload.site.schema import Device, Evse, Load, Site, Station, phases_of


@dataclass(frozen=True)
class Bound:
    """One limit on one phase: `limit_da` is what it leaves to the loads `members`, beside the household; 0.1 A."""

    name: str
    path: str
    limit_da: int
    beside_da: int
    members: frozenset[str]


def failsafe_currents(site: Site) -> dict[str, float]:
    """Return what each load falls back to, A per line: a plug 0 or its rated current, an EVSE failsafe_a or its share.

    `auto` is 0 without `household_max_a`, off the grid, and for a load whose mode is off. The currents fit together
    when `prove` has found nothing.
    """
    shares = _auto_shares(site)
    return {name: max(shares.get(name, 0), _own_failsafe_da(load, site)) / 10 for name, load in site.loads.items()}


def dead_currents(site: Site) -> dict[str, float]:
    """Return what each load may draw when every process is dead, A per line: its failsafe, or its rating when stuck."""
    wanted = failsafe_currents(site)
    return {
        name: _rating_da(load, site) / 10 if is_stuck(load, site) else wanted[name] for name, load in site.loads.items()
    }


def is_stuck(load: Load, site: Site) -> bool:
    """Tell whether the load may go on at its rating when nobody speaks to it: no timer, no expiry."""
    if isinstance(load, Device):
        if load.own_timer is not None:
            return not load.own_timer
        return load.driver is not None and load.driver not in HAS_TIMER
    station = station_of(load, site)
    return station is not None and station.overrides.get("expiry") is False


def station_of(load: Evse, site: Site) -> Station | None:
    """Return the station's entry in the file, or None when it has none; ids are compared without case."""
    if load.station is None:
        return None
    wanted = load.station.casefold()
    return next((station for name, station in site.stations.items() if name.casefold() == wanted), None)


def circuits_above(circuit: str | None, site: Site) -> tuple[str, ...]:
    """Return the named circuit and all above it, innermost first; a circle and an unknown name end the way."""
    way: list[str] = []
    while circuit is not None and circuit in site.circuits and circuit not in way:
        way.append(circuit)
        circuit = site.circuits[circuit].within
    return tuple(way)


def bounds(site: Site) -> tuple[Bound, ...]:
    """Return every bound of the proof that has loads below it."""
    household_da = ceil_da(_household_a(site) or 0.0)
    found: list[Bound] = []
    for phase in site.phases:
        on_phase = {name for name, load in site.loads.items() if phase in phases_of(load, site)}
        if site.grid is not None:
            limit = floor_da(site.grid.breaker_a - site.grid.margin_a)
            found.append(Bound(f"breaker {phase}", "grid.breaker_a", limit, household_da, frozenset(on_phase)))
        found += _circuit_bounds(site, phase, on_phase, household_da)
        found += _station_bounds(site, phase, on_phase)
    return tuple(bound for bound in found if bound.members)


def _circuit_bounds(site: Site, phase: Phase, on_phase: set[str], household_da: int) -> list[Bound]:
    below: dict[str, set[str]] = {name: set() for name in site.circuits}
    for load in on_phase:
        for circuit in circuits_above(site.loads[load].circuit, site):
            below[circuit].add(load)
    return [
        Bound(
            f"circuit {name} {phase}",
            f"circuits.{name}.limit_a",
            floor_da(circuit.limit_a),
            household_da if circuit.meter is not None else 0,
            frozenset(below[name]),
        )
        for name, circuit in site.circuits.items()
    ]


def _station_bounds(site: Site, phase: Phase, on_phase: set[str]) -> list[Bound]:
    outlets: dict[str, set[str]] = {}
    for name in on_phase:
        load = site.loads[name]
        if isinstance(load, Evse) and load.station is not None:
            outlets.setdefault(load.station.casefold(), set()).add(name)
    return [
        Bound(
            f"station {name} {phase}",
            f"stations.{name}.max_a",
            floor_da(station.max_a),
            0,
            frozenset(outlets.get(name.casefold(), ())),
        )
        for name, station in site.stations.items()
        if station.max_a is not None
    ]


def _household_a(site: Site) -> float | None:
    return site.grid.household_max_a if site.grid is not None else None


def _rating_da(load: Load, site: Site) -> int:
    if isinstance(load, Device):
        return plug_da(load.most_w, site.voltage_v, max(1, len(phases_of(load, site))))
    station = station_of(load, site)
    cap = station.max_a if station is not None and station.max_a is not None else load.max_a
    return ceil_da(min(load.max_a, cap))


def _own_failsafe_da(load: Load, site: Site) -> int:
    """Return the failsafe that the file fixes, in 0.1 A; for `auto` 0, or the least that its station takes."""
    if isinstance(load, Device):
        return plug_da(load.dead_w, site.voltage_v, max(1, len(phases_of(load, site))))
    return max(0 if load.failsafe_a == "auto" else ceil_da(load.failsafe_a), least_da(load, site))


def least_da(load: Load, site: Site) -> int:
    """Return the least limit that an EVSE's station takes, as the file pins it, in 0.1 A; 0 where it takes 0."""
    station = station_of(load, site) if isinstance(load, Evse) else None
    if station is None or not isinstance(load, Evse):
        return 0
    pinned = station.overrides.get("min_a")
    if isinstance(pinned, int | float):
        return ceil_da(pinned)
    return ceil_da(load.min_a) if station.overrides.get("zero") == "rejected" else 0


def _fixed_da(site: Site) -> dict[str, int]:
    """Return what each load surely counts with in the proof, 0.1 A: `auto` counts nothing yet."""
    return {
        name: _rating_da(load, site) if is_stuck(load, site) else _own_failsafe_da(load, site)
        for name, load in site.loads.items()
    }


def _auto_shares(site: Site) -> dict[str, int]:
    autos = {
        name: load
        for name, load in site.loads.items()
        if isinstance(load, Evse) and load.failsafe_a == "auto" and load.mode != "off" and not is_stuck(load, site)
    }
    if not autos or _household_a(site) is None:
        return {}
    wanted = {name: floor_da(load.max_a) for name, load in autos.items()}
    others = {name: amount for name, amount in _fixed_da(site).items() if name not in autos}
    return _shares(site, wanted, others)


def largest_failsafes(site: Site) -> dict[str, int]:
    """Return the largest failsafe that fits for each EVSE with one in the file, each at most what the file says."""
    fixed = _fixed_da(site)
    wanted = {
        name: fixed[name]
        for name, load in site.loads.items()
        if isinstance(load, Evse) and fixed[name] > 0 and not is_stuck(load, site)
    }
    return _shares(site, wanted, {name: amount for name, amount in fixed.items() if name not in wanted})


def _shares(site: Site, wanted: Mapping[str, int], fixed: Mapping[str, int]) -> dict[str, int]:
    """Return fair shares for the EVSEs in `wanted` (name → most) beside `fixed`: 0, or from min_a up; 0.1 A."""
    room = [
        (bound, bound.limit_da - bound.beside_da - sum(fixed.get(name, 0) for name in bound.members))
        for bound in bounds(site)
    ]
    left = dict(room)
    shares = dict.fromkeys(wanted, 0)
    for name in sorted(wanted, key=lambda each: (site.loads[each].priority, each)):
        load = site.loads[name]
        least = ceil_da(load.min_a) if isinstance(load, Evse) else 0
        if least <= wanted[name] and all(left[bound] >= least for bound in left if name in bound.members):
            _take(left, {name}, least)
            shares[name] = least
    rising = {name for name, share in shares.items() if 0 < share < wanted[name]}
    while rising:
        counts = {bound: len(bound.members & rising) for bound in left}
        step = min(
            min(wanted[name] - shares[name] for name in rising),
            min((left[bound] // count for bound, count in counts.items() if count), default=0),
        )
        _take(left, rising, step)
        shares |= {name: shares[name] + step for name in rising}
        full = {bound for bound, count in counts.items() if count and left[bound] < count}
        stopped = {
            name
            for name in rising
            if shares[name] >= wanted[name] or step == 0 or any(name in bound.members for bound in full)
        }
        rising -= stopped
    return shares


def _take(left: dict[Bound, int], names: Iterable[str], amount: int) -> None:
    taking = set(names)
    for bound in left:
        left[bound] -= amount * len(bound.members & taking)
