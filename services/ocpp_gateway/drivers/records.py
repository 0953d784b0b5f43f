"""The stations' records on the bus: credentials, what was learned, and the counter of transaction ids.

Records are kept in memory by watching the bucket, so that a handshake waits for nothing. Writes are compare-and-set and
merge: first on the record as it is known here, which costs one request, and when somebody else was first on the newest
one, five times at most. Keys with a dot are not stations: a station's key has none.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Final

from evenload.contracts import subjects
from evenload.contracts.records import StationRecord
from evenload.contracts.wire import Codec, ContractError, encode
from evenload.runtime.bus import Bucket, Bus, BusError, Conflict
from services.ocpp_gateway.drivers.store import TransactionStore

COUNTER_KEY: Final = "gateway.transaction_ids"
BLOCK: Final = 1_000
MAX_ID: Final = 2**31 - 1
TRIES: Final = 5
READS_AT_ONCE: Final = 64

_codec = Codec(StationRecord, "StationRecord")
RecordChange = Callable[[str, StationRecord | None, StationRecord | None], None]
"""(key, record as it is now, record as it was known)."""


class StationRecords:
    """All stations' records, by key."""

    def __init__(self, bus: Bus, on_change: RecordChange) -> None:
        self._bus, self._on_change = bus, on_change
        self.by_key: dict[str, StationRecord] = {}
        self._revisions: dict[str, int] = {}
        self._bucket: Bucket | None = None

    async def load(self) -> None:
        """Read all records once, so that no station is refused because we have just started."""
        bucket, places = await self._bus.bucket(subjects.STATIONS), asyncio.Semaphore(READS_AT_ONCE)

        async def read(key: str) -> None:
            async with places:
                entry = await bucket.get(key)
            if entry is not None:
                self._take(key, entry.value, entry.revision)

        await asyncio.gather(*(read(key) for key in await bucket.keys() if "." not in key))

    async def watch(self) -> None:
        """Follow all changes for ever."""
        bucket = await self._bus.bucket(subjects.STATIONS)
        async with bucket.watch() as changes:
            async for change in changes:
                if "." not in change.key:
                    self._take(change.key, change.value, change.revision)

    def _take(self, key: str, value: bytes | None, revision: int) -> None:
        if self._revisions.get(key) == revision:
            return  # what we wrote ourselves
        self._revisions[key] = revision
        try:
            record = None if value is None else _codec.decode(value, f"bucket stations, key {key}")
        except ContractError:
            return
        before = self.by_key.get(key)
        if record is None:
            self.by_key.pop(key, None)
        else:
            self.by_key[key] = record
        self._on_change(key, record, before)

    async def change(self, key: str, step: Callable[[StationRecord], StationRecord], fresh: StationRecord) -> None:
        """Write `step(record)` where it differs, on `fresh` where there is none yet. Raises `BusError`."""
        if self._bucket is None:
            self._bucket = await self._bus.bucket(subjects.STATIONS)
        record, revision = self.by_key.get(key), self._revisions.get(key, 0)
        for _ in range(TRIES):
            if record is None:
                record, revision = await self._newest(self._bucket, key, fresh)
            changed = step(record)
            written = revision if changed == record else await _written(self._bucket, key, revision, encode(changed))
            if written is not None:
                self.by_key[key], self._revisions[key] = changed, written
                return
            record = None
        raise Conflict(f"bucket stations, key {key}", f"written by others {TRIES} times in a row")

    async def _newest(self, bucket: Bucket, key: str, fresh: StationRecord) -> tuple[StationRecord, int]:
        """Return the newest record and its revision; `fresh` and 0 where there is none."""
        entry = await bucket.get(key)
        if entry is None:
            return fresh, 0
        return _codec.decode(entry.value, f"bucket stations, key {key}"), entry.revision


async def _written(bucket: Bucket, key: str, revision: int, value: bytes) -> int | None:
    """Write by compare-and-set, `revision` 0 = where nothing is; return the new revision, None when it was too late."""
    try:
        return await (bucket.update(key, value, revision) if revision else bucket.create(key, value))
    except Conflict:
        return None


class TransactionIds:
    """Ids for 1.6 transactions: unique over gateways and restarts, from blocks of 1,000 (faults.md section 3)."""

    def __init__(self, bus: Bus, store: TransactionStore) -> None:
        self._bus, self._store = bus, store
        self._next, self._end = 0, 0
        self._fetching = asyncio.Lock()

    async def ready(self) -> int:
        """Return the id that the next transaction will get; fetch a block when none is left. Raises `BusError`."""
        async with self._fetching:
            if self._next >= self._end:
                self._next = await self._store.through("ids", self._fetch)
                self._end = self._next + BLOCK
        return self._next

    def take(self, transaction: int) -> None:
        """Use an id up."""
        self._next = max(self._next, transaction + 1)

    async def _fetch(self) -> int:
        bucket = await self._bus.bucket(subjects.STATIONS)
        for _ in range(TRIES):
            entry = await bucket.get(COUNTER_KEY)
            first, revision = (int(entry.value), entry.revision) if entry is not None else (1, 0)
            if await _written(bucket, COUNTER_KEY, revision, str(first + BLOCK).encode()) is None:
                continue
            assert first + BLOCK <= MAX_ID, "2^31 transaction ids are used up"
            return first
        raise BusError("a block of transaction ids", f"the counter was taken {TRIES} times in a row")


async def tag_key(bus: Bus) -> bytes:
    """Return the key that hashes id tags, made once for the installation. Raises `BusError`."""
    bucket = await bus.bucket(subjects.STATIONS)
    for _ in range(TRIES):
        entry = await bucket.get(subjects.TAG_KEY)
        if entry is not None:
            return bytes.fromhex(entry.value.decode())
        await _written(bucket, subjects.TAG_KEY, 0, secrets.token_hex(32).encode())
    raise BusError("the key of id tags", f"could not be read in {TRIES} tries")
