"""Making declared streams and buckets on JetStream; tolerant of others doing the same at once."""

from typing import Any, Literal

import msgspec

from evenload.runtime import jetstream
from evenload.runtime.bus import BucketSpec, StreamSpec
from evenload.runtime.nats_buckets import Link, Message

TIMEOUT_S = 5.0
LEAST_BYTES = 1_000_000


class Found(msgspec.Struct, frozen=True):
    """What became of one declared thing."""

    name: str
    kind: Literal["created", "updated", "present", "differing"]
    why: str = ""


async def declare_stream(link: Link, spec: StreamSpec) -> Found:
    """Make or adapt the stream of `spec`. Raises `BusError`."""
    return await _declare(link, spec.name, jetstream.stream_config(spec))


async def declare_bucket(link: Link, spec: BucketSpec) -> Found:
    """Make or adapt the bucket of `spec`. Raises `BusError`."""
    return await _declare(link, spec.name, jetstream.bucket_config(spec))


async def need_bucket(link: Link, spec: BucketSpec) -> None:
    """Make the bucket of `spec` when it is missing. Raises `BusError`."""
    await _find_or_create(link, spec.name, jetstream.bucket_config(spec))


async def has_bucket(link: Link, spec: BucketSpec) -> bool:
    """Tell whether the bucket of `spec` was made. Raises `BusError`."""
    name: str = jetstream.bucket_config(spec)["name"]
    found = await _call(link, "INFO", name, {})
    if found.error is not None and found.error.err_code != jetstream.STREAM_NOT_FOUND:
        raise jetstream.failure(f"look at {spec.name}", found.error)
    return found.error is None


async def _declare(link: Link, name: str, wanted: dict[str, Any]) -> Found:
    found = await _find_or_create(link, name, wanted)
    return Found(name, "created") if found is None else await _adapt(link, name, wanted, found)


async def _find_or_create(link: Link, name: str, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """Return the configuration found, None when it was made now."""
    found = await _call(link, "INFO", wanted["name"], {})
    if found.error is not None and found.error.err_code == jetstream.STREAM_NOT_FOUND:
        made = await _create(link, wanted)
        if made.error is None:
            return None
        if made.error.err_code != jetstream.STREAM_EXISTS:
            raise jetstream.failure(f"create {name}", made.error)
        found = await _call(link, "INFO", wanted["name"], {})
    if found.error is not None:
        raise jetstream.failure(f"look at {name}", found.error)
    return found.config or {}


async def _create(link: Link, wanted: dict[str, Any]) -> jetstream.ApiAnswer:
    """Create with less room where the disk has not what is wanted; the next declaring tells of the difference."""
    room_bytes = wanted["max_bytes"]
    while True:
        made = await _call(link, "CREATE", wanted["name"], wanted | {"max_bytes": room_bytes})
        scarce = made.error is not None and made.error.err_code == jetstream.NO_ROOM
        if not scarce or room_bytes // 4 < LEAST_BYTES:
            return made
        room_bytes //= 4


async def _adapt(link: Link, name: str, wanted: dict[str, Any], found: dict[str, Any]) -> Found:
    if not jetstream.differences(wanted, found):
        return Found(name, "present")
    updated = await _call(link, "UPDATE", wanted["name"], jetstream.changed(wanted, found))
    if updated.error is not None:
        return Found(name, "differing", updated.error.description)
    left = jetstream.differences(wanted, updated.config or {})
    if left:
        return Found(name, "differing", f"{', '.join(left)} cannot be changed on a running stream")
    return Found(name, "updated")


async def _call(link: Link, verb: str, stream: str, body: dict[str, Any]) -> jetstream.ApiAnswer:
    message = Message(f"$JS.API.STREAM.{verb}.{stream}", msgspec.json.encode(body))
    answer = await link.ask(message, TIMEOUT_S)
    return jetstream.read_answer(f"{verb.lower()} {stream}", answer.data)
