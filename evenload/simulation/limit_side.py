"""Limits from outside in a scenario: what sources say, by the real core of meter_ingest, and what is held of it.

A feed that the site file names says its word every so often (`given.feeds`); one on the bus (`given.limits`) is told
when the scenario changes it. The allocator's own rules say what is believed.
"""

from collections.abc import Callable
from datetime import datetime

from evenload.contracts.events import Decision, SiteLimit
from evenload.simulation.scenario import FeedFacts, Given
from evenload.simulation.virtual_time import MONOTONIC_START_S
from evenload.site.schema import Site
from services.allocator.evidence import Evidence, resumed, witnessed
from services.allocator.facts import Heard
from services.allocator.outside import acceptable, completed, expected, heard_limit, still_known
from services.meter_ingest.limit_config import LimitPlan, limit_plans
from services.meter_ingest.limit_feed import FeedMemory, Said, heard
from services.meter_ingest.normalise import Now

_NEVER_S = float("inf")


class LimitSide:
    """The sources of one site, and what its allocator holds of them."""

    def __init__(self, site: Site, utc: Callable[[float], datetime]) -> None:
        self.held: dict[str, Heard[SiteLimit]] = {}
        self.evidence = Evidence()
        self._site, self._utc = site, utc
        self._plans: dict[str, LimitPlan] = {}
        self._facts: dict[str, FeedFacts] = {}
        self._memory: dict[str, FeedMemory] = {}
        self._due_s: dict[str, float] = {}

    def put(self, site: Site, given: Given, now_s: float) -> None:
        """Put a (changed) site file and facts in force now; a feed whose facts changed speaks at once."""
        self.held = still_known(self.held, self._site, site)
        self._site, before = site, self._facts
        self._plans = {name: plan for name, plan in limit_plans(site).items() if name in given.feeds}
        self._facts = {name: given.feeds[name] for name in self._plans}
        for name, facts in self._facts.items():
            if before.get(name) != facts:
                self._due_s[name] = now_s
        for source, told in given.limits.items():
            event = SiteLimit(
                site=site.site,
                source=source,
                scope=told.scope,
                issued_at=self._utc(now_s),
                limit_w=told.limit_w,
                floor_w=told.floor_w,
                valid_s=told.valid_s,
                failsafe_w=told.failsafe_w,
            )
            self._hear(event, now_s)
        self._expect(now_s)

    def next_s(self) -> float:
        """Return when a feed next speaks; infinite when none does."""
        return min((self._due_s[name] for name, facts in self._facts.items() if not facts.silent), default=_NEVER_S)

    def advance(self, now_s: float) -> bool:
        """Let all feeds that are due speak; tell whether one did."""
        due = [name for name, facts in self._facts.items() if not facts.silent and self._due_s[name] <= now_s]
        for name in due:
            facts = self._facts[name]
            self._due_s[name] = now_s + facts.every_s
            said = Said(value=facts.says, tells=facts.writes)
            now = Now(MONOTONIC_START_S + now_s, self._utc(now_s))
            self._memory[name], outcome = heard(self._plans[name], self._memory.get(name, FeedMemory()), said, now)
            if outcome.limit is not None:
                self._hear(outcome.limit, now_s)
        return bool(due)

    def restart(self, now_s: float, *, forgets: bool) -> None:
        """Start the allocator again: what it holds goes only when it forgets."""
        self.evidence = resumed(self.evidence)
        if forgets:
            self.held = {}
            self._expect(now_s)

    def witness(self, decision: Decision) -> None:
        """Keep the evidence of a decision."""
        self.evidence, _ = witnessed(self.evidence, decision, self._site.voltage_v)

    def _hear(self, limit: SiteLimit, now_s: float) -> None:
        limit = completed(limit, self._site)
        others = len(self.held) - (limit.source in self.held)
        if not acceptable(limit, limit.source, others):
            self.held[limit.source] = heard_limit(self.held.get(limit.source), limit, MONOTONIC_START_S + now_s)

    def _expect(self, now_s: float) -> None:
        """Count sources that the site file names as missing until they are heard."""
        self.held |= expected(self._site, self.held, MONOTONIC_START_S + now_s, self._utc(now_s))
