"""The offers of loads laid over the plan: what each can take now, and how it asks to be served. Pure.

An offer comes in the load's state and counts while the load is heard. It may narrow what the site file allows, never
widen it: currents stay within the file's, phases, circuits, failsafe and priority are the file's own. The engine sees
planned loads only, and learns nothing of what they are.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from evenload.contracts.events import LoadState, Offer
from evenload.contracts.units import ceil_da, floor_da
from services.allocator.facts import Heard
from services.allocator.plan import STEP_MA, URGENCY, Plan, PlannedLoad


def with_offers(plan: Plan, heard: Mapping[str, Heard[LoadState]]) -> Plan:
    """Return the plan with every offer laid over it; the same plan when there is none."""
    offers = {name: each.event.offer for name, each in heard.items() if each.event.offer is not None}
    if not offers:
        return plan
    return replace(plan, loads=tuple(_offered(load, offers.get(load.name)) for load in plan.loads))


def _offered(load: PlannedLoad, offer: Offer | None) -> PlannedLoad:
    """A load that is off stays off; what it offers beyond its rating is not taken; its plan guarantees any source."""
    if offer is None:
        return load
    most_ma = min(load.max_ma, floor_da(offer.max_a) * STEP_MA)
    least_ma = max(load.min_ma, ceil_da(offer.min_a) * STEP_MA) if most_ma else load.min_ma
    guaranteed = load.by_plan and load.mode == "standard"
    mode = "off" if load.mode == "off" else "standard" if guaranteed else offer.mode
    return replace(
        load,
        mode=mode,
        urgency=URGENCY[mode],
        min_ma=least_ma,
        max_ma=most_ma,
        all_or_nothing=load.all_or_nothing or offer.all_or_nothing,
        min_on_s=offer.min_on_s,
        min_off_s=offer.min_off_s,
        step_ma=ceil_da(offer.step_a) * STEP_MA,
        wish=offer.reason,
    )
