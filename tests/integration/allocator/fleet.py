"""Several allocator processes on a real nats-server, a gateway with stations, a plug, and the physics around them.

Each site has two cars of three phases behind 25 A; the house changes every second, so that the allocator has to act all
the time. What the vehicles draw goes into the meter's readings, and the breakers are watched as in simulations.
"""

import asyncio
import math
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nats
from msgspec import json

from evenload.contracts import subjects
from evenload.contracts.events import MeterReading
from evenload.contracts.phases import PerPhase
from evenload.contracts.records import EpochRecord, OwnerRecord
from evenload.contracts.wire import decode_as
from evenload.runtime.apply import apply_site
from evenload.runtime.bus import Bus, BusDown
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import connect_nats
from evenload.runtime.ownership import owned
from evenload.runtime.ports import free_port
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings
from evenload.simulation import invariants
from evenload.site.load import load_mapping
from evenload.site.schema import Site
from tests.integration.system.processes import Running, until
from tests.integration.system.system import device

BREAKER_A = 25.0
BEAT_S, HOUSE_S = 0.25, 1.0
START_S = 40.0
CARS = ("left", "right")
TEXT = """
site: {site}
grid: {{breaker_a: 25, household_max_a: 11}}
meters: {{p1: {{role: grid, driver: homewizard, host: "127.0.0.1:9"}}}}
stations:
  {left}: {{overrides: {{interval_s: 1}}}}
  {right}: {{overrides: {{interval_s: 1}}}}
loads:
  left: {{type: evse, station: {left}, max_a: 16, failsafe_a: 6}}
  right: {{type: evse, station: {right}, max_a: 16, failsafe_a: 6, priority: 2}}
"""
PLUG = '  heater: {{type: plug, driver: homewizard, host: "{host}", power_w: 230, phases: [L1], priority: 3}}\n'


class Applied:
    """What gateway and plug_control took: their results, and the epochs that their loads' states name."""

    def __init__(self) -> None:
        self.count = 0
        self.stale: list[dict[str, Any]] = []
        """What was taken of an owner after one with a higher epoch."""
        self.states: dict[str, dict[str, Any]] = {}
        self.heard = 0
        self._highest: dict[str, int] = {}

    def take(self, event: dict[str, Any]) -> None:
        """Look at a result or a state, in the order of the bus."""
        if event["type"] == "LoadState":
            self.heard += 1
            self.states[f"{event['site']}/{event['load']}"] = event
            self._judge(event, event["epoch"])
        elif event["type"] in ("Applied", "Clamped"):
            self.count += 1
            self._judge(event["setpoint"], event["setpoint"]["epoch"])

    def _judge(self, event: dict[str, Any], epoch: int) -> None:
        load = f"{event['site']}/{event['load']}"
        if epoch < self._highest.get(load, 0):
            self.stale.append(event)
        self._highest[load] = max(epoch, self._highest.get(load, 0))


class Fleet:
    """All of it, and what tests look at."""

    def __init__(self, url: str, bus: Bus, sites: int, seed: int) -> None:
        self.url, self.bus = url, bus
        self.names = [f"s{number}" for number in range(sites)]
        self.sites: dict[str, Site] = {}
        self.house_a = dict.fromkeys(self.names, 3.0)
        self.applied = Applied()
        self.epochs: dict[str, int] = {}
        self.first_s: dict[tuple[str, int], float] = {}
        """When the first setpoint of a site with this epoch came, s on this process's clock."""
        self.allocators: dict[str, Running] = {}
        self.watches: dict[str, invariants.Watch] = {}
        self.stations: Running
        self._dice = random.Random(seed)
        self._news = asyncio.Event()

    def station(self, site: str, car: str) -> str:
        """Return the OCPP identity of a car's station."""
        return f"{site}{car}"

    def draws_a(self) -> dict[str, float]:
        """Return what each station's vehicle draws, A per line."""
        return {each["station"]: float(each["current_a"]) for each in self.stations.events("draws")}

    def stopped(self, since: int) -> list[str]:
        """Return the stations whose vehicle drew nothing at some time since then."""
        return [each["station"] for each in self.stations.events("draws", since) if not each["current_a"]]

    def broken(self) -> list[str]:
        """Return what a breaker did not stand."""
        return [f"{name}: {text}" for name, watch in self.watches.items() for text in watch.found]

    async def owners(self) -> dict[str, tuple[str, ...]]:
        """Return the sites of each living allocator, by its key."""
        bucket = await self.bus.bucket(subjects.OWNERS)
        entries = [await bucket.get(key) for key in await bucket.keys()]
        records = [decode_as(OwnerRecord, entry.value) for entry in entries if entry is not None]
        return {record.process: record.sites for record in records}

    async def start(self) -> str:
        """Start an allocator process; return its key once it has its share."""
        before = set(await self.owners())
        running = await Running.start(sys.executable, "-m", "services.allocator", **self.environment())
        await until(lambda: any("ready" in line for line in running.lines), START_S, "the allocator is ready")
        key = await self._new_key(before)
        self.allocators[key] = running
        await self.shared()
        return key

    async def _new_key(self, before: set[str]) -> str:
        async with asyncio.timeout(START_S):
            while not (new := set(await self.owners()) - before):
                await asyncio.sleep(0.05)
        return new.pop()

    async def shared(self, within_s: float = 20.0) -> None:
        """Return once every site has exactly one owner among the processes that live, and is commanded by it."""
        async with asyncio.timeout(within_s):
            while True:
                owners = await self.owners()
                right = {key: owned(key, owners, self.names) == set(sites) for key, sites in owners.items()}
                if set(owners) == set(self.allocators) and all(right.values()) and await self._commanded(owners):
                    return
                await asyncio.sleep(0.1)

    async def _commanded(self, owners: dict[str, tuple[str, ...]]) -> bool:
        """Tell whether each site's newest epoch is its owner's, and a setpoint with it was heard.

        An owner takes its epoch a second after the site: it first hears what is in force.
        """
        bucket = await self.bus.bucket(subjects.EPOCHS)
        for key, sites in owners.items():
            for site in sites:
                entry = await bucket.get(site)
                record = None if entry is None else decode_as(EpochRecord, entry.value)
                if record is None or record.process != key or self.epochs.get(site, 0) < record.epoch:
                    return False
        return True

    def environment(self) -> dict[str, str]:
        """Return the environment of a service."""
        return {"EVENLOAD_NATS_URL": self.url, "EVENLOAD_HTTP_PORT": "0"}

    def give(self, key: str, number: int) -> float:
        """Send a signal to an allocator of this fleet; return when, s."""
        at_s = asyncio.get_running_loop().time()
        self.allocators[key].give(number)
        return at_s

    async def end(self, key: str, number: int = signal.SIGTERM) -> float:
        """End an allocator process; return when it was told to."""
        at_s = self.give(key, number)
        await self.allocators.pop(key).end(number)
        return at_s

    async def taken_over(self, sites: tuple[str, ...], since_s: float, within_s: float = 12.0) -> float:
        """Return after how many seconds the last of `sites` was commanded by another owner."""
        before = {site: self._epoch_at(site, since_s) for site in sites}
        async with asyncio.timeout(within_s):
            while any(self.epochs.get(site, 0) <= before[site] for site in sites):
                self._news.clear()
                await self._news.wait()
        firsts = [self._first_above(site, before[site]) for site in sites]
        return max(firsts) - since_s

    def _epoch_at(self, site: str, at_s: float) -> int:
        return max((epoch for (name, epoch), first_s in self.first_s.items() if name == site and first_s <= at_s))

    def _first_above(self, site: str, epoch: int) -> float:
        return min(first_s for (name, each), first_s in self.first_s.items() if name == site and each > epoch)

    async def hear(self, message: Any) -> None:
        """Note a setpoint, a result or a state."""
        event = json.decode(message.data)
        if event["type"] != "Setpoint":
            self.applied.take(event)
            return
        site, epoch = event["site"], event["epoch"]
        self.epochs[site] = max(epoch, self.epochs.get(site, 0))
        self.first_s.setdefault((site, epoch), asyncio.get_running_loop().time())
        self._news.set()

    async def live(self) -> None:
        """Move house and meter until cancelled."""
        loop = asyncio.get_running_loop()
        changed_s = -math.inf
        while True:
            if loop.time() - changed_s >= HOUSE_S:
                changed_s = loop.time()
                self.house_a = {name: self._dice.uniform(1.0, 11.0) for name in self.names}
            drawn_a = self.draws_a()
            for name in self.names:
                self._beat(name, [drawn_a.get(self.station(name, car), 0.0) for car in CARS], loop.time())
            await asyncio.sleep(BEAT_S)

    def _beat(self, name: str, drawn_a: list[float], now_s: float) -> None:
        site, net_a = self.sites[name], self.house_a[name] + sum(drawn_a)
        moment = invariants.Moment(net_a=(net_a,) * 3, managed_a=(sum(drawn_a),) * 3, loads={})
        self.watches[name] = invariants.observe(self.watches[name], site, moment, now_s)
        reading = MeterReading(
            site=name,
            meter="p1",
            role="grid",
            measured_at=datetime.now(UTC),
            current_a=PerPhase(l1=net_a, l2=net_a, l3=net_a),
        )
        with suppress(BusDown):
            self.bus.publish(subjects.reading(name, "p1"), reading)

    async def apply(self, plug: str) -> None:
        """Write the sites; the first one has a plug, too."""
        now_s = asyncio.get_running_loop().time()
        for name in self.names:
            text = TEXT.format(site=name, **{car: self.station(name, car) for car in CARS})
            text += PLUG.format(host=plug) if name == self.names[0] else ""
            await apply_site(self.bus, text, f"{name}.yaml", datetime.now(UTC))
            value = {"site": name, "grid": {"breaker_a": BREAKER_A}, "loads": {"x": {"type": "evse"}}}
            loaded = load_mapping(value, name, simulated=True)
            assert loaded.site is not None, loaded.findings
            self.sites[name] = loaded.site
            self.watches[name] = invariants.first_watch(loaded.site)
            self.watches[name] = invariants.Watch(
                at_s=now_s,
                ratio=self.watches[name].ratio,
                theta=self.watches[name].theta,
                above_s=self.watches[name].above_s,
            )

    async def charging(self) -> None:
        """Return once every vehicle draws."""
        wanted = {self.station(site, car) for site in self.names for car in CARS}
        await until(
            lambda: {name for name, drawn_a in self.draws_a().items() if drawn_a >= 6} == wanted,
            START_S,
            "all cars draw",
        )


@asynccontextmanager
async def fleet(folder: Path, sites: int = 4, seed: int = 1) -> AsyncIterator[Fleet]:
    """Run everything but the allocators; all cars charge at their failsafe current."""
    async with AsyncExitStack() as stack:
        server = EmbeddedServer(folder / "nats", free_port())
        await server.start()
        stack.push_async_callback(server.stop)
        settings = Settings(nats_url=server.url)
        bus = await connect_nats(settings, f"fleet{os.getpid()}-{seed}", "fleet", SystemClock(), wait_s=10)
        stack.push_async_callback(bus.close)
        await ensure(bus)
        found = Fleet(server.url, bus, sites, seed)
        _, plug = await stack.enter_async_context(device("homewizard-socket", 230))
        await found.apply(plug)
        client = await nats.connect(server.url)
        stack.push_async_callback(client.close)
        await client.subscribe(subjects.setpoint(), cb=found.hear)
        await client.subscribe(subjects.result(), cb=found.hear)
        await client.subscribe(subjects.load_state(), cb=found.hear)
        port = free_port()
        more = {"EVENLOAD_OCPP_OPEN": "1", "EVENLOAD_OCPP_PORT": str(port)}
        for service in ("ocpp_gateway", "plug_control"):
            running = await Running.start(sys.executable, "-m", f"services.{service}", **found.environment(), **more)
            stack.push_async_callback(running.end)
            await until(lambda each=running: any("ready" in line for line in each.lines), START_S, service)
        identities = [part for site in found.names for car in CARS for part in ("--id", found.station(site, car))]
        url = f"ws://127.0.0.1:{port}"
        module = "tests.integration.system.foreign_station"
        found.stations = await Running.start(sys.executable, "-m", module, "--url", url, *identities)
        stack.push_async_callback(found.stations.end)
        await found.charging()
        living = asyncio.create_task(found.live())
        try:
            yield found
        finally:
            living.cancel()
            await asyncio.wait((living,))
            for running in found.allocators.values():
                await running.end()
