"""The planner's shell: follows sites, overrides, loads, meters and forecasts, and tells each load's plan.

A plan is made each minute, and at once when something was asked for, a file changed, or a load or forecast came.
Solving runs in a thread, so that the bus is served meanwhile. What was counted is kept in the bucket `plans`. A planner
that dies leaves the last plans in force to their deadlines.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts import subjects
from evenload.contracts.events import Decision, Event, LoadState, MeterReading
from evenload.contracts.plan_events import Forecast
from evenload.contracts.records import Counted, LearnedRecord, LearnedRow, OverrideRecord, PlanRecord
from evenload.contracts.wire import Codec, ContractError, encode
from evenload.devices.errors import DeviceError
from evenload.devices.fleet import Fleet
from evenload.devices.http import open_session
from evenload.runtime.bus import BusDown, BusError
from evenload.runtime.ending import run_until
from evenload.runtime.service import Context
from evenload.runtime.sharing import follow_sites
from evenload.site.money import Feed
from evenload.site.schema import Site
from evenload.site.windows import zone_of
from evenload.thermal.learning import Learning
from services.planner.drivers.http_feed import answer_of
from services.planner.facts import Facts, Memory
from services.planner.feeds import FeedFault, forecast_of
from services.planner.goals import goals
from services.planner.planning import Outcome, planned
from services.planner.sight import house_seen, load_seen, tank_seen

PERIOD_S = 60.0
SETTLE_S = 0.5
"""Facts that come together are planned together."""
RETRY_S = 60.0
CLOSE_WAIT_S = 2.0
_WATCHED_ROLES = ("vehicle", "temperature")


class SitePlan(Struct, frozen=True):
    """A site as its task serves it."""

    site: Site
    config_rev: int


class FeedPlan(Struct, frozen=True):
    """A feed as its task serves it."""

    site: str
    time_zone: str
    name: str
    feed: Feed


def _said(state: LoadState) -> tuple[object, ...]:
    """Return what of a load is planned for at once when it changes."""
    return state.status, state.needs_wh, state.leaves_at


class Planner:
    """All sites, with the newest facts and the memory of each."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.session = open_session()
        self.sites: Fleet[SitePlan] = Fleet(ctx, "plan", self._serve)
        self.feeds: Fleet[FeedPlan] = Fleet(ctx, "feed", self._feed)
        self._files: dict[str, Site] = {}
        self._facts: dict[str, Facts] = {}
        self._memory: dict[str, Memory] = {}
        self._woken: dict[str, asyncio.Event] = {}
        self._state, self._reading = Codec(LoadState, "LoadState"), Codec(MeterReading, "MeterReading")
        self._decision, self._forecast = Codec(Decision, "Decision"), Codec(Forecast, "Forecast")
        self._learned = Codec(LearnedRecord, "LearnedRecord")
        self._kept_rows: dict[str, tuple[LearnedRow, ...]] = {}
        self._overrides, self._record = Codec(OverrideRecord, "OverrideRecord"), Codec(PlanRecord, "PlanRecord")

    def on_site(self, name: str, site: Site | None, config_rev: int) -> None:
        """Serve a site; None = it is gone."""
        if site is None:
            self._files.pop(name, None)
            self.sites.set(f"{name}/", {})
            self.feeds.set(f"{name}/", {})
            return
        self._files[name] = site
        self.sites.set(f"{name}/", {f"{name}/": SitePlan(site, config_rev)})
        feeds = {f"{name}/{key}": FeedPlan(name, site.time_zone, key, feed) for key, feed in site.forecasts.items()}
        self.feeds.set(f"{name}/", feeds)

    async def gone(self, prefix: str = "") -> None:
        """Return once no retired site, or feed of one, whose key begins with `prefix` is served any more."""
        await self.sites.empty(prefix)
        await self.feeds.empty(prefix)

    def facts_of(self, site: str) -> Facts:
        """Return what is known of a site."""
        return self._facts.get(site, Facts())

    def wake(self, site: str) -> None:
        """Let the site be planned soon."""
        if site in self._woken:
            self._woken[site].set()

    def on_state(self, subject: str, data: bytes) -> None:
        """Store a load's state and count its energy; one that comes or goes is planned for at once."""
        with suppress(ContractError):
            state: LoadState = self._state.decode(data, subject)
            site = self._files.get(state.site)
            if site is None or state.load not in site.loads:
                return
            facts = self.facts_of(state.site)
            before = facts.states.get(state.load)
            self._facts[state.site] = replace(facts, states={**facts.states, state.load: state})
            memory = self._memory.get(state.site)
            if memory is not None:
                self._memory[state.site] = load_seen(site, memory, state, self.ctx.clock.utc())
            if before is None or _said(before) != _said(state):
                self.wake(state.site)

    def on_reading(self, subject: str, data: bytes) -> None:
        """Store what vehicles and thermometers tell."""
        with suppress(ContractError):
            reading: MeterReading = self._reading.decode(data, subject)
            if reading.role in _WATCHED_ROLES and reading.site in self._files:
                facts = self.facts_of(reading.site)
                first = reading.meter not in facts.readings
                self._facts[reading.site] = replace(facts, readings={**facts.readings, reading.meter: reading})
                if first:
                    self.wake(reading.site)

    def on_decision(self, subject: str, data: bytes) -> None:
        """Store the newest decision, and what it says of the house."""
        with suppress(ContractError):
            decision: Decision = self._decision.decode(data, subject)
            site, memory = self._files.get(decision.site), self._memory.get(decision.site)
            if site is None:
                return
            facts = self.facts_of(decision.site)
            if memory is not None:
                self._memory[decision.site] = house_seen(site, memory, decision, facts.decision)
            self._facts[decision.site] = replace(facts, decision=decision)

    def on_forecast(self, subject: str, data: bytes) -> None:
        """Store what is known of the hours to come."""
        with suppress(ContractError):
            forecast: Forecast = self._forecast.decode(data, subject)
            facts = self.facts_of(forecast.site)
            self._facts[forecast.site] = replace(facts, forecasts={**facts.forecasts, forecast.kind: forecast})
            self.wake(forecast.site)

    async def watch_overrides(self) -> None:
        """Follow what is asked for by hand."""
        bucket = await self.ctx.bus.bucket(subjects.OVERRIDES)
        async with bucket.watch() as changes:
            async for change in changes:
                with suppress(ContractError):
                    items = self._overrides.decode(change.value, change.key).items if change.value is not None else ()
                    self._facts[change.key] = replace(self.facts_of(change.key), overrides=items)
                    self.wake(change.key)

    async def _serve(self, key: str, plan: SitePlan) -> None:
        """Plan one site until cancelled."""
        name = plan.site.site
        woken = self._woken[name] = asyncio.Event()
        woken.set()
        if name not in self._memory:
            self._memory[name] = await self._recalled(plan.site)
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(PERIOD_S):
                    await woken.wait()
            await asyncio.sleep(SETTLE_S)
            woken.clear()
            await self._plan(plan)

    async def _plan(self, plan: SitePlan) -> None:
        site, now = plan.site, self.ctx.clock.utc()
        zone, facts = zone_of(site.time_zone), self.facts_of(site.site)
        for goal in goals(site, facts.overrides, now, zone).values():
            if goal.need.target_c is not None:
                memory = self._memory[site.site]
                self._memory[site.site] = tank_seen(memory, facts, goal, self.ctx.clock.monotonic())
        before = self._memory[site.site]
        after, outcome = await asyncio.to_thread(planned, site, facts, before, now, zone=zone)
        # What was counted while the solver ran stays.
        counted = {load: self._counted(site.site, load, before, after) for load in after.counted}
        self._memory[site.site] = replace(self._memory[site.site], counted=counted, short=after.short)
        self._tell(outcome, plan.config_rev)
        await self._keep(site.site)

    def _counted(self, site: str, load: str, before: Memory, after: Memory) -> Counted:
        now, was, new = self._memory[site].counted.get(load), before.counted.get(load), after.counted[load]
        if now is None or now == was:
            return new
        return replace(now, goal=new.goal, goal_wh=new.goal_wh, soc_at=new.soc_at, soc_wh=new.soc_wh)

    def _tell(self, outcome: Outcome, config_rev: int) -> None:
        events: list[tuple[str, Event]] = [(subjects.load_plan(plan.site, plan.load), plan) for plan in outcome.plans]
        events += [(subjects.alert(alert.site, alert.kind, alert.about), alert) for alert in outcome.alerts]
        with suppress(BusDown):
            for subject, event in events:
                self.ctx.bus.publish(subject, replace(event, config_rev=config_rev))

    async def _recalled(self, site: Site) -> Memory:
        """Return what the process before has counted and learned."""
        name = site.site
        counted: dict[str, Counted] = {}
        learning: dict[str, Learning] = {}
        try:
            bucket = await self.ctx.bus.bucket(subjects.PLANS)
            entry = await bucket.get(name)
            counted = self._record.decode(entry.value, name).counted if entry is not None else {}
            for load in sorted(site.loads):
                rows = await bucket.get(f"{name}.{load}")
                if rows is not None:
                    learning[load] = Learning(rows=self._learned.decode(rows.value, name).rows)
        except (BusError, ContractError) as fault:
            self.ctx.complain(f"plans {name}", f"what was counted for {name} is not known: {fault}")
        return Memory(counted=counted, learning=learning)

    async def _keep(self, site: str) -> None:
        """Store what was counted, and what was learned when that is more than before (each half an hour)."""
        memory = self._memory[site]
        try:
            bucket = await self.ctx.bus.bucket(subjects.PLANS)
            await bucket.put(site, encode(PlanRecord(site=site, counted=memory.counted)))
            for load, learning in memory.learning.items():
                key = f"{site}.{load}"
                if learning.rows != self._kept_rows.get(key, ()):
                    await bucket.put(key, encode(LearnedRecord(site=site, load=load, rows=learning.rows)))
                    self._kept_rows[key] = learning.rows
        except BusError as fault:
            self.ctx.complain(f"plans {site}", f"what was counted for {site} is not stored: {fault}")

    async def _feed(self, key: str, plan: FeedPlan) -> None:
        """Ask one feed on its period, again sooner after a fault."""
        while True:
            pause_s = plan.feed.period_s
            try:
                answer = await answer_of(plan.feed, self.session)
                when = self.ctx.clock.utc(), zone_of(plan.time_zone)
                forecast = forecast_of(plan.site, plan.name, plan.feed, answer, when=when)
                self.ctx.bus.publish(subjects.forecast(plan.site, plan.feed.kind), forecast)
            except (DeviceError, FeedFault, BusDown) as fault:
                self.ctx.complain(f"feed {key}", f"forecast {key}: {fault}")
                pause_s = min(pause_s, RETRY_S)
            await asyncio.sleep(pause_s)


async def run(ctx: Context) -> None:
    """Set up and return when ready; sites follow their files from then on."""
    planner = Planner(ctx)
    handlers: tuple[tuple[str, Callable[[str, bytes], None]], ...] = (
        (subjects.load_state(), planner.on_state),
        (subjects.reading(), planner.on_reading),
        (subjects.decision(), planner.on_decision),
        (subjects.forecast(), planner.on_forecast),
    )
    subscriptions = [await ctx.bus.subscribe(subject, handler) for subject, handler in handlers]

    async def close_last() -> None:
        await ctx.stopping.wait()
        for subscription in subscriptions:
            await subscription.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WAIT_S):
                await planner.gone()
        await planner.session.close()

    ctx.spawn("close", close_last, drains=True)
    ctx.spawn("overrides", lambda: run_until(planner.watch_overrides(), ctx.stopping))
    follow_sites(ctx, subjects.PLANNERS, planner.on_site, lambda site: planner.gone(f"{site}/"))
