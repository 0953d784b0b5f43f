"""A heat pump's SG Ready contacts as levels: 0 blocked, 1 normal, 2 recommended, 3 forced.

Each relay that stands otherwise than in the normal state is told to open by itself, so that a dead controller leaves
the heat pump in its normal state.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evenload.devices.access import Access
from evenload.site.device_drivers import SgReadyDevice
from services.plug_control.config import PlugPlan
from services.plug_control.drivers.contract import LevelDriver, PlugDriver
from services.plug_control.drivers.relays import open_relays
from services.plug_control.drivers.sg_ready import STATES
from services.plug_control.raw import RawObservation

PAIRS = tuple(STATES[name] for name in ("block", "normal", "recommend", "force"))


@asynccontextmanager
async def open_device(plan: PlugPlan, access: Access) -> AsyncIterator[LevelDriver]:
    """Yield the pair of relays."""
    options: SgReadyDevice = plan.options
    async with open_relays(plan, (options.channel_1, options.channel_2), access) as (first, second):
        yield SgLevels((first, second))


class SgLevels:
    """Two relays as one device with four levels."""

    def __init__(self, relays: tuple[PlugDriver, PlugDriver]) -> None:
        self._relays = relays

    async def prepare(self, level: int) -> None:
        """Set what each relay does when the device gets power again."""
        for relay, closed in zip(self._relays, PAIRS[level], strict=True):
            await relay.prepare(closed)

    async def switch(self, level: int, revert_s: float | None) -> None:
        """Make the state, opening before closing: no state between is more than both."""
        pair = PAIRS[level]
        for on in (False, True):
            for relay, closed in zip(self._relays, pair, strict=True):
                if closed is on:
                    await relay.switch(on, revert_s if on else None)

    async def observe(self) -> RawObservation:
        """Return the level that the pair makes; the contacts say nothing of what the heat pump draws."""
        first, second = [(await relay.observe()).relay for relay in self._relays]
        pair = (first, second)
        return RawObservation(relay=PAIRS.index(pair) if pair in PAIRS else None)
