"""Cross-checks of loads: phases, currents against what feeds them, stations, outlets."""

from collections.abc import Callable, Iterator

from evenload.site import scalars
from evenload.site.failsafe import circuits_above, station_of
from evenload.site.findings import Report
from evenload.site.scalars import plain_number
from evenload.site.schema import Device, Evse, Load, Site, currents_of

LOWEST_CHARGING_A = 6.0
"""IEC 61851-1: no pilot signal offers less."""


def phases(site: Site, report: Report) -> None:
    """A load's lines are on phases of the site, each on another."""
    for name, load in site.loads.items():
        if load.phases is not None:
            check_phases(f"loads.{name}.phases", load.phases, site, report)


def check_phases(path: str, named: tuple[str, ...], site: Site, report: Report) -> None:
    """Report a list of phases that is empty, names one twice, or one that the site lacks."""
    have = ", ".join(site.phases)
    if not named:
        report.fault(path, "no phase is named", f"name those of {have} that it is wired to", involves=("phases",))
    if len(set(named)) != len(named):
        report.fault(path, "a phase is named twice", "name the phase of each line once")
    for missing in sorted(set(named) - set(site.phases)):
        remedy = f"use {have}, or add {missing} to the site's phases"
        report.fault(path, f"the site has no phase {missing}", remedy, involves=("phases",))


def evse_currents(site: Site, report: Report) -> None:
    """An EVSE offers 6 A or more, and its minimum is not above its maximum."""
    for name, load in _evses(site):
        path = f"loads.{name}.min_a"
        least = plain_number(load.min_a)
        if load.min_a < LOWEST_CHARGING_A:
            report.fault(path, f"{least} A is no charging current (IEC 61851: 6 A and more)", "give at least 6")
        elif load.min_a > load.max_a:
            place = f"loads.{name}.max_a"
            most = plain_number(load.max_a)
            if load.max_a < LOWEST_CHARGING_A:
                what = f"{most} A is no charging current (IEC 61851: 6 A and more)"
                report.fault(place, what, "give at least 6", involves=(path,))
            else:
                what = f"the minimum {least} A is above the maximum {most} A"
                report.fault(path, what, f"give at most {most}, or raise max_a", involves=(place,))


def circuits(site: Site, report: Report) -> None:
    """A load's circuit is one of the site's."""
    for name, load in site.loads.items():
        if load.circuit is not None and load.circuit not in site.circuits:
            remedy = scalars.one_of(load.circuit, site.circuits) if site.circuits else "add it below circuits"
            involves = (f"circuits.{load.circuit}",)
            report.fault(f"loads.{name}.circuit", f"there is no circuit {load.circuit}", remedy, involves=involves)


def ratings(site: Site, report: Report) -> None:
    """What feeds a load carries its minimum (fault: it could never run), and its maximum (warning: it is capped)."""
    _ratings(site, report, report.fault)


def ratings_in_simulation(site: Site, report: Report) -> None:
    """The same, but a load that can never run may be simulated: it gets nothing."""
    _ratings(site, report, report.warning)


def _ratings(site: Site, report: Report, tell_least: Callable[..., None]) -> None:
    for name, load in site.loads.items():
        feeders = sorted(_feeders(load, site), key=lambda feeder: feeder[2])
        if not feeders:
            continue
        what, path, limit = feeders[0]
        least_key, least, most = _range(load, site)
        place = f"loads.{name}.{least_key}"
        if least > limit:
            fault = f"it draws at least {plain_number(least)} A, above {what} ({plain_number(limit)} A)"
            remedy = (
                "connect it to a larger circuit" if isinstance(load, Device) else f"give at most {plain_number(limit)}"
            )
            tell_least(place, fault, remedy, involves=(path, f"loads.{name}.phases", f"loads.{name}.circuit"))
        elif most > limit:
            fault = f"{plain_number(most)} A is above {what} ({plain_number(limit)} A)"
            remedy = f"it is capped at {plain_number(limit)}; write that if it is so"
            report.warning(f"loads.{name}.max_a", fault, remedy, involves=(path, f"loads.{name}.circuit"))


def _feeders(load: Load, site: Site) -> Iterator[tuple[str, str, float]]:
    """Yield (words, path, limit in A) of all that carries the load's current."""
    for circuit in circuits_above(load.circuit, site):
        yield f"the circuit {circuit}", f"circuits.{circuit}.limit_a", site.circuits[circuit].limit_a
    if site.grid is not None:
        yield "the main breaker", "grid.breaker_a", site.grid.breaker_a
    station = station_of(load, site) if isinstance(load, Evse) else None
    if isinstance(load, Evse) and station is not None and station.max_a is not None:
        yield f"the station {load.station}", f"stations.{load.station}.max_a", station.max_a


def _range(load: Load, site: Site) -> tuple[str, float, float]:
    """Return the key that fixes the least current, the least and the most current of the load, A per line."""
    return "min_a" if isinstance(load, Evse) else "power_w", *currents_of(load, site)


def failsafe_range(site: Site, report: Report) -> None:
    """A failsafe current is 0, or a current at which the load can charge."""
    for name, load in _evses(site):
        if load.failsafe_a == "auto" or load.failsafe_a == 0:
            continue
        path = f"loads.{name}.failsafe_a"
        involves = (f"loads.{name}.min_a", f"loads.{name}.max_a")
        value = plain_number(load.failsafe_a)
        if load.failsafe_a < load.min_a:
            what = f"{value} A is below the load's minimum {plain_number(load.min_a)} A"
            report.fault(path, what, f"give 0, auto, or at least {plain_number(load.min_a)}", involves=involves)
        elif load.failsafe_a > load.max_a:
            what = f"{value} A is above the load's maximum {plain_number(load.max_a)} A"
            report.fault(path, what, f"give at most {plain_number(load.max_a)}", involves=involves)


def stations(site: Site, report: Report) -> None:
    """Station entries differ by more than case, and each has a load."""
    first: dict[str, str] = {}
    used = {load.station.casefold() for _, load in _evses(site) if load.station is not None}
    for name in site.stations:
        folded = name.casefold()
        if folded in first:
            what = f"the same station as {first[folded]}: ids are compared without case"
            report.fault(f"stations.{name}", what, "keep one entry")
        elif folded not in used:
            ids = [load.station for _, load in _evses(site) if load.station is not None]
            match = scalars.nearest(name, ids)
            remedy = f"did you mean {match}?" if match else "add a load with it, or remove the entry"
            report.warning(f"stations.{name}", "no load is on this station", remedy, involves=("loads",))
        first.setdefault(folded, name)


def shared_outlets(site: Site, report: Report) -> None:
    """No two loads are on one station and EVSE."""
    first: dict[tuple[str, int], str] = {}
    for name, load in _evses(site):
        if load.station is None:
            continue
        outlet = (load.station.casefold(), load.evse)
        other = first.setdefault(outlet, name)
        if other != name:
            taken = {evse for station, evse in first if station == outlet[0]}
            free = next(number for number in range(1, 102) if number not in taken)
            what = f"EVSE {load.evse} of station {load.station} is the load {other} already"
            remedy = f"give evse: {free} if it is the station's other outlet, or its own station"
            report.fault(f"loads.{name}.evse", what, remedy, involves=(f"loads.{name}.station", f"loads.{other}.evse"))


def controlled(site: Site, report: Report) -> None:
    """Every load can be reached: an EVSE by its station, a plug by its driver."""
    for name, load in site.loads.items():
        if isinstance(load, Evse) and load.station is None:
            report.fault(f"loads.{name}.station", "station is missing", "add station: the id that it sends by OCPP")
        if isinstance(load, Device) and load.driver is None:
            remedy = "add driver: shelly | tasmota | mqtt | homewizard, with its keys"
            report.fault(f"loads.{name}.driver", "driver is missing", remedy)


def plug_phases(site: Site, report: Report) -> None:
    """A device on a site of several phases says on which it is: a worst-case guess would waste what others carry."""
    for name, load in site.loads.items():
        if isinstance(load, Device) and load.phases is None and len(site.phases) > 1:
            remedy = f"add phases: [{site.phases[0]}], or [{', '.join(site.phases)}] if it has {len(site.phases)}"
            report.fault(f"loads.{name}.phases", "the phase of the plug is missing", remedy, involves=("phases",))


def _evses(site: Site) -> list[tuple[str, Evse]]:
    return [(name, load) for name, load in site.loads.items() if isinstance(load, Evse)]
