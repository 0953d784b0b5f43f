"""What a stream holds, read from its beginning or from a time on: an ephemeral pull consumer, a batch at a time.

The reader asks for the next batch when it is done with the one before, so that nothing piles up and nothing is dropped.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import datetime

import msgspec

from evenload.runtime import jetstream
from evenload.runtime.bus import BusError, BusTimeout
from evenload.runtime.nats_buckets import Link, Message, sequence_of

BATCH = 256
TIMEOUT_S = 5.0
FORGET_S = 10
"""The server removes the consumer by itself: readers are not allowed to remove any."""


async def read_stream(link: Link, stream: str, subject: str, since: datetime | None) -> AsyncIterator[Message]:
    """Yield the stored messages on `subject`, oldest first, until the newest one that was there. Raises `BusError`."""
    name, what = f"read-{secrets.token_hex(8)}", f"read {stream}"
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    address = link.new_inbox()
    end = await link.listen(address, inbox.put_nowait)
    try:
        await _create(link, stream, name, subject, since=since)
        expected = 1
        while True:
            link.send(Message(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}", _NEXT, address))
            async for message in _batch(inbox, what):
                sequence = sequence_of(message.reply)
                if sequence is None or sequence[1] != expected:
                    raise BusError(what, "a message is missing", "try again")
                expected += 1
                yield message
                if sequence[2] == 0:
                    return
            if expected == 1 or (expected - 1) % BATCH:
                return
    finally:
        end()


_NEXT = msgspec.json.encode({"batch": BATCH, "no_wait": True})


async def _batch(inbox: asyncio.Queue[Message], what: str) -> AsyncIterator[Message]:
    """Yield the messages of one batch; fewer when the stream has no more."""
    for _ in range(BATCH):
        try:
            message = await asyncio.wait_for(inbox.get(), TIMEOUT_S)
        except TimeoutError as fault:
            raise BusTimeout(what, f"no message in {TIMEOUT_S:g} s") from fault
        if "Status" in message.headers:
            return
        yield message


async def _create(link: Link, stream: str, name: str, subject: str, *, since: datetime | None) -> None:
    config: dict[str, object] = {
        "name": name,
        "filter_subject": subject,
        "deliver_policy": "all" if since is None else "by_start_time",
        "ack_policy": "none",
        "replay_policy": "instant",
        "inactive_threshold": FORGET_S * jetstream.NS_PER_S,
        "mem_storage": True,
        "num_replicas": 1,
    }
    if since is not None:
        config["opt_start_time"] = since.isoformat()
    request = msgspec.json.encode({"stream_name": stream, "config": config})
    reply = await link.ask(Message(f"$JS.API.CONSUMER.CREATE.{stream}.{name}.{subject}", request), TIMEOUT_S)
    answer = jetstream.read_answer(f"read {stream}", reply.data)
    if answer.error is not None:
        raise jetstream.failure(f"read {stream}", answer.error)
