"""Limits from outside the site: grid operator, tariff, installer. Negative ones are refused before they get here.

| state | the limit | until |
|---|---|---|
| told, lifted | as told, never below its floor | no sign of life for `valid_s` |
| failsafe | `failsafe_w` | a sign of life and then a write, or `failsafe_s` |
| released | none | a write |

One without a lease holds until it is replaced. A source that the site file names and that was never heard is at its
failsafe. The strictest one of each scope is in force; a floor lifts a limit to what must stay allowed.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from evenload.contracts.events import SiteLimit
from evenload.contracts.limits import LimitInForce, LimitState
from evenload.site.schema import Site, limit_terms
from services.allocator.facts import Facts, Heard
from services.allocator.limits import Surroundings
from services.allocator.plan import Plan

SOURCES_MOST = 32
Limits = Mapping[str, Heard[SiteLimit]]


def lapsed_since_s(heard: Heard[SiteLimit], now_s: float) -> float | None:
    """Return since when the limit is not believed any more, monotonic s; None = it is."""
    valid_s = heard.event.valid_s
    if heard.lapsed_s is not None:
        return heard.lapsed_s
    return heard.at_s + valid_s if valid_s is not None and now_s - heard.at_s > valid_s else None


def is_lapsed(heard: Heard[SiteLimit], now_s: float) -> bool:
    """Tell whether the heartbeat is missing, or has only just come back: it takes a heartbeat and a following write."""
    return lapsed_since_s(heard, now_s) is not None


def state_of(heard: Heard[SiteLimit], now_s: float) -> LimitState:
    """Return the state of a limit, by the table above."""
    since_s = lapsed_since_s(heard, now_s)
    if since_s is None:
        return "lifted" if heard.event.limit_w is None else "told"
    lasts_s = heard.event.failsafe_s
    return "released" if lasts_s is not None and now_s - since_s >= lasts_s else "failsafe"


def limit_in_force_w(heard: Heard[SiteLimit], now_s: float) -> float | None:
    """Return the W that the limit allows now; None when it allows all."""
    limit, state = heard.event, state_of(heard, now_s)
    if state in ("lifted", "released"):
        return None
    limit_w = limit.limit_w
    if state == "failsafe":
        # What is told while it comes back may lower the failsafe at once, and lifts it only when it is told again.
        lower = heard.returning and limit_w is not None and not limit.heartbeat_only
        limit_w = min(limit.failsafe_w, limit_w or 0.0) if lower else limit.failsafe_w
    assert limit_w is not None
    return max(limit_w, limit.floor_w or 0.0)


def heard_limit(known: Heard[SiteLimit] | None, limit: SiteLimit, now_s: float) -> Heard[SiteLimit]:
    """Return a limit as heard now; what ends a failsafe is a write after a sign of life."""
    since_s = None if known is None else lapsed_since_s(known, now_s)
    if known is None or since_s is None:
        return Heard(limit, now_s)
    valid_s = known.event.valid_s
    was_back = known.returning and (valid_s is None or now_s - known.at_s <= valid_s)
    ends = was_back or was_never_heard(known) or state_of(known, now_s) == "released"
    if ends and not limit.heartbeat_only:
        return Heard(limit, now_s)
    return Heard(limit, now_s, returning=True, lapsed_s=since_s)


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


def completed(limit: SiteLimit, site: Site) -> SiteLimit:
    """Return a limit with what the site file says of its source where it says nothing itself.

    Its floor is the higher one, its failsafe the file's.
    """
    terms = limit_terms(site, limit.source)
    if terms is None:
        return limit
    floors_w = [floor_w for floor_w in (limit.floor_w, terms.floor_w) if floor_w is not None]
    return replace(
        limit,
        floor_w=max(floors_w, default=None),
        valid_s=terms.valid_s if limit.valid_s is None else limit.valid_s,
        failsafe_w=terms.failsafe_w,
        failsafe_s=terms.failsafe_s if limit.failsafe_s is None else limit.failsafe_s,
    )


def expected(site: Site, known: Limits, now_s: float, at: datetime) -> dict[str, Heard[SiteLimit]]:
    """Return the sources that the site file names and nobody has heard, at their failsafe from now on.

    One that has no heartbeat is none: nothing can be missing of it.
    """
    found = {}
    for name in site.limits:
        terms = limit_terms(site, name)
        if name in known or terms is None or terms.valid_s is None:
            continue
        silent = SiteLimit(
            site=site.site,
            source=name,
            scope=terms.scope,
            issued_at=at,
            floor_w=terms.floor_w,
            valid_s=terms.valid_s,
            failsafe_w=terms.failsafe_w,
            failsafe_s=terms.failsafe_s,
            why="never heard",
        )
        found[name] = Heard(silent, now_s, lapsed_s=now_s)
    return found


def still_known(known: Limits, before: Site, after: Site) -> dict[str, Heard[SiteLimit]]:
    """Return what is held with another site file: a source that it names no more goes, with one never heard."""
    changed = {name for name, limit in before.limits.items() if after.limits.get(name) != limit}
    return {
        name: heard
        for name, heard in known.items()
        if name not in changed or (name in after.limits and not was_never_heard(heard))
    }


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


def limits_in_force(facts: Facts, now_s: float) -> tuple[LimitInForce, ...]:
    """Return what each source bounds now, by name."""
    return tuple(_in_force(name, facts.limits[name], now_s) for name in sorted(facts.limits))


def _in_force(name: str, heard: Heard[SiteLimit], now_s: float) -> LimitInForce:
    limit, state, since_s = heard.event, state_of(heard, now_s), lapsed_since_s(heard, now_s)
    ends_s = None if limit.failsafe_s is None or since_s is None else since_s + limit.failsafe_s
    return LimitInForce(
        source=name,
        scope=limit.scope,
        state=state,
        limit_w=limit_in_force_w(heard, now_s),
        told_w=limit.limit_w,
        floor_w=limit.floor_w,
        left_s=round(max(0.0, ends_s - now_s), 1) if ends_s is not None and state == "failsafe" else None,
        heard_s=None if was_never_heard(heard) else heard.at_s,
    )


def was_never_heard(heard: Heard[SiteLimit]) -> bool:
    """Tell whether it only stands for a source that the site file names."""
    return heard.lapsed_s is not None and not heard.returning


def told_limits(facts: Facts, now_s: float) -> tuple[str, ...]:
    """Return what makes a decision worth telling again when it changes: who limits, to what, and in which state."""
    return tuple(f"{each.source} {each.state} {each.limit_w}" for each in limits_in_force(facts, now_s))


def lost_alerts(facts: Facts, now_s: float) -> list[tuple[str, str, str, str]]:
    """Return (kind, about, text, remedy) of each source whose sign of life is missing."""
    found = []
    for name in sorted(facts.limits):
        heard = facts.limits[name]
        if not is_lapsed(heard, now_s):
            continue
        limit_w = limit_in_force_w(heard, now_s)
        missing = "it was never heard" if was_never_heard(heard) else "its heartbeat is missing"
        if heard.returning:
            missing = "its heartbeat is back, a limit after it is not"
        holds = "for so long that its failsafe has ended" if limit_w is None else f"limited to {limit_w:g} W"
        remedy = "check the source of the limit, its network and its entry in the site file"
        found.append(("limit_source_lost", name, f"{missing}: {holds}", remedy))
    return found
