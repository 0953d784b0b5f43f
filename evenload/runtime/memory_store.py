"""Streams and buckets of the in-memory bus."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from evenload.runtime.bus import BucketSpec, Change, Conflict, Entry, StreamSpec
from evenload.runtime.changes import Changes
from evenload.runtime.clock import Clock

MAX_KEPT = 10_000


class MemoryStream:
    """Keeps the newest `MAX_KEPT` events; `kept` is oldest first."""

    def __init__(self, spec: StreamSpec) -> None:
        self.spec = spec
        self.kept: deque[tuple[str, bytes]] = deque(maxlen=MAX_KEPT)
        self._stored_at: deque[datetime] = deque(maxlen=MAX_KEPT)
        self._ids: dict[str, float] = {}

    def keep(self, subject: str, data: bytes, at: datetime) -> None:
        """Append an event, stored at `at`."""
        self.kept.append((subject, data))
        self._stored_at.append(at)

    def since(self, at: datetime | None) -> list[tuple[str, bytes]]:
        """Return what was stored at `at` or later; None = all."""
        pairs = zip(self.kept, self._stored_at, strict=True)
        return [kept for kept, stored_at in pairs if at is None or stored_at >= at]

    def first_time(self, message_id: str, now_s: float) -> bool:
        """Tell whether `message_id` is new within the duplicate window, and remember it."""
        self._ids = {name: at_s for name, at_s in self._ids.items() if now_s - at_s <= self.spec.duplicates_s}
        if message_id in self._ids:
            return False
        self._ids[message_id] = now_s
        return True


class MemoryBucket:
    """A key-value store with compare-and-set, expiry and watchers."""

    def __init__(self, spec: BucketSpec, clock: Clock, need_up: Callable[[str], None]) -> None:
        self.spec, self._clock, self._need_up = spec, clock, need_up
        self._revision = 0
        self._entries: dict[str, tuple[Entry, float]] = {}
        self._watchers: list[Changes] = []

    async def get(self, key: str) -> Entry | None:
        """Return the newest value, None when absent."""
        self._need_up(f"get {self.spec.name}/{key}")
        return self._present(key)

    async def put(self, key: str, value: bytes) -> int:
        """Write without condition."""
        self._need_up(f"put {self.spec.name}/{key}")
        return self._write(key, value)

    async def create(self, key: str, value: bytes) -> int:
        """Write when absent; raise `Conflict` else."""
        self._need_up(f"create {self.spec.name}/{key}")
        if self._present(key) is not None:
            raise Conflict(f"create {self.spec.name}/{key}", "the key exists")
        return self._write(key, value)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Write when the newest revision is `revision`; raise `Conflict` else."""
        self._need_up(f"update {self.spec.name}/{key}")
        present = self._present(key)
        if present is None or present.revision != revision:
            raise Conflict(f"update {self.spec.name}/{key}", f"revision is no longer {revision}")
        return self._write(key, value)

    async def delete(self, key: str) -> None:
        """Remove the key."""
        self._need_up(f"delete {self.spec.name}/{key}")
        self._remove(key)

    async def keys(self) -> list[str]:
        """Return all keys, sorted."""
        self._need_up(f"keys of {self.spec.name}")
        self.sweep()
        return sorted(self._entries)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[Change]]:
        """Yield all present values, then changes."""
        changes = Changes()
        self.sweep()
        for entry, _ in self._entries.values():
            changes.offer(Change(entry.key, entry.value, entry.revision))
        self._watchers.append(changes)
        try:
            yield changes
        finally:
            self._watchers.remove(changes)

    def sweep(self) -> None:
        """Remove what has expired by now."""
        for key in list(self._entries):
            self._present(key)

    def lose_memory(self) -> None:
        """A memory bucket does not survive its server."""
        if self.spec.storage == "memory":
            for key in list(self._entries):
                self._remove(key)

    def _present(self, key: str) -> Entry | None:
        found = self._entries.get(key)
        if found is None:
            return None
        if self.spec.ttl_s is not None and self._clock.monotonic() - found[1] >= self.spec.ttl_s:
            self._remove(key)
            return None
        return found[0]

    def _write(self, key: str, value: bytes) -> int:
        self._revision += 1
        self._entries[key] = (Entry(key, value, self._revision), self._clock.monotonic())
        self._tell(Change(key, value, self._revision))
        if self.spec.ttl_s is not None:
            asyncio.get_running_loop().call_later(self.spec.ttl_s + 0.01, self.sweep)
        return self._revision

    def _remove(self, key: str) -> None:
        if self._entries.pop(key, None) is not None:
            self._revision += 1
            self._tell(Change(key, None, self._revision))

    def _tell(self, change: Change) -> None:
        for watcher in self._watchers:
            watcher.offer(change)
