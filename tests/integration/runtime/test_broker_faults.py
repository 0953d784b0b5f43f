"""What NATS does to us: dies, stands still, loses streams; and what its bus must do then."""

import asyncio
import os
import signal
import time
from datetime import UTC, datetime

import pytest

from evenload.contracts import subjects
from evenload.contracts.events import Alert
from evenload.runtime.bus import BucketSpec, BusDown, BusError
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import TRANSACTIONS, ensure, lost_names
from evenload.runtime.nats_buckets import Message
from evenload.runtime.nats_bus import MAX_PENDING, NatsBus, connect_nats
from evenload.runtime.ports import free_port
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings
from tests.integration.runtime.conftest import until

SUBJECT = subjects.alert("home", "test", "x")
ALERT = Alert(site="home", kind="test", about="x", active=True, at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
async def bus(server: EmbeddedServer):
    bus = await connect_nats(Settings(nats_url=server.url), "boot", "probe", SystemClock(), wait_s=5)
    await ensure(bus)
    yield bus
    await bus.close()


def kill(server: EmbeddedServer, number: int = signal.SIGKILL) -> None:
    assert server.pid is not None
    os.kill(server.pid, number)


async def back(bus: NatsBus, server: EmbeddedServer, restarts: int) -> None:
    await until(lambda: server.restarts == restarts and bus.connected, 5)


async def test_after_kill_and_restart_subscriptions_requests_and_watchers_live_again(
    bus: NatsBus, server: EmbeddedServer
) -> None:
    heard: list[str] = []
    states: list[bool] = []
    bus.on_connection(states.append)
    await bus.subscribe(SUBJECT, lambda subject, data: heard.append(subject))

    async def respond(subject: str, data: bytes) -> bytes:
        return b"ok"

    await bus.serve("evenload.station.x.call", respond)
    bucket = await bus.bucket("sites")
    await bucket.put("home", b"1")
    async with bucket.watch() as changes:
        assert (await asyncio.wait_for(anext(changes), 5)).value == b"1"
        for round_number in (1, 2):
            kill(server)
            await until(lambda: not bus.connected, 1)
            with pytest.raises(BusDown):
                bus.publish(SUBJECT, ALERT)
            with pytest.raises(BusDown):
                await bucket.put("home", b"lost")
            await back(bus, server, round_number)
            await ensure(bus)
            value = f"after {round_number}".encode()
            await bucket.put("home", value)
            assert (await asyncio.wait_for(anext(changes), 5)).value == value
            bus.publish(SUBJECT, ALERT)
            await until(lambda wanted=round_number: len(heard) == wanted)
            assert await bus.request("evenload.station.x.call", b"") == b"ok"
    assert states == [False, True, False, True]


async def test_a_change_made_while_a_watcher_was_cut_off_is_told_and_nothing_else(
    bus: NatsBus, server: EmbeddedServer
) -> None:
    bucket = await bus.bucket("sites")
    await bucket.put("same", b"1")
    await bucket.put("goes", b"1")
    async with bucket.watch() as changes:
        assert {(await asyncio.wait_for(anext(changes), 5)).key for _ in range(2)} == {"same", "goes"}
        kill(server)
        await until(lambda: not bus.connected, 1)
        other = await connect_nats(Settings(nats_url=server.url), "other", "other", SystemClock(), wait_s=5)
        elsewhere = await other.bucket("sites")
        await elsewhere.delete("goes")
        await elsewhere.put("new", b"1")
        found = {}
        for _ in range(2):
            change = await asyncio.wait_for(anext(changes), 5)
            found[change.key] = change.value
        assert found == {"goes": None, "new": b"1"}
        await other.close()


async def test_nothing_said_while_cut_off_is_sent_later(bus: NatsBus, server: EmbeddedServer) -> None:
    other = await connect_nats(Settings(nats_url=server.url), "other", "other", SystemClock(), wait_s=5)
    heard: list[bytes] = []
    await other.subscribe(SUBJECT, lambda subject, data: heard.append(data))
    kill(server)
    refused = 0
    while server.restarts == 0:
        try:
            bus.publish(SUBJECT, ALERT)
        except BusDown:
            refused += 1
        await asyncio.sleep(0.001)
    await until(lambda: bus.connected and other.connected)
    last = bus.publish(SUBJECT, ALERT)
    await until(lambda: bool(heard))
    assert refused > 0
    assert f'"seq":{last.seq}'.encode() in heard[0]
    await other.close()


async def test_a_server_that_stands_still_is_noticed_and_left(bus: NatsBus, server: EmbeddedServer) -> None:

    async def never(subject: str, data: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    await bus.serve("evenload.station.x.call", never)
    kill(server, signal.SIGSTOP)
    try:
        asked = asyncio.ensure_future(bus.request("evenload.station.x.call", b"", 30.0))
        await until(lambda: not bus.connected, 9)
        with pytest.raises(BusDown):
            bus.publish(SUBJECT, ALERT)
        with pytest.raises(BusDown):
            await asked
    finally:
        kill(server, signal.SIGCONT)
    await until(lambda: bus.connected, 9)


async def flood(bus: NatsBus, size_bytes: int) -> None:
    for _ in range(size_bytes // 100_000):
        bus.link("flood").send(Message("evenload.flood", b"x" * 100_000))
        await asyncio.sleep(0)


async def test_a_connection_that_takes_no_data_is_not_fed_without_end(bus: NatsBus, server: EmbeddedServer) -> None:
    kill(server, signal.SIGSTOP)
    try:
        with pytest.raises(BusDown):
            await flood(bus, 20_000_000)
    finally:
        kill(server, signal.SIGCONT)


async def test_a_service_may_start_before_the_server(tmp_path) -> None:
    port = free_port()
    connecting = asyncio.ensure_future(
        connect_nats(Settings(nats_url=f"nats://127.0.0.1:{port}"), "b", "early", SystemClock())
    )
    await asyncio.wait([connecting], timeout=0.3)
    assert not connecting.done()
    server = EmbeddedServer(tmp_path / "nats", port)
    await server.start()
    bus = await asyncio.wait_for(connecting, 5)
    assert bus.connected
    await bus.close()
    await server.stop()


async def test_no_server_within_the_time_given_says_where_and_what_to_do() -> None:
    url = f"nats://me:secret@127.0.0.1:{free_port()}"
    with pytest.raises(BusDown) as refused:
        await connect_nats(Settings(nats_url=url), "b", "cli", SystemClock(), wait_s=0.5)
    assert "evenload up" in str(refused.value)
    assert "secret" not in str(refused.value)


def block_the_loop(seconds: float) -> None:
    """Compute without yielding, as a handler that does too much."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        pass


async def test_what_a_busy_loop_cannot_hold_is_dropped_and_counted(bus: NatsBus) -> None:
    faults: list[str] = []
    heard: list[str] = []
    bus.on_fault(lambda kind, text: faults.append(kind))
    await bus.subscribe("evenload.flood", lambda subject, data: heard.append(subject))
    for _ in range(20_000):
        bus.link("flood").send(Message("evenload.flood", b"x"))
    await bus.request("$JS.API.INFO", b"")  # the server has them all and sends them back
    block_the_loop(0.3)
    await until(lambda: len(heard) + faults.count("slow_consumer") == 20_000, 10)
    assert faults.count("slow_consumer") > 0
    assert len(heard) >= MAX_PENDING


async def test_a_deleted_stream_is_made_again_and_told_as_lost(bus: NatsBus) -> None:
    await bus.request(f"$JS.API.STREAM.DELETE.{TRANSACTIONS.name}", b"")
    with pytest.raises(BusError):
        await bus.store(subjects.transaction("home", "CP1"), ALERT, "id-1", 1.0)
    found = await ensure(bus)
    assert lost_names(found) == ("transactions",)
    await bus.store(subjects.transaction("home", "CP1"), ALERT, "id-1")


async def test_a_watcher_lives_through_the_loss_of_its_bucket(bus: NatsBus) -> None:
    bucket = await bus.bucket("sites")
    await bucket.put("home", b"1")
    async with bucket.watch() as changes:
        await asyncio.wait_for(anext(changes), 5)
        await bus.request("$JS.API.STREAM.DELETE.KV_sites", b"")
        await ensure(bus)
        await bucket.put("office", b"2")
        found = {}
        while len(found) < 2:
            change = await asyncio.wait_for(anext(changes), 12)
            found[change.key] = change.value
        assert found == {"home": None, "office": b"2"}


async def test_what_differs_is_changed_where_that_is_safe_and_named_where_not(bus: NatsBus) -> None:
    longer = BucketSpec(name="owners", storage="memory", ttl_s=7.0)
    on_disk = BucketSpec(name="owners", storage="file", ttl_s=7.0)
    assert (await bus.declare((), (longer,))).updated == ("owners",)
    assert (await bus.declare((), (longer,))).present == ("owners",)
    assert (await bus.declare((), (on_disk,))).differing[0].startswith("owners: ")


async def test_acknowledged_transactions_survive_kill_9_and_repeats_are_stored_once(
    bus: NatsBus, server: EmbeddedServer
) -> None:
    subject = subjects.transaction("home", "CP1")
    for number in range(20):
        await bus.store(subject, ALERT, f"id-{number}")
    kill(server)
    await back(bus, server, 1)
    for number in range(15, 25):
        await bus.store(subject, ALERT, f"id-{number}")
    info = await bus.request("$JS.API.STREAM.INFO.transactions", b"")
    assert b'"messages":25,' in info


@pytest.mark.parametrize("action", ["PURGE", "MSG.DELETE"])
async def test_nobody_deletes_transactions(bus: NatsBus, action: str) -> None:
    await bus.store(subjects.transaction("home", "CP1"), ALERT, "id-1")
    body = b'{"seq":1}' if action == "MSG.DELETE" else b""
    refused = await bus.request(f"$JS.API.STREAM.{action}.transactions", body)
    assert b'"error"' in refused
