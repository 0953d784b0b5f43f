"""When a machine that somebody started may run; it is not interrupted after that. Pure.

    listens ── it draws start_w ──▶ waits ── the setpoint lets it ──▶ runs ── it draws less than done_w ──▶ listens

While it listens its relay is closed and it draws next to nothing: that is how its start is seen. The relay then opens,
and closes when there is room; machines go on with their programme. While it runs it asks for its power from any source
and to stay on; only a hard limit, or the end of all control, stops it.
"""

from typing import Literal

from msgspec import Struct, structs

from evenload.site.runs import Appliance
from services.plug_control.config import PlugPlan
from services.plug_control.core import Ask, Input, Now, Steer
from services.plug_control.offering import nothing, offer_of

STARTING_S = 120.0
"""After its relay closed it may take so long to draw again."""
STUCK = "appliance_too_long"

Phase = Literal["listens", "waits", "runs"]


class ApplianceMemory(Struct, frozen=True, kw_only=True):
    """What is remembered of a machine. Times are s of the monotonic clock."""

    phase: Phase = "listens"
    since_s: float = 0.0
    quiet_s: float | None = None
    """Since when it draws next to nothing while it runs."""


def step(plan: PlugPlan, memory: ApplianceMemory | None, seen: Input, now: Now) -> tuple[ApplianceMemory, Steer]:
    """Return what is remembered, and what the machine offers."""
    appliance = plan.device
    assert isinstance(appliance, Appliance)
    memory = _next(appliance, memory or ApplianceMemory(since_s=now.at_s), seen, now)
    mode = seen.wish.mode or appliance.mode
    troubles = {STUCK: _too_long(appliance, memory, now)}
    if mode == "off":
        return memory, Steer(offer=nothing(plan, "off"), level=0, troubles=troubles)
    if memory.phase == "listens":
        return memory, Steer(offer=nothing(plan, "not started"), level=1, troubles=troubles, may_idle=True)
    if memory.phase == "waits":
        waited = now.at_s - memory.since_s >= appliance.longest_wait_h * 3600.0
        served = "standard" if waited or mode == "boost" else mode
        ask = Ask(mode=served, reason="waited long enough" if waited else "waits to start")
        return memory, Steer(offer=offer_of(plan, ask), troubles=troubles, may_idle=True)
    offer = offer_of(plan, Ask(mode="standard", reason="runs"))
    offer = structs.replace(offer, min_on_s=appliance.longest_run_h * 3600.0)
    return memory, Steer(offer=offer, troubles=troubles, may_idle=True)


def _next(appliance: Appliance, memory: ApplianceMemory, seen: Input, now: Now) -> ApplianceMemory:
    """Return the memory in its next phase."""
    drawn_w = seen.power_w or 0.0
    if memory.phase == "listens":
        started = seen.level > 0 and drawn_w >= appliance.start_w
        return ApplianceMemory(phase="waits", since_s=now.at_s) if started else memory
    if memory.phase == "waits":
        runs = seen.level > 0 and seen.permitted_a is not None and seen.permitted_a > 0
        return ApplianceMemory(phase="runs", since_s=now.at_s) if runs else memory
    if seen.level > 0 and drawn_w < appliance.done_w:
        quiet_s = memory.quiet_s if memory.quiet_s is not None else now.at_s
        after_s = max(appliance.done_after_s, STARTING_S)
        if now.at_s - quiet_s >= after_s:
            return ApplianceMemory(phase="listens", since_s=now.at_s)
        return structs.replace(memory, quiet_s=quiet_s)
    return memory if memory.quiet_s is None else structs.replace(memory, quiet_s=None)


def _too_long(appliance: Appliance, memory: ApplianceMemory, now: Now) -> str | None:
    longest_s = appliance.longest_run_h * 3600.0
    if memory.phase != "runs" or now.at_s - memory.since_s < longest_s:
        return None
    return f"it has run for more than {appliance.longest_run_h:g} h"
