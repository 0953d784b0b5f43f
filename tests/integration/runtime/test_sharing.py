"""Several replicas of meter_ingest divide the sites: each meter is read by one, and a dead one's by another.

Real processes on a real nats-server and an emulated meter; takeover bound as for allocators (faults.md section 2).
"""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest_asyncio
from msgspec import json

from evenload.contracts import subjects
from evenload.contracts.records import OwnerRecord
from evenload.contracts.wire import decode_as
from evenload.runtime.apply import apply_site
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import NatsBus, connect_nats
from evenload.runtime.ports import free_port
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings
from tests.integration.system.processes import Running, until
from tests.integration.system.system import device

SITES = tuple(f"s{number}" for number in range(6))
START_S, TAKEOVER_S = 30.0, 8.0
TEXT = """
site: {site}
grid: {{breaker_a: 25}}
meters: {{p1: {{role: grid, driver: homewizard, host: "{host}", period_s: 0.5}}}}
loads: {{heater: {{type: plug, driver: homewizard, host: "127.0.0.1:9", power_w: 230, phases: [L1]}}}}
"""


class Readers:
    """The replicas, and who reads which site's meter."""

    def __init__(self, url: str, bus: NatsBus) -> None:
        self.url, self.bus = url, bus
        self.heard: list[tuple[float, str, str]] = []
        """Arrival, s, site and boot of each reading."""
        self.replicas: list[Running] = []

    def hear(self, subject: str, data: bytes) -> None:
        """Note a reading."""
        event = json.decode(data)
        self.heard.append((time.monotonic(), event["site"], event["boot"]))

    async def start(self) -> Running:
        """Start a replica; return it once ready."""
        environment = {"EVENLOAD_NATS_URL": self.url, "EVENLOAD_HTTP_PORT": "0", "EVENLOAD_SHARE_SITES": "1"}
        running = await Running.start(sys.executable, "-m", "services.meter_ingest", **environment)
        self.replicas.append(running)
        await until(lambda: any("ready" in line for line in running.lines), START_S, running.text)
        return running

    async def shares(self) -> list[tuple[str, ...]]:
        """Return what each living replica says it has."""
        bucket = await self.bus.bucket(subjects.READERS)
        entries = [await bucket.get(key) for key in await bucket.keys()]
        return [decode_as(OwnerRecord, entry.value).sites for entry in entries if entry is not None]

    async def divided(self, replicas: int, within_s: float = 15.0) -> None:
        """Return once each site is had by exactly one of so many replicas."""
        async with asyncio.timeout(within_s):
            while True:
                shares = await self.shares()
                if len(shares) == replicas and sorted(site for share in shares for site in share) == list(SITES):
                    return
                await asyncio.sleep(0.1)

    async def read_since(self, since_s: float, within_s: float) -> dict[str, set[str]]:
        """Return which boots read each site's meter after `since_s`, as soon as all are read."""

        def readers() -> dict[str, set[str]] | None:
            found: dict[str, set[str]] = {}
            for at_s, site, boot in self.heard:
                if at_s > since_s:
                    found.setdefault(site, set()).add(boot)
            return found if set(found) == set(SITES) else None

        return dict(await until(readers, within_s, "every site's meter is read"))


@pytest_asyncio.fixture
async def readers(tmp_path: Path) -> AsyncIterator[Readers]:
    """A server with six sites that share one emulated meter."""
    async with AsyncExitStack() as stack:
        server = EmbeddedServer(tmp_path / "nats", free_port())
        await server.start()
        stack.push_async_callback(server.stop)
        bus = await connect_nats(Settings(nats_url=server.url), "watcher-1", "watcher", SystemClock(), wait_s=10)
        stack.push_async_callback(bus.close)
        await ensure(bus)
        _, host = await stack.enter_async_context(device("homewizard", 1380))
        for site in SITES:
            await apply_site(bus, TEXT.format(site=site, host=host), f"{site}.yaml", datetime.now(UTC))
        found = Readers(server.url, bus)
        await bus.subscribe(subjects.reading(), found.hear)
        try:
            yield found
        finally:
            for replica in found.replicas:
                await replica.end()


async def test_sites_are_divided_and_move_as_replicas_come_go_and_die(readers: Readers) -> None:
    first = await readers.start()
    await readers.divided(1)
    alone = await readers.read_since(time.monotonic(), 5)
    assert len(set().union(*alone.values())) == 1

    second = await readers.start()
    await readers.divided(2)
    shared = await readers.read_since(time.monotonic(), 5)
    assert all(len(boots) == 1 for boots in shared.values())

    killed_s = time.monotonic()
    await second.end(signal.SIGKILL)
    await readers.divided(1)
    after = await readers.read_since(time.monotonic(), TAKEOVER_S)
    assert {boot for boots in after.values() for boot in boots} == {boot for boots in alone.values() for boot in boots}
    gaps_s = [_longest_gap_s(readers.heard, site, killed_s) for site in SITES]
    assert max(gaps_s) <= TAKEOVER_S

    third = await readers.start()
    await readers.divided(2)
    left_s = time.monotonic()
    assert await first.end() == 0
    await readers.divided(1)
    await readers.read_since(time.monotonic(), 5)
    orderly_s = [_longest_gap_s(readers.heard, site, left_s) for site in SITES]
    assert max(orderly_s) <= TAKEOVER_S / 2
    assert await third.end() == 0
    assert await readers.shares() == []


async def test_a_changed_file_reaches_the_replica_that_has_the_site_and_a_removed_one_is_let_go(
    readers: Readers,
) -> None:
    await readers.start()
    await readers.divided(1)
    bucket = await readers.bus.bucket(subjects.SITES)
    await bucket.delete(SITES[0])
    async with asyncio.timeout(10):
        while await readers.shares() != [SITES[1:]]:
            await asyncio.sleep(0.05)


def _longest_gap_s(heard: list[tuple[float, str, str]], site: str, since_s: float) -> float:
    """Return the longest time without a reading of a site from then on, s."""
    times = [since_s, *(at_s for at_s, name, _ in heard if name == site and at_s > since_s)]
    return max(after - before for before, after in pairwise(times))
