"""What a load offers whose power is set: all of its range, unless it is too warm. Pure."""

from msgspec import Struct, structs

from evenload.contracts.events import Mode
from evenload.site.modulating import Modulating
from services.plug_control.config import PlugPlan
from services.plug_control.core import Ask, Input, Now, Steer
from services.plug_control.offering import nothing, offer_of
from services.plug_control.sensor import IMPLAUSIBLE, LOST
from services.plug_control.thermostat import blind, still_below

PLAUSIBLE_C = (-30.0, 120.0)


class ModulatingMemory(Struct, frozen=True, kw_only=True):
    """What is remembered of it."""

    below: bool = True
    """Below its maximum."""


def step(plan: PlugPlan, memory: ModulatingMemory | None, seen: Input, now: Now) -> tuple[ModulatingMemory, Steer]:
    """Return what is remembered, and what it offers."""
    device = plan.device
    assert isinstance(device, Modulating)
    memory = memory or ModulatingMemory()
    troubles: dict[str, str | None] = dict.fromkeys((LOST, IMPLAUSIBLE))
    if seen.trouble is not None:
        troubles[seen.trouble[0]] = seen.trouble[1]
    if device.temperature is not None and seen.temperature_c is None:
        return memory, structs.replace(blind(plan, device, seen), troubles=troubles)
    if seen.temperature_c is not None:
        memory = ModulatingMemory(
            below=still_below(memory.below, seen.temperature_c, device.max_c, device.hysteresis_k)
        )
    asked = seen.wish.mode
    mode: Mode = device.mode if asked is None or asked == "boost" else asked
    if mode == "off" or not memory.below:
        steer = Steer(offer=nothing(plan, "off" if mode == "off" else "warm enough"), level=0)
    else:
        steer = Steer(offer=offer_of(plan, Ask(mode=mode, reason="")), may_idle=True)
    temperature_c = None if seen.temperature_c is None else round(seen.temperature_c, 1)
    return memory, structs.replace(steer, temperature_c=temperature_c, troubles=troubles)
