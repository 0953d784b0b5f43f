"""Cross-checks of a site whose single values are sound: does it fit together, and can it be run safely.

Each check takes the site and the report. A check names with `involves` the paths that it rests on, so that it keeps
silent when one of them is at fault already.
"""

from collections.abc import Callable
from zoneinfo import ZoneInfo, available_timezones

from evenload.site import (
    check_devices,
    check_heat,
    check_limits,
    check_loads,
    check_plans,
    check_runs,
    check_schedules,
    proof,
    scalars,
)
from evenload.site.failsafe import circuits_above
from evenload.site.findings import Report
from evenload.site.scalars import plain_number
from evenload.site.schema import Site

Check = Callable[[Site, Report], None]
HIGHEST_PHASE_TO_NEUTRAL_V = 290.0
"""Volts between phases (347, 400) are given by mistake; 277 V is the highest to neutral that homes and shops have."""


def check_site(site: Site, report: Report, *, simulated: bool) -> None:
    """Report every fault and warning of `site`. `simulated`: meters, drivers and stations are provided."""
    for check in CHECKS + (SIMULATED_CHECKS if simulated else REAL_CHECKS):
        check(site, report)
    report.spoil()
    proof.prove(site, report)


def phases(site: Site, report: Report) -> None:
    """The site has phases, each once."""
    if not site.phases:
        report.fault("phases", "the site has no phase", "write [L1, L2, L3], or [L1] for a single-phase site")
    if len(set(site.phases)) != len(site.phases):
        report.fault("phases", "a phase is named twice", "name each phase once")


def voltage(site: Site, report: Report) -> None:
    """The voltage is the one to neutral."""
    if site.voltage_v > HIGHEST_PHASE_TO_NEUTRAL_V:
        remedy = f"write {plain_number(round(site.voltage_v / 3**0.5))} if it is between two phases"
        report.warning("voltage_v", f"{plain_number(site.voltage_v)} V is much from phase to neutral", remedy)


def time_zone(site: Site, report: Report) -> None:
    """The time zone is one that this machine knows."""
    try:
        ZoneInfo(site.time_zone)
    except (ValueError, OSError, KeyError):
        known = available_timezones()
        if site.time_zone == "UTC":
            return
        if not known:
            what = "this machine has no time zone database"
            report.warning("time_zone", what, "install the package tzdata; until then times are in UTC")
            return
        what = f"{scalars.shown(site.time_zone) or 'nothing'} is no time zone"
        remedy = scalars.nearest(site.time_zone, known)
        report.fault("time_zone", what, f"did you mean {remedy}?" if remedy else "write one as Europe/Berlin")


def grid(site: Site, report: Report) -> None:
    """Margins and buffers leave something, and limits can bind."""
    if site.grid is None:
        return
    breaker, margin = site.grid.breaker_a, site.grid.margin_a
    if margin >= breaker:
        what = f"a margin of {plain_number(margin)} A leaves nothing of the breaker's {plain_number(breaker)} A"
        report.fault("grid.margin_a", what, "give a small part of it, as 0.5", involves=("grid.breaker_a",))
    household = site.grid.household_max_a
    if household is not None and household >= breaker - margin > 0:
        what = f"a house of up to {plain_number(household)} A leaves nothing of the breaker for failsafe currents"
        report.warning(
            "grid.household_max_a", what, "all failsafe currents are 0; give less if it draws less", involves=("grid",)
        )
    import_limit(site, report)


def import_limit(site: Site, report: Report) -> None:
    """The import limit is above its buffer and below what the breaker carries."""
    assert site.grid is not None
    most, buffer = site.grid.max_import_w, site.grid.buffer_w
    if most is None and buffer > 0:
        report.warning("grid.buffer_w", "a buffer without max_import_w has no effect", "add max_import_w or remove it")
    if most is None:
        return
    if buffer >= most:
        what = f"a buffer of {plain_number(buffer)} W leaves nothing of {plain_number(most)} W import"
        report.fault("grid.buffer_w", what, "give less than max_import_w", involves=("grid.max_import_w",))
    carried = site.grid.breaker_a * site.voltage_v * len(site.phases)
    if most > carried:
        what = f"{plain_number(most)} W is more than the breaker carries on all phases ({plain_number(carried)} W)"
        report.warning(
            "grid.max_import_w", what, "it never binds; remove it", involves=("grid.breaker_a", "phases", "voltage_v")
        )


def inverter(site: Site, report: Report) -> None:
    """The inverter's limit of one phase is within its total."""
    if site.inverter is None or site.inverter.max_w is None or site.inverter.max_per_phase_w is None:
        return
    if site.inverter.max_per_phase_w > site.inverter.max_w:
        report.warning(
            "inverter.max_per_phase_w",
            "one phase may give more than the whole inverter",
            "give at most max_w, or leave it out",
            involves=("inverter.max_w",),
        )


def battery(site: Site, report: Report) -> None:
    """soc_min < soc_target, and the hysteresis is smaller than what lies between them."""
    if site.battery is None:
        return
    least, target, hysteresis = site.battery.soc_min_pct, site.battery.soc_target_pct, site.battery.soc_hysteresis_pct
    thresholds = ("battery.soc_min_pct", "battery.soc_target_pct")
    if least >= target:
        what = f"soc_min_pct {plain_number(least)} is not below soc_target_pct {plain_number(target)}"
        report.fault("battery.soc_min_pct", what, f"give less than {plain_number(target)}", involves=thresholds)
    elif hysteresis >= target - least:
        what = f"a hysteresis of {plain_number(hysteresis)} % is as wide as what lies between minimum and target"
        remedy = f"give less than {plain_number(target - least)}, as 3"
        report.fault("battery.soc_hysteresis_pct", what, remedy, involves=thresholds)
    elif 0 < least <= hysteresis:
        what = f"once reached, a minimum of {plain_number(least)} % less {plain_number(hysteresis)} % never ends"
        report.warning("battery.soc_hysteresis_pct", what, "give a smaller hysteresis or minimum", involves=thresholds)


def circuits(site: Site, report: Report) -> None:
    """Each circuit hangs below a known one, none below itself; none is larger than what feeds it."""
    for name, circuit in site.circuits.items():
        path = f"circuits.{name}"
        if circuit.within is not None and circuit.within not in site.circuits:
            what = f"there is no circuit {circuit.within}"
            others = [each for each in site.circuits if each != name]
            remedy = scalars.one_of(circuit.within, others) if others else "remove within: the main breaker is above it"
            report.fault(f"{path}.within", what, remedy, involves=(f"circuits.{circuit.within}",))
        elif (way := circuits_above(name, site)) and site.circuits[way[-1]].within == name:
            what = f"circuits in a circle: {' within '.join((*way, name))}"
            report.fault(f"{path}.within", what, "remove one within: the main breaker is above all")
        else:
            _feeds(name, site, report)


def _feeds(name: str, site: Site, report: Report) -> None:
    circuit = site.circuits[name]
    feeders = [(f"the circuit {each}", f"circuits.{each}", site.circuits[each].limit_a) for each in _above(name, site)]
    if site.grid is not None:
        feeders.append(("the main breaker", "grid.breaker_a", site.grid.breaker_a))
    for what, path, limit in feeders:
        if circuit.limit_a > limit:
            fault = f"{plain_number(circuit.limit_a)} A is above {what} that feeds it ({plain_number(limit)} A)"
            remedy = f"it is capped at {plain_number(limit)}; write that if it is so"
            report.warning(f"circuits.{name}.limit_a", fault, remedy, involves=(path,))
            return


def _above(name: str, site: Site) -> tuple[str, ...]:
    return tuple(each for each in circuits_above(name, site) if each != name)


def something_to_do(site: Site, report: Report) -> None:
    """There are loads."""
    if not site.loads:
        report.warning("loads", "the site has no loads", "add chargers or plugs below loads")


CHECKS: tuple[Check, ...] = (
    phases,
    voltage,
    time_zone,
    grid,
    inverter,
    battery,
    circuits,
    something_to_do,
    check_loads.phases,
    check_loads.evse_currents,
    check_loads.circuits,
    check_loads.failsafe_range,
    check_loads.stations,
    check_loads.shared_outlets,
    check_devices.circuit_meters,
    check_heat.sensors,
    check_heat.heat_pumps,
    check_heat.tank_temperatures,
    check_heat.rooms,
    check_heat.elements,
    check_heat.powers,
    check_runs.runs,
    check_runs.machines,
    check_schedules.schedules,
    check_plans.plans,
    check_plans.prices,
    check_plans.forecasts,
    check_limits.limits,
)
REAL_CHECKS: tuple[Check, ...] = (
    check_loads.ratings,
    check_loads.controlled,
    check_loads.plug_phases,
    check_devices.grid_meter,
    check_devices.checking_meter,
    check_devices.needed_meters,
    check_devices.unseen_house,
    check_devices.meter_phases,
    check_devices.meter_fields,
    check_devices.meter_periods,
    check_devices.topics,
    check_devices.scales,
    check_devices.mqtt_broker,
    check_devices.shared_relays,
    check_devices.tasmota_channels,
    check_devices.secrets,
    check_limits.feeds,
)
"""Checks of what a simulation provides by itself, or can do without harm."""
SIMULATED_CHECKS: tuple[Check, ...] = (check_loads.ratings_in_simulation,)
