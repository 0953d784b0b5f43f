"""A station's record as its session writes it: what was learned, open transactions, and which gateway holds it.

All writes are compare-and-set on the newest record. What could not be written is written again, newest facts first,
until it could; at most sixteen records are written at once, so that a storm of reconnects leaves the disk to
transactions.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from msgspec.structs import replace

from evenload.contracts import subjects
from evenload.contracts.records import StationRecord
from evenload.contracts.wire import ContractError
from evenload.runtime.bus import BusError
from services.ocpp_gateway import learning
from services.ocpp_gateway.drivers.world import World
from services.ocpp_gateway.station import Station

SAVE_AGAIN_S: Final = 10.0


class Kept(Protocol):
    """Whose record is kept."""

    station: Station

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run this beside."""

    def take_over(self, facts: learning.Facts) -> None:
        """Take what another gateway wrote while it held the station."""


class Keeper:
    """Keeps one station's record up to date."""

    def __init__(self, kept: Kept, world: World, record: StationRecord | None) -> None:
        self._kept, self._world = kept, world
        self._known = record.learned if record is not None else {}
        """The facts that the station stands on: as read at first, later as written by us."""
        self._writing = asyncio.Lock()
        self._saving = self._claiming = False
        self.took_over = False
        """The last claim took the station from another gateway."""

    def holder(self) -> str:
        """Return the gateway that holds the station, "" = none."""
        record = self._world.records.by_key.get(self._key())
        return record.holder if record is not None else ""

    def is_held(self) -> bool:
        """Tell whether the station's record says that this gateway holds it."""
        return self.holder() == self._world.bus.boot

    def is_elsewhere(self) -> bool:
        """Tell whether another gateway holds the station."""
        return self.holder() not in ("", self._world.bus.boot)

    async def claimed(self) -> None:
        """Return when a claim that is due is written, and what another gateway wrote is known. Raises `BusError`."""
        if self._claiming or self._writing.locked():
            await self.remember()

    def claim_soon(self) -> None:
        """Write that this gateway holds the station."""
        self._claiming = True
        self.remember_soon()

    async def release(self) -> None:
        """Write that nobody holds the station. Raises `BusError`."""
        ours = self._world.bus.boot
        await self._change(lambda record: replace(record, holder="") if record.holder == ours else record)

    async def remember(self) -> None:
        """Write what was learned, and the claim where it is due; one write at a time. Raises `BusError`."""
        async with self._writing:
            claiming, self._claiming = self._claiming, False
            try:
                await self._write(claiming=claiming)
            except BusError:
                self._claiming = self._claiming or claiming
                raise

    async def _write(self, *, claiming: bool) -> None:
        holder = self._world.bus.boot if claiming else None
        written = self._known

        def step(record: StationRecord) -> StationRecord:
            """Take the facts as they are at each try: older ones would undo what another write has kept meanwhile."""
            nonlocal written
            if claiming:
                self.took_over = record.holder not in ("", holder)
                self._take_over(record)
            changed = learning.with_facts(record, learning.facts_of(self._kept.station), holder)
            written = changed.learned
            return changed

        await self._change(step)
        self._known = written

    def _take_over(self, record: StationRecord) -> None:
        """Take the facts that another gateway has written since: a transaction may have begun or ended there."""
        if record.learned != self._known:
            self._known = record.learned
            self._kept.take_over(record.learned)

    def remember_soon(self) -> None:
        """Write what was learned as soon as the bus allows."""
        if not self._saving:
            self._saving = True
            self._kept.spawn(self._save())

    async def _save(self) -> None:
        while self._saving:
            await asyncio.sleep(0)
            try:
                async with self._world.saving:
                    self._saving = False
                    await self.remember()
            except (BusError, ContractError) as fault:
                self._saving = True
                why = f"station {self._kept.station.plan.station!a}: what was learned is not kept yet: {fault}"
                self._world.complain(f"record {self._key()}", why)
                await asyncio.sleep(SAVE_AGAIN_S)

    def _key(self) -> str:
        return subjects.station_key(self._kept.station.plan.station)

    async def _change(self, step: Callable[[StationRecord], StationRecord]) -> None:
        plan = self._kept.station.plan
        await self._world.records.change(self._key(), step, StationRecord(station=plan.station, site=plan.site))
