"""The proof of I5, reported: when everything is dead, what still draws fits every bound. The formula is in failsafe.py.

Refused: a failsafe above 0 without `household_max_a`, and currents that do not fit, with the largest that would.
A plug without a timer and a station without expiry, where `household_max_a` is not given, are a warning: whether they
fit beside the house cannot be told, and ordinary homes have such plugs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from evenload.contracts.units import ceil_da
from evenload.site.failsafe import Bound, bounds, dead_currents, is_stuck, largest_failsafes, least_da
from evenload.site.findings import Report
from evenload.site.scalars import plain_number
from evenload.site.schema import Device, Evse, Load, Plug, Site

_TIMER_REMEDY = "use a plug with a timer of its own (driver shelly or tasmota)"
_WORDS = {"climate": "room", "modulating": "modulating load"}
_EXPIRY_REMEDY = "limit the station at its installation"


def prove(site: Site, report: Report) -> None:
    """Report what cannot be proven to fit."""
    _unprovable(site, report)
    case = _Case(
        {name: ceil_da(current_a) for name, current_a in dead_currents(site).items()}, largest_failsafes(site), set()
    )
    for bound in sorted(bounds(site), key=lambda each: _room(each) - _total(each, case.dead)):
        if _total(bound, case.dead) > _room(bound):
            _misfit(site, bound, case, report)


@dataclass(frozen=True)
class _Case:
    """What draws when nothing is in control, the largest failsafes that fit (both 0.1 A), and the loads told of."""

    dead: dict[str, int]
    largest: dict[str, int]
    told: set[str]


def _total(bound: Bound, dead: dict[str, int]) -> int:
    return sum(dead[name] for name in bound.members)


def _unprovable(site: Site, report: Report) -> None:
    """Report what needs household_max_a while it is not given."""
    if site.grid is not None and site.grid.household_max_a is not None:
        return
    add = (
        "add grid.household_max_a, the most the house draws"
        if site.grid is not None
        else "no breaker is there to prove it"
    )
    for name, load in site.loads.items():
        involves = ("grid",)
        if isinstance(load, Evse) and load.failsafe_a != "auto" and load.failsafe_a > 0:
            what = "a failsafe above 0 cannot be proven to fit without grid.household_max_a"
            report.fault(f"loads.{name}.failsafe_a", what, f"{add}; or write 0", involves=involves)
        elif isinstance(load, Plug) and load.failsafe_on:
            what = "a plug that is on as its failsafe cannot be proven to fit without grid.household_max_a"
            report.fault(f"loads.{name}.failsafe_on", what, f"{add}; or write false", involves=involves)
        elif least_da(load, site) > 0 and not is_stuck(load, site):
            least = f"its station takes no limit below {least_da(load, site) / 10:g} A"
            what = f"{least}; whether that fits cannot be proven without grid.household_max_a"
            remedy = f"{add}; or allow 0 A in the station's own settings"
            report.warning(f"loads.{name}.failsafe_a", what, remedy, involves=involves)
        elif is_stuck(load, site) or (isinstance(load, Device) and load.dead_w > 0):
            what = f"{_why_stuck(load)}; whether that fits cannot be proven without grid.household_max_a"
            report.warning(_stuck_path(name, load), what, f"{add}, or {_stuck_remedy(load)}", involves=involves)


def _misfit(site: Site, bound: Bound, case: _Case, report: Report) -> None:
    """Report the loads below `bound` that must draw less: failsafe currents first, then what is stuck on."""
    involves = ("grid", bound.path, "phases", "voltage_v", *_rests_on(bound.members))
    what = _sum(bound, case.dead)
    for name in sorted(bound.members & case.largest.keys() - case.told):
        if case.largest[name] < case.dead[name]:
            case.told.add(name)
            report.fault(f"loads.{name}.failsafe_a", what, _largest(case.largest[name]), involves=involves)
    if sum(case.largest.get(name, case.dead[name]) for name in bound.members) <= _room(bound):
        return
    for name in sorted(bound.members - case.told - case.largest.keys()):
        load = site.loads[name]
        if case.dead[name] > 0:
            case.told.add(name)
            remedy = f"{_stuck_remedy(load)}, or put less on it"
            report.fault(_stuck_path(name, load), f"{_why_stuck(load)}; {what}", remedy, involves=involves)


def _rests_on(members: Iterable[str]) -> Iterator[str]:
    keys = ("phases", "circuit", "station", "power_w", "driver", "max_a", "min_a", "failsafe_a", "failsafe_on")
    return (f"loads.{name}.{key}" for name in members for key in keys)


def _room(bound: Bound) -> int:
    return max(0, bound.limit_da - bound.beside_da)


def _sum(bound: Bound, dead: dict[str, int]) -> str:
    beside = f" beside {_amps(bound.beside_da)} of the house" if bound.beside_da else ""
    return (
        f"with nothing in control the loads on {bound.name} draw {_amps(_total(bound, dead))}{beside}; "
        f"it carries {_amps(bound.limit_da)}"
    )


def _largest(largest_da: int) -> str:
    return f"give at most {plain_number(largest_da / 10)}, or auto" if largest_da else "give 0, or auto"


def _amps(current_da: int) -> str:
    return f"{plain_number(current_da / 10)} A"


def _why_stuck(load: Load) -> str:
    if isinstance(load, Device):
        if _fails_on(load):
            return "on is its failsafe"
        if load.dead_w > 0:
            return f"a {_type(load)} draws by itself when nothing controls it"
        return f"a {_type(load)} without a timer of its own may stay on"
    return "a station without expiry may go on at its rating"


def _stuck_path(name: str, load: Load) -> str:
    if isinstance(load, Device):
        return f"loads.{name}.failsafe_on" if _fails_on(load) else f"loads.{name}.driver"
    return f"loads.{name}.station"


def _stuck_remedy(load: Load) -> str:
    if isinstance(load, Device):
        if load.dead_w > 0 and not _fails_on(load):
            return "expect an overload when nothing controls it"
        if load.own_timer is False:
            return "give expiry_s where it falls back to 0 by itself"
        return "write failsafe_on: false" if _fails_on(load) else _TIMER_REMEDY
    return _EXPIRY_REMEDY


def _fails_on(load: Device) -> bool:
    return isinstance(load, Plug) and load.failsafe_on


def _type(load: Device) -> str:
    return _WORDS.get(str(load.__struct_config__.tag), str(load.__struct_config__.tag).replace("_", " "))
