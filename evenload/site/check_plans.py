"""Cross-checks of plans, prices and forecasts: needs that can be told and met, windows that can be read."""

from collections.abc import Iterator

from evenload.contracts.plans import Need
from evenload.site import scalars
from evenload.site.deadlines import deadline
from evenload.site.findings import Report
from evenload.site.schema import Site
from evenload.site.windows import WindowFault, parsed

MOST_NEEDS = 50
MOST_WINDOWS = 200
Wrong = tuple[str, str, str]
"""Key of the need, what is wrong, what to do."""


def plans(site: Site, report: Report) -> None:
    """Each plan is of a load there is, and each of its needs can be told."""
    for name, needs in site.plans.items():
        path = f"plans.{name}"
        if name not in site.loads:
            what = f"there is no load {name}"
            report.fault(path, what, scalars.one_of(name, site.loads), involves=(f"loads.{name}",))
            continue
        if len(needs) > MOST_NEEDS:
            report.fault(path, f"{len(needs)} needs", f"{MOST_NEEDS} are the most of one load")
            continue
        for index, need in enumerate(needs):
            for key, what, remedy in need_faults(need, site):
                place = f"{path}[{index}]"
                report.fault(f"{place}.{key}" if key else place, what, remedy, involves=("meters",))


def need_faults(need: Need, site: Site) -> Iterator[Wrong]:
    """Yield what is wrong with a need at this site."""
    try:
        deadline(need.by)
    except WindowFault as fault:
        yield "by", fault.what, fault.remedy
    told = [key for key, value in _amounts(need) if value is not None]
    if len(told) != 1:
        what = "the need names no amount" if not told else f"the need names {' and '.join(told)}"
        yield "", what, "give one of energy_wh, soc_pct and target_c"
        return
    if need.energy_wh is not None and need.energy_wh <= 0:
        yield "energy_wh", "a need of nothing", "give more than 0"
    if need.soc_pct is not None and not need.battery_wh:
        yield "battery_wh", "the size of the vehicle's battery is missing", "add battery_wh: 60000"
        return
    wanted = {"soc_pct": "vehicle", "target_c": "temperature"}.get(told[0])
    if wanted is not None:
        yield from _meter_faults(need, site, wanted)


def _amounts(need: Need) -> tuple[tuple[str, float | None], ...]:
    return ("energy_wh", need.energy_wh), ("soc_pct", need.soc_pct), ("target_c", need.target_c)


def _meter_faults(need: Need, site: Site, role: str) -> Iterator[Wrong]:
    of_role = sorted(name for name, meter in site.meters.items() if meter.role == role)
    if need.meter is not None and need.meter not in of_role:
        yield "meter", f"there is no meter {need.meter} of role {role}", scalars.one_of(need.meter, of_role)
    elif need.meter is None and role == "vehicle" and len(of_role) != 1:
        what = "no meter of role vehicle shows its soc" if not of_role else f"several meters of role {role}"
        yield "meter", what, "add one" if not of_role else f"give one of: {', '.join(of_role)}"


def prices(site: Site, report: Report) -> None:
    """The windows of the tariff can be read."""
    table = site.prices.table if site.prices is not None else ()
    for index, window in enumerate(table[:MOST_WINDOWS]):
        try:
            parsed(window.when)
        except WindowFault as fault:
            report.fault(f"prices.table[{index}].when", fault.what, fault.remedy)
    if len(table) > MOST_WINDOWS:
        report.fault("prices.table", f"{len(table)} windows", f"{MOST_WINDOWS} are the most")


def forecasts(site: Site, report: Report) -> None:
    """One source of each kind; the paths of a feed fit together."""
    seen: dict[str, str] = {}
    for name, feed in site.forecasts.items():
        other = seen.setdefault(feed.kind, name)
        if other != name:
            report.fault(f"forecasts.{name}.kind", f"{other} is of kind {feed.kind} too", "keep one of them")
        if feed.slots is not None and feed.starts_at is None:
            report.fault(f"forecasts.{name}.starts_at", "the begin of an entry is missing", "add its path, as start")
