"""When a hot water tank is heated, and what it may be heated with. Pure.

* From any source (its mode): below target − hysteresis, up to the target. With times of the day by which it must be
  ready, and a model that is learned (`modelled.py`): only from the last moment that still is in time, or when it has
  cooled by `waits_k`; before that it waits for the sun.
* With the sun: between the target and the solar target, whatever its mode asks otherwise.
* Once a week to the legionella temperature, held for a while: by the day and time of the site file at first, by that
  time of the day a week later each time that it was hot. The sun may bring it there on any day; when it did not, it is
  heated from any source at the last moment that still meets the deadline. A run that was missed is made up for at once.
* Never at its safety maximum or above, and not without a temperature that can be believed.

    time to heat = volume · 1.163 Wh/(l·K) · ΔT / power
"""

from datetime import datetime, timedelta

from msgspec import Struct, structs

from evenload.site.heat import Tank
from evenload.thermal.model import Around, time_to
from services.plug_control.calendar import first_at, next_weekly, zone
from services.plug_control.config import PlugPlan
from services.plug_control.core import Ask, Input, Now, Steer
from services.plug_control.modelled import Body, Modelled, latest_start, learned, ready_at, waits
from services.plug_control.offering import nothing, offer_of
from services.plug_control.sensor import IMPLAUSIBLE, LOST
from services.plug_control.thermostat import STUCK_MOVED_K, Heated, aim_c, blind, heated, still_below

WH_PER_L_K = 1.163
PLAUSIBLE_C = (-5.0, 110.0)
DUE_BEFORE = timedelta(hours=24)
"""For so long before its deadline the weekly run raises what the sun may heat to."""
WEEK = timedelta(days=6, hours=12)
"""From one run to the first that may be due: a run of the evening is due on the same evening a week later."""
SLACK_RATIO, SLACK_S = 1.25, 900.0
"""The last start leaves this much room: losses, water drawn meanwhile, an element below its rating."""
ABOVE_K = 1.0
"""Heated so far above the legionella temperature, that it holds it while the thermostat switches."""
STUCK_AFTER_K = 8.0
"""A sensor that did not move while heat for so many kelvin went in is stuck."""
AMBIENT_C = 20.0
"""Around a tank; where it is another, the loss that is learned makes up for it."""
DUE_ABOVE_K = 0.5
"""Heated so far above what a plan wants: what is there at its time must not be a little less."""
MISSED, TOO_HOT = "legionella_missed", "temperature_too_high"


class TankMemory(Struct, frozen=True, kw_only=True):
    """What is remembered of a tank. Times are s of the monotonic clock unless they say otherwise."""

    heats: bool = False
    """Below target − hysteresis, and not yet at the target."""
    stores: bool = True
    """Below the solar target."""
    too_hot: bool = False
    boosted: datetime | None = None
    """The boost (when it was set, UTC) that reached its target."""
    deadline: datetime | None = None
    """Of the next weekly run, UTC."""
    missed: bool = False
    """It went by undone."""
    hot_s: float | None = None
    """Since when it has been at the legionella temperature."""
    heated: Heated = Heated()
    known: Modelled = Modelled()
    due: bool = False
    """A plan's temperature cannot wait any longer, and is not reached yet."""
    waits_until: datetime | None = None
    """It would be heated, but waits for the sun until then at most, UTC."""


def step(plan: PlugPlan, memory: TankMemory | None, seen: Input, now: Now) -> tuple[TankMemory, Steer]:
    """Return what is remembered, and what the tank offers."""
    tank = plan.device
    assert isinstance(tank, Tank)
    memory = _run_noted(plan, tank, memory or TankMemory(), now)
    temperature_c, trouble = seen.temperature_c, seen.trouble
    if temperature_c is not None:
        memory = _watched(plan, tank, memory, seen, now=now)
        known = learned(memory.known, _body(tank), temperature_c, seen.power_w or 0.0, now_s=now.at_s)
        memory = structs.replace(memory, known=known)
        if memory.heated.stuck:
            text = f"heated for {STUCK_AFTER_K:g} K, and it did not move by {STUCK_MOVED_K:g} K"
            temperature_c, trouble = None, (IMPLAUSIBLE, text)
    troubles = _troubles(tank, memory, trouble)
    if temperature_c is None:
        return memory, structs.replace(blind(plan, tank, seen), troubles=troubles)
    memory = _latched(plan, tank, memory, seen, now=now)
    ask = _ask(plan, tank, memory, seen, now=now)
    if ask is None:
        reason = "at its safety maximum" if memory.too_hot else "off" if _mode(tank, memory, seen) == "off" else "full"
        steer = Steer(offer=nothing(plan, reason), level=0)
    else:
        steer = Steer(offer=offer_of(plan, ask))
    return memory, structs.replace(steer, temperature_c=round(temperature_c, 1), troubles=troubles)


def _troubles(tank: Tank, memory: TankMemory, trouble: tuple[str, str] | None) -> dict[str, str | None]:
    found: dict[str, str | None] = dict.fromkeys((LOST, IMPLAUSIBLE, TOO_HOT, MISSED))
    if trouble is not None:
        found[trouble[0]] = trouble[1]
    if memory.too_hot:
        found[TOO_HOT] = f"it reached its safety maximum of {tank.max_c:g} °C"
    if memory.missed:
        found[MISSED] = f"it did not reach {tank.legionella_c:g} °C in time"
    return found


def _mode(tank: Tank, memory: TankMemory, seen: Input) -> str:
    """Return the mode in force: a boost that is done gives way to the file's."""
    mode = seen.wish.mode or tank.mode
    done = mode == "boost" and memory.boosted == seen.wish.at
    return tank.mode if done else mode


def _run_noted(plan: PlugPlan, tank: Tank, memory: TankMemory, now: Now) -> TankMemory:
    """Return the memory with the weekly run's deadline; one that went by undone is missed."""
    if tank.legionella == "never":
        return memory
    if memory.deadline is None:
        first = next_weekly(now.utc, tank.legionella_day, tank.legionella_by, plan.time_zone)
        return structs.replace(memory, deadline=first)
    missed = now.utc >= memory.deadline
    return memory if missed == memory.missed else structs.replace(memory, missed=missed)


def _watched(plan: PlugPlan, tank: Tank, memory: TankMemory, seen: Input, *, now: Now) -> TankMemory:
    """Return the memory with the weekly run's success, and with what a heated tank's sensor does."""
    temperature_c = seen.temperature_c
    assert temperature_c is not None
    if temperature_c < tank.legionella_c:
        memory = structs.replace(memory, hot_s=None)
    elif memory.hot_s is None:
        memory = structs.replace(memory, hot_s=now.at_s)
    if memory.hot_s is not None and now.at_s - memory.hot_s >= tank.legionella_hold_s:
        after = now.utc + WEEK
        memory = structs.replace(memory, deadline=first_at(after, tank.legionella_by, plan.time_zone), missed=False)
    on = (seen.power_w or 0.0) >= 0.5 * tank.least_w
    due_s = _heating_s(tank, STUCK_AFTER_K)
    return structs.replace(memory, heated=heated(memory.heated, temperature_c, on, due_s, now_s=now.at_s))


def _heating_s(tank: Tank, rise_k: float) -> float:
    """Return how long the whole power takes for so many kelvin, s."""
    return max(0.0, rise_k) * tank.volume_l * WH_PER_L_K / tank.most_w * 3600.0


def _body(tank: Tank) -> Body:
    return Body(power_w=tank.most_w, ambient_c=AMBIENT_C, gains=False)


def _latched(plan: PlugPlan, tank: Tank, memory: TankMemory, seen: Input, *, now: Now) -> TankMemory:
    temperature_c = seen.temperature_c
    assert temperature_c is not None
    target_c, solar_c = aim_c(tank, seen), _solar_c(tank, memory, seen, now)
    heats, waits_until = _heats(plan, tank, memory, (temperature_c, target_c), now=now)
    boosted = seen.wish.at if seen.wish.mode == "boost" and temperature_c >= target_c else memory.boosted
    return structs.replace(
        memory,
        heats=heats,
        due=_due(tank, memory, seen, now=now),
        waits_until=waits_until,
        stores=still_below(memory.stores or _below_due(seen), temperature_c, solar_c, tank.hysteresis_k),
        too_hot=not still_below(not memory.too_hot, temperature_c, tank.max_c, tank.hysteresis_k),
        boosted=boosted,
    )


def _heats(
    plan: PlugPlan, tank: Tank, memory: TankMemory, span_c: tuple[float, float], *, now: Now
) -> tuple[bool, datetime | None]:
    """Return whether it is heated from any source, and until when it waits for the sun instead."""
    temperature_c, target_c = span_c
    if not tank.ready_by or memory.known.fit is None:
        return still_below(memory.heats, temperature_c, target_c, tank.hysteresis_k), None
    if memory.heats or temperature_c >= target_c:
        return temperature_c < target_c, None
    until = waits(memory.known, _body(tank), span_c, ready_at(tank.ready_by, now.utc, plan.time_zone), now=now)
    too_cold = temperature_c < target_c - tank.waits_k
    return (True, None) if until is None or too_cold else (False, until)


def _below_due(seen: Input) -> bool:
    """Tell whether it is below what a plan wants: then it takes what it is given up to there."""
    due_c, temperature_c = seen.wish.due_c, seen.temperature_c
    return due_c is not None and temperature_c is not None and temperature_c < due_c


def _due(tank: Tank, memory: TankMemory, seen: Input, *, now: Now) -> bool:
    """Return whether a plan's temperature must be heated for from any source now; the planner may begin before."""
    due_c, due_at, temperature_c = seen.wish.due_c, seen.wish.due_at, seen.temperature_c
    if due_c is None or due_at is None or temperature_c is None or due_c + DUE_ABOVE_K > tank.max_c:
        return False
    left_s = (due_at - now.utc).total_seconds()
    if memory.due:
        return left_s > 0.0 and temperature_c < due_c + DUE_ABOVE_K
    start_s = latest_start(memory.known, _body(tank), (temperature_c, due_c), left_s)
    if start_s is None:
        return temperature_c < due_c and left_s <= _heating_s(tank, due_c - temperature_c) * SLACK_RATIO + SLACK_S
    return start_s <= 0.0 and temperature_c < due_c


def _solar_c(tank: Tank, memory: TankMemory, seen: Input, now: Now) -> float:
    """Return what the sun may heat to, °C: higher on the day before the weekly run is due."""
    solar_c = max(tank.solar_target_c, aim_c(tank, seen), seen.wish.due_c or 0.0)
    if memory.deadline is not None and now.utc >= memory.deadline - DUE_BEFORE:
        solar_c = max(solar_c, tank.legionella_c + ABOVE_K)
    return min(solar_c, tank.max_c)


def _ask(plan: PlugPlan, tank: Tank, memory: TankMemory, seen: Input, *, now: Now) -> Ask | None:
    """Return what it asks for; None = nothing now."""
    temperature_c = seen.temperature_c
    assert temperature_c is not None
    mode = _mode(tank, memory, seen)
    if mode == "off" or memory.too_hot:
        return None
    if _must_run(tank, memory, temperature_c, now):
        goal_c = tank.legionella_c + ABOVE_K
        need_wh = _need_wh(tank, goal_c - temperature_c)
        at_goal = temperature_c >= goal_c
        run = Ask(mode="standard", reason="legionella run", need_wh=need_wh, until=memory.deadline)
        return None if at_goal else run
    target_wh = _need_wh(tank, aim_c(tank, seen) - temperature_c)
    if mode == "boost":
        return Ask(mode="standard", reason="boost", need_wh=target_wh)
    if memory.due and seen.wish.due_c is not None:
        need_wh = _need_wh(tank, seen.wish.due_c + DUE_ABOVE_K - temperature_c)
        return Ask(mode="standard", reason="heats for its plan", need_wh=need_wh, until=seen.wish.due_at)
    if memory.heats and mode == "standard":
        return Ask(mode="standard", reason="heats to its target", need_wh=target_wh)
    if memory.heats and mode == "solar_priority":
        return Ask(mode="solar_priority", reason="heats to its target", need_wh=target_wh)
    if not memory.stores:
        return None
    need_wh = _need_wh(tank, _solar_c(tank, memory, seen, now) - temperature_c)
    reason = _waiting(plan, memory) if mode in ("standard", "solar_priority") else ""
    return Ask(mode="excess" if mode == "excess" else "solar_only", reason=reason or "stores the sun", need_wh=need_wh)


def _waiting(plan: PlugPlan, memory: TankMemory) -> str:
    if memory.waits_until is None:
        return ""
    until = memory.waits_until.astimezone(zone(plan.time_zone))
    return f"waits for the sun until {until:%H:%M}"


def _need_wh(tank: Tank, rise_k: float) -> float:
    return max(0.0, rise_k) * tank.volume_l * WH_PER_L_K


def _run_s(tank: Tank, memory: TankMemory, temperature_c: float) -> float:
    """Return how long the weekly run heats: by the model where it gets there, else by the volume."""
    goal_c, body = tank.legionella_c + ABOVE_K, _body(tank)
    by_volume_s = _heating_s(tank, goal_c - temperature_c)
    if memory.known.fit is None or temperature_c >= goal_c:
        return by_volume_s
    around = Around(power_w=body.power_w, ambient_c=body.ambient_c)
    by_model_s = time_to(memory.known.fit.model, temperature_c, goal_c, around)
    return by_volume_s if by_model_s is None else by_model_s


def _must_run(tank: Tank, memory: TankMemory, temperature_c: float, now: Now) -> bool:
    """Tell whether the weekly run cannot wait for the sun any longer."""
    if memory.missed:
        return True
    if tank.legionella == "never" or memory.deadline is None:
        return False
    heating_s = _run_s(tank, memory, temperature_c)
    before = timedelta(seconds=heating_s * SLACK_RATIO + tank.legionella_hold_s + SLACK_S)
    return now.utc >= memory.deadline - before
