"""What only the in-memory bus has: a network that can be cut, and kept events to look at."""

import asyncio
from datetime import UTC, datetime

import pytest

from evenload.contracts import subjects
from evenload.contracts.events import Alert
from evenload.runtime.bus import BusDown, BusError
from evenload.runtime.clock import ManualClock
from evenload.runtime.declared import TRANSACTIONS, ensure
from evenload.runtime.memory_bus import MAX_PENDING, MemoryBus, MemoryNetwork

SUBJECT = subjects.transaction("home", "CP1")
ALERT = Alert(site="home", kind="test", about="x", active=True, at=datetime(2026, 1, 1, tzinfo=UTC))


async def test_a_cut_network_refuses_all_and_is_told() -> None:
    network, states = MemoryNetwork(), []
    bus = MemoryBus("a", network, ManualClock())
    bus.on_connection(states.append)
    bucket = await bus.bucket("sites")
    network.down()
    assert not bus.connected
    with pytest.raises(BusDown):
        bus.publish(SUBJECT, ALERT)
    with pytest.raises(BusDown):
        await bucket.put("home", b"1")
    network.restore()
    bus.publish(SUBJECT, ALERT)
    await asyncio.sleep(0)
    assert states == [False, True]


async def test_what_was_in_memory_is_lost_with_the_server_and_watchers_are_told() -> None:
    network = MemoryNetwork()
    bus = MemoryBus("a", network, ManualClock())
    owners, sites = await bus.bucket("owners"), await bus.bucket("sites")
    await owners.put("process", b"1")
    await sites.put("home", b"1")
    async with owners.watch() as changes:
        await asyncio.wait_for(anext(changes), 1)
        network.down()
        network.restore()
        assert (await asyncio.wait_for(anext(changes), 1)).value is None
    assert await owners.keys() == []
    assert await sites.keys() == ["home"]


async def test_a_repeat_within_the_window_is_kept_once() -> None:
    network, clock = MemoryNetwork(), ManualClock()
    bus = MemoryBus("a", network, clock)
    await ensure(bus)
    for message_id in ("one", "one", "two"):
        await bus.store(SUBJECT, ALERT, message_id)
    assert len(network.streams["transactions"].kept) == 2
    clock.advance(TRANSACTIONS.duplicates_s + 1)
    await bus.store(SUBJECT, ALERT, "one")
    assert len(network.streams["transactions"].kept) == 3


async def test_nothing_is_stored_where_no_stream_is() -> None:
    bus = MemoryBus("a", MemoryNetwork(), ManualClock())
    with pytest.raises(BusError, match="no stream"):
        await bus.store(SUBJECT, ALERT, "one")


async def test_expiry_follows_the_clock_of_the_bus() -> None:
    clock = ManualClock()
    bucket = await MemoryBus("a", MemoryNetwork(), clock).bucket("owners")
    await bucket.put("process", b"1")
    clock.advance(4.9)
    assert await bucket.get("process") is not None
    clock.advance(0.2)
    assert await bucket.get("process") is None


async def test_what_waits_for_a_handler_is_bounded_and_the_rest_counted() -> None:
    bus = MemoryBus("a", MemoryNetwork(), ManualClock())
    heard: list[str] = []
    subscription = await bus.subscribe(SUBJECT, lambda subject, data: heard.append(subject))
    for _ in range(MAX_PENDING + 7):
        bus.publish(SUBJECT, ALERT)
    await asyncio.sleep(0)
    assert (len(heard), subscription.dropped) == (MAX_PENDING, 7)
