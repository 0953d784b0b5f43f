"""Any relay on MQTT: a topic to command it, a topic where it tells its state, perhaps one with its power.

It is alive while the broker is; what it said last is what it is. Commands are never retained: a relay that comes back
must not act on an old one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.json_path import find, steps
from evenload.devices.links import broker_of
from evenload.devices.mqtt import Broker, Message
from evenload.devices.words import document_of
from evenload.site.plug_drivers import MqttPlug
from services.plug_control.config import PlugPlan
from services.plug_control.drivers.contract import PlugDriver
from services.plug_control.raw import RawObservation

CONNECT_WAIT_S = 0.5


@asynccontextmanager
async def open_plug(plan: PlugPlan, access: Access) -> AsyncIterator[PlugDriver]:
    """Yield the relay, listening until left."""
    options: MqttPlug = plan.options
    async with access.brokers.connection(broker_of(plan.mqtt, access.secrets)) as broker:
        relay = MqttRelay(broker, options)
        stops = [broker.listen(options.state_topic, relay.take_state)]
        if options.power_topic is not None:
            stops.append(broker.listen(options.power_topic, relay.take_power))
        try:
            yield relay
        finally:
            for stop in stops:
                stop()


class MqttRelay:
    """What a relay on MQTT said last."""

    def __init__(self, broker: Broker, options: MqttPlug) -> None:
        self._broker, self._options = broker, options
        self._state_path, self._power_path = path_of(options.state_path), path_of(options.power_path)
        self._state: Any = None
        self._power: Any = None

    def take_state(self, message: Message) -> None:
        """Keep the relay's state; what was measured in another state is forgotten."""
        before, self._state = self._state, find(document_of(message.payload), self._state_path)
        if before != self._state:
            self._power = None

    def take_power(self, message: Message) -> None:
        """Keep the measured power; a retained one is of unknown age and says nothing."""
        self._power = None if message.retained else find(document_of(message.payload), self._power_path)

    async def prepare(self, power_on: bool) -> None:
        """Nothing: MQTT has no such setting."""

    async def switch(self, on: bool, revert_s: float | None) -> None:
        """Send the command; what was measured before it says nothing about after it."""
        self._power = None
        await self._broker.publish(self._options.command_topic, self._options.on if on else self._options.off)

    async def observe(self) -> RawObservation:
        """Return what it said last; raise `DeviceError` when the broker is away or it has said nothing."""
        await self._broker.wait_connected(CONNECT_WAIT_S)
        if self._state is None:
            where = f"{self._broker.address} {self._options.state_topic}"
            raise DeviceError("silent", where, "no state yet", "check state_topic; the device should retain its state")
        return RawObservation(relay=self._relay(), power_w=self._power)

    def _relay(self) -> bool | None:
        said = "true" if self._state is True else "false" if self._state is False else str(self._state)
        words = {self._options.on.lower(): True, self._options.off.lower(): False}
        return words.get(said.strip().lower(), {"true": True, "false": False}.get(said.strip().lower()))


def path_of(text: str) -> tuple[str | int, ...]:
    """Return the steps of a path; raise `DeviceError` for one that cannot be read."""
    try:
        return steps(text)
    except ValueError as fault:
        raise DeviceError("refused", "plug", str(fault), "correct the site file") from fault
