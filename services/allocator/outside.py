"""Limits from outside the site: grid operator, tariff, installer. Negative ones are refused before they get here.

A limit with a heartbeat falls to its failsafe when the heartbeat is missing; one without holds until it is replaced.
The strictest one of each scope is in force; a floor lifts a limit to what must stay allowed.
"""

from msgspec.structs import replace

from evenload.contracts.events import SiteLimit
from services.allocator.facts import Facts, Heard
from services.allocator.limits import Surroundings
from services.allocator.plan import Plan

SOURCES_MOST = 32


def limit_in_force_w(heard: Heard[SiteLimit], now_s: float) -> float | None:
    """Return the W that the limit allows now; None when it is lifted."""
    limit = heard.event
    if is_lapsed(heard, now_s):
        return limit.failsafe_w
    if limit.limit_w is None:
        return None
    return max(limit.limit_w, limit.floor_w or 0.0)


def is_lapsed(heard: Heard[SiteLimit], now_s: float) -> bool:
    """Tell whether the heartbeat is missing, or has only just come back: it takes a heartbeat and a following write."""
    valid_s = heard.event.valid_s
    return heard.returning or (valid_s is not None and now_s - heard.at_s > valid_s)


def heard_limit(known: Heard[SiteLimit] | None, limit: SiteLimit, now_s: float) -> Heard[SiteLimit]:
    """Return a limit as heard now; after a lapse the first message does not lift the failsafe yet."""
    lapsed = known is not None and not known.returning and is_lapsed(known, now_s)
    return Heard(limit, now_s, returning=lapsed)


def acceptable(limit: SiteLimit, subject_source: str, sources: int) -> str:
    """Return why a limit is refused; empty when it is accepted. `sources` = other sources heard so far."""
    if subject_source != limit.source:
        return f"it was sent on the subject of {subject_source}; the last one holds"
    if sources >= SOURCES_MOST:
        return f"there are {sources} sources already"
    if limit.limit_w is not None and limit.limit_w < 0:
        return f"limit_w {limit.limit_w:g} is negative; the last one holds"
    if limit.failsafe_w < 0 or (limit.floor_w or 0.0) < 0:
        return "failsafe_w and floor_w must not be negative; the last limit holds"
    return ""


def outside_limits(plan: Plan, facts: Facts, around: Surroundings, now_s: float) -> Surroundings:
    """Return the surroundings with the strictest outside limit of each scope."""
    found = around
    for name in sorted(facts.limits):
        heard = facts.limits[name]
        limit_w = limit_in_force_w(heard, now_s)
        if limit_w is None:
            continue
        limit_ma = plan.watts_ma(limit_w)
        if heard.event.scope == "import":
            if found.outside_import_ma is None or limit_ma < found.outside_import_ma:
                found = replace(found, outside_import_ma=limit_ma, outside_import=name)
        elif found.outside_managed_ma is None or limit_ma < found.outside_managed_ma:
            found = replace(found, outside_managed_ma=limit_ma, outside_managed=name)
    return found
