"""A power set by an HTTP request, and told by another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evenload.devices.access import Access
from evenload.devices.http import HttpDevice
from evenload.devices.json_path import find
from evenload.site.power_drivers import HttpPower
from services.plug_control.config import PlugPlan
from services.plug_control.drivers.contract import LevelDriver
from services.plug_control.drivers.mqtt import path_of
from services.plug_control.power import level_said, shown
from services.plug_control.raw import RawObservation


@asynccontextmanager
async def open_device(plan: PlugPlan, access: Access) -> AsyncIterator[LevelDriver]:
    """Yield the device."""
    options: HttpPower = plan.options
    yield HttpSetPower(HttpDevice(access.session, "", options.timeout_s), plan)


class HttpSetPower:
    """Its two addresses."""

    def __init__(self, device: HttpDevice, plan: PlugPlan) -> None:
        options: HttpPower = plan.options
        self._device, self._levels_w, self._options = device, plan.levels_w, options
        self._state_path = path_of(options.state_path)
        self._power_path = None if options.power_path is None else path_of(options.power_path)

    async def prepare(self, level: int) -> None:
        """Nothing: there is no such setting."""

    async def switch(self, level: int, revert_s: float | None) -> None:
        """Send the power of the level."""
        value = shown(self._levels_w[level], self._options.scale)
        body = None if self._options.body is None else self._options.body.replace("{value}", value)
        url = self._options.url.replace("{value}", value)
        await self._device.send(self._options.method, url, body, self._options.headers)

    async def observe(self) -> RawObservation:
        """Return what it says that it is set to."""
        said = await self._device.get(self._options.state_url, headers=self._options.headers)
        return RawObservation(
            relay=level_said(self._levels_w, find(said, self._state_path), self._options.scale),
            power_w=None if self._power_path is None else find(said, self._power_path),
        )
