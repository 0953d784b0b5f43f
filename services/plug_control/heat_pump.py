"""Which SG Ready state a heat pump has: blocked, normal, recommended or forced. Pure.

Its own control heats the house: in the normal state it draws up to its power whenever it wants. So it is planned as a
load from that power up to power + boost. More than its power, which comes with the sun only, recommends from half the
boost on, and forces with all of it; less than its power, which is what a hard limit or a mode without the sun leaves,
blocks. A block ends after at most 2 h, and it is free for as long as it was blocked before the next one.

Down is at once: a setpoint is a limit. Up, and out of a block, a state has held for its dwell time first: a compressor
is not switched every minute.
"""

from msgspec import Struct, structs

from evenload.contracts.events import Mode, Offer
from evenload.site.heat import HeatPump
from services.plug_control.config import PlugPlan
from services.plug_control.core import Ask, Input, Now, Steer
from services.plug_control.offering import nothing, offer_of
from services.plug_control.sensor import IMPLAUSIBLE, LOST

BLOCKED, NORMAL, FORCED = 0, 1, 3
PLAUSIBLE_C = (-30.0, 110.0)


class HeatPumpMemory(Struct, frozen=True, kw_only=True):
    """What is remembered of a heat pump. Times are s of the monotonic clock."""

    level: int = NORMAL
    since_s: float = -1e9
    """When the level last changed."""
    free_until_s: float = -1e9
    """After a block it must not be blocked before then."""


def step(plan: PlugPlan, memory: HeatPumpMemory | None, seen: Input, now: Now) -> tuple[HeatPumpMemory, Steer]:
    """Return what is remembered, and the state with what the heat pump offers."""
    pump = plan.device
    assert isinstance(pump, HeatPump)
    memory = memory or HeatPumpMemory()
    asked = seen.wish.mode
    mode: Mode = pump.mode if asked is None or asked == "boost" else asked
    memory = _moved(pump, memory, _wanted(plan, mode, memory, seen, now=now), now)
    troubles: dict[str, str | None] = dict.fromkeys((LOST, IMPLAUSIBLE))
    if seen.trouble is not None:
        troubles[seen.trouble[0]] = seen.trouble[1]
    return memory, Steer(
        offer=_offer(plan, pump, mode, _limited(pump, memory, seen, now)),
        level=memory.level,
        temperature_c=None if seen.temperature_c is None else round(seen.temperature_c, 1),
        troubles=troubles,
        may_idle=True,
    )


def _wanted(plan: PlugPlan, mode: Mode, memory: HeatPumpMemory, seen: Input, *, now: Now) -> int:
    """Return the state that the setpoint means; without a setpoint, and when off, its own control has it."""
    if seen.permitted_a is None or mode == "off":
        return NORMAL
    level = plan.level_within(seen.permitted_a)
    if level == BLOCKED:
        return NORMAL if now.at_s < memory.free_until_s else BLOCKED
    return NORMAL if mode == "standard" else level


def _moved(pump: HeatPump, memory: HeatPumpMemory, wanted: int, now: Now) -> HeatPumpMemory:
    """Return the memory with the next state: down at once, up after its dwell time, out of a block in time."""
    held_s = now.at_s - memory.since_s
    if memory.level == BLOCKED and held_s >= pump.max_block_s:
        return HeatPumpMemory(level=NORMAL, since_s=now.at_s, free_until_s=now.at_s + held_s)
    if wanted == memory.level or (wanted > memory.level and held_s < pump.min_state_s):
        return memory
    free_until_s = now.at_s + held_s if memory.level == BLOCKED else memory.free_until_s
    return structs.replace(memory, level=wanted, since_s=now.at_s, free_until_s=free_until_s)


def _limited(pump: HeatPump, memory: HeatPumpMemory, seen: Input, now: Now) -> str:
    """Return why it may only be normal now; empty when it may be more."""
    if now.at_s < memory.free_until_s:
        return "not blocked again yet"
    if seen.temperature_c is not None and seen.temperature_c >= pump.max_c:
        return "warm enough"
    blind = pump.temperature is not None and seen.temperature_c is None and pump.without_sensor == "off"
    return "no temperature" if blind else ""


def _offer(plan: PlugPlan, pump: HeatPump, mode: Mode, limited: str) -> Offer:
    """Return its offer: what it draws by itself from any source, more with the sun."""
    if mode == "off":
        return nothing(plan, "left to its own control")
    if mode == "standard" or limited:
        served: Mode = "standard" if mode == "standard" or limited == "not blocked again yet" else mode
        offer = offer_of(plan, Ask(mode=served, reason=limited or "its own control"))
        return structs.replace(offer, max_a=plan.level_a(NORMAL), min_on_s=0.0, min_off_s=0.0)
    offer = offer_of(plan, Ask(mode=mode, reason="its own control, more with the sun"))
    # What it leaves of its offer is not given back: it takes minutes to follow, and idles when it is warm.
    return structs.replace(offer, step_a=offer.max_a, min_on_s=0.0, min_off_s=0.0)
