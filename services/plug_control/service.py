"""The shell of plug_control: one task a plug, which feeds facts to `switching.step` and does what comes out.

A plug has at most one command in flight and the newest setpoint waiting. A setpoint that changes what is wanted does
not wait for a look at a slow device.
"""

import asyncio
from contextlib import suppress
from typing import Any

from msgspec import structs

from evenload.contracts import subjects
from evenload.contracts.events import MeterReading, Setpoint
from evenload.contracts.records import OverrideRecord
from evenload.contracts.wire import Codec, ContractError
from evenload.devices.access import Access, open_access
from evenload.devices.errors import DeviceError
from evenload.devices.fleet import Fleet
from evenload.devices.outbox import Outbox
from evenload.devices.secrets import secrets_folder
from evenload.runtime.ending import end_if_cancelled, ended, run_until
from evenload.runtime.order import Order, Verdict, judge
from evenload.runtime.service import Context
from evenload.runtime.sharing import follow_sites
from evenload.site.schema import Site
from services.plug_control.config import PlugPlan, plug_plans
from services.plug_control.core import Wish
from services.plug_control.drivers.contract import LevelDriver
from services.plug_control.drivers.table import open_device
from services.plug_control.keeping_service import Keeper
from services.plug_control.metrics import PlugMetrics
from services.plug_control.remembering import fit_of, same
from services.plug_control.state import (
    Command,
    Fact,
    Failed,
    Felt,
    Given,
    Looked,
    Now,
    Output,
    Passed,
    PlugState,
    Switched,
    Told,
)
from services.plug_control.switching import begin, step
from services.plug_control.wishes import next_wish_at, wish_of

LONGEST_WAIT_S = 0.25
"""Between two looks the core is asked so often whether a lease has ended or a command is due."""
REOPEN_S = 5.0
CLOSE_WAIT_S = 2.0
SCHEDULE_S = 60.0
_SETPOINT = Codec(Setpoint, "Setpoint")
_READING = Codec(MeterReading, "MeterReading")
_OVERRIDES = Codec(OverrideRecord, "OverrideRecord")


class Plugs:
    """All plugs of all sites."""

    def __init__(self, ctx: Context, access: Access, metrics: PlugMetrics) -> None:
        self.ctx, self.access, self.metrics = ctx, access, metrics
        self.outbox, self.keeper = Outbox(ctx.bus, metrics.dropped.inc), Keeper(ctx)
        self.fleet: Fleet[PlugPlan] = Fleet(ctx, "plug", self._run_plug)
        self._tasks: dict[str, PlugTask] = {}
        self._order = Order()
        self._revisions: dict[str, int] = {}
        self._known: dict[str, tuple[Any, PlugState]] = {}
        """Type, sensor and last state of each device: a changed site file does not make its core forget."""
        self._overrides: dict[str, OverrideRecord | None] = {}
        self._sites: dict[str, Site] = {}
        self._rescheduled = asyncio.Event()
        ctx.bus.on_connection(lambda up: self.outbox.flush() if up else None)

    def on_site(self, name: str, site: Site | None, config_rev: int) -> None:
        """Take a site's plugs as they are now; None = the site is gone."""
        self._revisions[name] = config_rev
        self._sites = {key: known for key, known in self._sites.items() if key != name}
        if site is not None:
            self._sites[name] = site
        self._tell_wishes(name)
        self._rescheduled.set()
        plans = {} if site is None else plug_plans(site)
        gone = {key for key in self._known if key.startswith(f"{name}/") and key.partition("/")[2] not in plans}
        self._known = {key: known for key, known in self._known.items() if key not in gone}
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

    async def watch_overrides(self) -> None:
        """Follow what is set by hand."""
        bucket = await self.ctx.bus.bucket(subjects.OVERRIDES)
        async with bucket.watch() as changes:
            async for change in changes:
                try:
                    record = None if change.value is None else _OVERRIDES.decode(change.value, change.key)
                except ContractError as fault:
                    self.ctx.complain(f"overrides {change.key}", f"{fault}; the site file holds")
                    record = None
                self._overrides[change.key] = record
                self._tell_wishes(change.key)
                self._rescheduled.set()

    async def watch_schedules(self) -> None:
        """Tell each device what its schedule asks for, at the moment when that changes."""
        while True:
            now = self.ctx.clock.utc()
            for name in self._sites:
                self._tell_wishes(name)
            changes = [next_wish_at(site, self._overrides.get(name), now) for name, site in self._sites.items()]
            waits_s = [(each - now).total_seconds() for each in changes if each is not None]
            self._rescheduled.clear()
            with suppress(TimeoutError):
                # At most a minute: the wall clock may be set meanwhile.
                await asyncio.wait_for(self._rescheduled.wait(), min([SCHEDULE_S, *(each + 0.01 for each in waits_s)]))

    def _tell_wishes(self, name: str) -> None:
        for key, task in self._tasks.items():
            if key.startswith(f"{name}/"):
                task.tell(self._wish_of(name, key.partition("/")[2]))

    def _wish_of(self, name: str, load: str) -> Wish:
        site = self._sites.get(name)
        return Wish() if site is None else wish_of(load, site, self._overrides.get(name), self.ctx.clock.utc())

    def revision(self, site: str) -> int:
        """Return the revision of the site file in force."""
        return self._revisions.get(site, 0)

    async def _run_plug(self, key: str, plan: PlugPlan) -> None:
        access = self.access
        if plan.names_file:
            folder = await secrets_folder(self.ctx.bus, plan.site, self.ctx.settings.secrets_dir)
            access = structs.replace(access, secrets=folder)
        known = self._known.get(key)
        before = known[1] if known is not None and known[0] == same(plan) else None
        now = Now(self.ctx.clock.monotonic(), self.ctx.clock.utc())
        if known is None and plan.device is not None:
            before = structs.replace(begin(now), memory=await self.keeper.recall(plan, now))
        task = self._tasks[key] = PlugTask(self, plan, access, before)
        task.tell(self._wish_of(plan.site, plan.load))
        meters = () if plan.device is None else (plan.device.sensor, plan.device.power_meter)
        listening = []
        try:
            for meter in [each for each in meters if each is not None]:
                listening.append(await self.ctx.bus.subscribe(subjects.reading(plan.site, meter), task.on_reading))
            await task.run()
        finally:
            self._known[key] = same(plan), task.state
            task.keep(ends=True)
            del self._tasks[key]
            for each in listening:
                await each.stop()


class PlugTask:
    """One plug."""

    def __init__(self, plugs: Plugs, plan: PlugPlan, access: Access, before: PlugState | None) -> None:
        self._plugs, self._plan, self._access = plugs, plan, access
        self.state = begin(self._now(), before)
        self._waiting: Setpoint | None = None
        self._told: Wish | None = None
        self._felt: dict[str, MeterReading] = {}
        self._orders: dict[str, Order] = {}
        self._woken, self._urgent = asyncio.Event(), asyncio.Event()
        self._prepared = False

    def give(self, setpoint: Setpoint) -> None:
        """Take a setpoint; it replaces one that still waits."""
        self._waiting = setpoint
        self._woken.set()
        if self._plan.level_within(setpoint.setpoint_a) != self.state.wanted:
            self._urgent.set()

    def tell(self, wish: Wish) -> None:
        """Take what is set by hand or scheduled."""
        self._told = wish
        self._woken.set()

    def on_reading(self, subject: str, data: bytes) -> None:
        """Take what the meter of its temperature, or of what it draws, says; of each the newest waits."""
        ctx = self._plugs.ctx
        try:
            reading: MeterReading = _READING.decode(data, subject)
        except ContractError as fault:
            ctx.metrics.refused.labels("contract").inc()
            ctx.complain(f"reading {subject}", str(fault))
            return
        order = self._orders.get(subject, Order())
        self._orders[subject], verdict = judge(order, reading, ctx.clock.monotonic() * 1000)
        if verdict is not Verdict.FRESH:
            ctx.metrics.refused.labels(verdict.value).inc()
            return
        self._felt[subject] = reading
        self._woken.set()

    async def run(self) -> None:
        """Serve the plug until cancelled."""
        while True:
            try:
                async with open_device(self._plan, self._access) as driver:
                    await self._serve(driver)
            except DeviceError as trouble:
                self._complain(trouble)
            end_if_cancelled()
            await asyncio.sleep(REOPEN_S)

    async def _serve(self, driver: LevelDriver) -> None:
        fact: Fact = Passed()
        while True:
            end_if_cancelled()
            self.state, output = step(self._plan, self.state, fact, self._now())
            self._tell(output)
            self.keep()
            if output.command is not None:
                fact = await self._switch(driver, output.command)
            else:
                fact = await self._next(driver, output.next_look_s)

    async def _next(self, driver: LevelDriver, next_look_s: float) -> Fact:
        wait_s = min(LONGEST_WAIT_S, next_look_s - self._now().at_s)
        if wait_s > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()
        waiting, self._waiting = self._waiting, None
        if self._told is None and not self._felt:
            self._woken.clear()
        self._urgent.clear()
        if waiting is not None:
            return Given(waiting)
        told, self._told = self._told, None
        if told is not None:
            return Told(told)
        if self._felt:
            return Felt(self._felt.pop(next(iter(self._felt))))
        return await self._look(driver) if next_look_s <= self._now().at_s else Passed()

    async def _look(self, driver: LevelDriver) -> Fact:
        looking = asyncio.create_task(self._prepare_and_observe(driver))
        urgent = asyncio.create_task(self._urgent.wait())
        try:
            await asyncio.wait((looking, urgent), return_when=asyncio.FIRST_COMPLETED)
            return looking.result() if looking.done() else Passed()
        finally:
            await ended(looking, urgent)

    async def _prepare_and_observe(self, driver: LevelDriver) -> Fact:
        try:
            if not self._prepared:
                await self._prepare(driver)
            return Looked(await driver.observe())
        except DeviceError as trouble:
            self._complain(trouble)
            return Failed(str(trouble))

    async def _prepare(self, driver: LevelDriver) -> None:
        try:
            await driver.prepare(self._plan.failsafe_level)
        except DeviceError as trouble:
            if trouble.trouble == "silent":
                raise
            self._complain(trouble)  # an older device without that setting is controlled all the same
        self._prepared = True

    async def _switch(self, driver: LevelDriver, command: Command) -> Fact:
        self._plugs.metrics.command(self._plan.site, self._plan.load)
        try:
            await driver.switch(command.level, command.revert_s)
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
            fit = fit_of(self.state.memory)
            if fit is not None:
                self._plugs.metrics.model(site, load, fit)
        for result in output.results:
            outbox.keep(subjects.result(site, load), structs.replace(result, config_rev=rev))
        for alert in output.alerts:
            outbox.keep(subjects.alert(site, alert.kind, alert.about), structs.replace(alert, config_rev=rev))

    def keep(self, *, ends: bool = False) -> None:
        """Hand in what its core remembers, for the next process."""
        if self._plan.device is not None:
            self._plugs.keeper.take(self._plan, self.state.memory, self._now(), ends=ends)

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
                    await plugs.keeper.flush()
        finally:
            await access.close()

    ctx.spawn("devices", close_last, drains=True)
    follow_sites(ctx, subjects.SWITCHERS, plugs.on_site, lambda site: plugs.fleet.empty(f"{site}/"))
    ctx.spawn("overrides", lambda: run_until(plugs.watch_overrides(), ctx.stopping))
    ctx.spawn("memory", lambda: run_until(plugs.keeper.run(), ctx.stopping))
    ctx.spawn("schedules", lambda: run_until(plugs.watch_schedules(), ctx.stopping))
    ctx.health.set("devices", True)
    ctx.health.set("setpoints", True)
