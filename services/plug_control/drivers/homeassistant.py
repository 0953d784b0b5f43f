"""A switch of Home Assistant (or a light, an input_boolean …), perhaps with an entity that tells its power.

It has no timer: what it was told last stays when nobody is left to tell it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.homeassistant import Home, home_address
from evenload.devices.secrets import read_secret
from evenload.devices.units_said import factor
from evenload.site.plug_drivers import HomeassistantPlug
from services.plug_control.config import PlugPlan
from services.plug_control.drivers.contract import PlugDriver
from services.plug_control.raw import RawObservation

CONNECT_WAIT_S = 0.5


@asynccontextmanager
async def open_plug(plan: PlugPlan, access: Access) -> AsyncIterator[PlugDriver]:
    """Yield the switch, watched until left."""
    options: HomeassistantPlug = plan.options
    token = read_secret(access.secrets, options.token_file)
    entities = frozenset({options.entity, *([options.power_entity] if options.power_entity else [])})
    async with access.homes.connection(home_address(options.host, token, secure=options.secure)) as home:
        stop = await home.watch(entities, lambda: None)
        try:
            yield HomeSwitch(home, options)
        finally:
            stop()


class HomeSwitch:
    """One switch."""

    def __init__(self, home: Home, options: HomeassistantPlug) -> None:
        self._home, self._options = home, options

    async def prepare(self, power_on: bool) -> None:
        """Nothing: Home Assistant has no such setting."""

    async def switch(self, on: bool, revert_s: float | None) -> None:
        """Call turn_on or turn_off; raise `DeviceError` when it is refused."""
        await self._home.wait_connected(CONNECT_WAIT_S)
        await self._home.call("turn_on" if on else "turn_off", self._options.entity)

    async def observe(self) -> RawObservation:
        """Return what the entities say; raise `DeviceError` when they are not there."""
        await self._home.wait_connected(CONNECT_WAIT_S)
        state = self._home.states.get(self._options.entity)
        if state is None or state.text not in ("on", "off"):
            why = f"{self._options.entity} is {state.text if state else 'not there'}"
            raise DeviceError("silent", str(self._home.address), why, "see to its device, or correct the entity's name")
        return RawObservation(relay=state.text == "on", power_w=self._power_w())

    def _power_w(self) -> float | None:
        state = self._home.states.get(self._options.power_entity or "")
        scale = None if state is None else factor("power_w", state.unit)
        if state is None or scale is None:
            return None
        try:
            return float(state.text) * scale
        except ValueError:
            return None
