"""Cross-checks of devices that go by a temperature: their sensor, the order of their temperatures, their elements."""

import re
from collections.abc import Iterator

from evenload.site import scalars
from evenload.site.device_drivers import RelaysDevice
from evenload.site.devices import Sensed
from evenload.site.findings import Report
from evenload.site.heat import Climate, HeatPump, Tank
from evenload.site.modulating import Modulating
from evenload.site.power_drivers import ModbusPower
from evenload.site.scalars import plain_number
from evenload.site.schema import Site

MOST_STEPS = 200
_WRITABLE = r"holding [0-9]{1,5} (?:u?int(?:16|32)|float32)(?: swapped)?(?: x[0-9]+(?:\.[0-9]+)?)?"
ABOVE_LEGIONELLA_K = 2.0
"""The weekly run ends a little above its temperature; the safety maximum must not end it before."""


def sensors(site: Site, report: Report) -> None:
    """A device that goes by a temperature has a meter of that role, or is left to its own thermostat by choice."""
    temperatures = [name for name, meter in site.meters.items() if meter.role == "temperature"]
    for name, device in _sensed(site):
        path = f"loads.{name}.temperature"
        if device.temperature is None:
            if device.without_sensor == "off" and device.aim is not None:
                remedy = "name a meter of role temperature, or write without_sensor: thermostat"
                report.fault(path, "temperature is missing: without one it stays off", remedy, involves=("meters",))
        elif device.temperature not in site.meters:
            known = temperatures or list(site.meters)
            remedy = scalars.one_of(device.temperature, known) if known else "add it below meters, role: temperature"
            report.fault(path, f"there is no meter {device.temperature}", remedy, involves=("meters",))
        elif device.temperature not in temperatures:
            what = f"the meter {device.temperature} has the role {site.meters[device.temperature].role}"
            report.fault(
                path, what, "give that meter the role temperature", involves=(f"meters.{device.temperature}.role",)
            )


def heat_pumps(site: Site, report: Report) -> None:
    """A heat pump that is to be ready has a target and shows its temperature; its meter measures a load."""
    for name, pump in site.loads.items():
        if not isinstance(pump, HeatPump):
            continue
        path = f"loads.{name}"
        if pump.meter is not None and (pump.meter not in site.meters or site.meters[pump.meter].role != "load"):
            loads = [meter for meter, each in site.meters.items() if each.role == "load"]
            remedy = scalars.one_of(pump.meter, loads) if loads else "add it below meters, role: load"
            report.fault(f"{path}.meter", f"there is no meter {pump.meter} of role load", remedy, involves=("meters",))
        if pump.ready_by and pump.target_c is None:
            report.fault(f"{path}.ready_by", "target_c is missing: ready for what?", "add target_c, or leave it out")
        if pump.ready_by and pump.temperature is None:
            remedy = "name a meter of role temperature, or leave ready_by out"
            report.fault(f"{path}.ready_by", "temperature is missing", remedy)
        elif pump.ready_by and pump.driver is not None and pump.meter is None:
            what = "its contacts do not say what it draws: it never learns how it warms, and does not wait for the sun"
            report.warning(f"{path}.ready_by", what, "add meter: with a meter of role load")


def tank_temperatures(site: Site, report: Report) -> None:
    """Target ≤ solar target < maximum, and the weekly run fits below the maximum."""
    for name, tank in _tanks(site):
        maximum = (f"loads.{name}.max_c",)
        most = plain_number(tank.max_c)
        for key, value_c in (("target_c", tank.target_c), ("solar_target_c", tank.solar_target_c)):
            if value_c >= tank.max_c:
                what = f"{plain_number(value_c)} °C is not below the safety maximum of {most} °C"
                report.fault(f"loads.{name}.{key}", what, "give less, or raise max_c", involves=maximum)
        if tank.legionella == "weekly" and tank.legionella_c + ABOVE_LEGIONELLA_K > tank.max_c:
            what = f"{plain_number(tank.legionella_c)} °C is too near the safety maximum of {most} °C"
            report.fault(
                f"loads.{name}.legionella_c", what, "raise max_c, or write legionella: never", involves=maximum
            )
        if tank.solar_target_c < tank.target_c < tank.max_c:
            what = f"{plain_number(tank.solar_target_c)} °C is below target_c {plain_number(tank.target_c)} °C"
            remedy = "it stores no sun; give more than target_c"
            report.warning(f"loads.{name}.solar_target_c", what, remedy, involves=(f"loads.{name}.target_c",))


def rooms(site: Site, report: Report) -> None:
    """A room's target lies within its bounds."""
    for name, room in site.loads.items():
        if isinstance(room, Climate) and not room.least_c <= room.target_c <= room.most_c:
            bounds = f"{plain_number(room.least_c)} to {plain_number(room.most_c)} °C"
            what = f"{plain_number(room.target_c)} °C is not within {bounds}"
            involves = (f"loads.{name}.least_c", f"loads.{name}.most_c")
            report.fault(f"loads.{name}.target_c", what, "correct the target, least_c or most_c", involves=involves)


def powers(site: Site, report: Report) -> None:
    """A power that is set has a range in few enough steps, and a register that can be written."""
    for name, load in site.loads.items():
        if not isinstance(load, Modulating):
            continue
        path = f"loads.{name}"
        if load.min_w > load.power_w:
            what = f"the least {plain_number(load.min_w)} W is above power_w {plain_number(load.power_w)} W"
            report.fault(f"{path}.min_w", what, "give less", involves=(f"{path}.power_w",))
        elif (load.power_w - load.min_w) / load.step_w > MOST_STEPS:
            what = f"more than {MOST_STEPS} steps of {plain_number(load.step_w)} W"
            report.fault(f"{path}.step_w", what, "give a larger step", involves=(f"{path}.power_w", f"{path}.min_w"))
        if isinstance(load.options, ModbusPower) and not re.fullmatch(_WRITABLE, load.options.register):
            remedy = "name one holding register, as holding 1000 uint16"
            report.fault(f"{path}.register", "it cannot be written", remedy)


def elements(site: Site, report: Report) -> None:
    """Elements add up to the tank's rating, and each has a relay."""
    for name, tank in _tanks(site):
        path = f"loads.{name}.elements_w"
        total = sum(tank.elements_w)
        if tank.elements_w and abs(total - tank.power_w) > 0.5:
            what = f"the elements draw {plain_number(total)} W together, not {plain_number(tank.power_w)} W"
            report.fault(path, what, "correct one of them", involves=(f"loads.{name}.power_w",))
        if len(tank.elements_w) > 4:
            report.fault(path, "more than 4 elements", "join some of them")
        relays = tank.options.channels if isinstance(tank.options, RelaysDevice) else (0,)
        if tank.driver is not None and len(relays) != max(1, len(tank.elements_w)):
            what = f"{len(tank.elements_w)} elements, but {len(relays)} relays"
            remedy = "use driver: relays, and name one of its channels for each element"
            report.fault(path, what, remedy, involves=(f"loads.{name}.driver", f"loads.{name}.channels"))


def _sensed(site: Site) -> Iterator[tuple[str, Sensed]]:
    return ((name, load) for name, load in site.loads.items() if isinstance(load, Sensed))


def _tanks(site: Site) -> Iterator[tuple[str, Tank]]:
    return ((name, load) for name, load in site.loads.items() if isinstance(load, Tank))
