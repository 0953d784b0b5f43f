"""Which need of a load counts now: the earliest deadline of what was asked for by hand, else of the site file. Pure.

Where neither says anything of a load, what its vehicle or its own service says counts.
"""

from datetime import datetime, timedelta, tzinfo

from msgspec import Struct

from evenload.contracts.events import LoadState
from evenload.contracts.plans import Need
from evenload.contracts.records import Override
from evenload.site.deadlines import at_or_after, before, deadline, need_text
from evenload.site.schema import Site
from evenload.site.windows import WindowFault

PRESENT = frozenset({"preparing", "charging", "suspended_ev", "suspended_evse"})
LATEST = timedelta(days=7)
"""A vehicle that leaves later says so again; a clock that is wrong must not keep room for weeks."""


class Goal(Struct, frozen=True, kw_only=True):
    """One need with its time: what is drawn after `begins_at` counts towards it; None = from when it is first seen."""

    site: str
    load: str
    need: Need
    ready_at: datetime
    begins_at: datetime | None
    asked_at: datetime | None
    """When it was asked for by command; None = it is the site file's."""
    offered: bool = False
    """It is what the load's own service still needs, as told in its offer, and nobody's plan."""
    told: bool = False
    """It is what the load's vehicle says that it needs."""

    @property
    def key(self) -> str:
        """A text that is another one for every need and every deadline of it."""
        asked = "" if self.asked_at is None else self.asked_at.isoformat()
        return f"{need_text(self.need)} {self.ready_at.isoformat()} {asked}"


def goal_text(goal: Goal, zone: tzinfo) -> str:
    """Return a goal in words; one that is once with its deadline on the site's wall clock: `40 kWh by Tue 07:00`."""
    amount, _, by = need_text(goal.need).partition(" by ")
    once = deadline(goal.need.by).once is not None
    return f"{amount} by {goal.ready_at.astimezone(zone):%a %H:%M}" if once else f"{amount} by {by}"


def goals(site: Site, overrides: tuple[Override, ...], now: datetime, zone: tzinfo) -> dict[str, Goal]:
    """Return the goal of each load that has one, by load."""
    found: dict[str, Goal] = {}
    for load in sorted(site.loads):
        items = [item for item in overrides if item.load == load and item.plan is not None]
        live = [item for item in items if item.until is None or item.until >= now]
        needs, asked_at = (live[-1].plan or (), live[-1].at) if live else (site.plans.get(load, ()), None)
        timed = [goal for need in needs if (goal := _goal((site.site, load), need, asked_at, (now, zone))) is not None]
        if timed:
            found[load] = min(timed, key=lambda goal: goal.ready_at)
    return found


def told_goals(
    site: Site, states: dict[str, LoadState], overrides: tuple[Override, ...], now: datetime
) -> dict[str, Goal]:
    """Return what vehicles say that they need, and when they leave (OCPP 2.x): plans for once.

    A plan of the site file for the load, or one by hand, also `none`, says otherwise.
    """
    found: dict[str, Goal] = {}
    by_hand = {item.load for item in overrides if item.plan is not None and (item.until is None or item.until >= now)}
    for load in sorted(set(site.loads) - set(site.plans) - by_hand):
        state = states.get(load)
        if state is None or state.status not in PRESENT or not state.needs_wh or state.leaves_at is None:
            continue
        if state.leaves_at <= now or state.leaves_at - now > LATEST:
            continue
        need = Need(by=state.leaves_at.isoformat(timespec="minutes"), energy_wh=state.needs_wh)
        found[load] = Goal(
            site=site.site, load=load, need=need, ready_at=state.leaves_at, begins_at=None, asked_at=None, told=True
        )
    return found


def offered_goals(site: Site, states: dict[str, LoadState], known: dict[str, Goal], now: datetime) -> dict[str, Goal]:
    """Return what loads without a goal of their own say that they need, and by when: a pump's run, a weekly run.

    One that is served from any source already is no question of when.
    """
    found: dict[str, Goal] = {}
    for load in sorted(set(site.loads) - set(known)):
        state = states.get(load)
        offer = state.offer if state is not None else None
        if offer is None or offer.until is None or not offer.need_wh or offer.until <= now:
            continue
        if offer.mode in ("standard", "off") or not offer.max_a:
            continue
        need = Need(by=offer.until.isoformat(timespec="minutes"), energy_wh=offer.need_wh)
        found[load] = Goal(
            site=site.site,
            load=load,
            need=need,
            ready_at=offer.until,
            begins_at=None,
            asked_at=None,
            offered=True,
        )
    return found


def _goal(whose: tuple[str, str], need: Need, asked_at: datetime | None, when: tuple[datetime, tzinfo]) -> Goal | None:
    now, zone = when
    try:
        due = deadline(need.by)
    except WindowFault:  # kept by another version
        return None
    ready_at = at_or_after(due, now, zone)
    if ready_at is None:
        return None
    last = before(due, ready_at, zone)
    begins_at = max((each for each in (last, asked_at) if each is not None), default=None)
    return Goal(site=whose[0], load=whose[1], need=need, ready_at=ready_at, begins_at=begins_at, asked_at=asked_at)
