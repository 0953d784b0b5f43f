"""What one more word from a load, a meter or the allocator means for what the planner remembers. Pure."""

from datetime import datetime

from msgspec.structs import replace

from evenload.contracts.events import Decision, LoadState
from evenload.site.schema import Site
from evenload.thermal.learning import Learning, Sample, seen
from services.planner.amounts import AMBIENT_C, temperature_of
from services.planner.counting import counted
from services.planner.facts import Facts, Memory
from services.planner.goals import Goal
from services.planner.house import known_house


def load_seen(site: Site, memory: Memory, state: LoadState, now: datetime) -> Memory:
    """Return the memory after a load was heard: its energy is counted."""
    count = counted(memory.counted.get(state.load), state, site.voltage_v, now)
    return replace(memory, counted={**memory.counted, state.load: count})


def tank_seen(memory: Memory, facts: Facts, goal: Goal, now_s: float) -> Memory:
    """Return the memory after a look at a body with a goal of temperature: its model is learned."""
    state, temperature_c = facts.states.get(goal.load), temperature_of(goal, facts)
    power_w = state.power_w if state is not None else None
    if temperature_c is None or power_w is None:
        return memory
    sample = Sample(at_s=now_s, temperature_c=temperature_c, power_w=power_w, ambient_c=AMBIENT_C)
    learning = seen(memory.learning.get(goal.load, Learning()), sample)
    return replace(memory, learning={**memory.learning, goal.load: learning})


def house_seen(site: Site, memory: Memory, decision: Decision, before: Decision | None) -> Memory:
    """Return the memory after a decision was heard: what is drawn beside the loads."""
    passed_s = (decision.decided_at - before.decided_at).total_seconds() if before is not None else 0.0
    return replace(memory, house=known_house(site, memory.house, decision, max(0.0, passed_s)))
