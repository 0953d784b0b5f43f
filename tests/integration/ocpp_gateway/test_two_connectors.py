"""Allocator, gateway and a station with two connectors on a real socket: sequential and concurrent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from evenload.contracts import subjects
from evenload.contracts.events import MeterReading
from evenload.contracts.phases import PerPhase
from evenload.runtime.apply import apply_site
from evenload.runtime.bus import Bus
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.memory_bus import MemoryBus, MemoryNetwork
from evenload.runtime.service import Context
from evenload.runtime.settings import Settings
from evenload.simulation.station import StationClient
from evenload.simulation.station_core import Station
from evenload.simulation.station_several import Several
from services.allocator.service import run as run_allocator
from tests.integration.ocpp_gateway.world import PASSWORD, give_password, start_gateway

SITE = """
site: home
phases: [L1, L2, L3]
grid: {{breaker_a: 63}}
meters: {{p1: {{role: grid, driver: homewizard, host: 127.0.0.1}}}}
stations: {{DUO1: {{max_a: 12, connectors: {mode}}}}}
loads:
  left: {{type: evse, station: DUO1, evse: 1, priority: 2, cycles_per_h: 60, pause_s: 0}}
  right: {{type: evse, station: DUO1, evse: 2, priority: 1, cycles_per_h: 60, pause_s: 0}}
"""
BEAT_S = 0.2


async def metering(bus: Bus, duo: Several) -> None:
    """Publish what the house draws until cancelled: 2 A and its vehicles."""
    while True:
        total_a = 2.0 + sum(each.drawn_a for each in duo.connectors)
        current = PerPhase(l1=total_a, l2=total_a, l3=total_a)
        reading = MeterReading(site="home", meter="p1", role="grid", measured_at=datetime.now(UTC), current_a=current)
        bus.publish(subjects.reading("home", "p1"), reading)
        await asyncio.sleep(BEAT_S)


@asynccontextmanager
async def home(mode: str) -> AsyncIterator[tuple[Several, StationClient]]:
    """A home whose station has two connectors, with its allocator and its gateway."""
    network, clock = MemoryNetwork(), SystemClock()
    bus = MemoryBus("meter", network, clock)
    await ensure(bus)
    await apply_site(bus, SITE.format(mode=mode), "home.yaml", datetime.now(UTC))
    await give_password(bus, "DUO1")
    gateway, _, port = await start_gateway(MemoryBus("gateway", network, clock))
    allocator = Context("allocator", MemoryBus("allocator", network, clock), clock, Settings())
    await run_allocator(allocator)
    duo = Several([Station(identity="DUO1", connector=number) for number in (1, 2)])
    duo.configuration["MeterValueSampleInterval"] = "1"
    client = StationClient(duo, f"ws://127.0.0.1:{port}", PASSWORD, lambda event: None, lag_s=0.1)
    stopping = asyncio.Event()
    tasks = [asyncio.create_task(metering(bus, duo)), asyncio.create_task(client.run(stopping))]
    try:
        yield duo, client
    finally:
        tasks[0].cancel()
        stopping.set()
        await asyncio.wait(tasks, timeout=10)
        await allocator.drain()
        await gateway.drain()


async def until(holds: Callable[[], bool], at_most_s: float = 45.0) -> None:
    """Return when it is so."""
    async with asyncio.timeout(at_most_s):
        while not holds():
            await asyncio.sleep(0.1)


async def test_concurrent_connectors_share_the_stations_limit() -> None:
    async with home("concurrent") as (duo, client):
        left, right = duo.connectors
        client.plug(16.0, 3, connector=1)
        client.plug(16.0, 3, connector=2)
        await until(lambda: left.drawn_a >= 6.0 and right.drawn_a >= 6.0)
        assert left.drawn_a + right.drawn_a <= 12.0
        assert left.transaction != right.transaction


async def test_sequential_connectors_take_turns() -> None:
    async with home("sequential") as (duo, client):
        left, right = duo.connectors
        client.plug(16.0, 3, connector=1)
        client.plug(16.0, 3, connector=2)
        await until(lambda: right.drawn_a >= 6.0)
        assert left.drawn_a == 0.0
        assert left.transaction is not None
        client.unplug(connector=2)
        await until(lambda: left.drawn_a >= 6.0)
        assert right.drawn_a == 0.0
