"""What breakers and circuits keep free for whoever has no plan: the house, and loads that may not be put off. Pure.

Per phase the breaker keeps the most that the house is known to draw: `household_max_a` where the file says it, else the
peak of what the allocator found beside its loads, which rises in minutes and fades by half in three hours. A load
without a plan that is served from any source keeps its minimum.
"""

import math

from msgspec.structs import replace

from evenload.contracts.events import Decision
from evenload.contracts.phases import PHASES
from evenload.site.schema import Evse, Site
from services.planner.facts import Facts, House

FADE_S, RISE_S = 10_800.0, 300.0
MEAN_S = 3600.0
FROM_ANY_SOURCE = ("standard", "solar_priority")


def known_house(site: Site, house: House, decision: Decision, passed_s: float) -> House:
    """Return what is known of the house `passed_s` after the last decision was looked at."""
    base = decision.base_a
    if base is None:
        return house
    one, two, three = (
        _followed(peak_a, max(0.0, now_a or 0.0), passed_s)
        for now_a, peak_a in zip((base.l1, base.l2, base.l3), house.peak_a, strict=True)
    )
    total_w = (base.total() or 0.0) * site.voltage_v + (decision.solar_w or 0.0) + max(0.0, decision.battery_w or 0.0)
    share = min(1.0, passed_s / MEAN_S)
    mean_w = total_w if house.mean_w is None else house.mean_w + (total_w - house.mean_w) * share
    return replace(house, peak_a=(one, two, three), mean_w=max(0.0, mean_w))


def _followed(peak_a: float, now_a: float, passed_s: float) -> float:
    """Return the peak after `passed_s` of `now_a`: it rises within minutes and fades within hours.

    What a decision calls the house's may for a moment be a load that moved before its meter told.
    """
    if now_a >= peak_a:
        return peak_a + (now_a - peak_a) * min(1.0, passed_s / RISE_S)
    return max(now_a, peak_a * math.exp2(-passed_s / FADE_S))


def house_a(site: Site, house: House) -> dict[str, float]:
    """Return what the breaker keeps free for the house, A by phase."""
    stated_a = site.grid.household_max_a if site.grid is not None else None
    if stated_a is not None:
        return dict.fromkeys(site.phases, stated_a)
    return {phase: house.peak_a[PHASES.index(phase)] for phase in site.phases}


def reserved_a(site: Site, facts: Facts, planned: set[str]) -> dict[str, float]:
    """Return the minimum of each load without a plan that runs now and may not be put off, A by load."""
    decided = facts.decision.loads if facts.decision is not None else ()
    found = {}
    for line in decided:
        load = site.loads.get(line.load)
        runs = line.setpoint_a > 0.0 and line.mode in FROM_ANY_SOURCE
        if load is not None and runs and line.load not in planned:
            found[line.load] = load.min_a if isinstance(load, Evse) else line.setpoint_a
    return found
