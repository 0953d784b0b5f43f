"""Cross-checks of schedules: windows that can be read, set something, and set it within what the load can do."""

from collections.abc import Iterator

from evenload.contracts.schedules import ScheduleWindow
from evenload.site import scalars
from evenload.site.devices import aim_of
from evenload.site.findings import Report
from evenload.site.scalars import plain_number
from evenload.site.schema import Load, Site, currents_of
from evenload.site.windows import WindowFault, parsed

MOST_WINDOWS = 200
Wrong = tuple[str, str, str]
"""Key of the window, what is wrong, what to do."""


def schedules(site: Site, report: Report) -> None:
    """Each schedule is of a load there is, and each of its windows can be kept."""
    for name, windows in site.schedules.items():
        path = f"schedules.{name}"
        load = site.loads.get(name)
        if load is None:
            what = f"there is no load {name}"
            report.fault(path, what, scalars.one_of(name, site.loads), involves=(f"loads.{name}",))
            continue
        if len(windows) > MOST_WINDOWS:
            report.fault(path, f"{len(windows)} windows", f"{MOST_WINDOWS} are the most of one load")
            continue
        for index, window in enumerate(windows):
            for key, what, remedy in window_faults(window, load, site):
                place = f"{path}[{index}]"
                report.fault(f"{place}.{key}" if key else place, what, remedy, involves=(f"loads.{name}.max_a",))


def window_faults(window: ScheduleWindow, load: Load, site: Site) -> Iterator[Wrong]:
    """Yield what is wrong with a window of this load."""
    try:
        parsed(window.when)
    except WindowFault as fault:
        yield "when", fault.what, fault.remedy
    if window.mode is None and window.max_a is None and window.target_c is None:
        yield "", "the window sets nothing", "add mode, max_a or target_c"
    if window.max_a is not None:
        yield from _limit_faults(window.max_a, load, site)
    if window.target_c is not None:
        yield from _target_faults(window.target_c, load)


def _limit_faults(max_a: float, load: Load, site: Site) -> Iterator[Wrong]:
    least_a, most_a = currents_of(load, site)
    if least_a == most_a:
        yield "max_a", "the load is all or nothing", "set its mode instead"
    elif max_a > most_a:
        yield "max_a", f"{plain_number(max_a)} A is above the load's max_a {plain_number(most_a)} A", "give less"
    elif max_a < least_a:
        yield "max_a", f"{plain_number(max_a)} A is under min_a {plain_number(least_a)} A", "to stop it set mode: off"


def _target_faults(target_c: float, load: Load) -> Iterator[Wrong]:
    aim = aim_of(load)
    if aim is None:
        yield "target_c", "the load has no target temperature", "remove it; set mode or max_a"
    elif not aim.least_c <= target_c <= aim.most_c:
        what = f"{plain_number(target_c)} °C is not within {plain_number(aim.least_c)} to {plain_number(aim.most_c)} °C"
        yield "target_c", what, "give a target within it"
