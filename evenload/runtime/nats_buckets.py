"""Buckets on JetStream: reading, compare-and-set, and watchers that heal themselves.

A watcher is an ordered push consumer of our own: it checks each delivery's sequence and the server's heartbeats, and
when the connection, the consumer or the stream was lost it starts again with all present values. The reader is told
only what differs from what it was told before, removed keys too. Only subjects that a reader of a bucket is allowed
are used: DIRECT.GET, CONSUMER.CREATE and CONSUMER.DELETE of the bucket's stream, and flow control.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec

from evenload.runtime import jetstream
from evenload.runtime.bus import BucketSpec, BusDown, BusError, Change, Conflict, Entry
from evenload.runtime.changes import Changes

HEARTBEAT_S = 2.0
SILENT_S = 5.0
RETRY_S = (0.1, 2.0)
TIMEOUT_S = 5.0
REMOVED = ("KV-Operation", "Nats-Marker-Reason")
LAST_REVISION = "Nats-Expected-Last-Subject-Sequence"


class Message(msgspec.Struct, frozen=True):
    """A message as it came: with reply subject and headers."""

    subject: str
    data: bytes
    reply: str = ""
    headers: Mapping[str, str] = {}


class Link(Protocol):
    """One connection to the server, until it is lost."""

    lost: asyncio.Event

    async def ask(self, message: Message, timeout_s: float) -> Message:
        """Return the answer to a request. Raises `BusTimeout`, `BusDown`, `BusError`."""

    async def listen(self, subject: str, handler: Callable[[Message], None]) -> Callable[[], None]:
        """Hand over each message on `subject`; return what ends it."""

    def send(self, message: Message) -> None:
        """Send without an answer. Raises `BusDown`."""

    def new_inbox(self) -> str:
        """Return a subject nobody else listens to."""


class Links(Protocol):
    """Where buckets get the connection from."""

    def link(self, what: str) -> Link:
        """Return the connection; raise `BusDown` when there is none."""

    async def next_link(self) -> Link:
        """Return the connection, waiting for it."""


class NatsBucket:
    """One key-value bucket."""

    def __init__(self, links: Links, spec: BucketSpec) -> None:
        self._links, self.spec = links, spec
        self._stream, self._prefix = f"KV_{spec.name}", f"$KV.{spec.name}."

    async def get(self, key: str) -> Entry | None:
        """Return the newest value, None when absent."""
        newest = await self._newest(key)
        if newest is None or any(header in newest.headers for header in REMOVED):
            return None
        return Entry(key, newest.data, int(newest.headers["Nats-Sequence"]))

    async def put(self, key: str, value: bytes) -> int:
        """Write without condition."""
        return await self._write("put", key, value, {})

    async def create(self, key: str, value: bytes) -> int:
        """Write when absent (never written, removed or expired); raise `Conflict` else."""
        newest = await self._newest(key)
        if newest is None:
            return await self._write("create", key, value, {LAST_REVISION: "0"})
        if not any(header in newest.headers for header in REMOVED):
            raise Conflict(f"create {self.spec.name}/{key}", "the key exists")
        return await self._write("create", key, value, {LAST_REVISION: newest.headers["Nats-Sequence"]})

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Write when the newest revision is `revision`; raise `Conflict` else."""
        return await self._write("update", key, value, {LAST_REVISION: str(revision)})

    async def delete(self, key: str) -> None:
        """Remove the key; watchers are told."""
        await self._write("delete", key, b"", {"KV-Operation": "DEL"})

    async def keys(self) -> list[str]:
        """Return all keys, sorted."""
        feed = Feed(self._links.link(f"keys of {self.spec.name}"), self.spec.name, Changes())
        try:
            await feed.start()
            await asyncio.wait_for(feed.complete.wait(), TIMEOUT_S)
        except TimeoutError as fault:
            raise BusError(f"keys of {self.spec.name}", f"not complete in {TIMEOUT_S:g} s") from fault
        finally:
            feed.end()
        return sorted(feed.present)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[Change]]:
        """Yield all present values, then changes; goes on after reconnects."""
        changes = Changes()
        task = asyncio.create_task(self._feed(changes), name=f"watch {self.spec.name}")
        try:
            yield changes
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _feed(self, changes: Changes) -> None:
        pause_s = RETRY_S[0]
        while True:
            feed = Feed(await self._links.next_link(), self.spec.name, changes)
            try:
                await feed.start()
                await feed.run()
            except BusError:
                pause_s = min(RETRY_S[1], 2 * pause_s)
            else:
                pause_s = RETRY_S[0]
            finally:
                feed.end()
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))

    async def _newest(self, key: str) -> Message | None:
        what = f"get {self.spec.name}/{key}"
        subject = f"$JS.API.DIRECT.GET.{self._stream}.{self._prefix}{key}"
        found = await self._links.link(what).ask(Message(subject, b""), TIMEOUT_S)
        status = found.headers.get("Status")
        if status == "404":
            return None
        if status is not None or "Nats-Sequence" not in found.headers:
            raise BusError(what, f"JetStream answered {status or 'without a revision'}")
        return found

    async def _write(self, verb: str, key: str, value: bytes, headers: dict[str, str]) -> int:
        what = f"{verb} {self.spec.name}/{key}"
        message = Message(f"{self._prefix}{key}", value, headers=headers)
        answer = jetstream.read_answer(what, (await self._links.link(what).ask(message, TIMEOUT_S)).data)
        if answer.error is None:
            return answer.seq
        if answer.error.err_code in jetstream.WRONG_LAST_REVISION:
            raise Conflict(what, "somebody else wrote first")
        raise jetstream.failure(what, answer.error)


class Feed:
    """One ordered consumer on one connection; it ends when anything about it is doubtful."""

    def __init__(self, link: Link, bucket: str, changes: Changes) -> None:
        self._link, self._bucket, self._changes = link, bucket, changes
        self._name = secrets.token_hex(8)
        self._stop: Callable[[], None] | None = None
        self._broken, self.complete = asyncio.Event(), asyncio.Event()
        self._delivered, self._heard_s = 0, 0.0
        self.present: dict[str, int] = {}

    async def start(self) -> None:
        """Make the consumer; all present values follow."""
        self._heard_s = asyncio.get_running_loop().time()
        inbox = self._link.new_inbox()
        self._stop = await self._link.listen(inbox, self._on_message)
        what, keys = f"watch {self._bucket}", f"$KV.{self._bucket}.>"
        subject = f"$JS.API.CONSUMER.CREATE.KV_{self._bucket}.{self._name}.{keys}"
        request = {"stream_name": f"KV_{self._bucket}", "config": self._config(inbox, keys)}
        reply = await self._link.ask(Message(subject, msgspec.json.encode(request)), TIMEOUT_S)
        answer = jetstream.read_answer(what, reply.data)
        if answer.error is not None:
            raise jetstream.failure(what, answer.error)
        if answer.num_pending == 0 and self._delivered == 0:
            self._finish()

    def _config(self, inbox: str, keys: str) -> dict[str, object]:
        return {
            "name": self._name,
            "deliver_subject": inbox,
            "filter_subject": keys,
            "deliver_policy": "last_per_subject",
            "ack_policy": "none",
            "replay_policy": "instant",
            "max_deliver": 1,
            "flow_control": True,
            "idle_heartbeat": round(HEARTBEAT_S * jetstream.NS_PER_S),
            "inactive_threshold": 30 * jetstream.NS_PER_S,
            "mem_storage": True,
            "num_replicas": 1,
        }

    async def run(self) -> None:
        """Return when the connection is lost, a delivery is missing, or the heartbeat stopped."""
        loop = asyncio.get_running_loop()
        while not (self._broken.is_set() or self._link.lost.is_set()):
            silent_s = loop.time() - self._heard_s
            if silent_s > SILENT_S:
                return
            await wait_any((self._broken, self._link.lost), SILENT_S - silent_s + 0.1)

    def end(self) -> None:
        """Stop listening and remove the consumer."""
        if self._stop is not None:
            self._stop()
        try:
            self._link.send(Message(f"$JS.API.CONSUMER.DELETE.KV_{self._bucket}.{self._name}", b""))
        except BusDown:
            return  # the server forgets it by itself after the inactive threshold

    def _on_message(self, message: Message) -> None:
        self._heard_s = asyncio.get_running_loop().time()
        if "Status" in message.headers:
            self._on_status(message)
            return
        sequence = sequence_of(message.reply)
        if sequence is None or sequence[1] != self._delivered + 1:
            self._broken.set()
            return
        revision, self._delivered, pending = sequence
        self._on_entry(message, revision)
        if pending == 0:
            self._finish()

    def _on_status(self, message: Message) -> None:
        answer_to = message.reply or message.headers.get("Nats-Consumer-Stalled", "")
        if answer_to and not self._link.lost.is_set():
            self._link.send(Message(answer_to, b""))
        last = message.headers.get("Nats-Last-Consumer")
        if last is not None and last != str(self._delivered):
            self._broken.set()

    def _on_entry(self, message: Message, revision: int) -> None:
        key = message.subject.removeprefix(f"$KV.{self._bucket}.")
        if any(header in message.headers for header in REMOVED):
            self.present.pop(key, None)
            self._changes.offer(Change(key, None, revision))
        else:
            self.present[key] = revision
            self._changes.offer(Change(key, message.data, revision))

    def _finish(self) -> None:
        if not self.complete.is_set():
            self.complete.set()
            self._changes.complete(self.present)


def sequence_of(reply: str) -> tuple[int, int, int] | None:
    """Return (stream sequence, consumer sequence, still pending) of a delivery's acknowledge subject; None = none.

    `$JS.ACK.stream.consumer.delivered.sseq.cseq.time.pending`, or with domain and account hash after `$JS.ACK`.
    """
    tokens = reply.split(".")
    first = {9: 5}.get(len(tokens), 7)
    if len(tokens) < 9 or tokens[:2] != ["$JS", "ACK"]:
        return None
    numbers = (tokens[first], tokens[first + 1], tokens[first + 3])
    if not all(number.isdigit() for number in numbers):
        return None
    return int(numbers[0]), int(numbers[1]), int(numbers[2])


async def wait_any(events: tuple[asyncio.Event, ...], timeout_s: float) -> None:
    """Return when one of `events` is set, or after `timeout_s`."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
