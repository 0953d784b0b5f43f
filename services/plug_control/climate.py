"""When a room is heated or cooled, and with what. Pure.

Heating: from any source (its mode) below target − band, up to the target; with the sun up to target + shift. Cooling is
the same with the sign turned, so one set of latches serves both. A device that keeps its own temperature is only ever
asked to move it, with the sun; what it draws by itself is its own affair. With times of the day by which a switched one
must be ready, and a model that is learned (`modelled.py`), it waits for the sun as long as it still is in time.
"""

from datetime import datetime

from msgspec import Struct, structs

from evenload.contracts.events import Mode
from evenload.site.heat import Climate
from services.plug_control.calendar import zone
from services.plug_control.config import PlugPlan
from services.plug_control.core import Ask, Input, Now, Steer
from services.plug_control.modelled import Body, Modelled, latest_start, learned, ready_at, waits
from services.plug_control.offering import nothing, offer_of
from services.plug_control.sensor import IMPLAUSIBLE, LOST
from services.plug_control.thermostat import STUCK_MOVED_K, Heated, aim_c, blind, heated, still_below

PLAUSIBLE_C = (-30.0, 60.0)
AROUND_C = 10.0
UNLEARNED_S = 2 * 3600.0
"""Before its model is learned it begins so long before a plan's time."""
STUCK_AFTER_S = 4 * 3600.0
"""A room whose sensor did not move for so long of heating or cooling: it hangs elsewhere, or is stuck."""


class ClimateMemory(Struct, frozen=True, kw_only=True):
    """What is remembered of a room."""

    serves: bool = False
    """Out of the comfort band, and not yet at the target."""
    stores: bool = True
    """The sun may still move it."""
    boosted: datetime | None = None
    """The boost (when it was set, UTC) that reached its target."""
    heated: Heated = Heated()
    known: Modelled = Modelled()
    due: bool = False
    """A plan's temperature cannot wait any longer, and is not reached yet."""
    waits_until: datetime | None = None
    """It would be moved, but waits for the sun until then at most, UTC."""


def step(plan: PlugPlan, memory: ClimateMemory | None, seen: Input, now: Now) -> tuple[ClimateMemory, Steer]:
    """Return what is remembered, and what the device offers."""
    climate = plan.device
    assert isinstance(climate, Climate)
    memory = memory or ClimateMemory()
    temperature_c, trouble = seen.temperature_c, seen.trouble
    if temperature_c is not None and climate.by == "switch":
        on = (seen.power_w or 0.0) >= 0.5 * climate.power_w
        warmed = heated(memory.heated, temperature_c, on, STUCK_AFTER_S, now_s=now.at_s)
        power_w = (seen.power_w or 0.0) * (1.0 if climate.does == "heating" else -1.0)
        known = learned(memory.known, _body(climate), temperature_c, power_w, now_s=now.at_s)
        memory = structs.replace(memory, heated=warmed, known=known)
        if warmed.stuck:
            text = f"it was on for {STUCK_AFTER_S / 3600:g} h, and it did not move by {STUCK_MOVED_K:g} K"
            temperature_c, trouble = None, (IMPLAUSIBLE, text)
    troubles: dict[str, str | None] = dict.fromkeys((LOST, IMPLAUSIBLE))
    if trouble is not None:
        troubles[trouble[0]] = trouble[1]
    if temperature_c is None:
        return memory, structs.replace(blind(plan, climate, seen), troubles=troubles)
    memory = _latched(plan, climate, memory, seen, now=now)
    ask = _ask(plan, climate, memory, seen)
    off = "off" if _mode(climate, memory, seen) == "off" else "comfortable"
    steer = Steer(offer=nothing(plan, off), level=0) if ask is None else Steer(offer=offer_of(plan, ask))
    own = climate.by == "setpoint"
    return memory, structs.replace(steer, temperature_c=round(temperature_c, 1), troubles=troubles, may_idle=own)


def _mode(climate: Climate, memory: ClimateMemory, seen: Input) -> str:
    mode = seen.wish.mode or climate.mode
    done = mode == "boost" and memory.boosted == seen.wish.at
    return climate.mode if done else mode


def _body(climate: Climate) -> Body:
    """Return the room: what its surroundings differ from `AROUND_C` by is learned as a gain."""
    power_w = climate.power_w if climate.does == "heating" else -climate.power_w
    return Body(power_w=power_w, ambient_c=AROUND_C, gains=True)


def _latched(plan: PlugPlan, climate: Climate, memory: ClimateMemory, seen: Input, *, now: Now) -> ClimateMemory:
    """Return the memory after this temperature. Cooling turns the sign: then warmer is further from the goal."""
    temperature_c = seen.temperature_c
    assert temperature_c is not None
    sign = 1.0 if climate.does == "heating" else -1.0
    bound_c = climate.most_c if climate.does == "heating" else climate.least_c
    target_c = aim_c(climate, seen)
    shifted_c = sign * min(sign * (target_c + sign * climate.sun_shift_k), sign * bound_c)
    if seen.wish.due_c is not None:
        shifted_c = sign * max(sign * shifted_c, min(sign * seen.wish.due_c, sign * bound_c))
    value_c = sign * temperature_c
    reached = value_c >= sign * target_c
    serves, waits_until = _serves(plan, climate, memory, (temperature_c, target_c), now=now)
    return structs.replace(
        memory,
        serves=serves,
        due=_due(climate, memory, seen, temperature_c, now=now),
        waits_until=waits_until,
        stores=still_below(memory.stores, value_c, sign * shifted_c, climate.band_k),
        boosted=seen.wish.at if seen.wish.mode == "boost" and reached else memory.boosted,
    )


def _serves(
    plan: PlugPlan, climate: Climate, memory: ClimateMemory, span_c: tuple[float, float], *, now: Now
) -> tuple[bool, datetime | None]:
    """Return whether it is moved from any source, and until when it waits for the sun instead."""
    sign = 1.0 if climate.does == "heating" else -1.0
    behind_k = sign * (span_c[1] - span_c[0])
    if not climate.ready_by or memory.known.fit is None:
        return still_below(memory.serves, -behind_k, 0.0, climate.band_k), None
    if memory.serves or behind_k <= 0.0:
        return behind_k > 0.0, None
    until = waits(memory.known, _body(climate), span_c, ready_at(climate.ready_by, now.utc, plan.time_zone), now=now)
    return (True, None) if until is None or behind_k > climate.waits_k else (False, until)


def _due(climate: Climate, memory: ClimateMemory, seen: Input, temperature_c: float, *, now: Now) -> bool:
    """Return whether a plan's temperature must be worked for from any source now; the planner may begin before."""
    due_c, due_at = seen.wish.due_c, seen.wish.due_at
    if due_c is None or due_at is None:
        return False
    behind_k = (due_c - temperature_c) * (1.0 if climate.does == "heating" else -1.0)
    left_s = (due_at - now.utc).total_seconds()
    if memory.due:
        return left_s > 0.0 and behind_k > 0.0
    start_s = latest_start(memory.known, _body(climate), (temperature_c, due_c), left_s)
    in_time = start_s > 0.0 if start_s is not None else left_s > UNLEARNED_S
    return behind_k > 0.0 and not in_time


def _ask(plan: PlugPlan, climate: Climate, memory: ClimateMemory, seen: Input) -> Ask | None:
    mode = _mode(climate, memory, seen)
    if mode == "off":
        return None
    if mode == "boost":
        return Ask(mode="standard", reason="boost")
    if memory.due and climate.by == "switch":
        word = "heats" if climate.does == "heating" else "cools"
        return Ask(mode="standard", reason=f"{word} for its plan", until=seen.wish.due_at)
    if memory.serves and climate.by == "switch" and mode in ("standard", "solar_priority"):
        served: Mode = "standard" if mode == "standard" else "solar_priority"
        return Ask(mode=served, reason="out of its comfort band")
    if not memory.stores:
        return None
    word = "pre-heats" if climate.does == "heating" else "pre-cools"
    reason = f"{word} with the sun"
    if memory.waits_until is not None and mode in ("standard", "solar_priority"):
        reason = f"waits for the sun until {memory.waits_until.astimezone(zone(plan.time_zone)):%H:%M}"
    return Ask(mode="excess" if mode == "excess" else "solar_only", reason=reason)
