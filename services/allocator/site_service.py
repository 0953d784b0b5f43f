"""The shell of one site: stores the newest facts, wakes the engine, sends what it says.

Handlers only store and ring; whatever arrived until the engine runs is decided together, on a frozen image.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts import subjects
from evenload.contracts.events import Decision, Event, LoadState, MeterReading, SiteLimit
from evenload.contracts.plan_events import LoadPlan
from evenload.contracts.wire import Codec, ContractError
from evenload.runtime.bus import BusDown, BusError, Subscription
from evenload.runtime.order import Order, Verdict, judge
from evenload.runtime.service import Context
from evenload.site.schema import Site
from evenload.site.windows import zone_of
from services.allocator.bell_service import Bell
from services.allocator.engine import Outcome, decide
from services.allocator.evidence import Evidence, witnessed
from services.allocator.facts import Facts, Heard, news_in_s
from services.allocator.hurry import presses
from services.allocator.journal import BASIS_S, InForce, Journal, Why, basis_of, is_due, noted, numbered, told
from services.allocator.keeping import KeptLimit, KeptMemory
from services.allocator.memory import Memory, first_memory
from services.allocator.metrics import AllocatorMetrics
from services.allocator.outside import acceptable, completed, expected, heard_limit, still_known
from services.allocator.overrides import Overrides, in_force
from services.allocator.plan import Plan, compile_plan
from services.allocator.planned import Planned, planned
from services.allocator.schedules import Scheduled, scheduled
from services.allocator.turns_service import Turns

LISTEN_S = 1.0
STALE_IMAGE_S = 1.0
WITHHELD_S = 0.2
SET_BACK = timedelta(seconds=1)
"""A wall clock that was set back by more makes the schedules be looked at anew."""
_READING = Codec(MeterReading, "MeterReading")
_STATE = Codec(LoadState, "LoadState")
_LIMIT = Codec(SiteLimit, "SiteLimit")
_PLAN = Codec(LoadPlan, "LoadPlan")


class Config(Struct, frozen=True, kw_only=True):
    """What is in force for a site."""

    site: Site
    config_rev: int
    overrides: Overrides = ()


class SiteTask:
    """One site that this process allocates."""

    def __init__(
        self, ctx: Context, metrics: AllocatorMetrics, config: Config, *, owns: Callable[[], bool], turns: Turns
    ) -> None:
        self.ctx, self.metrics, self.config, self._owns, self._turns = ctx, metrics, config, owns, turns
        self._laid = config.overrides
        self.scheduled, self.planned = Scheduled(), Planned()
        self._plans: dict[str, LoadPlan] = {}
        self._compiled_at = ctx.clock.utc()
        self.plan: Plan = self._compiled(config)
        self.memory: Memory = first_memory()
        self.evidence = Evidence()
        self.epoch = 0
        self.seen_epoch = 0
        self.bell = Bell()
        self.limits_changed = False
        self.recalled = False
        self._readings: dict[str, Heard[MeterReading]] = {}
        self._loads: dict[str, Heard[LoadState]] = {}
        self._limits: dict[str, Heard[SiteLimit]] = {}
        self._orders: dict[str, Order] = {}
        self._journal = Journal()
        self._decided, self._sent = metrics.decisions.labels(self.name), metrics.sent.labels(self.name)
        self._basis_due: Why | None = "taken"
        self._basis, self._basis_s = 0, 0.0
        self._cause, self._cause_at_s = "start", ctx.clock.monotonic()
        self._subscriptions: list[Subscription] = []

    @property
    def name(self) -> str:
        """The site's name."""
        return self.config.site.site

    async def listen(self) -> None:
        """Subscribe to everything that the site's decisions stand on; `deafen` ends what was begun."""
        for subject, handler in (
            (subjects.reading(self.name), self.on_reading),
            (subjects.load_state(self.name), self.on_state),
            (subjects.limit(self.name), self.on_limit),
            (subjects.load_plan(self.name), self.on_plan),
        ):
            self._subscriptions.append(await self.ctx.bus.subscribe(subject, handler))

    def resume(self, kept: KeptMemory) -> None:
        """Go on with what was kept; a limit that was heard since is newer."""
        self.recalled = True
        self.memory = kept.memory
        self._basis_due = "taken"
        self.evidence = kept.evidence
        for item in kept.limits:
            if not item.named or item.limit.source in self.config.site.limits:
                self._limits.setdefault(item.limit.source, item.heard())

    def kept_limits(self) -> tuple[KeptLimit, ...]:
        """Return the outside limits for keeping."""
        named = self.config.site.limits
        return tuple(
            KeptLimit(heard.event, heard.at_s, heard.returning, heard.lapsed_s, source in named)
            for source, heard in self._limits.items()
        )

    async def deafen(self) -> None:
        """End the subscriptions and forget the site's metrics."""
        while self._subscriptions:
            await self._subscriptions.pop().stop()
        self._turns.forget(self)
        self.metrics.forget(
            self.name, tuple(self.config.site.loads), (*self._readings, *self.config.site.loads, *self._limits)
        )

    def configure(self, config: Config) -> None:
        """Put another site file or other overrides in force; decided on at once."""
        self._limits = still_known(self._limits, self.config.site, config.site)
        self.config = config
        self.plan = self._compiled(config)
        self._basis_due = self._basis_due or "configuration"
        self._expect_limits()
        self._wake("configuration", None)

    def _expect_limits(self) -> None:
        """Count sources that the site file names as missing until they are heard."""
        now_s, now = self.ctx.clock.monotonic(), self.ctx.clock.utc()
        self._limits |= expected(self.config.site, self._limits, now_s, now)

    def _compiled(self, config: Config) -> Plan:
        """Return the plan as it is now: the file, what the schedules set, what is set by hand, what is planned."""
        now = self._compiled_at = self.ctx.clock.utc()
        site = config.site
        live = self._laid = in_force(site, config.overrides, now)
        self.scheduled = scheduled(site, live, now, zone_of(site.time_zone))
        self.planned = planned(site, (*self.scheduled.values, *live), self._plans.values(), now)
        return compile_plan(site, live, self.scheduled.values, self.planned.values)

    def _next_change(self) -> datetime | None:
        """Return when a schedule or a slot of a load's plan next changes something, UTC; None = never."""
        changes = (self.scheduled.next_change, self.planned.next_change)
        return min((each for each in changes if each is not None), default=None)

    def _keep_calendar(self) -> None:
        """Compile the plan anew when the calendar changes something, or the wall clock was set back."""
        now, change = self.ctx.clock.utc(), self._next_change()
        if (change is not None and now >= change) or now < self._compiled_at - SET_BACK:
            self.configure(self.config)

    def _calendar_in_s(self) -> float:
        """Return in how many seconds the calendar changes something, s ≥ 0."""
        change = self._next_change()
        return float("inf") if change is None else max(0.0, (change - self.ctx.clock.utc()).total_seconds())

    def on_reading(self, subject: str, data: bytes) -> None:
        """Store a meter reading."""
        reading = self._take(_READING, subject, data)
        if not isinstance(reading, MeterReading) or subject != subjects.reading(self.name, reading.meter):
            return
        meter = self.config.site.meters.get(reading.meter)
        if reading.site == self.name and meter is not None and meter.role == reading.role:
            now_s = self.ctx.clock.monotonic()
            self._readings[reading.meter] = Heard(reading, now_s)
            if presses(self.plan, reading):
                self._turns.hurry(self)
            self._wake(f"reading {reading.meter}", now_s)

    def on_state(self, subject: str, data: bytes) -> None:
        """Store a load's state."""
        state = self._take(_STATE, subject, data)
        if not isinstance(state, LoadState) or subject != subjects.load_state(self.name, state.load):
            return
        if state.site != self.name or state.load not in self.config.site.loads:
            return
        self.seen_epoch = max(self.seen_epoch, state.epoch)
        now_s = self.ctx.clock.monotonic()
        news_s = news_in_s(self._loads.get(state.load), state, now_s)
        self._loads[state.load] = Heard(state, now_s)
        if news_s is not None:
            self._wake(f"state {state.load}", now_s, in_s=news_s)

    def on_limit(self, subject: str, data: bytes) -> None:
        """Store an outside limit; a negative one is refused and the last one holds."""
        limit = self._take(_LIMIT, subject, data)
        if not isinstance(limit, SiteLimit) or limit.site != self.name:
            return
        limit = completed(limit, self.config.site)
        others = len(self._limits) - (limit.source in self._limits)
        refused = acceptable(limit, subject.rpartition(".")[2], others)
        if refused:
            self.ctx.metrics.refused.labels("limit").inc()
            self.ctx.complain(f"limit {limit.source}", f"limit of {limit.source} refused: {refused}")
            return
        now_s = self.ctx.clock.monotonic()
        known = self._limits.get(limit.source)
        self.limits_changed |= known is None or known.event.limit_w != limit.limit_w
        self._limits[limit.source] = heard_limit(known, limit, now_s)
        self._turns.hurry(self)
        self._wake(f"limit {limit.source}", now_s)

    def on_plan(self, subject: str, data: bytes) -> None:
        """Store what a load is guaranteed and allowed; it takes force at once."""
        plan = self._take(_PLAN, subject, data)
        if not isinstance(plan, LoadPlan) or subject != subjects.load_plan(self.name, plan.load):
            return
        if plan.site != self.name or plan.load not in self.config.site.loads:
            return
        before = self._plans.get(plan.load)
        self._plans[plan.load] = plan
        if before is None or (before.slots, before.asked_at) != (plan.slots, plan.asked_at):
            self.plan = self._compiled(self.config)
            self._basis_due = self._basis_due or "configuration"
            self._wake(f"plan {plan.load}", None)

    def _take(self, codec: Codec, subject: str, data: bytes) -> Event | None:
        """Return the event when it keeps the contract and is neither old nor late; count it else."""
        try:
            event: Event = codec.decode(data, subject)
        except ContractError as fault:
            self.ctx.metrics.refused.labels("contract").inc()
            self.ctx.complain(f"contract {subject}", str(fault))
            return None
        order = self._orders.get(codec.name, Order())
        self._orders[codec.name], verdict = judge(order, event, self.ctx.clock.monotonic() * 1000)
        if verdict is Verdict.FRESH:
            return event
        self.ctx.metrics.refused.labels(verdict.value).inc()
        return None

    def _wake(self, cause: str, at_s: float | None, in_s: float = 0.0) -> None:
        """Ring, at the latest after `in_s`; of several facts that are decided together the oldest reading is named as
        the cause."""
        if not self._cause.startswith("reading"):
            self._cause, self._cause_at_s = cause, at_s if at_s is not None else self.ctx.clock.monotonic()
        if in_s:
            self.bell.ring_in(in_s)
        else:
            self.bell.ring()

    async def run(self, raise_epoch: Callable[[int], Awaitable[int]]) -> None:
        """Decide at every fact and timer until cancelled; with an epoch above all that the loads have seen.

        Returns when there is none for this process (0): the site is another's.
        """
        await self._hear_loads()
        self._expect_limits()
        self.epoch = await raise_epoch(self.seen_epoch)
        wake_in_s = 0.0
        while self.epoch and not self.ctx.stopping.is_set():
            await self.bell.wait(wake_in_s)
            if self.seen_epoch > self.epoch:
                self.epoch = await raise_epoch(self.seen_epoch)
            await self._turns.take(self)
            wake_in_s = self._decide()

    async def _hear_loads(self) -> None:
        """Give the services a moment to say what is in force.

        Who has not spoken by then is not told anything either, and keeps what it has until it is heard and taken over,
        so that no car is stopped by a takeover.
        """
        until_s = self.ctx.clock.monotonic() + LISTEN_S
        while (left_s := until_s - self.ctx.clock.monotonic()) > 0 and set(self.config.site.loads) - set(self._loads):
            await self.bell.wait(left_s)

    def _facts(self, cause: str) -> Facts:
        return Facts(
            readings=dict(self._readings),
            loads=dict(self._loads),
            limits=dict(self._limits),
            cause=cause,
        )

    def _decide(self) -> float:
        """Decide once and send; return in how many seconds to decide again without a new fact."""
        if not self.epoch or not self._owns():
            return STALE_IMAGE_S
        self._keep_calendar()
        began_s = time.perf_counter()
        now_s = self.ctx.clock.monotonic()
        cause, cause_at_s = (self._cause, self._cause_at_s) if self._cause else ("timer", None)
        self._cause = ""
        facts = self._facts(cause)
        if self._basis_due and not self._tell_basis(self._basis_due, facts, now_s):
            return WITHHELD_S
        memory, outcome = decide(self.plan, self.memory, facts, now_s, now=self.ctx.clock.utc())
        self.metrics.decision_time.observe(time.perf_counter() - began_s)
        journal = noted(self._journal, facts, now_s)
        if not self._send(outcome, journal, cause_at_s):
            return WITHHELD_S
        self.memory = memory
        self._journal = told(journal) if _tells(outcome, journal) else journal
        self._decided.inc()
        if now_s - self._basis_s >= BASIS_S:
            self._tell_basis("period", facts, now_s)
        return min(outcome.wake_in_s, self._calendar_in_s())

    def _tell_basis(self, why: Why, facts: Facts, now_s: float) -> bool:
        """Tell what the decisions from here on stand on; with a taken site a new run of them begins."""
        journal = Journal(seen=facts) if why == "taken" else self._journal
        in_force_now = InForce(
            self.config.site, self._laid, self.plan.grid_meter, self.scheduled.values, self.planned.values
        )
        basis = basis_of(journal, self.memory, in_force_now, now_s=now_s, at=self.ctx.clock.utc(), why=why)
        try:
            sent = self.ctx.bus.publish(subjects.basis(self.name), replace(basis, config_rev=self.config.config_rev))
        except BusDown:
            return False
        except BusError as fault:  # too large for a message: the site is allocated all the same
            self.ctx.complain(f"basis {self.name}", f"{fault}; decisions of site {self.name} cannot be replayed")
            self._basis = 0
        else:
            self._basis = sent.seq
        self._journal, self._basis_s, self._basis_due = told(journal), now_s, None
        return True

    def _send(self, outcome: Outcome, journal: Journal, cause_at_s: float | None) -> bool:
        """Publish setpoints first, then what is said of them; nothing when the image grew old or the site was lost.

        Return whether all went out: what was withheld was not commanded, and must not be remembered as if it were. The
        decision is the last to go out, so that one that was told is one that is remembered.
        """
        stale = self.ctx.clock.monotonic() - outcome.decision.now_s > STALE_IMAGE_S
        if stale or not self._owns():
            self.metrics.withheld.inc(len(outcome.setpoints))
            return False
        stamp = {"epoch": self.epoch, "config_rev": self.config.config_rev}
        decision = replace(outcome.decision, **stamp)
        try:
            for setpoint in outcome.setpoints:
                age_ms = self._reading_age_ms(setpoint.cause, cause_at_s)
                stamped = replace(setpoint, **stamp, cause_age_ms=age_ms)
                self.ctx.bus.publish(subjects.setpoint(self.name, setpoint.load), stamped)
            self._sent.inc(len(outcome.setpoints))
            for alert in outcome.alerts:
                event = replace(alert, config_rev=self.config.config_rev)
                self.ctx.bus.publish(subjects.alert(self.name, alert.kind, alert.about), event)
            if _tells(outcome, journal):
                self.ctx.bus.publish(subjects.decision(self.name), numbered(decision, journal, self._basis))
        except BusDown:
            self.metrics.withheld.inc()
            return False
        self._witness(decision)
        self.metrics.decided(decision, len(self.memory.alerts), decision.now_s)
        return True

    def _witness(self, decision: Decision) -> None:
        """Keep the evidence of limits from outside; what cannot be sent now is not told twice."""
        if not decision.limits and not self.evidence.spans:
            return
        self.evidence, records = witnessed(self.evidence, decision, self.config.site.voltage_v)
        for record in records:
            stamped = replace(record, config_rev=self.config.config_rev)
            try:
                self.ctx.bus.publish(subjects.limit_record(self.name, record.source), stamped)
            except BusDown:
                self.ctx.complain(f"limit record {record.source}", f"not kept, the bus is down: {record}")

    def _reading_age_ms(self, cause: str, cause_at_s: float | None) -> int:
        """Return the age of the reading that led to a setpoint, at least 1; 0 for renewals, timers and other facts."""
        if cause_at_s is None or not cause.startswith("reading"):
            return 0
        age_s = max(0.0, self.ctx.clock.monotonic() - cause_at_s)
        self.metrics.reading_to_setpoint.observe(age_s)
        return max(1, round(age_s * 1000))


def _tells(outcome: Outcome, journal: Journal) -> bool:
    return outcome.changed or is_due(journal)
