"""Nothing lost, nothing doubled: repeats, restarts, a bus that is down; over the memory bus and over real NATS."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import json
from ocpp.v16 import call
from prometheus_client import CollectorRegistry

from evenload.cli.transactions import stored_view
from evenload.contracts import subjects
from evenload.runtime.clock import SystemClock
from evenload.runtime.memory_bus import MemoryBus
from evenload.runtime.nats_bus import connect_nats
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings
from evenload.transactions.tags import tag_hash
from evenload.transactions.view import energy_wh, listed
from services.ocpp_gateway.drivers.records import BLOCK, TransactionIds, tag_key
from services.ocpp_gateway.drivers.store import TransactionStore
from services.ocpp_gateway.metrics import GatewayMetrics
from tests.integration.ocpp_gateway.world import World, foreign, prepare, start_gateway


@pytest.fixture
def stamp() -> str:
    """The time by the stations' clocks: what is minutes old would come from an offline queue."""
    return datetime.now(UTC).isoformat()


def stored(world: World) -> list[dict[str, Any]]:
    """Return the events that the transactions stream holds."""
    stream = world.network.streams["transactions"]
    return [json.decode(data) for _, data in stream.kept]


async def test_a_repeated_start_gets_the_same_id_and_is_stored_once(world: World, stamp: str) -> None:
    async with foreign(world) as station:
        await station.boot()
        first = await station.start_charging(stamp)
    async with foreign(world) as station:
        assert await station.start_charging(stamp) == first
        await station.call(call.StopTransaction(meter_stop=2, timestamp=stamp, transaction_id=first))
        await station.call(call.StopTransaction(meter_stop=2, timestamp=stamp, transaction_id=first))
        assert await station.start_charging(stamp) != first
    kinds = [event["type"] for event in stored(world)]
    assert kinds.count("TransactionStarted") == 2
    assert kinds.count("TransactionEnded") == 1


async def test_a_restarted_gateway_knows_the_open_start_and_never_reuses_an_id(world: World, stamp: str) -> None:
    async with foreign(world) as station:
        await station.boot()
        first = await station.start_charging(stamp)
    await world.ctx.drain()
    bus = MemoryBus("second", world.network, SystemClock())
    world.ctx, world.gateway, world.port = await start_gateway(bus)
    async with foreign(world) as station:
        assert await station.start_charging(stamp) == first
        assert await station.start_charging(datetime.now(UTC).isoformat()) > first
        assert world.gateway.sessions["cp001"].station.outlets[0].transaction is not None
    assert first < BLOCK


async def test_a_stop_repeated_after_a_restart_is_stored_once(world: World, stamp: str) -> None:
    async with foreign(world) as station:
        await station.boot()
        ended = await station.start_charging(stamp)
        await station.call(call.StopTransaction(meter_stop=2, timestamp=stamp, transaction_id=ended))
        await asyncio.wait_for(remembered(world, f"{ended}"), 5)
    await world.ctx.drain()
    bus = MemoryBus("second", world.network, SystemClock())
    world.ctx, world.gateway, world.port = await start_gateway(bus)
    async with foreign(world) as station:
        await station.call(call.StopTransaction(meter_stop=2, timestamp=stamp, transaction_id=ended))
    assert [event["type"] for event in stored(world)] == ["TransactionStarted", "TransactionEnded"]


async def remembered(world: World, ended: str) -> None:
    """Return when the station's record names the ended transaction."""
    while world.gateway._world.records.by_key["cp001"].learned.get("ended_1") != ended:
        await asyncio.sleep(0)


async def test_a_connector_that_no_load_names_loses_and_doubles_nothing_either(world: World, stamp: str) -> None:
    start = call.StartTransaction(connector_id=7, id_tag="TAG", meter_start=5, timestamp=stamp)
    async with foreign(world) as station:
        await station.boot()
        first = await station.call(start)
    async with foreign(world) as station:
        assert (await station.call(start)).transaction_id == first.transaction_id
        for _ in range(2):
            ends = call.StopTransaction(meter_stop=6, timestamp=stamp, transaction_id=first.transaction_id)
            await station.call(ends)
        assert (await station.call(start)).transaction_id != first.transaction_id
    events = stored(world)
    assert [event["type"] for event in events] == ["TransactionStarted", "TransactionEnded", "TransactionStarted"]
    assert events[1]["known"]


async def test_stops_without_a_usable_id_are_told_apart_by_all_that_they_say(world: World, stamp: str) -> None:
    async with foreign(world) as station:
        await station.boot()
        for meter, reason in ((1, "Local"), (1, "Local"), (1, "Other"), (2, "Local")):
            stop = call.StopTransaction(meter_stop=meter, timestamp=stamp, transaction_id=-1, reason=reason)
            await station.call(stop)
    assert len(stored(world)) == 3


async def test_without_the_stream_there_is_no_answer_and_the_repeat_gets_one(world: World, stamp: str) -> None:
    async with foreign(world) as station:
        await station.boot()
        await station.profile("TxDefaultProfile")
        station._response_timeout = 0.2
        world.network.down()
        with pytest.raises(asyncio.TimeoutError):
            await station.start_charging(stamp)
        world.network.restore()
        assert await station.start_charging(stamp) > 0
    assert [event["type"] for event in stored(world)] == ["TransactionStarted"]


async def test_an_id_that_could_not_be_kept_is_kept_before_the_repeat_is_answered(world: World, stamp: str) -> None:
    async with foreign(world) as station:
        await station.boot()
        await station.start_charging("2026-01-01T00:00:00Z")  # a block of ids is there now
        station._response_timeout = 0.2
        world.network.down()
        with pytest.raises(asyncio.TimeoutError):
            await station.start_charging(stamp)
        world.network.restore()
        transaction = await station.start_charging(stamp)
        entry = await (await world.bus.bucket(subjects.STATIONS)).get("cp001")
        assert entry is not None
        assert json.decode(entry.value)["learned"]["start_1"].endswith(f":{transaction}")


async def test_two_gateways_never_give_the_same_id(world: World) -> None:
    metrics = GatewayMetrics(CollectorRegistry())
    buses = [MemoryBus(name, world.network, SystemClock()) for name in ("one", "two")]
    both = [TransactionIds(bus, TransactionStore(bus, metrics)) for bus in buses]
    given = []
    for _ in range(BLOCK + 5):
        for ids in both:
            given.append(await ids.ready())
            ids.take(given[-1])
    assert len(set(given)) == len(given)


async def test_streams_hold_a_hash_of_the_tag_and_never_the_tag(world: World, stamp: str) -> None:
    async with foreign(world) as station:
        await station.boot()
        start = call.StartTransaction(connector_id=1, id_tag="ANNAS-CARD", meter_start=0, timestamp=stamp)
        found = await station.call(start)
        stop = call.StopTransaction(
            meter_stop=2, timestamp=stamp, transaction_id=found.transaction_id, id_tag="annas-card"
        )
        await station.call(stop)
    hashes = {event["id_tag_hash"] for event in stored(world)}
    assert hashes == {tag_hash("ANNAS-CARD", await tag_key(world.bus))}
    assert not any(b"card" in data.lower() for stream in world.network.streams.values() for _, data in stream.kept)


async def test_the_stream_read_again_gives_an_equal_view(world: World, stamp: str) -> None:
    async with foreign(world) as station:
        await station.boot()
        for number in range(3):
            started = await station.start_charging(f"2026-06-01T12:00:0{number}Z")
            await station.call(call.StopTransaction(meter_stop=1500, timestamp=stamp, transaction_id=started))
    view = await stored_view(world.bus, "home")
    assert await stored_view(world.bus, "home", "CP001") == view
    assert [energy_wh(each) for each in listed(view)] == [500.0] * 3


async def test_a_queue_from_an_outage_is_stored_as_late_and_controls_nothing(world: World) -> None:
    async with foreign(world) as station:
        await station.boot()
        old = "2026-01-01T00:00:00Z"
        late = await station.start_charging(old)
        assert world.gateway.sessions["cp001"].station.outlets[0].transaction is None
        await station.call(call.StopTransaction(meter_stop=2, timestamp=old, transaction_id=late))
        await station.call(call.StopTransaction(meter_stop=2, timestamp=old, transaction_id=-1))
    events = stored(world)
    assert [(event["type"], event["late"]) for event in events] == [
        ("TransactionStarted", True),
        ("TransactionEnded", True),
        ("TransactionEnded", True),
    ]
    assert [event.get("known") for event in events] == [None, True, False]


async def test_a_transaction_seen_only_in_meter_values_is_adopted(world: World, stamp: str) -> None:
    async with foreign(world) as station:
        await station.boot()
        await station.status("Charging")
        values = [{"timestamp": stamp, "sampledValue": [{"value": "5", "measurand": "Current.Import"}]}]
        await station.call(call.MeterValues(connector_id=1, transaction_id=77, meter_value=values))
        await world.state("wallbox", transaction="77")
        world.set("wallbox", 9.0)
        assert (await station.profile("TxProfile"))["transaction_id"] == 77
    assert [event["why"] for event in stored(world)] == ["adopted"]


@pytest.fixture
async def nats_url(tmp_path: Path) -> AsyncIterator[str]:
    server = EmbeddedServer(tmp_path / "nats")
    await server.start()
    yield server.url
    await server.stop()


async def test_the_whole_way_over_real_nats(nats_url: str, stamp: str) -> None:
    settings, clock = Settings(nats_url=nats_url), SystemClock()
    bus = await connect_nats(settings, "test", "test", clock, wait_s=5)
    gateway_bus = await connect_nats(settings, "gateway", "gateway", clock, wait_s=5)
    await prepare(bus)
    ctx, gateway, port = await start_gateway(gateway_bus)
    world = World(None, bus, gateway, ctx, port)  # type: ignore[arg-type]  # no memory network here
    await bus.subscribe("evenload.site.>", world.on_message)
    async with foreign(world) as station:
        await station.boot()
        transaction = await station.start_charging(stamp)
        world.set("wallbox", 12.0)
        profile = await station.profile("TxProfile")
        assert profile["transaction_id"] == transaction
        await world.wait_for(lambda subject, message: message.get("type") == "Applied")
        await world.state("wallbox", setpoint_a=12.0)
        await station.call(call.StopTransaction(meter_stop=2, timestamp=stamp, transaction_id=transaction))
        subject = subjects.transaction("home", "CP001")
        await world.wait_for(lambda found, message: found == subject and message["type"] == "TransactionEnded")
    await ctx.drain()
    await bus.close()
    await gateway_bus.close()
