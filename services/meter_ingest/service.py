"""The shell of meter_ingest: one task a meter, which starts its driver, hands samples to `normalise`, and publishes.

A driver that fails is started again after 1 to 5 s. A silent meter is told by a timer beside the driver, because a
driver that waits says nothing.
"""

import asyncio
from contextlib import aclosing, suppress

from msgspec import structs

from evenload.contracts import subjects
from evenload.contracts.events import Alert
from evenload.devices.access import Access, open_access
from evenload.devices.backoff import Backoff
from evenload.devices.errors import DeviceError
from evenload.devices.fleet import Fleet
from evenload.devices.outbox import Outbox
from evenload.devices.secrets import secrets_folder
from evenload.runtime.ending import end_if_cancelled
from evenload.runtime.service import Context
from evenload.runtime.sharing import follow_sites
from evenload.site.schema import Site
from services.meter_ingest.config import MeterPlan, meter_plans
from services.meter_ingest.drivers.table import DRIVERS
from services.meter_ingest.limit_service import LimitFeeds
from services.meter_ingest.memory import MeterMemory
from services.meter_ingest.metrics import LimitMetrics, MeterMetrics
from services.meter_ingest.normalise import Now, normalise, silence
from services.meter_ingest.raw import RawSample

RESTART = Backoff(first_s=1.0, longest_s=5.0)
SILENCE_CHECK_S = 0.5
CLOSE_WAIT_S = 2.0


class Ingest:
    """All meters of all sites."""

    def __init__(self, ctx: Context, access: Access, metrics: MeterMetrics) -> None:
        self.ctx, self.access, self.metrics = ctx, access, metrics
        self.outbox = Outbox(ctx.bus, self.metrics.dropped.inc)
        self.fleet: Fleet[MeterPlan] = Fleet(ctx, "meter", self._run_meter)
        self._revisions: dict[str, int] = {}
        ctx.bus.on_connection(lambda up: self.outbox.flush() if up else None)

    def on_site(self, name: str, site: Site | None, config_rev: int) -> None:
        """Take a site's meters as they are now; None = the site is gone."""
        self._revisions[name] = config_rev
        plans = {} if site is None else meter_plans(site)
        self.fleet.set(f"{name}/", {f"{name}/{meter}": plan for meter, plan in plans.items()})

    def revision(self, site: str) -> int:
        """Return the revision of the site file in force."""
        return self._revisions.get(site, 0)

    async def _run_meter(self, key: str, plan: MeterPlan) -> None:
        access = self.access
        if plan.names_file:
            folder = await secrets_folder(self.ctx.bus, plan.site, self.ctx.settings.secrets_dir)
            access = structs.replace(access, secrets=folder)
        await MeterTask(self, plan, access).run()


class MeterTask:
    """One meter."""

    def __init__(self, ingest: Ingest, plan: MeterPlan, access: Access) -> None:
        self._ingest, self._plan, self._access = ingest, plan, access
        self._memory = MeterMemory()
        self._trouble: DeviceError | None = None
        self._failures = 0

    async def run(self) -> None:
        """Serve the meter until cancelled."""
        site, meter, metrics = self._plan.site, self._plan.meter, self._ingest.metrics
        started_s = self._now().at_s
        metrics.watch_age(site, meter, lambda: self._now().at_s - (self._memory.heard_s or started_s))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                tasks.create_task(self._watch_silence())
        finally:
            metrics.forget(site, meter)

    async def _listen(self) -> None:
        while True:
            try:
                await self._follow()
            except DeviceError as trouble:
                self._failed(trouble)
            end_if_cancelled()
            await asyncio.sleep(RESTART.wait_s(max(1, self._failures)))

    async def _follow(self) -> None:
        async with aclosing(DRIVERS[self._plan.driver](self._plan, self._access)) as samples:
            async for raw in samples:
                self._take(raw)

    def _take(self, raw: RawSample) -> None:
        plan, metrics = self._plan, self._ingest.metrics
        self._memory, outcome = normalise(plan, self._memory, raw, self._now())
        if outcome.reading is None:
            metrics.refused(plan.site, plan.meter, outcome.refused)
        else:
            self._failures, self._trouble = 0, None
            metrics.reading(plan.site, plan.meter)
            reading = structs.replace(outcome.reading, config_rev=self._ingest.revision(plan.site))
            self._ingest.outbox.send(subjects.reading(plan.site, plan.meter), reading)
        self._tell(outcome.alerts)

    def _failed(self, trouble: DeviceError) -> None:
        plan = self._plan
        self._failures, self._trouble = self._failures + 1, trouble
        self._ingest.metrics.refused(plan.site, plan.meter, trouble.trouble)
        self._ingest.ctx.complain(f"{plan.site}/{plan.meter}", f"meter {plan.site}/{plan.meter}: {trouble}")
        self._check_silence()

    async def _watch_silence(self) -> None:
        while True:
            self._check_silence()
            await asyncio.sleep(SILENCE_CHECK_S)

    def _check_silence(self) -> None:
        self._memory, alerts = silence(self._plan, self._memory, self._now(), self._trouble)
        self._tell(alerts)

    def _tell(self, alerts: tuple[Alert, ...]) -> None:
        for alert in alerts:
            alert = structs.replace(alert, config_rev=self._ingest.revision(self._plan.site))
            self._ingest.outbox.keep(subjects.alert(alert.site, alert.kind, alert.about), alert)

    def _now(self) -> Now:
        clock = self._ingest.ctx.clock
        return Now(clock.monotonic(), clock.utc())


async def run(ctx: Context) -> None:
    """Set up and return when ready; meters follow the site files from then on."""
    ctx.health.need("devices")
    access = open_access()
    ingest = Ingest(ctx, access, MeterMetrics(ctx.metrics.registry))
    limits = LimitFeeds(ctx, access, LimitMetrics(ctx.metrics.registry), ingest.outbox)

    def on_site(name: str, site: Site | None, config_rev: int) -> None:
        ingest.on_site(name, site, config_rev)
        limits.on_site(name, site, config_rev)

    async def let_go(site: str) -> None:
        await ingest.fleet.empty(f"{site}/")
        await limits.fleet.empty(f"{site}/")

    async def close_last() -> None:
        # The shared links stay until the service stops and the last meter's task is gone.
        try:
            await ctx.stopping.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WAIT_S):
                    await ingest.fleet.empty()
                    await limits.fleet.empty()
        finally:
            await access.close()

    ctx.spawn("devices", close_last, drains=True)
    follow_sites(ctx, subjects.READERS, on_site, let_go)
    ctx.health.set("devices", True)
