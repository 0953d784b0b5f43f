"""What must be on disk before a transaction is answered, and whether the disk takes it.

A call whose writes fail is not answered and its station repeats it. Beside that the newest write of each kind that
failed is tried again each 5 s, so that `evenload_transaction_store_writable` turns back by itself, also when that
station stays away: an event's message id comes from its content, so it is kept once whoever is first (faults.md section
3), a record is worth having, and of a block of ids too many there are millions.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Literal, TypeVar

from evenload.runtime.bus import Bus, BusError
from services.ocpp_gateway.config import STORE_TIMEOUT_S
from services.ocpp_gateway.metrics import GatewayMetrics
from services.ocpp_gateway.station import Keep

AGAIN_S: Final = 5.0
Kind = Literal["ids", "record", "event"]
T = TypeVar("T")


class TransactionStore:
    """The stream of transactions, and what is written before it, as this gateway writes them."""

    def __init__(self, bus: Bus, metrics: GatewayMetrics) -> None:
        self._bus, self._writable = bus, metrics.store_writable
        self._failed: dict[Kind, Callable[[], Awaitable[Any]]] = {}
        self._news = asyncio.Event()

    async def put(self, subject: str, keep: Keep) -> None:
        """Store an event. Raises `BusError` when the stream did not acknowledge it in 5 s."""
        await self.through("event", partial(self._bus.store, subject, keep.event, keep.message_id, STORE_TIMEOUT_S))

    async def through(self, kind: Kind, write: Callable[[], Awaitable[T]]) -> T:
        """Return what `write` does, and show whether it could. Raises its `BusError`."""
        try:
            done = await write()
        except BusError:
            self._failed[kind] = write
            self._writable.set(0)
            self._news.set()
            raise
        self._failed.pop(kind, None)
        self._writable.set(not self._failed)
        return done

    async def watch(self, again_s: float = AGAIN_S) -> None:
        """Try again what failed, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._failed:
                await asyncio.sleep(again_s)
                for kind, write in list(self._failed.items()):
                    await self._try(kind, write)

    async def _try(self, kind: Kind, write: Callable[[], Awaitable[Any]]) -> None:
        try:
            await self.through(kind, write)
        except BusError:
            return  # it was told where it failed first
