"""Tasmota relays over MQTT: the commands of `tasmota`, asked over the site's broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evenload.devices.access import Access
from evenload.devices.links import broker_of
from evenload.devices.tasmota import talking
from evenload.site.plug_drivers import TasmotaMqttPlug
from services.plug_control.config import PlugPlan
from services.plug_control.drivers.contract import PlugDriver
from services.plug_control.drivers.tasmota import Tasmota


@asynccontextmanager
async def open_plug(plan: PlugPlan, access: Access) -> AsyncIterator[PlugDriver]:
    """Yield the plug, listening until left."""
    options: TasmotaMqttPlug = plan.options
    async with (
        access.brokers.connection(broker_of(plan.mqtt, access.secrets)) as broker,
        talking(broker, options.topic, options.timeout_s) as talk,
    ):
        yield Tasmota(talk.ask, options.channel)
