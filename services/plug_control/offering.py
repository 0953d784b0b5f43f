"""From what a device asks for to the offer that is published. Pure."""

from math import ceil

from evenload.contracts.events import Offer
from services.plug_control.config import PlugPlan
from services.plug_control.core import Ask

NEED_STEP_WH = 50.0
"""Needs are told in steps, rounded up: each change is an event of its own, and the last of it is still a need."""


def offer_of(plan: PlugPlan, ask: Ask) -> Offer:
    """Return the offer of a device that asks: all that its levels let it take."""
    device = plan.device
    assert device is not None, "only a device with a core offers"
    span = plan.span
    return Offer(
        mode=ask.mode,
        min_a=span.least_a,
        max_a=span.most_a,
        step_a=span.step_a,
        all_or_nothing=span.all_or_nothing,
        min_on_s=device.min_on_s,
        min_off_s=device.min_off_s,
        need_wh=None if ask.need_wh is None else ceil(ask.need_wh / NEED_STEP_WH - 1e-9) * NEED_STEP_WH,
        until=ask.until,
        reason=ask.reason,
    )


def nothing(plan: PlugPlan, reason: str) -> Offer:
    """Return the offer of a device that takes nothing now."""
    return Offer(mode="off", min_a=0.0, max_a=0.0, step_a=0.0, need_wh=0.0, reason=reason)
