"""What a service may do with the bus: one contract, kept by NATS (`nats_bus.py`) and in memory (`memory_bus.py`).

Rules of the contract:
* `publish` is core publish-subscribe: no acknowledgement, nothing buffered while disconnected (then it raises
  `BusDown`); control news must never arrive late.
* `store` waits until the stream has the event on disk; the same `message_id` within 24 h is stored once.
* Handlers are plain functions, called in order, one message at a time; they only store the fact and wake a task.
* The publisher's stamps (`boot`, `seq`, `sent_ms`) are put on by the bus at sending.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from evenload.contracts.events import Event

Handler = Callable[[str, bytes], None]
Responder = Callable[[str, bytes], Awaitable[bytes]]


class BusError(Exception):
    """The bus did not do what was asked; `what` was asked, `why` says what happened, `remedy` what to do."""

    def __init__(self, what: str, why: str, remedy: str = "") -> None:
        self.what, self.why, self.remedy = what, why, remedy

    def __str__(self) -> str:
        return f"{self.what}: {self.why}" + (f"; {self.remedy}" if self.remedy else "")


class BusDown(BusError):
    """Not connected."""


class BusTimeout(BusError):
    """No answer in time: no responder, a full disk, or a permission that denies it."""


class Conflict(BusError):
    """Compare-and-set lost: somebody else wrote first, or the key exists."""


class Entry(Struct, frozen=True):
    """A bucket's value with the revision that compare-and-set needs."""

    key: str
    value: bytes
    revision: int


class Change(Struct, frozen=True):
    """A change seen by a watcher; `value` None = deleted or expired."""

    key: str
    value: bytes | None
    revision: int


class Bucket(Protocol):
    """A key-value store. Keys are subject tokens joined by dots."""

    async def get(self, key: str) -> Entry | None:
        """Return the newest value, None when absent."""

    async def put(self, key: str, value: bytes) -> int:
        """Write without condition; return the revision."""

    async def create(self, key: str, value: bytes) -> int:
        """Write when absent; raise `Conflict` else."""

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Write when the newest revision is `revision`; raise `Conflict` else."""

    async def delete(self, key: str) -> None:
        """Remove the key."""

    async def keys(self) -> list[str]:
        """Return all keys, sorted."""

    def watch(self) -> AbstractAsyncContextManager[AsyncIterator[Change]]:
        """Yield first all present values, then every change; goes on after reconnects."""


class BucketSpec(Struct, frozen=True, kw_only=True):
    """A bucket as declared in `declared.py`."""

    name: str
    storage: Literal["file", "memory"] = "file"
    ttl_s: float | None = None
    history: int = 1
    replicas: int = 1


class StreamSpec(Struct, frozen=True, kw_only=True):
    """A stream as declared in `declared.py`; it keeps what is published on its subjects."""

    name: str
    subjects: tuple[str, ...]
    storage: Literal["file", "memory"] = "file"
    sync: Literal["each", "async"] = "each"
    """each: acknowledged means on disk; async: the last moments may be lost."""
    max_age_s: float | None = None
    max_bytes: int | None = None
    per_subject: int | None = None
    """How many of the newest events of one subject are kept; None = all."""
    duplicates_s: float = 120.0
    """The same message id within so many seconds is stored once."""
    protected: bool = False
    """Nobody may delete or purge events."""
    compressed: bool = False
    replicas: int = 1
    """Servers that hold a copy; 3 on a cluster of 3."""


class Declared(Struct, frozen=True, kw_only=True):
    """What declaring found: names made now, names changed, and what differs and cannot be changed (with the reason)."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()


class Subscription(Protocol):
    """A running subscription."""

    async def stop(self) -> None:
        """End it; the handler is not called again."""


class Bus(Protocol):
    """The bus as services see it."""

    boot: str

    @property
    def connected(self) -> bool:
        """Tell whether messages go out now."""

    def publish(self, subject: str, event: Event) -> Event:
        """Stamp and send `event`; return it as sent. Raises `BusDown`."""

    async def store(self, subject: str, event: Event, message_id: str, timeout_s: float = 5.0) -> Event:
        """Stamp, send, and return when the stream acknowledged. Raises `BusDown`, `BusTimeout`, `BusError`."""

    async def subscribe(self, subject: str, handler: Handler) -> Subscription:
        """Call `handler(subject, data)` for each message; survives reconnects."""

    async def serve(self, subject: str, responder: Responder) -> Subscription:
        """Answer requests on `subject`; each in its own task, bounded."""

    async def request(self, subject: str, data: bytes, timeout_s: float = 5.0) -> bytes:
        """Return the answer. Raises `BusTimeout` (also when nobody serves), `BusDown`."""

    async def bucket(self, name: str) -> Bucket:
        """Return a declared bucket, made when absent. Raises `BusTimeout`, `BusDown`."""

    def read(self, stream: str, subject: str, since: datetime | None = None) -> AsyncIterator[tuple[str, bytes]]:
        """Yield (subject, data) of what `stream` holds now on `subject`, oldest first, stored at `since` or later.

        Raises `BusError` when the stream is not there.
        """

    async def declare(self, streams: tuple[StreamSpec, ...], buckets: tuple[BucketSpec, ...]) -> Declared:
        """Make what is missing, change what may be changed safely; say what was found. Safe to repeat."""

    async def announce(self, name: str, version: str, description: str) -> None:
        """Answer NATS service discovery (`$SRV.PING`, `INFO`, `STATS`) as the service `name`, id = `boot`."""

    def on_connection(self, handler: Callable[[bool], None]) -> None:
        """Call `handler(connected)` at each change."""

    async def close(self) -> None:
        """Send what is queued and disconnect within 2 s."""
