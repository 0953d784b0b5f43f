"""What is told when the stream of transactions takes nothing, and that it ends by itself."""

import asyncio
from pathlib import Path

from prometheus_client import CollectorRegistry

from evenload.contracts import subjects
from evenload.contracts.events import TransactionEnded
from evenload.runtime.bus import BusError
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.memory_bus import MemoryBus, MemoryNetwork
from services.ocpp_gateway.drivers.store import TransactionStore
from services.ocpp_gateway.metrics import GatewayMetrics
from services.ocpp_gateway.station import Keep
from tests.golden.samples import SAMPLES
from tests.integration.ocpp_gateway.test_security import secure
from tests.integration.ocpp_gateway.world import World, raw

WRITABLE = "evenload_transaction_store_writable"
START = '[2,"1","StartTransaction",{"connectorId":1,"idTag":"T","meterStart":5,"timestamp":"2030-01-01T00:00:00Z"}]'


async def test_a_store_that_takes_nothing_is_told_until_it_does_again(world: World) -> None:
    registry = world.ctx.metrics.registry
    assert registry.get_sample_value(WRITABLE) == 1
    async with raw(world) as socket:
        await socket.send('[2,"0","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
        assert str(await socket.recv()).startswith('[3,"0"')
        world.network.down()
        await socket.send(START)
        async with asyncio.timeout(5):
            while registry.get_sample_value(WRITABLE):
                await asyncio.sleep(0)
        world.network.restore()
        await socket.send(START.replace('"1"', '"2"'))
        async with asyncio.timeout(5):
            while not str(await socket.recv()).startswith('[3,"2"'):
                pass
        assert registry.get_sample_value(WRITABLE) == 1


async def test_what_was_not_taken_is_offered_again_and_kept_once() -> None:
    network, registry = MemoryNetwork(), CollectorRegistry()
    bus = MemoryBus("gateway", network, SystemClock())
    await ensure(bus)
    store = TransactionStore(bus, GatewayMetrics(registry))
    watching = asyncio.create_task(store.watch(0.01))
    event = SAMPLES["TransactionEnded"]
    assert isinstance(event, TransactionEnded)
    subject, keep = subjects.transaction("home", "CP001"), Keep(event, "one")
    network.down()
    try:
        await store.put(subject, keep)
    except BusError:
        assert registry.get_sample_value(WRITABLE) == 0
    network.restore()
    async with asyncio.timeout(5):
        while not registry.get_sample_value(WRITABLE):
            await asyncio.sleep(0.01)
    await store.put(subject, keep)
    assert len([message async for message in bus.read("transactions", subject)]) == 1
    watching.cancel()


async def test_the_end_of_the_certificates_is_told(tmp_path: Path) -> None:
    ctx, _ = await secure(tmp_path)
    name, labels = "evenload_certificate_expiry_timestamp_seconds", {"certificate": "stations"}
    async with asyncio.timeout(5):
        while (found := ctx.metrics.registry.get_sample_value(name, labels)) is None:
            await asyncio.sleep(0)
    assert found > 4e9
    await ctx.drain()
