"""The bus contract, kept by NATS and in memory."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from evenload.contracts import subjects
from evenload.contracts.events import Alert
from evenload.contracts.wire import decode_as
from evenload.runtime.bus import BucketSpec, Bus, BusDown, BusError, BusTimeout, Change, Conflict
from evenload.runtime.declared import BUCKETS, STREAMS, ensure
from tests.integration.runtime.conftest import NewBus, until

SUBJECT = subjects.alert("home", "test", "x")
ALERT = Alert(site="home", kind="test", about="x", active=True, at=datetime(2026, 1, 1, tzinfo=UTC))


async def following(changes: AsyncIterator[Change]) -> Change:
    return await asyncio.wait_for(anext(changes), 5)


async def heard_by(bus: Bus, subject: str) -> list[tuple[str, Alert]]:
    heard: list[tuple[str, Alert]] = []
    await bus.subscribe(subject, lambda subject, data: heard.append((subject, decode_as(Alert, data))))
    return heard


async def test_events_arrive_in_order_with_the_publishers_stamps(new_bus: NewBus) -> None:
    sender, receiver = await new_bus("sender"), await new_bus("receiver")
    heard = await heard_by(receiver, "evenload.site.*.alert.>")
    await settle(receiver)
    sent = [sender.publish(SUBJECT, ALERT) for _ in range(50)]
    await until(lambda: len(heard) == 50)
    assert [event for _, event in heard] == sent
    assert [event.seq for event in sent] == list(range(1, 51))
    assert {(subject, event.boot) for subject, event in heard} == {(SUBJECT, "sender")}


async def settle(bus: Bus) -> None:
    """Return when the network knows what `bus` subscribed to."""
    done = asyncio.Event()
    subscription = await bus.subscribe("evenload.settle", lambda subject, data: done.set())
    bus.publish("evenload.settle", ALERT)
    await asyncio.wait_for(done.wait(), 5)
    await subscription.stop()


async def test_who_does_not_match_hears_nothing(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    other = await heard_by(bus, subjects.alerts("office"))
    here = await heard_by(bus, subjects.alerts("home"))
    bus.publish(SUBJECT, ALERT)
    await until(lambda: len(here) == 1)
    assert other == []


async def test_a_stopped_subscription_is_silent(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    stopped: list[str] = []
    subscription = await bus.subscribe(SUBJECT, lambda subject, data: stopped.append(subject))
    here = await heard_by(bus, SUBJECT)
    await subscription.stop()
    bus.publish(SUBJECT, ALERT)
    await until(lambda: len(here) == 1)
    assert stopped == []


async def test_a_handler_that_raises_disturbs_nobody_and_is_reported(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    reports: list[BaseException | None] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reports.append(context.get("exception")))

    def fails(subject: str, data: bytes) -> None:
        raise ValueError("broken handler")

    await bus.subscribe(SUBJECT, fails)
    here = await heard_by(bus, SUBJECT)
    bus.publish(SUBJECT, ALERT)
    bus.publish(SUBJECT, ALERT)
    await until(lambda: len(here) == 2 and len(reports) == 2)
    assert all(isinstance(report, ValueError) for report in reports)


async def test_requests_are_answered(new_bus: NewBus) -> None:
    server, client = await new_bus("server"), await new_bus("client")

    async def respond(subject: str, data: bytes) -> bytes:
        return subject.encode() + b" " + data

    await server.serve("evenload.station.*.call", respond)
    await settle(server)
    assert await client.request("evenload.station.x.call", b"hello") == b"evenload.station.x.call hello"


async def test_a_request_nobody_serves_times_out(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    with pytest.raises(BusTimeout):
        await bus.request("evenload.station.nobody.call", b"", 1.0)


async def test_a_responder_that_raises_leaves_the_requester_with_a_timeout_and_serves_on(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    reports: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reports.append(context.get("exception")))

    async def respond(subject: str, data: bytes) -> bytes:
        if data == b"bad":
            raise ValueError("broken responder")
        return b"ok"

    await bus.serve("evenload.station.x.call", respond)
    with pytest.raises(BusTimeout):
        await bus.request("evenload.station.x.call", b"bad", 0.3)
    assert await bus.request("evenload.station.x.call", b"good") == b"ok"
    assert isinstance(reports[0], ValueError)


async def test_requests_beyond_the_bound_are_refused_not_queued(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    release = asyncio.Event()
    started: list[bytes] = []

    async def respond(subject: str, data: bytes) -> bytes:
        started.append(data)
        await release.wait()
        return b"ok"

    await bus.serve("evenload.station.x.call", respond)
    requests = [asyncio.ensure_future(bus.request("evenload.station.x.call", b"", 1.0)) for _ in range(70)]
    await until(lambda: len(started) == 64)
    release.set()
    answers = await asyncio.gather(*requests, return_exceptions=True)
    assert answers.count(b"ok") == 64
    assert sum(isinstance(answer, BusTimeout) for answer in answers) == 6


async def test_stored_events_are_heard_too(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    await ensure(bus)
    here = await heard_by(bus, subjects.transactions())
    stored = await bus.store(subjects.transaction("home", "CP1"), ALERT, "id-1")
    await until(lambda: len(here) == 1)
    assert here[0][1] == stored


async def test_a_stream_is_read_from_its_beginning_or_from_a_time_on(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    await ensure(bus)
    subject = subjects.transaction("home", "CP1")
    old = [await bus.store(subject, ALERT, f"old-{number}") for number in range(300)]
    await bus.store(subjects.transaction("office", "CP2"), ALERT, "other")
    since = datetime.now(UTC)
    new = await bus.store(subject, ALERT, "new")

    async def read(pattern: str, begin: datetime | None = None) -> list[Alert]:
        return [decode_as(Alert, data, found) async for found, data in bus.read("transactions", pattern, begin)]

    assert await read(subjects.transactions("home")) == [*old, new]
    assert await read(subjects.transactions("home"), since) == [new]
    assert await read(subjects.transactions("nowhere")) == []
    with pytest.raises(BusError):
        [each async for each in bus.read("nothing", ">")]


async def test_declaring_is_repeatable_and_says_what_it_did(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    names = {spec.name for spec in STREAMS} | {bucket.name for bucket in BUCKETS}
    first, second = await ensure(bus), await ensure(bus)
    assert set(first.created) == names
    assert (set(second.present), second.created, second.differing) == (names, (), ())


async def test_many_may_declare_at_once(new_bus: NewBus) -> None:
    buses = [await new_bus(f"b{number}") for number in range(4)]
    found = await asyncio.gather(*(ensure(bus) for bus in buses))
    assert all(one.differing == () for one in found)
    assert {name for one in found for name in one.created} >= {spec.name for spec in STREAMS}


async def test_a_bucket_reads_what_was_written(new_bus: NewBus) -> None:
    writer, reader = await new_bus("writer"), await new_bus("reader")
    written = await (await writer.bucket("sites")).put("home", b"one")
    entry = await (await reader.bucket("sites")).get("home")
    assert entry is not None
    assert (entry.key, entry.value, entry.revision) == ("home", b"one", written)
    assert await (await reader.bucket("sites")).get("nowhere") is None


async def test_create_claims_a_key_once(new_bus: NewBus) -> None:
    first, second = await (await new_bus("a")).bucket("stations"), await (await new_bus("b")).bucket("stations")
    await first.create("cp=2F1", b"mine")
    with pytest.raises(Conflict):
        await second.create("cp=2F1", b"no, mine")
    await first.delete("cp=2F1")
    assert await first.get("cp=2F1") is None
    await second.create("cp=2F1", b"now mine")


async def test_update_needs_the_newest_revision(new_bus: NewBus) -> None:
    bucket = await (await new_bus("a")).bucket("epochs")
    first = await bucket.create("home", b"1")
    second = await bucket.update("home", b"2", first)
    with pytest.raises(Conflict):
        await bucket.update("home", b"3", first)
    with pytest.raises(Conflict):
        await bucket.update("office", b"3", 77)
    assert (await bucket.update("home", b"3", second)) > second


async def test_keys_are_those_present_sorted(new_bus: NewBus) -> None:
    bucket = await (await new_bus("a")).bucket("sites")
    assert await bucket.keys() == []
    for key in ("b", "a", "c"):
        await bucket.put(key, b"x")
    await bucket.delete("b")
    assert await bucket.keys() == ["a", "c"]


async def test_a_watcher_sees_what_is_there_and_then_each_change(new_bus: NewBus) -> None:
    bucket = await (await new_bus("a")).bucket("sites")
    await bucket.put("home", b"1")
    await bucket.put("gone", b"1")
    await bucket.delete("gone")
    async with bucket.watch() as changes:
        assert (await following(changes)).value == b"1"
        await bucket.put("home", b"2")
        assert (await following(changes)).value == b"2"
        await bucket.delete("home")
        removed = await following(changes)
        assert (removed.key, removed.value) == ("home", None)
        await bucket.create("home", b"3")
        assert (await following(changes)).value == b"3"


async def test_what_expires_is_told_as_removed_and_may_be_created_again(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    spec = BucketSpec(name="owners", storage="memory", ttl_s=1.0)
    await bus.declare((), (spec,))
    bucket = await bus.bucket("owners")
    async with bucket.watch() as changes:
        await bucket.put("process", b"alive")
        assert (await following(changes)).value == b"alive"
        assert (await following(changes)).value is None
    assert await bucket.get("process") is None
    assert await bucket.keys() == []
    await bucket.create("process", b"alive again")


async def test_services_are_found_by_discovery(new_bus: NewBus) -> None:
    bus = await new_bus("boot1")

    async def respond(subject: str, data: bytes) -> bytes:
        return b""

    await bus.serve("evenload.station.x.call", respond)
    await bus.announce("evenload-probe", "1.2.3", "a probe")
    await bus.request("evenload.station.x.call", b"")
    answers = {verb: json.loads(await bus.request(f"$SRV.{verb}.evenload-probe", b"")) for verb in ("PING", "INFO")}
    stats = json.loads(await bus.request("$SRV.STATS.evenload-probe.boot1", b""))
    assert answers["PING"] == {
        "type": "io.nats.micro.v1.ping_response",
        "name": "evenload-probe",
        "id": "boot1",
        "version": "1.2.3",
        "metadata": {},
    }
    assert answers["INFO"]["description"] == "a probe"
    assert [(end["subject"], end["num_requests"]) for end in stats["endpoints"]] == [("evenload.station.x.call", 1)]


async def test_a_closed_bus_sends_nothing(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    await bus.close()
    assert not bus.connected
    with pytest.raises(BusDown):
        bus.publish(SUBJECT, ALERT)
