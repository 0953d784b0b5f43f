"""The shell of the feeds of outside limits: one task a feed, which starts its driver and publishes what holds.

A driver that fails is started again after 1 to 5 s. When nothing comes, nothing is published: the allocator then takes
the source for missing, also when this service is what is missing.
"""

import asyncio
from contextlib import aclosing

from msgspec import structs

from evenload.contracts import subjects
from evenload.contracts.events import Alert, SiteLimit
from evenload.devices.access import Access
from evenload.devices.backoff import Backoff
from evenload.devices.errors import DeviceError
from evenload.devices.fleet import Fleet
from evenload.devices.outbox import Outbox
from evenload.devices.secrets import secrets_folder
from evenload.runtime.ending import end_if_cancelled
from evenload.runtime.service import Context
from evenload.site.schema import Site
from services.meter_ingest.drivers.limit_table import LIMIT_DRIVERS
from services.meter_ingest.limit_config import LimitPlan, limit_plans
from services.meter_ingest.limit_feed import FeedMemory, Outcome, Said, heard, repeated, silence
from services.meter_ingest.metrics import LimitMetrics
from services.meter_ingest.normalise import Now

RESTART = Backoff(first_s=1.0, longest_s=5.0)
REPEAT_S = 30.0


class LimitFeeds:
    """All feeds of all sites."""

    def __init__(self, ctx: Context, access: Access, metrics: LimitMetrics, outbox: Outbox) -> None:
        self.ctx, self.access, self.metrics, self.outbox = ctx, access, metrics, outbox
        self.fleet: Fleet[LimitPlan] = Fleet(ctx, "limit", self._run_feed)
        self._revisions: dict[str, int] = {}

    def on_site(self, name: str, site: Site | None, config_rev: int) -> None:
        """Take a site's feeds as they are now; None = the site is gone."""
        self._revisions[name] = config_rev
        plans = {} if site is None else limit_plans(site)
        self.fleet.set(f"{name}/", {f"{name}/{source}": plan for source, plan in plans.items()})

    def revision(self, site: str) -> int:
        """Return the revision of the site file in force."""
        return self._revisions.get(site, 0)

    async def _run_feed(self, key: str, plan: LimitPlan) -> None:
        access = self.access
        if plan.names_file:
            access = structs.replace(access, secrets=await secrets_folder(self.ctx.bus, plan.site))
        await FeedTask(self, plan, access).run()


class FeedTask:
    """One feed."""

    def __init__(self, feeds: LimitFeeds, plan: LimitPlan, access: Access) -> None:
        self._feeds, self._plan, self._access = feeds, plan, access
        self._memory = FeedMemory()
        self._trouble: DeviceError | None = None
        self._failures = 0
        self._started_s = self._now().at_s

    async def run(self) -> None:
        """Serve the feed until cancelled."""
        site, source, metrics = self._plan.site, self._plan.source, self._feeds.metrics
        metrics.watch_age(site, source, lambda: self._now().at_s - (self._memory.heard_s or self._started_s))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                tasks.create_task(self._keep_up())
        finally:
            metrics.forget(site, source)

    async def _listen(self) -> None:
        while True:
            try:
                async with aclosing(LIMIT_DRIVERS[self._plan.driver](self._plan, self._access)) as samples:
                    async for said in samples:
                        self._take(said)
            except DeviceError as trouble:
                self._failed(trouble)
            end_if_cancelled()
            await asyncio.sleep(RESTART.wait_s(max(1, self._failures)))

    def _take(self, said: Said) -> None:
        self._memory, outcome = heard(self._plan, self._memory, said, self._now())
        self._failures, self._trouble = 0, None
        self._publish(outcome)

    def _publish(self, outcome: Outcome) -> None:
        plan, metrics = self._plan, self._feeds.metrics
        if outcome.refused:
            metrics.refused(plan.site, plan.source, outcome.refused)
        if outcome.limit is not None:
            self._send(outcome.limit)
        self._tell(outcome.alerts)

    def _send(self, limit: SiteLimit) -> None:
        stamped = structs.replace(limit, config_rev=self._feeds.revision(limit.site))
        self._feeds.outbox.send(subjects.limit(limit.site, limit.source), stamped)

    def _failed(self, trouble: DeviceError) -> None:
        plan = self._plan
        self._failures, self._trouble = self._failures + 1, trouble
        self._feeds.metrics.refused(plan.site, plan.source, trouble.trouble)
        self._feeds.ctx.complain(f"limit {plan.site}/{plan.source}", f"limit {plan.site}/{plan.source}: {trouble}")
        self._check_silence()

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(REPEAT_S)
            self._check_silence()
            again = repeated(self._plan, self._memory, self._now())
            if again is not None:
                self._send(again)

    def _check_silence(self) -> None:
        self._memory, alerts = silence(
            self._plan, self._memory, self._now(), trouble=self._trouble, started_s=self._started_s
        )
        self._tell(alerts)

    def _tell(self, alerts: tuple[Alert, ...]) -> None:
        for alert in alerts:
            alert = structs.replace(alert, config_rev=self._feeds.revision(self._plan.site))
            self._feeds.outbox.keep(subjects.alert(alert.site, alert.kind, alert.about), alert)

    def _now(self) -> Now:
        clock = self._feeds.ctx.clock
        return Now(clock.monotonic(), clock.utc())
