"""Drives the allocator's real core against the simulated world in virtual time.

Event driven: the loop goes from one moment to the next (something changed in the world, a meter reads, a timer of the
allocator, a line of the timeline), takes all facts of that moment and decides once. Meters read every period while
something changes, and every `IDLE_S` once nothing does: below the age at which raises freeze, so that a decision sees
the same freshness either way.
"""

import heapq
import math
from collections.abc import Callable

from msgspec.structs import replace

from evenload.contracts.events import Decision, LoadState, MeterReading, Setpoint
from evenload.contracts.records import Override, OverrideRecord
from evenload.simulation import invariants, meters
from evenload.simulation.calendar import Calendar, Known
from evenload.simulation.limit_side import LimitSide
from evenload.simulation.recording import Asked, Recorder
from evenload.simulation.scenario import Fault, Given, Scenario, Turn
from evenload.simulation.virtual_time import MONOTONIC_START_S
from evenload.simulation.world import World
from services.allocator.engine import decide
from services.allocator.facts import Facts, Heard
from services.allocator.journal import InForce
from services.allocator.memory import Memory, first_memory
from services.allocator.plan import Plan

IDLE_S = 4.0
BUSY_S = 12.0
BUS_S = 0.1
"""From the allocator's setpoint to what the outlet offers."""
SHORTEST_WAKE_S = 0.05
LOAD_PERIOD_S = 4.0
_NEVER_S = float("inf")

OnDecision = Callable[[float, Decision, World], None]


class Loop:
    """One running scenario."""

    def __init__(
        self,
        scenario: Scenario,
        on_decision: OnDecision,
        world: type[World] = World,
        recorder: Recorder | None = None,
    ) -> None:
        self.scenario = scenario
        self._recorder = recorder
        self.site = scenario.site
        self.calendar = Calendar(scenario.starts_at)
        self.world = world(scenario.site, scenario.given, self.calendar.utc)
        self._by_hand: tuple[Override, ...] = ()
        self._set_by_hand(scenario.given)
        self.plan = self._compiled()
        self.memory: Memory = first_memory()
        self.decision: Decision | None = None
        self.setpoints: dict[str, Setpoint] = {}
        self.settled_s = 0.0
        self.decisions = 0
        self.watch = invariants.first_watch(scenario.site)
        self._on_decision = on_decision
        self._readings: dict[str, Heard[MeterReading]] = {}
        self._loads: dict[str, Heard[LoadState]] = {}
        self.limits = LimitSide(scenario.site, self.calendar.utc)
        self._on_the_way: list[tuple[float, int, Setpoint | MeterReading]] = []
        self._published: dict[str, LoadState] = {}
        self._published_s: dict[str, float] = {}
        self._silent: set[str] = set()
        self._frozen: dict[str, MeterReading] = {}
        self._thousandth: set[str] = set()
        self._last: dict[str, MeterReading] = {}
        self._allocator_lives = True
        self._news = False
        self._wake_s = _NEVER_S
        self._tick_s = 0.0
        self._tick = 0
        self._seq = 0
        self._order = 0
        self.limits.put(self.site, scenario.given, 0.0)
        self._tell_wishes()

    def run_until(self, end_s: float) -> None:
        """Go on to virtual time `end_s`; what is due at that very moment has happened."""
        while (at_s := self._next_s()) <= end_s:
            self._step(at_s)
        self.world.advance(end_s)

    def quiet_s(self) -> float:
        """Return for how long no setpoint has changed."""
        return self.world.now_s - self.settled_s

    def turn(self, turn: Turn) -> None:
        """Put a moment's changes in force now."""
        if turn.site is not None:
            self.site = turn.site
        if turn.site is not None or turn.given is not None:
            given = turn.given or self.world.given
            self._set_by_hand(given)
            self.world.set_facts(self.site, given)
            self._compile()
            self._tell_wishes()
            self.limits.put(self.site, given, self.world.now_s)
            for name in self.world.outlets:
                self.world.measure(name)
        if turn.fault is not None:
            self._break(turn.fault)
        self.settled_s = self.world.now_s
        self._tick_s = min(self._tick_s, self._next_beat_s())
        self._news = True

    def _tell_wishes(self) -> None:
        record = OverrideRecord(site=self.site.site, items=self._by_hand)
        self.world.tell(record, self.calendar.utc(self.world.now_s))

    def _compiled(self) -> Plan:
        """Return the plan as it is now, with what is scheduled and planned."""
        return self.calendar.compiled(meters.fitted(self.site, self.world.given), self._by_hand, self.world.now_s)

    def _compile(self) -> bool:
        """Put the plan as it is now in force; tell whether it is another one."""
        before, self.plan = self.plan, self._compiled()
        if self._recorder is not None and self.plan != before:
            self._recorder.configured()
        return self.plan != before

    def _in_force(self) -> InForce:
        """Return what a record says that the plan is made of."""
        return self.calendar.in_force(meters.fitted(self.site, self.world.given), self.plan.grid_meter)

    def _next_s(self) -> float:
        coming_s = self._on_the_way[0][0] if self._on_the_way else _NEVER_S
        calendar_s = self.calendar.next_s(self.world.now_s)
        return min(self.world.next_s(), self._tick_s, self._wake_s, coming_s, calendar_s, self.limits.next_s())

    def _step(self, at_s: float) -> None:
        """Let everything of one moment happen, then decide once if there is news."""
        before_s = self.world.changed_s
        self.world.advance(at_s)
        while self._on_the_way and self._on_the_way[0][0] <= at_s:
            self._arrive(heapq.heappop(self._on_the_way)[2])
        if self._tick_s <= at_s:
            self._read_meters()
        elif self.world.changed_s != before_s:
            self._tick_s = min(self._tick_s, self._next_beat_s())
        self._news |= self.limits.advance(self.world.now_s)
        self._publish_loads()
        if self.calendar.next_s(self.world.now_s) <= self.world.now_s:
            heard = Known(self._published, self._last, self.decision, self.world.given)
            self.calendar.planned(self.site, heard, self.world.now_s)
            self._news = True
            self.settled_s = self.world.now_s if self._compile() else self.settled_s
            self._tell_wishes()
        if self._allocator_lives and (self._news or self._wake_s <= at_s):
            self._decide()
        self._observe()

    def _next_beat_s(self) -> float:
        """Return the next moment on the meters' beat, not before now."""
        period_s = self.world.given.meters.period_s
        return math.ceil(round(self.world.now_s / period_s, 6)) * period_s

    def _arrive(self, item: Setpoint | MeterReading) -> None:
        if isinstance(item, Setpoint):
            self.world.deliver(item)
            return
        if item.role == "temperature":
            self.world.feel(item)
        if self._allocator_lives:
            heard = item if self._recorder is None else self._recorder.reading(item, self.world.now_s)
            self._readings[item.meter] = Heard(heard, self._monotonic_s())
            self._news = True

    def _read_meters(self) -> None:
        """Let all meters read now; set the next time."""
        now_s, given = self.world.now_s, self.world.given
        self._tick += 1
        self.world.soc_moved()
        self.world.read_outlet_meters()
        for reading in meters.readings(
            self.site, given, self.world.shown(), at=self.calendar.utc(now_s), tick=self._tick
        ):
            if reading.meter in self._silent:
                continue
            told = self._told(reading)
            if given.meters.delay_s > 0:
                self._send(told, given.meters.delay_s)
            else:
                self._arrive(told)
        busy = now_s - max(self.world.changed_s, self.settled_s) < BUSY_S or given.meters.noise_a > 0
        self._tick_s = now_s + (given.meters.period_s if busy else max(IDLE_S, given.meters.period_s))

    def _told(self, reading: MeterReading) -> MeterReading:
        """Return a reading as a broken meter tells it: the last one again with a fresh stamp, or kW for W."""
        last = self._frozen.get(reading.meter)
        if last is not None:
            return replace(last, measured_at=reading.measured_at)
        if reading.meter in self._thousandth:
            return meters.thousandth(reading)
        self._last[reading.meter] = reading
        return reading

    def _publish_loads(self) -> None:
        """Publish each load's state when it changed, and on its period."""
        now_s = self.world.now_s
        for name in self.world.outlets:
            old = self._published.get(name)
            due = old is None or now_s - self._published_s[name] >= LOAD_PERIOD_S - 1e-6
            if not due and old is not None and not self.world.changed(name, old):
                continue
            state = self.world.state_of(name)
            self._published[name], self._published_s[name] = state, now_s
            self.calendar.heard(self.site, state, now_s)
            if self._allocator_lives:
                heard = state if self._recorder is None else self._recorder.state(state, now_s)
                self._loads[name] = Heard(heard, self._monotonic_s())
                self._news = True

    def _decide(self) -> None:
        """Ask the allocator's core; send what it says."""
        now_s = self.world.now_s
        facts = Facts(readings=dict(self._readings), loads=dict(self._loads), limits=dict(self.limits.held))
        asked = Asked(in_force=self._in_force(), facts=facts, now_s=now_s)
        if self._recorder is not None:
            self._recorder.before(asked, self.memory)
        self.memory, outcome = decide(self.plan, self.memory, facts, self._monotonic_s(), now=self.calendar.utc(now_s))
        if self._recorder is not None:
            self._recorder.after(asked, self.memory, outcome)
        self._news = False
        self.decisions += 1
        self.decision = outcome.decision
        self.limits.witness(outcome.decision)
        self._wake_s = now_s + max(SHORTEST_WAKE_S, outcome.wake_in_s)
        for setpoint in outcome.setpoints:
            self._command(setpoint)
        self._on_decision(now_s, outcome.decision, self.world)

    def _command(self, setpoint: Setpoint) -> None:
        self._seq += 1
        stamped = replace(setpoint, boot="simulated", seq=self._seq)
        self.watch = invariants.judge_setpoint(self.watch, self.site, stamped, self.world.now_s)
        old = self.setpoints.get(setpoint.load)
        if old is None or old.setpoint_a != setpoint.setpoint_a:
            self.settled_s = self.world.now_s
            self._tick_s = min(self._tick_s, self._next_beat_s() + self.world.given.meters.period_s)
        self.setpoints[setpoint.load] = stamped
        self._send(stamped, BUS_S)

    def _send(self, item: Setpoint | MeterReading, delay_s: float) -> None:
        self._order += 1
        heapq.heappush(self._on_the_way, (self.world.now_s + delay_s, self._order, item))

    def _observe(self) -> None:
        loads = {name: (each.offers_a, self.world.tracks[name].now_a) for name, each in self.world.outlets.items()}
        moment = invariants.Moment(
            net_a=self.world.flows().net_a, managed_a=self.world.draws_a(), loads=loads, fallen_s=self.world.fallen_s
        )
        self.watch = invariants.observe(self.watch, self.site, moment, self.world.now_s)

    def _monotonic_s(self) -> float:
        return MONOTONIC_START_S + self.world.now_s

    def _set_by_hand(self, given: Given) -> None:
        """Keep what is set by hand as the overrides that the allocator would; what stays keeps its time."""
        known = {item.load: item for item in self._by_hand}
        wanted = []
        for load, hand in sorted(given.by_hand.items()):
            item = Override(load=load, mode=hand.mode, target_c=hand.target_c, at=self.calendar.utc(self.world.now_s))
            old = known.get(load)
            same = old is not None and (old.mode, old.target_c) == (item.mode, item.target_c)
            wanted.append(old if old is not None and same else item)
        self._by_hand = tuple(wanted)

    def _break(self, fault: Fault) -> None:
        """Let something break or be repaired now."""
        if fault.kind == "meter_silent":
            self._silent.add(fault.about)
        elif fault.kind == "meter_frozen":
            self._frozen[fault.about] = self._last[fault.about]
        elif fault.kind == "meter_thousandth":
            self._thousandth.add(fault.about)
        elif fault.kind == "meter_returns":
            self._silent.discard(fault.about)
            self._thousandth.discard(fault.about)
            self._frozen.pop(fault.about, None)
        elif fault.kind in ("link_lost", "link_back"):
            self.world.link(fault.about, fault.kind == "link_back")
        elif fault.kind == "gateway_restarts":
            self.world.restart_gateway(fault.about)
        elif fault.kind == "allocator_dies":
            self._allocator_lives, self._wake_s = False, _NEVER_S
        else:
            self._restart(forgets=fault.kind == "memory_lost")

    def _restart(self, forgets: bool) -> None:
        """Start the allocator again: facts are always lost, its memory only when it forgets."""
        self._allocator_lives = True
        self._readings, self._loads = {}, {}
        self._published = {}
        self.limits.restart(self.world.now_s, forgets=forgets)
        if self._recorder is not None:
            self._recorder.restarted()
        if forgets:
            self.memory = first_memory()
