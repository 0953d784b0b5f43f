"""Which SG Ready state a heat pump has: blocked, normal, recommended or forced. Pure.

Its own control heats the house: in the normal state it draws up to its power whenever it wants. So it is planned as a
load from that power up to power + boost. More than its power, which comes with the sun only, recommends from half the
boost on, and forces with all of it; less than its power, which is what a hard limit or a mode without the sun leaves,
blocks. A block ends after at most 2 h, and it is free for as long as it was blocked before the next one.

Down is at once: a setpoint is a limit. Up, and out of a block, a state has held for its dwell time first: a compressor
is not switched every minute.

With a temperature, a time by which it must be ready (`ready_by`, or a plan's temperature) and a model that is learned
(`modelled.py`; what it draws must be measured, its contacts do not say when it runs), it asks for the sun only as long
as it still is ready in time, and is left to its own control from any source from the last moment on. Where one of these
is missing it goes by what is above alone.
"""

from datetime import datetime

from msgspec import Struct, structs

from evenload.contracts.events import Mode, Offer
from evenload.site.heat import HeatPump
from services.plug_control.calendar import zone
from services.plug_control.config import PlugPlan
from services.plug_control.core import Ask, Input, Now, Steer
from services.plug_control.modelled import Body, Modelled, latest_start, learned, ready_at, waits
from services.plug_control.offering import nothing, offer_of
from services.plug_control.sensor import IMPLAUSIBLE, LOST
from services.plug_control.thermostat import aim_c

BLOCKED, NORMAL, FORCED = 0, 1, 3
PLAUSIBLE_C = (-30.0, 110.0)
AROUND_C = 10.0


class HeatPumpMemory(Struct, frozen=True, kw_only=True):
    """What is remembered of a heat pump. Times are s of the monotonic clock."""

    level: int = NORMAL
    since_s: float = -1e9
    """When the level last changed."""
    free_until_s: float = -1e9
    """After a block it must not be blocked before then."""
    known: Modelled = Modelled()
    due: datetime | None = None
    """The time by which it must be ready, UTC, while that cannot wait any longer and is not reached yet."""
    waits_until: datetime | None = None
    """It waits for the sun until then at most, UTC."""


def step(plan: PlugPlan, memory: HeatPumpMemory | None, seen: Input, now: Now) -> tuple[HeatPumpMemory, Steer]:
    """Return what is remembered, and the state with what the heat pump offers."""
    pump = plan.device
    assert isinstance(pump, HeatPump)
    memory = _waiting(plan, pump, _learned(pump, memory or HeatPumpMemory(), seen, now), seen, now=now)
    asked = seen.wish.mode
    mode: Mode = pump.mode if asked is None or asked == "boost" else asked
    memory = _moved(pump, memory, _wanted(plan, mode, memory, seen, now=now), now)
    troubles: dict[str, str | None] = dict.fromkeys((LOST, IMPLAUSIBLE))
    if seen.trouble is not None:
        troubles[seen.trouble[0]] = seen.trouble[1]
    return memory, Steer(
        offer=_offer(plan, mode, memory, _limited(pump, memory, seen, now)),
        level=memory.level,
        temperature_c=None if seen.temperature_c is None else round(seen.temperature_c, 1),
        troubles=troubles,
        may_idle=True,
    )


def _body(pump: HeatPump) -> Body:
    """Return what it heats: what the surroundings differ from `AROUND_C` by is learned as a gain."""
    return Body(power_w=pump.power_w, ambient_c=AROUND_C, gains=True)


def _learned(pump: HeatPump, memory: HeatPumpMemory, seen: Input, now: Now) -> HeatPumpMemory:
    """Return the memory with one more look; what its level draws says nothing, its own control may idle."""
    if seen.temperature_c is None or seen.power_w is None or not seen.measured:
        return memory
    known = learned(memory.known, _body(pump), seen.temperature_c, seen.power_w, now_s=now.at_s)
    return memory if known is memory.known else structs.replace(memory, known=known)


def _waiting(plan: PlugPlan, pump: HeatPump, memory: HeatPumpMemory, seen: Input, *, now: Now) -> HeatPumpMemory:
    """Return the memory with whether it waits for the sun, or cannot any longer."""
    goal = _goal(plan, pump, seen, now)
    if goal is None or seen.temperature_c is None or memory.known.fit is None:
        return structs.replace(memory, due=None, waits_until=None)
    goal_c, ready = goal
    behind_k = goal_c - seen.temperature_c
    if memory.due is not None and now.utc < memory.due and behind_k > 0.0:
        return structs.replace(memory, waits_until=None)
    span_c = seen.temperature_c, goal_c
    start_s = latest_start(memory.known, _body(pump), span_c, (ready - now.utc).total_seconds())
    if behind_k > 0.0 and start_s is not None and start_s <= 0.0:
        return structs.replace(memory, due=ready, waits_until=None)
    until = None if behind_k > pump.waits_k else waits(memory.known, _body(pump), span_c, ready, now=now)
    return structs.replace(memory, due=None, waits_until=until)


def _goal(plan: PlugPlan, pump: HeatPump, seen: Input, now: Now) -> tuple[float, datetime] | None:
    """Return the temperature that it must have next, °C, and by when, UTC: its own target's, or an earlier plan's."""
    found = []
    if pump.ready_by and pump.target_c is not None:
        found.append((ready_at(pump.ready_by, now.utc, plan.time_zone), aim_c(pump, seen)))
    if seen.wish.due_c is not None and seen.wish.due_at is not None and seen.wish.due_at > now.utc:
        found.append((seen.wish.due_at, seen.wish.due_c))
    if not found:
        return None
    ready, goal_c = min(found)
    return goal_c, ready


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
        return structs.replace(memory, level=NORMAL, since_s=now.at_s, free_until_s=now.at_s + held_s)
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


def _offer(plan: PlugPlan, mode: Mode, memory: HeatPumpMemory, limited: str) -> Offer:
    """Return its offer: what it draws by itself from any source, more with the sun."""
    if mode == "off":
        return nothing(plan, "left to its own control")
    if memory.due is not None and mode != "standard":
        clock = f"{memory.due.astimezone(zone(plan.time_zone)):%H:%M}"
        return _normal(plan, Ask(mode="standard", reason=f"its own control, to be ready by {clock}", until=memory.due))
    if mode == "standard" or limited:
        served: Mode = "standard" if mode == "standard" or limited == "not blocked again yet" else mode
        return _normal(plan, Ask(mode=served, reason=limited or "its own control"))
    reason = "its own control, more with the sun"
    if memory.waits_until is not None:
        mode = "solar_only" if mode == "solar_priority" else mode
        reason = f"waits for the sun until {memory.waits_until.astimezone(zone(plan.time_zone)):%H:%M}"
    offer = offer_of(plan, Ask(mode=mode, reason=reason))
    # What it leaves of its offer is not given back: it takes minutes to follow, and idles when it is warm.
    return structs.replace(offer, step_a=offer.max_a, min_on_s=0.0, min_off_s=0.0)


def _normal(plan: PlugPlan, ask: Ask) -> Offer:
    """Return the offer of what it draws by its own control, and no more."""
    return structs.replace(offer_of(plan, ask), max_a=plan.level_a(NORMAL), min_on_s=0.0, min_off_s=0.0)
