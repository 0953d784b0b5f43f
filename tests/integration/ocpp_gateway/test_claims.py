"""Several gateways: who holds a station, and what happens when it dials another one."""

import asyncio

import pytest

from evenload.contracts import subjects
from evenload.contracts.records import StationRecord
from evenload.contracts.wire import decode_as
from evenload.runtime.clock import SystemClock
from evenload.runtime.memory_bus import MemoryBus
from services.ocpp_gateway.drivers import keeper
from tests.integration.ocpp_gateway.world import World, foreign, raw, start_gateway


async def record_of(world: World, station: str = "CP001") -> StationRecord:
    bucket = await world.bus.bucket(subjects.STATIONS)
    entry = await bucket.get(subjects.station_key(station))
    assert entry is not None
    return decode_as(StationRecord, entry.value)


async def holder(world: World, wanted: str) -> None:
    """Return when `wanted` holds the station."""
    async with asyncio.timeout(5):
        while (await record_of(world)).holder != wanted:
            await asyncio.sleep(0.01)


async def test_a_session_claims_its_station_and_a_stop_gives_it_back(world: World) -> None:
    async with foreign(world) as station:
        await station.boot()
        await holder(world, "gateway")
        world.ctx.stopping.set()
        await world.gateway.release()
        await holder(world, "")


async def test_the_gateway_with_the_living_socket_keeps_the_station(world: World) -> None:
    bus = MemoryBus("second", world.network, SystemClock())
    ctx, _, port = await start_gateway(bus)
    async with foreign(world) as first:
        await first.boot()
        await holder(world, "gateway")
        other = World(world.network, world.bus, world.gateway, ctx, port)
        async with raw(other) as intruder:
            await asyncio.wait_for(intruder.wait_closed(), 5)
        await holder(world, "gateway")
        assert (await first.boot()).status == "Accepted"
        message = await world.wait_for(lambda subject, event: event.get("kind") == "station_duplicate")
        assert message["active"]
    await ctx.drain()


async def test_a_gateway_is_silent_about_stations_of_another(world: World) -> None:
    bus = MemoryBus("second", world.network, SystemClock())
    async with foreign(world) as station:
        await station.boot()
        await holder(world, "gateway")
        ctx, gateway, _ = await start_gateway(bus)
        world.seen.clear()
        gateway.sessions["cp001"].publish_all()
        gateway.sessions["cp002"].publish_all()
        message = await world.wait_for(lambda subject, event: event.get("boot") == "second")
        assert message["load"] == "second"
        await ctx.drain()


async def test_what_could_not_be_written_is_written_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper_of = world.gateway.sessions["cp001"].keeper
    world.network.down()
    monkeypatch.setattr(keeper, "SAVE_AGAIN_S", 0.02)
    keeper_of.claim_soon()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    world.network.restore()
    await holder(world, "gateway")
