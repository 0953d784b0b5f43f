"""Streams and buckets as files, byte for byte, by JetStream's own snapshot and restore. What `nats stream backup` does.

A snapshot comes in pieces to an inbox; each names a subject on which the server wants to hear that it arrived, else it
stops sending. An empty piece ends it. A restore is the same backwards: each piece is a request, the empty one ends it.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec

from evenload.runtime import jetstream
from evenload.runtime.bus import BusError, BusTimeout
from evenload.runtime.nats_buckets import Links, Message

PIECE_BYTES = 128 * 1024
PIECE_S, REMOVE_S = 10.0, 3.0
MOST_BYTES = 4_000_000_000


class Snapshot(msgspec.Struct, frozen=True):
    """A stream as it was: what the server calls its configuration and state, and its pieces."""

    name: str
    config: dict[str, Any]
    state: dict[str, Any]
    data: bytes


async def take(links: Links, name: str) -> Snapshot | None:
    """Return the stream's snapshot, None when there is no such stream. Raises `BusError`."""
    what = f"snapshot of {name}"
    link = links.link(what)
    pieces: asyncio.Queue[Message] = asyncio.Queue()
    inbox = link.new_inbox()
    stop = await link.listen(inbox, pieces.put_nowait)
    try:
        wanted = {"deliver_subject": inbox, "no_consumers": True, "chunk_size": PIECE_BYTES}
        subject = f"$JS.API.STREAM.SNAPSHOT.{name}"
        reply = await link.ask(Message(subject, msgspec.json.encode(wanted)), PIECE_S)
        answer = jetstream.read_answer(what, reply.data)
        if answer.error is not None:
            if answer.error.err_code == jetstream.STREAM_NOT_FOUND:
                return None
            raise jetstream.failure(what, answer.error)
        told = msgspec.json.decode(reply.data)
        found = bytearray()
        while (piece := await _next(pieces, what)).data:
            found += piece.data
            if len(found) > MOST_BYTES:
                raise BusError(what, f"larger than {MOST_BYTES} bytes", "use `nats stream backup`")
            if piece.reply:
                link.send(Message(piece.reply, b""))
        return Snapshot(name, told["config"], told["state"], bytes(found))
    finally:
        stop()


async def _next(pieces: "asyncio.Queue[Message]", what: str) -> Message:
    try:
        piece = await asyncio.wait_for(pieces.get(), PIECE_S)
    except TimeoutError as fault:
        raise BusTimeout(what, f"nothing came for {PIECE_S:g} s", "see the server's log") from fault
    status = piece.headers.get("Status", "")
    if status and status != "204":
        raise BusError(what, f"the server ended it: {piece.headers.get('Description', status)}")
    return piece


async def put_back(links: Links, snapshot: Snapshot) -> None:
    """Make the stream again as it was. Raises `BusError`, also when a stream of that name exists."""
    what = f"restore {snapshot.name}"
    link = links.link(what)
    wanted = msgspec.json.encode({"config": snapshot.config, "state": snapshot.state})
    answer = await link.ask(Message(f"$JS.API.STREAM.RESTORE.{snapshot.name}", wanted), PIECE_S)
    refused = jetstream.read_answer(what, answer.data)
    if refused.error is not None:
        raise jetstream.failure(what, refused.error)
    target = msgspec.json.decode(answer.data)["deliver_subject"]
    for piece in (*_pieces(snapshot.data), b""):
        reply = await link.ask(Message(target, piece), PIECE_S)
        if reply.data:
            said = jetstream.read_answer(what, reply.data)
            if said.error is not None:
                raise jetstream.failure(what, said.error)


async def exists(links: Links, name: str) -> bool:
    """Tell whether there is such a stream. Raises `BusError`."""
    what = f"look for {name}"
    reply = await links.link(what).ask(Message(f"$JS.API.STREAM.INFO.{name}", b""), PIECE_S)
    answer = jetstream.read_answer(what, reply.data)
    if answer.error is not None and answer.error.err_code != jetstream.STREAM_NOT_FOUND:
        raise jetstream.failure(what, answer.error)
    return answer.error is None


async def remove(links: Links, name: str) -> None:
    """Remove a stream with all it holds. Raises `BusError`."""
    what = f"remove {name}"
    reply = await links.link(what).ask(Message(f"$JS.API.STREAM.DELETE.{name}", b""), REMOVE_S)
    answer = jetstream.read_answer(what, reply.data)
    if answer.error is not None:
        raise jetstream.failure(what, answer.error)


def _pieces(data: bytes) -> Iterable[bytes]:
    return (data[start : start + PIECE_BYTES] for start in range(0, len(data), PIECE_BYTES))
