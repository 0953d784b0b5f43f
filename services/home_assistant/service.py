"""The shell: one task for each site that wants it, which announces, tells states, and turns changes into commands."""

import asyncio
from contextlib import suppress

import aiomqtt
from msgspec import Struct, structs

from evenload.contracts import subjects
from evenload.contracts.catalog import COMMAND_NAMES
from evenload.contracts.commands import CommandRejected, CommandReply
from evenload.contracts.events import Alert, Decision
from evenload.contracts.records import OverrideRecord
from evenload.contracts.wire import Codec, ContractError, encode
from evenload.devices.backoff import Backoff
from evenload.devices.errors import DeviceError
from evenload.devices.fleet import Fleet
from evenload.devices.links import broker_of
from evenload.devices.secrets import secrets_folder
from evenload.runtime.bus import BusError
from evenload.runtime.ending import end_if_cancelled, run_until
from evenload.runtime.service import Context
from evenload.runtime.site_config import watch_sites
from evenload.site.schema import Site
from services.home_assistant.asked import command_of
from services.home_assistant.drivers.broker import BIRTH, Link, connected
from services.home_assistant.entities import announcement, availability, entities
from services.home_assistant.states import Facts, states

RETRY = Backoff(first_s=1.0, longest_s=10.0)
MAX_ALERTS, MAX_ASKED = 500, 100
CLOSE_WAIT_S = 2.0


class Plan(Struct, frozen=True):
    """A site as its task serves it."""

    site: Site


class Outward:
    """All sites, with the newest facts of each."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.fleet: Fleet[Plan] = Fleet(ctx, "home assistant", self._serve)
        self.facts: dict[str, Facts] = {}
        self.woken: dict[str, asyncio.Event] = {}
        self.announced: dict[str, frozenset[str]] = {}
        self._decision, self._alert = Codec(Decision, "Decision"), Codec(Alert, "Alert")
        self._overrides = Codec(OverrideRecord, "OverrideRecord")

    def on_site(self, name: str, site: Site | None, config_rev: int) -> None:
        """Serve a site that has `mqtt: {discovery: true}`."""
        wanted = site is not None and site.mqtt is not None and site.mqtt.discovery
        self.fleet.set(f"{name}/", {f"{name}/": Plan(site)} if site is not None and wanted else {})

    def on_decision(self, subject: str, data: bytes) -> None:
        """Keep the newest decision."""
        with suppress(ContractError):
            decision: Decision = self._decision.decode(data, subject)
            self._keep(decision.site, structs.replace(self.of(decision.site), decision=decision))

    def on_alert(self, subject: str, data: bytes) -> None:
        """Keep what is active."""
        with suppress(ContractError):
            alert: Alert = self._alert.decode(data, subject)
            facts = self.of(alert.site)
            rest = {key: one for key, one in facts.alerts.items() if key != (alert.kind, alert.about)}
            if alert.active and len(rest) < MAX_ALERTS:
                rest[(alert.kind, alert.about)] = alert
            self._keep(alert.site, structs.replace(facts, alerts=rest))

    async def watch_overrides(self) -> None:
        """Keep what is set by hand."""
        bucket = await self.ctx.bus.bucket(subjects.OVERRIDES)
        async with bucket.watch() as changes:
            async for change in changes:
                with suppress(ContractError):
                    record = self._overrides.decode(change.value, change.key) if change.value is not None else None
                    self._keep(change.key, structs.replace(self.of(change.key), overrides=record))

    def of(self, site: str) -> Facts:
        """Return what is known of a site."""
        return self.facts.get(site, Facts())

    def _keep(self, site: str, facts: Facts) -> None:
        self.facts[site] = facts
        if site in self.woken:
            self.woken[site].set()

    async def _serve(self, key: str, plan: Plan) -> None:
        failures = 0
        self.woken[plan.site.site] = asyncio.Event()
        secrets = await secrets_folder(self.ctx.bus, plan.site.site, self.ctx.settings.secrets_dir)
        while True:
            try:
                address = broker_of(plan.site.mqtt, secrets)
                async with connected(address, availability(plan.site.site)) as link:
                    end_if_cancelled()
                    failures = 0
                    await SiteTask(self, plan, link).run()
            except* (aiomqtt.MqttError, OSError, ValueError, DeviceError) as faults:
                failures += 1
                self.ctx.complain(f"home assistant {key}", f"home assistant {key}: {faults.exceptions[0]}")
            end_if_cancelled()  # a fault of the connection during the cancellation may have taken its place
            await asyncio.sleep(RETRY.wait_s(max(1, failures)))


class SiteTask:
    """One site on one connection."""

    def __init__(self, outward: Outward, plan: Plan, link: Link) -> None:
        self._outward, self._plan, self._link = outward, plan, link
        self._asked: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(MAX_ASKED)

    async def run(self) -> None:
        """Serve until the connection is lost."""
        base = f"evenload/{self._plan.site.site}"
        topics = (BIRTH, f"{base}/distribution/set", f"{base}/load/+/+/set")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._link.listen(topics, self._take))
            tasks.create_task(self._tell())
            tasks.create_task(self._command())

    async def _tell(self) -> None:
        site, outward = self._plan.site, self._outward
        woken = outward.woken[site.site]
        while True:
            woken.clear()
            announced = {entity.topic: announcement(entity) for entity in entities(site)}
            known = outward.announced.get(site.site, frozenset())
            outward.announced[site.site] = known | announced.keys()  # also what an interrupted telling may have told
            await self._link.tell({**dict.fromkeys(known - announced.keys()), **announced})
            outward.announced[site.site] = frozenset(announced)
            await self._link.tell(states(site, outward.of(site.site)))
            await woken.wait()

    def _take(self, topic: str, payload: bytes) -> None:
        if topic == BIRTH:
            self._link.forget()
            self._outward.woken[self._plan.site.site].set()
        elif not self._asked.full():
            self._asked.put_nowait((topic, payload))

    async def _command(self) -> None:
        ctx = self._outward.ctx
        while True:
            topic, payload = await self._asked.get()
            try:
                command = command_of(topic, payload)
                subject = subjects.command(command.site, COMMAND_NAMES[type(command)])
                reply = Codec(CommandReply, "reply").decode(await ctx.bus.request(subject, encode(command)), subject)
                if isinstance(reply, CommandRejected):
                    ctx.complain(f"asked {topic}", f"home assistant asked {topic}: {reply.why}; {reply.remedy}")
            except (ValueError, BusError, ContractError) as fault:
                ctx.complain(f"asked {topic}", f"home assistant asked {topic}: {fault}")
            # What was refused is shown as it is: the state is told anew.
            self._link.forget()
            self._outward.woken[self._plan.site.site].set()


async def run(ctx: Context) -> None:
    """Set up and return when ready; sites follow their files from then on."""
    outward = Outward(ctx)
    subscriptions = [
        await ctx.bus.subscribe(subjects.decision(), outward.on_decision),
        await ctx.bus.subscribe(subjects.alerts(), outward.on_alert),
    ]

    async def close_last() -> None:
        await ctx.stopping.wait()
        for subscription in subscriptions:
            await subscription.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WAIT_S):
                await outward.fleet.empty()

    ctx.spawn("close", close_last, drains=True)
    ctx.spawn("overrides", lambda: run_until(outward.watch_overrides(), ctx.stopping))
    ctx.spawn("sites", lambda: run_until(watch_sites(ctx, outward.on_site), ctx.stopping))
