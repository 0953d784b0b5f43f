"""Raises not yet measured: what they may total, and when the grid meter's own step counts as their measurement.

Raises that no station has measured total at most 10 % of the limit per phase, or one start. A station may measure once
a minute; the grid meter sees the vehicle follow within seconds. So the last reading with nothing unmeasured is kept,
and when since then the grid rose by what the commands of before the settle time rose by, give or take a fifth, that
much is measured. What the house does at the same time breaks the match, and the station's word is waited for.
"""

from msgspec import Struct

from services.allocator.cuts import Scene
from services.allocator.draws import SETTLE_S, measured_ma
from services.allocator.facts import Facts
from services.allocator.memory import LoadMemory, Promise
from services.allocator.plan import PlannedLoad

UNMEASURED_PART = 10
MATCH_PART, MATCH_MA = 5, 300


class Step(Struct, frozen=True):
    """By how much the commands of a phase rose, mA: those old enough to be followed, and all."""

    followed_ma: int
    all_ma: int


class Pending:
    """Raises not yet measured, mA per phase, against their bound; lives within one decision."""

    def __init__(self, scene: Scene, facts: Facts) -> None:
        limit_ma = scene.plan.limit_ma
        self.bound_ma = limit_ma // UNMEASURED_PART if limit_ma is not None else 10**9
        self.on = [0, 0, 0]
        for load in scene.party.loads:
            if scene.memory.loads[load.name].setpoint_ma:
                self.add(load, unmeasured_ma(load, scene, facts))
        self.promise = scene.memory.promise
        if not any(self.on):
            self.promise = Promise(scene.now_s, scene.grid.current_ma)
        elif self.promise is not None and scene.grid.health == "normal":
            self._match(scene, self.promise)

    def add(self, load: PlannedLoad, current_ma: int) -> None:
        """Count a raise."""
        if current_ma:
            for phase in load.phases:
                self.on[phase] += current_ma

    def room_ma(self, load: PlannedLoad) -> int:
        """Return how much the load may rise before its raises must be measured first."""
        return self.bound_ma - max(self.on[phase] for phase in load.phases)

    def lets_start(self, load: PlannedLoad) -> bool:
        """One start is always allowed when nothing else is pending on its phases."""
        return self.room_ma(load) >= load.min_ma or not any(self.on[phase] for phase in load.phases)

    def _match(self, scene: Scene, since: Promise) -> None:
        for phase in range(3):
            if not self.on[phase]:
                continue
            step = _step(scene, phase, since.at_s)
            rose_ma = scene.grid.current_ma[phase] - since.grid_ma[phase]
            least_ma = step.followed_ma - step.followed_ma // MATCH_PART - MATCH_MA
            most_ma = step.all_ma + step.all_ma // MATCH_PART + MATCH_MA
            if step.followed_ma > 0 and least_ma <= rose_ma <= most_ma:
                self.on[phase] = max(0, self.on[phase] - min(step.followed_ma, max(0, rose_ma)))


def unmeasured_ma(load: PlannedLoad, scene: Scene, facts: Facts) -> int:
    """Return how much of the load's raises its station has not seen to be drawn, mA per line; after a minute it is
    withdrawn, and what is left of it counts no longer."""
    memory = scene.memory.loads[load.name]
    if load.all_or_nothing or memory.setpoint_ma == 0:
        return 0
    heard = facts.loads.get(load.name)
    measured = measured_ma(heard.event) if heard is not None else None
    oldest_ma = memory.history[0].setpoint_ma if memory.history else memory.setpoint_ma
    if memory.below_s is not None and memory.cap_ma is None:
        oldest_ma = 0
    return max(0, memory.setpoint_ma - max(oldest_ma, max(measured) if measured is not None else 0))


def _step(scene: Scene, phase: int, since_s: float) -> Step:
    followed_ma = all_ma = 0
    settled_s = scene.now_s - (scene.grid.age_s or 0.0) - SETTLE_S
    for load in scene.party.loads:
        memory = scene.memory.loads[load.name]
        if phase in load.phases and len(memory.history) > 1:
            then_ma = _commanded_ma(memory, since_s)
            followed_ma += _commanded_ma(memory, max(settled_s, since_s)) - then_ma
            all_ma += memory.setpoint_ma - then_ma
    return Step(followed_ma, all_ma)


def _commanded_ma(memory: LoadMemory, at_s: float) -> int:
    """Return the command in force at a time; of before the history its first one."""
    for command in reversed(memory.history):
        if command.at_s <= at_s:
            return command.setpoint_ma
    return memory.history[0].setpoint_ma
