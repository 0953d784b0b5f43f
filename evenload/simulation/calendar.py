"""What the calendar does to a simulated site: schedules by the allocator's core, plans by the planner's."""

from datetime import datetime, timedelta
from typing import NamedTuple

from evenload.contracts.events import Decision, LoadState, MeterReading
from evenload.contracts.plan_events import Forecast, ForecastKind, ForecastSlot, LoadPlan
from evenload.contracts.records import Override
from evenload.simulation.scenario import ForecastFacts, Given
from evenload.simulation.virtual_time import START
from evenload.site.schema import Site
from evenload.site.windows import zone_of
from services.allocator.journal import InForce
from services.allocator.plan import Plan, compile_plan
from services.allocator.planned import Planned
from services.allocator.planned import planned as slots_in_force
from services.allocator.schedules import Scheduled, scheduled
from services.planner.facts import Facts, Memory
from services.planner.goals import Goal, goals
from services.planner.planning import planned
from services.planner.sight import house_seen, load_seen, tank_seen

PERIOD_S = 60.0
LAST_SLOT = timedelta(hours=1)
_NEVER_S = float("inf")


class Known(NamedTuple):
    """What the planner hears: the newest word of loads, meters and allocator, and the facts."""

    states: dict[str, LoadState]
    readings: dict[str, MeterReading]
    decision: Decision | None
    given: Given


class Calendar:
    """The wall clock of a scenario, what is scheduled, and what is planned."""

    def __init__(self, starts_at: datetime | None) -> None:
        self._starts_at = starts_at or START
        self._scheduled, self._planned = Scheduled(), Planned()
        self._plans: tuple[LoadPlan, ...] = ()
        self._memory = Memory()
        self._decision: Decision | None = None
        self._plan_s = _NEVER_S
        self._by_hand: tuple[Override, ...] = ()
        self._goals: dict[str, Goal] = {}

    def utc(self, now_s: float) -> datetime:
        """Return the moment of the calendar, UTC."""
        return self._starts_at + timedelta(seconds=now_s)

    def compiled(self, site: Site, by_hand: tuple[Override, ...], now_s: float) -> Plan:
        """Return the allocator's plan as it is now; a site with plans is planned from now on."""
        now, self._by_hand = self.utc(now_s), by_hand
        self._scheduled = scheduled(site, by_hand, now, zone_of(site.time_zone))
        self._planned = slots_in_force(site, (*self._scheduled.values, *by_hand), self._plans, now)
        if site.plans and self._plan_s == _NEVER_S:
            self._plan_s = now_s
        return compile_plan(site, by_hand, self._scheduled.values, self._planned.values)

    @property
    def plans(self) -> tuple[LoadPlan, ...]:
        """What was planned last."""
        return self._plans

    def in_force(self, site: Site, grid_meter: str) -> InForce:
        """Return what the plan that was compiled last is made of."""
        return InForce(site, self._by_hand, grid_meter, self._scheduled.values, self._planned.values)

    def heard(self, site: Site, state: LoadState, now_s: float) -> None:
        """Count what a load has drawn."""
        if site.plans:
            self._memory = load_seen(site, self._memory, state, self.utc(now_s))

    def next_s(self, now_s: float) -> float:
        """Return when the calendar next changes something, s of virtual time."""
        return min(self._plan_s, self.changes_s(now_s))

    def changes_s(self, now_s: float) -> float:
        """Return when a schedule, or the plans as they are, next change something, s of virtual time."""
        changes = [each for each in (self._scheduled.next_change, self._planned.next_change) if each is not None]
        return min([_NEVER_S, *(now_s + (each - self.utc(now_s)).total_seconds() for each in changes)])

    def felt(self, state: LoadState, now_s: float) -> None:
        """Look at the temperature of a load with a goal for it, also between two plannings: its model is learned."""
        goal = self._goals.get(state.load)
        if goal is not None and goal.need.target_c is not None:
            self._memory = tank_seen(self._memory, Facts(states={state.load: state}), goal, now_s)

    def planned(self, site: Site, known: Known, now_s: float) -> None:
        """Plan when it is time, with what was heard."""
        if now_s < self._plan_s:
            return
        self._plan_s = now_s + PERIOD_S
        if known.decision is not None:
            self._memory = house_seen(site, self._memory, known.decision, self._decision)
            self._decision = known.decision
        zone, now = zone_of(site.time_zone), self.utc(now_s)
        facts = Facts(
            states=dict(known.states),
            readings=dict(known.readings),
            decision=known.decision,
            forecasts={kind: self._forecast(site, kind, slots) for kind, slots in known.given.forecasts.items()},
            overrides=self._by_hand,
        )
        self._goals = goals(site, self._by_hand, now, zone)
        for goal in self._goals.values():
            if goal.need.target_c is not None:
                self._memory = tank_seen(self._memory, facts, goal, now_s)
        self._memory, outcome = planned(site, facts, self._memory, now, zone=zone)
        self._plans = outcome.plans

    def _forecast(self, site: Site, kind: ForecastKind, facts: tuple[ForecastFacts, ...]) -> Forecast:
        ordered = sorted(facts, key=lambda each: each.at_s)
        slots = tuple(ForecastSlot(starts_at=self.utc(each.at_s), value=each.value) for each in ordered)
        ends_at = slots[-1].starts_at + LAST_SLOT if slots else self._starts_at
        return Forecast(site=site.site, kind=kind, issued_at=self._starts_at, slots=slots, ends_at=ends_at)
