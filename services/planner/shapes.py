"""A load as the planner sees it: its currents, its lines, its power for each ampere, and the limits above it. Pure."""

from msgspec import Struct

from evenload.contracts.events import LoadState
from evenload.contracts.phases import Phase
from evenload.contracts.records import Override
from evenload.site.failsafe import circuits_above, station_of
from evenload.site.schema import Device, Evse, Site, currents_of, phases_of
from services.planner.problem import Room

DRAWS_A = 1.0
CHARGING = "charging"


class Shape(Struct, frozen=True, kw_only=True):
    """One load."""

    min_a: float
    max_a: float
    phases: tuple[Phase, ...]
    watts_a_ratio: float
    power_w: float
    """At its maximum."""


def shape_of(name: str, site: Site, state: LoadState | None, overrides: tuple[Override, ...]) -> Shape:
    """Return a load's shape; a vehicle that draws on fewer lines than its station has counts on those."""
    load = site.loads[name]
    phases = phases_of(load, site)
    least_a, most_a = currents_of(load, site)
    if isinstance(load, Device):
        ratio = load.most_w / most_a
        return Shape(min_a=least_a, max_a=most_a, phases=phases, watts_a_ratio=ratio, power_w=load.most_w)
    limits = [item.max_a for item in overrides if item.load == name and item.max_a is not None]
    max_a = min([most_a, *limits])
    watts = site.voltage_v * _lines(state, len(phases))
    return Shape(min_a=least_a, max_a=max_a, phases=phases, watts_a_ratio=watts, power_w=max_a * watts)


def _lines(state: LoadState | None, most: int) -> int:
    if state is None or state.status != CHARGING or state.measured_a is None:
        return most
    seen = sum(1 for _, current_a in state.measured_a.items() if current_a >= DRAWS_A)
    return seen if 0 < seen <= most else most


def rooms(
    site: Site, shapes: dict[str, Shape], house_a: dict[str, float], reserved_a: dict[str, float]
) -> tuple[Room, ...]:
    """Return the limits that planned loads share: circuits, stations, the breaker, and the import limit."""
    names = sorted(shapes)
    above = {name: limits_above(name, site) for name in site.loads}
    limits = {place: limit for places in above.values() for place, limit in places.items()}
    found = []
    for place in sorted(limits):
        for phase in site.phases:
            members = tuple(
                (index, 1.0)
                for index, name in enumerate(names)
                if place in above[name] and phase in shapes[name].phases
            )
            taken_a = sum(
                current_a
                for name, current_a in reserved_a.items()
                if place in above[name] and phase in phases_of(site.loads[name], site)
            )
            if members:
                free_a = limits[place] - taken_a - (house_a.get(phase, 0.0) if place == BREAKER else 0.0)
                found.append(Room(name=f"{place} {phase}", members=members, limit_a=max(0.0, free_a)))
    return (*found, *_import_room(site, shapes, house_a, reserved_a))


BREAKER = "breaker"


def limits_above(name: str, site: Site) -> dict[str, float]:
    """Return the limit of everything above a load, A per phase, by name."""
    load = site.loads[name]
    found = {circuit: site.circuits[circuit].limit_a for circuit in circuits_above(load.circuit, site)}
    station = station_of(load, site) if isinstance(load, Evse) else None
    if isinstance(load, Evse) and load.station is not None and station is not None and station.max_a:
        found[f"station {load.station.casefold()}"] = station.max_a
    if site.grid is not None:
        found[BREAKER] = site.grid.breaker_a - site.grid.margin_a
    return found


def _import_room(
    site: Site, shapes: dict[str, Shape], house_a: dict[str, float], reserved_a: dict[str, float]
) -> tuple[Room, ...]:
    if site.grid is None or site.grid.max_import_w is None:
        return ()
    total_a = (site.grid.max_import_w - site.grid.buffer_w) / site.voltage_v - sum(house_a.values())
    taken_a = sum(current_a * len(phases_of(site.loads[name], site)) for name, current_a in reserved_a.items())
    members = tuple((index, float(len(shapes[name].phases))) for index, name in enumerate(sorted(shapes)))
    return (Room(name="import", members=members, limit_a=max(0.0, total_a - taken_a)),)
