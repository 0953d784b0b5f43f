"""What the planner's slots mean for the loads at a moment: values that lie over all others, never over a limit. Pure.

In a guaranteed slot a load is served as `standard`, up to what is guaranteed. In a slot that only allows, `standard`
becomes `solar_only`, up to what is allowed; other modes stay. A load that is off, or whose mode was set by hand after
the plan was asked for, is left alone. A plan holds to the end of its last slot, also when no newer one comes.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from evenload.contracts.events import AskedMode
from evenload.contracts.plan_events import LoadPlan, PlanSlot
from evenload.contracts.records import Override
from evenload.site.schema import Site


class Planned(Struct, frozen=True, kw_only=True):
    """What the slots of a site set now, and when a slot next ends, UTC; None = no plan is in force."""

    values: tuple[Override, ...] = ()
    next_change: datetime | None = None


def planned(site: Site, laid: tuple[Override, ...], plans: Iterable[LoadPlan], now: datetime) -> Planned:
    """Return what the plans set at `now` over what is scheduled and set by hand (`laid`, in the order of laying)."""
    values: list[Override] = []
    ends: list[datetime] = []
    for plan in sorted(plans, key=lambda each: each.load):
        load = site.loads.get(plan.load)
        slot, end = slot_at(plan, now)
        if load is None or slot is None or end is None:
            continue
        ends.append(end)
        modes = [item for item in laid if item.load == plan.load and item.mode is not None]
        mode = (modes[-1].mode if modes else None) or load.mode
        if mode == "off" or any(_later(item, plan) for item in modes):
            continue
        served = _served(mode, slot)
        most_a = slot.guaranteed_a if slot.guaranteed_a > 0 else slot.allowed_a
        values.append(Override(load=plan.load, mode=served, max_a=most_a or None, until=end, by="plan", at=now))
    return Planned(values=tuple(values), next_change=min(ends, default=None))


def _later(item: Override, plan: LoadPlan) -> bool:
    """Tell whether a mode was set by hand after the plan was asked for; a plan of the file was before all."""
    return item.by != "schedule" and (plan.asked_at is None or item.at > plan.asked_at)


def _served(mode: AskedMode, slot: PlanSlot) -> AskedMode:
    if slot.guaranteed_a > 0:
        return "standard"
    if slot.allowed_a <= 0:
        return "off"
    return "solar_only" if mode == "standard" else mode


def slot_at(plan: LoadPlan, now: datetime) -> tuple[PlanSlot | None, datetime | None]:
    """Return the slot in force and where it ends, UTC; none before the first and after the last."""
    bounds = [*(slot.starts_at for slot in plan.slots[1:]), plan.ends_at]
    for slot, end in zip(plan.slots, bounds, strict=False):
        if end is not None and slot.starts_at <= now < end:
            return slot, end
    return None, None
