"""Reading a stream in its order: what is stored, and what comes after; goes on where it was after a lost connection.

An ordered push consumer of our own, as for buckets: each delivery's sequence is checked, and when the connection, the
consumer or its heartbeat is lost the next one begins after the last event that was read. The server is let send more
only as the reader takes what came, so that no queue grows.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from datetime import UTC, datetime

import msgspec

from evenload.runtime import jetstream
from evenload.runtime.bus import BusError
from evenload.runtime.nats_buckets import HEARTBEAT_S, RETRY_S, SILENT_S, TIMEOUT_S, Link, Links, Message, sequence_of


class Stored(msgspec.Struct, frozen=True):
    """An event of a stream, with its place there."""

    subject: str
    data: bytes
    place: int


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is read: a stream's events on subjects that match `pattern`, from `since` on (None = all)."""

    stream: str
    pattern: str
    since: datetime | None = None


async def stored(links: Links, wanted: Wanted) -> AsyncGenerator[Stored | None, None]:
    """Yield what is stored in order, then None once, then what comes, for ever; it goes on after reconnects.

    Raises `BusError` when the stream cannot be read from the start, as when there is none.
    """
    place, is_told, began = 0, False, False
    while True:
        feed = HistoryFeed(await links.next_link(), wanted)
        try:
            is_empty = await feed.start(place)
            began = True
            if is_empty and not is_told:
                is_told = True
                yield None
            async for found, pending in feed.events():
                place = found.place
                yield found
                if pending == 0 and not is_told:
                    is_told = True
                    yield None
        except BusError:
            if not began:
                raise
        finally:
            feed.end()
        await asyncio.sleep(RETRY_S[0] * random.uniform(0.5, 1.0))


class HistoryFeed:
    """One ordered consumer on one connection; it ends when anything about it is doubtful."""

    def __init__(self, link: Link, wanted: Wanted) -> None:
        self._link, self._wanted = link, wanted
        self._name = secrets.token_hex(8)
        self._stop: Callable[[], None] | None = None
        self._waiting: asyncio.Queue[Message] = asyncio.Queue()
        self._delivered = 0

    async def start(self, after: int) -> bool:
        """Make a consumer that begins after place `after`; tell whether there is nothing yet. Raises `BusError`."""
        inbox = self._link.new_inbox()
        self._stop = await self._link.listen(inbox, self._waiting.put_nowait)
        subject = f"$JS.API.CONSUMER.CREATE.{self._wanted.stream}.{self._name}.{self._wanted.pattern}"
        request = {"stream_name": self._wanted.stream, "config": self._config(inbox, after)}
        reply = await self._link.ask(Message(subject, msgspec.json.encode(request)), TIMEOUT_S)
        answer = jetstream.read_answer(f"read {self._wanted.stream}", reply.data)
        if answer.error is not None:
            raise jetstream.failure(f"read {self._wanted.stream}", answer.error)
        return answer.num_pending == 0

    def _config(self, inbox: str, after: int) -> dict[str, object]:
        begin: dict[str, object] = {"deliver_policy": "all"}
        if after:
            begin = {"deliver_policy": "by_start_sequence", "opt_start_seq": after + 1}
        elif self._wanted.since is not None:
            since = self._wanted.since.astimezone(UTC).isoformat().replace("+00:00", "Z")
            begin = {"deliver_policy": "by_start_time", "opt_start_time": since}
        return begin | {
            "name": self._name,
            "deliver_subject": inbox,
            "filter_subject": self._wanted.pattern,
            "ack_policy": "none",
            "replay_policy": "instant",
            "max_deliver": 1,
            "flow_control": True,
            "idle_heartbeat": round(HEARTBEAT_S * jetstream.NS_PER_S),
            "inactive_threshold": 10 * jetstream.NS_PER_S,
            "mem_storage": True,
            "num_replicas": 1,
        }

    async def events(self) -> AsyncIterator[tuple[Stored, int]]:
        """Yield each event and how many are still to come; end when the connection or a delivery is lost."""
        while not self._link.lost.is_set():
            try:
                message = await asyncio.wait_for(self._waiting.get(), SILENT_S)
            except TimeoutError:
                return
            if "Status" in message.headers:
                if not self._on_status(message):
                    return
                continue
            sequence = sequence_of(message.reply)
            if sequence is None or sequence[1] != self._delivered + 1:
                return
            place, self._delivered, pending = sequence
            yield Stored(message.subject, message.data, place), pending

    def _on_status(self, message: Message) -> bool:
        """Let the server go on; tell whether nothing was lost on the way."""
        answer_to = message.reply or message.headers.get("Nats-Consumer-Stalled", "")
        if answer_to and not self._link.lost.is_set():
            self._link.send(Message(answer_to, b""))
        last = message.headers.get("Nats-Last-Consumer")
        return last is None or last == str(self._delivered)

    def end(self) -> None:
        """Stop listening; the server forgets the consumer by itself: who only reads may not delete one."""
        if self._stop is not None:
            self._stop()
