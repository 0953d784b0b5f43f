"""Who takes part in a decision, in which order, and who counts as it is because nobody can command it.

Order: (urgency, priority, turn, name). Turns are taken only in a class of equal urgency and priority in which not all
minimums fit: whoever has run less than its minimum on-time keeps running, then whoever must not wait longer comes, then
least attained service first.
"""

import math

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import LoadState
from services.allocator.draws import FOLLOW_S, line_mask, measured_ma
from services.allocator.facts import Facts, Heard
from services.allocator.memory import LoadMemory, Memory
from services.allocator.phase_choice import pauses
from services.allocator.plan import MASK_PHASES, Plan, PlannedLoad
from services.allocator.rewired import widened
from services.allocator.sources import Want
from services.allocator.watch import LOST_PLACE_S, OFFER_EVERY_S, OFFER_S, presence

TURN_S = 900.0
CHANGING_S = 60.0
"""Whoever was stopped so short a time ago still counts as one that fits: another is about to start in its place."""


class Party(Struct, frozen=True, kw_only=True):
    """Everybody's part in one decision."""

    loads: tuple[PlannedLoad, ...]
    """The plan's loads, on the lines in use."""
    wants: tuple[Want, ...]
    """Those who may get current, in order."""
    beyond: tuple[tuple[int, int], ...]
    """Those beyond control, (index, mA) as they count."""
    lost: frozenset[int]
    """Those of them that cannot even be told anything."""
    fixed: tuple[tuple[int, int], ...]
    """Those beyond control, and those that draw although they have no setpoint."""
    idle: tuple[int, ...]
    """Those who could use no power now, by index."""
    paused: tuple[int, ...]
    """Those kept off by a pause or a minimum off time."""


def party(plan: Plan, memory: Memory, facts: Facts, now_s: float) -> Party:
    """Return who takes part."""
    loads = widened(tuple(_narrowed(load, memory.loads[load.name]) for load in plan.loads), memory)
    wants: list[Want] = []
    beyond: list[tuple[int, int]] = []
    drawing: list[tuple[int, int]] = []
    lost: list[int] = []
    idle: list[int] = []
    paused: list[int] = []
    for load in loads:
        known = memory.loads[load.name]
        there = presence(facts.loads.get(load.name), now_s)
        if not there.reachable:
            lost.append(load.index)
        if not there.reachable or not there.obeys or _unmanaged(known, facts.loads.get(load.name), now_s):
            beyond.append((load.index, reserved_ma(load, known, facts, now_s)))
        elif not there.active or load.mode == "off":
            idle.append(load.index)
        elif _kept_off(load, known, now_s) or pauses(known):
            paused.append(load.index)
        else:
            wants.append(_want(load, known, now_s))
        if there.reachable and there.obeys and known.over_ma and not known.setpoint_ma:
            drawing.append((load.index, known.over_ma))
    patience_s = _patience_s(loads, wants, memory, now_s)
    wants.sort(key=lambda want: _place(loads[want.index], memory, patience_s, now_s))
    wants, waiting = _one_at_a_time(loads, wants, memory, {loads[index].group for index, held in beyond if held})
    paused += waiting
    return Party(
        loads=loads,
        wants=tuple(wants),
        beyond=tuple(beyond),
        lost=frozenset(lost),
        fixed=(*beyond, *drawing),
        idle=tuple(idle),
        paused=tuple(paused),
    )


def _one_at_a_time(
    loads: tuple[PlannedLoad, ...], wants: list[Want], memory: Memory, taken: set[str]
) -> tuple[list[Want], list[int]]:
    """Return the wants without those that wait for another outlet of their sequential station; and those who wait.

    Whoever runs goes on until its vehicle no longer draws; the next is the first in order. `taken` stations serve an
    outlet that is beyond control.
    """
    if not any(loads[want.index].group for want in wants):
        return wants, []
    served = taken - {""}
    kept, waiting = [], []
    runs = [want for want in wants if not want.last and memory.loads[loads[want.index].name].setpoint_ma]
    for want in sorted(wants, key=lambda each: (each.last, each not in runs)):
        group = loads[want.index].group
        if group and group in served:
            waiting.append(want.index)
        else:
            served.add(group)
            kept.append(want.index)
    return [want for want in wants if want.index in kept], waiting


def _unmanaged(memory: LoadMemory, heard: Heard[LoadState] | None, now_s: float) -> bool:
    """Tell whether a running transaction's station holds no setpoint although it had time to take one (D5)."""
    if heard is None or heard.event.setpoint_a is not None or heard.event.transaction is None:
        return False
    return memory.setpoint_ma > 0 and now_s - max(memory.since_s, memory.active_s) > FOLLOW_S


def class_of(load: PlannedLoad) -> str:
    """Return the name of a load's class of equal rights."""
    return f"{load.urgency}:{load.priority}"


def _place(
    load: PlannedLoad, memory: Memory, patience_s: dict[str, float], now_s: float
) -> tuple[int, int, int, float, str]:
    """Return a load's place in the order; in a class that takes turns whoever has its turn comes first, then whoever
    has waited as long as it may, then least attained service."""
    name = class_of(load) if patience_s else ""
    if name not in patience_s:
        return load.urgency, load.priority, 0, 0.0, load.name
    known = memory.loads[load.name]
    if known.setpoint_ma > 0 and now_s - known.since_s < TURN_S:
        return load.urgency, load.priority, 0, known.served_as, load.name
    waits_since_s = max(known.since_s, known.active_s)
    if not known.setpoint_ma and now_s - waits_since_s >= patience_s[name]:
        return load.urgency, load.priority, 1, waits_since_s, load.name
    return load.urgency, load.priority, 2, known.served_as, load.name


def _patience_s(loads: tuple[PlannedLoad, ...], wants: list[Want], memory: Memory, now_s: float) -> dict[str, float]:
    """Return for how long one may wait in each class that takes turns before the next turn is its own, s.

    When k of m fit nobody waits longer than ceil((m − k) / k) turns: the last of them is the one that must end first.
    """
    counts: dict[str, list[int]] = {name: [0, 0] for name in memory.contended}
    for want in wants if counts else ():
        count, known = counts.get(class_of(loads[want.index])), memory.loads[loads[want.index].name]
        if count is not None and not want.last:
            count[0] += 1
            count[1] += known.setpoint_ma > 0 or now_s - known.since_s < CHANGING_S
    found = {}
    for name, (members, running) in counts.items():
        fit = min(max(1, running), max(1, members - 1))
        found[name] = (math.ceil((members - fit) / fit) - 1) * TURN_S
    return found


def _narrowed(load: PlannedLoad, memory: LoadMemory) -> PlannedLoad:
    mask = line_mask(load, memory)
    if mask == load.mask:
        return load
    phases = MASK_PHASES[mask]
    return replace(load, mask=mask, phases=phases, slots=tuple(n * 3 + phase for n in load.nodes for phase in phases))


def _kept_off(load: PlannedLoad, memory: LoadMemory, now_s: float) -> bool:
    if memory.setpoint_ma > 0:
        return False
    return now_s < memory.pause_until_s or (memory.since_s + load.min_off_s > now_s and bool(memory.starts_s))


def _want(load: PlannedLoad, memory: LoadMemory, now_s: float) -> Want:
    most_ma = load.max_ma if memory.cap_ma is None else min(load.max_ma, max(memory.cap_ma, load.min_ma))
    # A relay within its minimum on time is not given up for a pause in its programme.
    kept_on = memory.setpoint_ma > 0 and now_s - memory.since_s < load.min_on_s
    lost = memory.idle_s is not None and now_s - memory.idle_s >= LOST_PLACE_S and not kept_on
    return Want(
        load.index,
        load.min_ma if lost else most_ma,
        keeps_minimum=_keeps_on(load, memory, now_s) or _keeps_minimum(load, memory, now_s),
        first=_keeps_on(load, memory, now_s),
        reserve_ma=memory.over_ma if memory.setpoint_ma else 0,
        last=lost and not _offered(memory, now_s),
    )


def _offered(memory: LoadMemory, now_s: float) -> bool:
    """A vehicle that lost its place is offered its minimum for 2 min every 15 min, in its old place."""
    assert memory.idle_s is not None
    return (now_s - memory.idle_s - LOST_PLACE_S) % OFFER_EVERY_S >= OFFER_EVERY_S - OFFER_S


def _keeps_minimum(load: PlannedLoad, memory: LoadMemory, now_s: float) -> bool:
    """Grace: a load that runs from surplus keeps its minimum for a while when the surplus is gone."""
    if not memory.setpoint_ma or load.urgency not in (2, 3):
        return False
    return now_s - (memory.grace_s if memory.grace_s is not None else now_s) < load.grace_s


def _keeps_on(load: PlannedLoad, memory: LoadMemory, now_s: float) -> bool:
    """A relay within its minimum on time, or a load whose budget of cycles is spent, holds its minimum."""
    if not memory.setpoint_ma:
        return False
    return len(memory.starts_s) >= load.cycles_per_h or now_s - memory.since_s < load.min_on_s


def reserved_ma(load: PlannedLoad, memory: LoadMemory, facts: Facts, now_s: float) -> int:
    """Return what a load beyond control counts as, mA per line.

    Out of contact: its last setpoint until its own profile or timer has run out, then its failsafe; a lost relay
    without a timer counts as on. One that does not obey counts as what it draws, at least its setpoint.
    """
    heard = facts.loads.get(load.name)
    if heard is None:
        return load.failsafe_ma
    state = heard.event
    measured = measured_ma(state)
    peak_ma = max(measured) if measured is not None else 0
    if state.reachable and state.setpoint_a is None and state.transaction is not None:
        return max(peak_ma, load.rating_ma)
    if state.reachable and not state.obeys and now_s - heard.at_s < 60.0:
        return max(peak_ma, memory.setpoint_ma) or load.rating_ma
    failsafe_ma = max(load.failsafe_ma, round(state.failsafe_a * 1000))
    if state.failsafe_in_s is not None and now_s - heard.at_s >= state.failsafe_in_s:
        return failsafe_ma if state.obeys else max(peak_ma, failsafe_ma)
    if load.all_or_nothing and state.failsafe_in_s is None:
        return load.rating_ma
    held_ma = memory.setpoint_ma if state.setpoint_a is None else round(state.setpoint_a * 1000)
    return max(held_ma, peak_ma if memory.active else 0, failsafe_ma)
