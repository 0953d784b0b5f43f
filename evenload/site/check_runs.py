"""Cross-checks of devices that must run for a time, and of machines that somebody starts."""

from evenload.site.findings import Report
from evenload.site.runs import Appliance, Pump
from evenload.site.scalars import plain_number
from evenload.site.schema import Site


def runs(site: Site, report: Report) -> None:
    """A pump has a time or an energy to reach, and both fit into its windows."""
    for name, pump in site.loads.items():
        if not isinstance(pump, Pump):
            continue
        path = f"loads.{name}"
        if (pump.run_h is None) == (pump.energy_wh is None):
            remedy = "write run_h: 4, or energy_wh: 5000"
            report.fault(f"{path}.run_h", "either run_h or energy_wh says how much it must run", remedy)
            continue
        opens_h = _hours(pump.window_until) - _hours(pump.window_from)
        if opens_h <= 0:
            what = f"its window ends at {pump.window_until}, before it begins at {pump.window_from}"
            report.fault(f"{path}.window_until", what, "give a later time", involves=(f"{path}.window_from",))
            continue
        open_h = opens_h * (7 if pump.each == "week" else 1)
        needed_h = pump.run_h if pump.run_h is not None else (pump.energy_wh or 0.0) / pump.power_w
        if needed_h > open_h:
            key = "run_h" if pump.run_h is not None else "energy_wh"
            what = f"it needs {plain_number(round(needed_h, 2))} h, its windows are open for {plain_number(open_h)} h"
            involves = (f"{path}.window_from", f"{path}.window_until", f"{path}.power_w")
            report.fault(f"{path}.{key}", what, "give less, or a longer window", involves=involves)


def machines(site: Site, report: Report) -> None:
    """What starts a machine is more than what ends it, and less than its power."""
    for name, machine in site.loads.items():
        if isinstance(machine, Appliance) and not machine.done_w <= machine.start_w < machine.power_w:
            what = f"{plain_number(machine.start_w)} W is not between done_w and power_w"
            involves = (f"loads.{name}.done_w", f"loads.{name}.power_w")
            report.fault(f"loads.{name}.start_w", what, "give a little more than its standby", involves=involves)


def _hours(clock: str) -> float:
    hour, minute = clock.split(":")
    return int(hour) + int(minute) / 60
