"""Cross-checks of schedules: windows that can be read, set something, and set it within what the load can do."""

from collections.abc import Iterator

from evenload.contracts.schedules import ScheduleWindow
from evenload.site import scalars
from evenload.site.findings import Report
from evenload.site.scalars import plain_number
from evenload.site.schema import Device, Load, Site
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
            for key, what, remedy in window_faults(window, load):
                place = f"{path}[{index}]"
                report.fault(f"{place}.{key}" if key else place, what, remedy, involves=(f"loads.{name}.max_a",))


def window_faults(window: ScheduleWindow, load: Load) -> Iterator[Wrong]:
    """Yield what is wrong with a window of this load."""
    try:
        parsed(window.when)
    except WindowFault as fault:
        yield "when", fault.what, fault.remedy
    if window.mode is None and window.max_a is None and window.target_c is None:
        yield "", "the window sets nothing", "add mode, max_a or target_c"
    if window.max_a is not None:
        yield from _limit_faults(window.max_a, load)
    if window.target_c is not None and "target_c" not in load.__struct_fields__:
        yield "target_c", "the load has no target temperature", "remove it; set mode or max_a"


def _limit_faults(max_a: float, load: Load) -> Iterator[Wrong]:
    if isinstance(load, Device):
        if load.all_or_nothing:
            yield "max_a", "the load is all or nothing", "set its mode instead"
    elif max_a > load.max_a:
        yield "max_a", f"{plain_number(max_a)} A is above the load's max_a {plain_number(load.max_a)} A", "give less"
    elif max_a < load.min_a:
        yield (
            "max_a",
            f"{plain_number(max_a)} A is under min_a {plain_number(load.min_a)} A",
            "to stop it set mode: off",
        )
