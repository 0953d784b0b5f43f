"""Driver name in the site file → driver. One row a driver: of one relay, or of a device with levels."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evenload.devices.access import Access
from services.plug_control.config import PlugPlan
from services.plug_control.drivers import (
    homeassistant,
    homewizard,
    mqtt,
    power_http,
    power_modbus,
    power_mqtt,
    relays,
    sg_levels,
    sg_ready,
    shelly,
    tasmota,
    tasmota_mqtt,
    tplink,
    tuya,
)
from services.plug_control.drivers.contract import LevelDriver, OpenDevice, OpenPlug, PlugDriver
from services.plug_control.raw import RawObservation

DRIVERS: dict[str, OpenPlug] = {
    "homeassistant": homeassistant.open_plug,
    "homewizard": homewizard.open_plug,
    "mqtt": mqtt.open_plug,
    "sg_ready": sg_ready.open_plug,
    "shelly": shelly.open_plug,
    "tasmota": tasmota.open_plug,
    "tasmota_mqtt": tasmota_mqtt.open_plug,
    "tplink": tplink.open_plug,
    "tuya": tuya.open_plug,
}
LEVEL_DRIVERS: dict[tuple[str, str], OpenDevice] = {
    ("tank", "relays"): relays.open_device,
    ("modulating", "http_json"): power_http.open_device,
    ("modulating", "modbus"): power_modbus.open_device,
    ("modulating", "mqtt"): power_mqtt.open_device,
    ("heat_pump", "sg_ready"): sg_levels.open_device,
}
"""(type of load, driver) → driver of a device with levels of its own."""


@asynccontextmanager
async def open_device(plan: PlugPlan, access: Access) -> AsyncIterator[LevelDriver]:
    """Yield the device of a plan; one relay has the levels 0 and 1."""
    own = (plan.kind, plan.driver)
    if own in LEVEL_DRIVERS:
        async with LEVEL_DRIVERS[own](plan, access) as device:
            yield device
        return
    async with DRIVERS[plan.driver](plan, access) as relay:
        yield OnOff(relay)


class OnOff:
    """A relay as a device with two levels."""

    def __init__(self, relay: PlugDriver) -> None:
        self._relay = relay

    async def prepare(self, level: int) -> None:
        """Set what the relay does when it gets power again."""
        await self._relay.prepare(level > 0)

    async def switch(self, level: int, revert_s: float | None) -> None:
        """Switch the relay."""
        await self._relay.switch(level > 0, revert_s)

    async def observe(self) -> RawObservation:
        """Return what the relay says."""
        return await self._relay.observe()
