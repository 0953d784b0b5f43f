"""HomeWizard energy socket, local API v1: `GET /api/v1/data`, `GET` and `PUT /api/v1/state`. It has no timer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.http import HttpDevice
from evenload.site.plug_drivers import HomewizardPlug
from services.plug_control.config import PlugPlan
from services.plug_control.drivers.contract import PlugDriver
from services.plug_control.raw import RawObservation, scaled

WH_PER_KWH = 1_000.0


@asynccontextmanager
async def open_plug(plan: PlugPlan, access: Access) -> AsyncIterator[PlugDriver]:
    """Yield the socket."""
    options: HomewizardPlug = plan.options
    yield HomewizardSocket(HttpDevice(access.session, f"http://{options.host}/api/v1", options.timeout_s))


class HomewizardSocket:
    """One energy socket."""

    def __init__(self, device: HttpDevice) -> None:
        self._device = device

    async def prepare(self, power_on: bool) -> None:
        """Nothing: the socket keeps its relay's state over a power cut and has no setting for it."""

    async def switch(self, on: bool, revert_s: float | None) -> None:
        """Switch; raise `DeviceError` when the socket answers with another state (its switch lock is on)."""
        answer = await self._device.put("/state", {"power_on": on})
        if not isinstance(answer, dict) or answer.get("power_on") is not on:
            raise DeviceError("refused", self._device.base_url, "it kept its state", "take its switch lock off")

    async def observe(self) -> RawObservation:
        """Return the relay's state and what it measures."""
        return observation_of(await self._device.get("/state"), await self._device.get("/data"), self._device.base_url)


def observation_of(state: Any, values: Any, where: str) -> RawObservation:
    """Return the two answers as a raw look; raise `DeviceError` when one is no object."""
    if not isinstance(state, dict) or not isinstance(values, dict):
        raise DeviceError("garbage", where, "not an object", "is this a HomeWizard energy socket")
    imported_kwh = values.get("total_power_import_kwh", values.get("total_power_import_t1_kwh"))
    return RawObservation(
        relay=state.get("power_on"),
        power_w=values.get("active_power_w"),
        voltage_v=values.get("active_voltage_v"),
        energy_wh=scaled(imported_kwh, WH_PER_KWH),
    )
