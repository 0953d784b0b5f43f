"""Limits on an MQTT topic, with signs of life on the same one or on another.

A retained limit is known, and told when a sign of life comes. Each message is told: a repeated limit is a sign of life.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.links import broker_of
from evenload.devices.mqtt import Broker, Message
from evenload.devices.words import document_of
from evenload.site.limit_drivers import MqttLimit
from services.meter_ingest.drivers.limit_fields import LimitReader
from services.meter_ingest.limit_config import LimitPlan
from services.meter_ingest.limit_feed import Said

CONNECT_WAIT_S = 2.0
LOOK_S = 1.0
MOST_WAITING = 100
"""The newest count; of a flood the oldest are overtaken."""


class LimitInbox:
    """Messages in their order."""

    def __init__(self, reader: LimitReader) -> None:
        self._reader = reader
        self._waiting: deque[Said] = deque(maxlen=MOST_WAITING)
        self.woken = asyncio.Event()

    def take(self, message: Message) -> None:
        """Keep a limit."""
        self._keep(self._reader.said(document_of(message.payload), alive=not message.retained))

    def take_heartbeat(self, message: Message) -> None:
        """Keep a sign of life; one that the broker kept is none."""
        if not message.retained:
            self._keep(Said(tells=False))

    def _keep(self, said: Said) -> None:
        self._waiting.append(said)
        self.woken.set()

    def newest(self) -> tuple[Said, ...]:
        """Return what came since the last call, in order."""
        self.woken.clear()
        found = tuple(self._waiting)
        self._waiting.clear()
        return found


async def samples(plan: LimitPlan, access: Access) -> AsyncGenerator[Said, None]:
    """Yield what the topics say; raise `DeviceError` when the broker is lost."""
    options: MqttLimit = plan.options
    inbox = LimitInbox(LimitReader(options))
    async with access.brokers.connection(broker_of(plan.mqtt, access.secrets)) as broker:
        stops = [broker.listen(options.topic, inbox.take)]
        if options.heartbeat_topic is not None:
            stops.append(broker.listen(options.heartbeat_topic, inbox.take_heartbeat))
        try:
            await broker.wait_connected(CONNECT_WAIT_S)
            while True:
                await _woken(broker, inbox)
                for said in inbox.newest():
                    yield said
        finally:
            for stop in stops:
                stop()


async def _woken(broker: Broker, inbox: LimitInbox) -> None:
    """Return at the next message, or after a while; raise `DeviceError` when the broker is lost."""
    try:
        async with asyncio.timeout(LOOK_S):
            await inbox.woken.wait()
    except TimeoutError:
        if not broker.connected:
            raise DeviceError("silent", str(broker.address), broker.trouble, "check the broker") from None
