"""A power set on MQTT. It is alive while the broker is; what it said last is what it is set to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.json_path import find
from evenload.devices.links import broker_of
from evenload.devices.mqtt import Broker, Message
from evenload.devices.words import document_of
from evenload.site.power_drivers import MqttPower
from services.plug_control.config import PlugPlan
from services.plug_control.drivers.contract import LevelDriver
from services.plug_control.drivers.mqtt import CONNECT_WAIT_S, path_of
from services.plug_control.power import level_said, shown
from services.plug_control.raw import RawObservation


@asynccontextmanager
async def open_device(plan: PlugPlan, access: Access) -> AsyncIterator[LevelDriver]:
    """Yield the device, listening until left."""
    options: MqttPower = plan.options
    async with access.brokers.connection(broker_of(plan.mqtt, access.secrets)) as broker:
        device = MqttSetPower(broker, plan)
        stops = [broker.listen(options.state_topic, device.take_state)]
        if options.power_topic is not None:
            stops.append(broker.listen(options.power_topic, device.take_power))
        try:
            yield device
        finally:
            for stop in stops:
                stop()


class MqttSetPower:
    """What it said last."""

    def __init__(self, broker: Broker, plan: PlugPlan) -> None:
        self._broker, self._levels_w = broker, plan.levels_w
        options: MqttPower = plan.options
        self._options = options
        self._state_path, self._power_path = path_of(options.state_path), path_of(options.power_path)
        self._state: Any = None
        self._power: Any = None

    def take_state(self, message: Message) -> None:
        """Keep what it is set to."""
        self._state = find(document_of(message.payload), self._state_path)

    def take_power(self, message: Message) -> None:
        """Keep the measured power; a retained one is of unknown age and says nothing."""
        self._power = None if message.retained else find(document_of(message.payload), self._power_path)

    async def prepare(self, level: int) -> None:
        """Nothing: MQTT has no such setting."""

    async def switch(self, level: int, revert_s: float | None) -> None:
        """Send the power of the level; what was measured before says nothing about after it."""
        self._power = None
        value = shown(self._levels_w[level], self._options.scale)
        await self._broker.publish(self._options.command_topic, self._options.payload.replace("{value}", value))

    async def observe(self) -> RawObservation:
        """Return what it said last; raise `DeviceError` when the broker is away or it has said nothing."""
        await self._broker.wait_connected(CONNECT_WAIT_S)
        if self._state is None:
            where = f"{self._broker.address} {self._options.state_topic}"
            raise DeviceError("silent", where, "no state yet", "check state_topic; the device should retain its state")
        return RawObservation(relay=level_said(self._levels_w, self._state, self._options.scale), power_w=self._power)
