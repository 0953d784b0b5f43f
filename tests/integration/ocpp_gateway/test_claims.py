"""Several gateways: who holds a station, and what happens when it dials another one."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

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


START = {"connectorId": 1, "idTag": "TAG", "meterStart": 7, "timestamp": "2030-01-01T00:00:00Z"}


async def ask(socket: Any, message_id: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the answer; calls of the gateway's are accepted meanwhile."""
    await socket.send(json.dumps([2, message_id, action, payload]))
    async with asyncio.timeout(5):
        while True:
            frame = json.loads(await socket.recv())
            if frame[0] == 2:
                await socket.send(json.dumps([3, frame[1], {"status": "Accepted"}]))
            elif frame[1] == message_id:
                assert frame[0] == 3, frame
                return dict(frame[2])


async def kept(world: World) -> list[tuple[str, str]]:
    """Return kind and transaction of what the stream holds."""
    events = [json.loads(data) async for _, data in world.bus.read("transactions", subjects.transactions("home"))]
    return [(event["type"], event["transaction"]) for event in events]


@asynccontextmanager
async def two_gateways(world: World) -> AsyncIterator[World]:
    """The world, and the same by a second gateway that was started before anything happened."""
    bus = MemoryBus("second", world.network, SystemClock())
    ctx, gateway, port = await start_gateway(bus)
    yield World(world.network, world.bus, gateway, ctx, port, world.seen, world.news)
    await ctx.drain()


async def test_a_repeat_at_another_gateway_has_the_same_id_and_is_kept_once(world: World) -> None:
    async with two_gateways(world) as other:
        async with raw(world) as socket:
            first = (await ask(socket, "1", "StartTransaction", START))["transactionId"]
        async with raw(other) as socket:
            assert (await ask(socket, "2", "StartTransaction", START))["transactionId"] == first
            stop = {"transactionId": first, "meterStop": 9, "timestamp": "2030-01-01T01:00:00Z"}
            await ask(socket, "3", "StopTransaction", stop)
        async with raw(world) as socket:
            await ask(socket, "4", "StopTransaction", stop)
            again = START | {"timestamp": "2030-01-01T02:00:00Z"}
            second = (await ask(socket, "5", "StartTransaction", again))["transactionId"]
        async with raw(other) as socket:
            assert (await ask(socket, "6", "StartTransaction", again))["transactionId"] == second
    assert await kept(world) == [
        ("TransactionStarted", str(first)), ("TransactionEnded", str(first)), ("TransactionStarted", str(second)),
    ]  # fmt: skip


async def test_a_running_transaction_is_known_where_its_station_goes(world: World) -> None:
    async with two_gateways(world) as other:
        async with foreign(world) as station:
            await station.boot()
            transaction = await station.start_charging("2030-01-01T00:00:00Z")
        async with foreign(other) as station:
            world.set("wallbox", 9.0)
            await station.boot()
            profile = await station.profile("TxProfile")
        assert (profile["transaction_id"], profile["charging_schedule"]["charging_schedule_period"][0]["limit"]) == (
            transaction, 9.0,
        )  # fmt: skip


async def test_a_gateway_says_nothing_of_setpoints_for_stations_of_another(world: World) -> None:
    async with two_gateways(world), foreign(world) as station:
        await station.boot()
        await holder(world, "gateway")
        await station.start_charging("2030-01-01T00:00:00Z")
        world.set("wallbox", 9.0)
        await world.wait_for(lambda subject, event: event.get("type") == "Applied")
        world.set("second", 9.0)
        await world.wait_for(lambda subject, event: event.get("type") == "Unreachable" and event["boot"] == "second")
        told = [event for _, event in world.seen if event.get("type") == "Unreachable"]
        assert {event["setpoint"]["load"] for event in told} == {"second"}
