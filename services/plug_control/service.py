"""The shell of plug_control: one task a plug, which feeds facts to `switching.step` and does what comes out.

A plug has at most one command in flight and the newest setpoint waiting. A setpoint that changes what is wanted does
not wait for a look at a slow device.
"""

import asyncio
from contextlib import suppress

from msgspec import structs

from evenload.contracts import subjects
from evenload.contracts.events import Setpoint
from evenload.contracts.wire import Codec, ContractError
from evenload.devices.access import Access, open_access
from evenload.devices.ending import ended
from evenload.devices.errors import DeviceError
from evenload.devices.fleet import Fleet, run_until
from evenload.devices.outbox import Outbox
from evenload.devices.secrets import secrets_folder
from evenload.runtime.order import Order, Verdict, judge
from evenload.runtime.service import Context
from evenload.runtime.site_config import watch_sites
from evenload.site.schema import Site
from services.plug_control.config import PlugPlan, plug_plans
from services.plug_control.drivers.contract import PlugDriver
from services.plug_control.drivers.table import DRIVERS
from services.plug_control.metrics import PlugMetrics
from services.plug_control.state import Command, Fact, Failed, Given, Looked, Now, Output, Passed, Switched
from services.plug_control.switching import begin, step

LONGEST_WAIT_S = 0.25
"""Between two looks the core is asked so often whether a lease has ended or a command is due."""
REOPEN_S = 5.0
CLOSE_WAIT_S = 2.0
_SETPOINT = Codec(Setpoint, "Setpoint")


class Plugs:
    """All plugs of all sites."""

    def __init__(self, ctx: Context, access: Access, metrics: PlugMetrics) -> None:
        self.ctx, self.access, self.metrics = ctx, access, metrics
        self.outbox = Outbox(ctx.bus, metrics.dropped.inc)
        self.fleet: Fleet[PlugPlan] = Fleet(ctx, "plug", self._run_plug)
        self._tasks: dict[str, PlugTask] = {}
        self._order = Order()
        self._revisions: dict[str, int] = {}
        ctx.bus.on_connection(lambda up: self.outbox.flush() if up else None)

    def on_site(self, name: str, site: Site | None, config_rev: int) -> None:
        """Take a site's plugs as they are now; None = the site is gone."""
        self._revisions[name] = config_rev
        plans = {} if site is None else plug_plans(site)
        self.fleet.set(f"{name}/", {f"{name}/{load}": plan for load, plan in plans.items()})

    def on_setpoint(self, subject: str, data: bytes) -> None:
        """Hand a setpoint to its plug; old and late ones are dropped."""
        refused = self.ctx.metrics.refused
        try:
            setpoint: Setpoint = _SETPOINT.decode(data, subject)
        except ContractError as fault:
            refused.labels("contract").inc()
            self.ctx.complain(f"setpoint {subject}", str(fault))
            return
        self._order, verdict = judge(self._order, setpoint, self.ctx.clock.monotonic() * 1000)
        if verdict is not Verdict.FRESH:
            refused.labels(verdict.value).inc()
            return
        task = self._tasks.get(f"{setpoint.site}/{setpoint.load}")
        if task is not None:
            task.give(setpoint)

    def revision(self, site: str) -> int:
        """Return the revision of the site file in force."""
        return self._revisions.get(site, 0)

    async def _run_plug(self, key: str, plan: PlugPlan) -> None:
        access = self.access
        if plan.names_file:
            access = structs.replace(access, secrets=await secrets_folder(self.ctx.bus, plan.site))
        task = self._tasks[key] = PlugTask(self, plan, access)
        try:
            await task.run()
        finally:
            del self._tasks[key]


class PlugTask:
    """One plug."""

    def __init__(self, plugs: Plugs, plan: PlugPlan, access: Access) -> None:
        self._plugs, self._plan, self._access = plugs, plan, access
        self._state = begin(self._now())
        self._waiting: Setpoint | None = None
        self._woken, self._urgent = asyncio.Event(), asyncio.Event()
        self._prepared = False

    def give(self, setpoint: Setpoint) -> None:
        """Take a setpoint; it replaces one that still waits."""
        self._waiting = setpoint
        self._woken.set()
        if (setpoint.setpoint_a > 0) is not self._state.wanted:
            self._urgent.set()

    async def run(self) -> None:
        """Serve the plug until cancelled."""
        while True:
            try:
                async with DRIVERS[self._plan.driver](self._plan, self._access) as driver:
                    await self._serve(driver)
            except DeviceError as trouble:
                self._complain(trouble)
            await asyncio.sleep(REOPEN_S)

    async def _serve(self, driver: PlugDriver) -> None:
        fact: Fact = Passed()
        while True:
            self._state, output = step(self._plan, self._state, fact, self._now())
            self._tell(output)
            if output.command is not None:
                fact = await self._switch(driver, output.command)
            else:
                fact = await self._next(driver, output.next_look_s)

    async def _next(self, driver: PlugDriver, next_look_s: float) -> Fact:
        wait_s = min(LONGEST_WAIT_S, next_look_s - self._now().at_s)
        if wait_s > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()
        waiting, self._waiting = self._waiting, None
        self._woken.clear()
        self._urgent.clear()
        if waiting is not None:
            return Given(waiting)
        return await self._look(driver) if next_look_s <= self._now().at_s else Passed()

    async def _look(self, driver: PlugDriver) -> Fact:
        looking = asyncio.create_task(self._prepare_and_observe(driver))
        urgent = asyncio.create_task(self._urgent.wait())
        try:
            await asyncio.wait((looking, urgent), return_when=asyncio.FIRST_COMPLETED)
            return looking.result() if looking.done() else Passed()
        finally:
            await ended(looking, urgent)

    async def _prepare_and_observe(self, driver: PlugDriver) -> Fact:
        try:
            if not self._prepared:
                await self._prepare(driver)
            return Looked(await driver.observe())
        except DeviceError as trouble:
            self._complain(trouble)
            return Failed(str(trouble))

    async def _prepare(self, driver: PlugDriver) -> None:
        try:
            await driver.prepare(self._plan.failsafe_on)
        except DeviceError as trouble:
            if trouble.trouble == "silent":
                raise
            self._complain(trouble)  # an older device without that setting is controlled all the same
        self._prepared = True

    async def _switch(self, driver: PlugDriver, command: Command) -> Fact:
        self._plugs.metrics.command(self._plan.site, self._plan.load)
        try:
            await driver.switch(command.on, command.revert_s)
        except DeviceError as trouble:
            self._complain(trouble)
            return Failed(str(trouble))
        return Switched()

    def _tell(self, output: Output) -> None:
        site, load, outbox = self._plan.site, self._plan.load, self._plugs.outbox
        rev = self._plugs.revision(site)
        if output.load_state is not None:
            outbox.send(subjects.load_state(site, load), structs.replace(output.load_state, config_rev=rev))
            self._plugs.metrics.show(output.load_state)
        for result in output.results:
            outbox.keep(subjects.result(site, load), structs.replace(result, config_rev=rev))
        for alert in output.alerts:
            outbox.keep(subjects.alert(site, alert.kind, alert.about), structs.replace(alert, config_rev=rev))

    def _complain(self, trouble: DeviceError) -> None:
        name = f"plug {self._plan.site}/{self._plan.load}"
        self._plugs.ctx.complain(name, f"{name}: {trouble}")

    def _now(self) -> Now:
        clock = self._plugs.ctx.clock
        return Now(clock.monotonic(), clock.utc())


async def run(ctx: Context) -> None:
    """Set up and return when ready; plugs follow the site files from then on."""
    ctx.health.need("devices", "setpoints")
    access = open_access()
    plugs = Plugs(ctx, access, PlugMetrics(ctx.metrics.registry))
    subscription = await ctx.bus.subscribe(subjects.setpoint(), plugs.on_setpoint)

    async def close_last() -> None:
        # The shared links stay until the service stops and the last plug's task is gone.
        try:
            await ctx.stopping.wait()
            await subscription.stop()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WAIT_S):
                    await plugs.fleet.empty()
        finally:
            await access.close()

    ctx.spawn("devices", close_last, drains=True)
    ctx.spawn("sites", lambda: run_until(watch_sites(ctx, plugs.on_site), ctx.stopping))
    ctx.health.set("devices", True)
    ctx.health.set("setpoints", True)
