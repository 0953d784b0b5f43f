"""Keeps what the devices' cores remember in the bucket `devices`, so that a restart forgets nothing.

Writing never holds up a device: each task hands in the newest, one task writes. What could not be read at the start is
not written over.
"""

import asyncio
from typing import Any

import msgspec
from msgspec import Struct

from evenload.contracts import subjects
from evenload.contracts.records import DeviceRecord, LearnedRecord
from evenload.contracts.wire import Codec, ContractError, encode
from evenload.runtime.bus import BusError
from evenload.runtime.service import Context
from services.plug_control.config import PlugPlan
from services.plug_control.core import Now
from services.plug_control.remembering import Worth, kept, kept_rows, recalled, worth

KEEP_EVERY_S = 60.0
RETRY_S = 5.0
_RECORD, _ROWS = Codec(DeviceRecord, "DeviceRecord"), Codec(LearnedRecord, "LearnedRecord")


class Keeper:
    """The bucket, and what waits to be written."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._waiting: dict[str, Struct] = {}
        self._written: dict[str, Worth] = {}
        self._looked_s: dict[str, float] = {}
        self._unread: set[str] = set()
        self._news = asyncio.Event()

    async def recall(self, plan: PlugPlan, now: Now) -> Any:
        """Return what the process before remembered of a device; None = nothing that counts."""
        key = f"{plan.site}.{plan.load}"
        try:
            bucket = await self._ctx.bus.bucket(subjects.DEVICES)
            entry, rows = await bucket.get(key), await bucket.get(f"{key}.rows")
            self._unread.discard(key)
            if entry is None:
                return None
            known = None if rows is None else _ROWS.decode(rows.value, key)
            return recalled(plan, _RECORD.decode(entry.value, key), known, now)
        except BusError as fault:
            self._unread.add(key)
            self._ctx.complain(f"devices {key}", f"what {key} remembered is not known and not written over: {fault}")
        except (ContractError, msgspec.ValidationError) as fault:
            self._ctx.complain(f"devices {key}", f"what {key} remembered cannot be read, it begins anew: {fault}")
        return None

    def take(self, plan: PlugPlan, memory: Any, now: Now, *, ends: bool = False) -> None:
        """Take what a core remembers now: once a minute, and when its task ends."""
        key = f"{plan.site}.{plan.load}"
        due = ends or now.at_s - self._looked_s.get(key, -1e9) >= KEEP_EVERY_S
        found = worth(memory) if due and key not in self._unread else None
        if found is None:
            return
        before, self._looked_s[key] = self._written.get(key), now.at_s
        if before is not None and before == found:
            return
        self._written[key] = found
        self._waiting[key] = kept(plan, found, now)
        if found.rows and (before is None or before.rows != found.rows):
            self._waiting[f"{key}.rows"] = kept_rows(plan, found)
        self._news.set()

    async def run(self) -> None:
        """Write what is handed in, until cancelled; again after a while what could not be written."""
        while True:
            await self._news.wait()
            self._news.clear()
            if not await self.flush():
                await asyncio.sleep(RETRY_S)
                self._news.set()

    async def flush(self) -> bool:
        """Write what waits; tell whether all is written."""
        try:
            bucket = await self._ctx.bus.bucket(subjects.DEVICES)
            while self._waiting:
                key, record = next(iter(self._waiting.items()))
                await bucket.put(key, encode(record))
                if self._waiting.get(key) is record:
                    del self._waiting[key]
        except BusError as fault:
            self._ctx.complain("devices", f"what devices remember is not stored: {fault}")
            return False
        return True
