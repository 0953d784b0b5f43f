"""A station's record as its session writes it: what was learned, open transactions, and which gateway holds it.

All writes are compare-and-set on the newest record. What could not be written is written again, newest facts first,
until it could; at most sixteen records are written at once, so that a storm of reconnects leaves the disk to
transactions.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from msgspec.structs import replace

from evenload.contracts import subjects
from evenload.contracts.records import StationRecord
from evenload.contracts.wire import ContractError
from evenload.runtime.bus import BusError
from services.ocpp_gateway import learning
from services.ocpp_gateway.drivers.world import World
from services.ocpp_gateway.station import Station

SAVE_AGAIN_S: Final = 10.0


class Keeper:
    """Keeps one station's record up to date."""

    def __init__(
        self, station: Callable[[], Station], world: World, spawn: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._station, self._world, self._spawn = station, world, spawn
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

    def claim_soon(self) -> None:
        """Write that this gateway holds the station."""
        self._claiming = True
        self.remember_soon()

    async def release(self) -> None:
        """Write that nobody holds the station. Raises `BusError`."""
        ours = self._world.bus.boot
        await self._change(lambda record: replace(record, holder="") if record.holder == ours else record)

    async def remember(self) -> None:
        """Write what was learned, and the claim where it is due. Raises `BusError`."""
        holder = self._world.bus.boot if self._claiming else None
        self._claiming = False

        def step(record: StationRecord) -> StationRecord:
            """Take the facts as they are at each try: older ones would undo what another write has kept meanwhile."""
            if holder is not None:
                self.took_over = record.holder not in ("", holder)
            return learning.with_facts(record, learning.facts_of(self._station()), holder)

        try:
            await self._change(step)
        except BusError:
            self._claiming = self._claiming or holder is not None
            raise

    def remember_soon(self) -> None:
        """Write what was learned as soon as the bus allows."""
        if not self._saving:
            self._saving = True
            self._spawn(self._save())

    async def _save(self) -> None:
        while self._saving:
            await asyncio.sleep(0)
            try:
                async with self._world.saving:
                    self._saving = False
                    await self.remember()
            except (BusError, ContractError) as fault:
                self._saving = True
                why = f"station {self._station().plan.station!a}: what was learned is not kept yet: {fault}"
                self._world.complain(f"record {self._key()}", why)
                await asyncio.sleep(SAVE_AGAIN_S)

    def _key(self) -> str:
        return subjects.station_key(self._station().plan.station)

    async def _change(self, step: Callable[[StationRecord], StationRecord]) -> None:
        plan = self._station().plan
        await self._world.records.change(self._key(), step, StationRecord(station=plan.station, site=plan.site))
