"""SG Ready heat pumps and boilers: two relays, of which the four states are made.

    block (on, off)    normal (off, off)    recommend (off, on)    force (on, on)

A setpoint makes the `on_state`, without one it is in the `off_state`. Each relay is told to go back by itself where it
stands otherwise than in the off state, so that a dead controller leaves that state. A pair that is neither is put
right.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from evenload.devices.access import Access
from evenload.site.plug_drivers import SgReadyPlug
from services.plug_control.config import PlugPlan
from services.plug_control.drivers.contract import PlugDriver
from services.plug_control.drivers.relays import open_relays
from services.plug_control.raw import RawObservation

STATES: Mapping[str, tuple[bool, bool]] = {
    "block": (True, False),
    "normal": (False, False),
    "recommend": (False, True),
    "force": (True, True),
}


@asynccontextmanager
async def open_plug(plan: PlugPlan, access: Access) -> AsyncIterator[PlugDriver]:
    """Yield the pair of relays."""
    options: SgReadyPlug = plan.options
    async with open_relays(plan, (options.channel_1, options.channel_2), access) as (first, second):
        yield SgReady((first, second), STATES[options.on_state], STATES[options.off_state])


class SgReady:
    """Two relays as one plug."""

    def __init__(
        self, relays: tuple[PlugDriver, PlugDriver], on_pair: tuple[bool, bool], off_pair: tuple[bool, bool]
    ) -> None:
        self._relays, self._on_pair, self._off_pair = relays, on_pair, off_pair
        self._told = False

    async def prepare(self, power_on: bool) -> None:
        """Set what each relay does when the device gets power again."""
        pair = self._on_pair if power_on else self._off_pair
        for relay, wanted in zip(self._relays, pair, strict=True):
            await relay.prepare(wanted)

    async def switch(self, on: bool, revert_s: float | None) -> None:
        """Make the state; a relay that stands as in the other one needs no way back."""
        self._told = on
        pair, other = (self._on_pair, self._off_pair) if on else (self._off_pair, self._on_pair)
        for relay, wanted, back in zip(self._relays, pair, other, strict=True):
            await relay.switch(wanted, revert_s if wanted is not back else None)

    async def observe(self) -> RawObservation:
        """Return the state that the pair makes; another pair counts as not what it was told, and is put right."""
        first, second = [await relay.observe() for relay in self._relays]
        pair = (first.relay, second.relay)
        if not all(isinstance(relay, bool) for relay in pair):
            return RawObservation()
        return RawObservation(relay={self._on_pair: True, self._off_pair: False}.get(pair, not self._told))
