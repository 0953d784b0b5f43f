"""Any MQTT topic with a number or a JSON document.

A retained message is of unknown age and is no reading by itself. A source with an availability topic may speak on
change only: while it is online its last value is yielded again each period, retained or not; when it goes offline
nothing more comes until it speaks again.
"""

import asyncio
from collections.abc import AsyncGenerator

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.links import broker_of
from evenload.devices.mqtt import Broker, Message
from evenload.devices.words import document_of, is_online
from evenload.site.drivers import MqttMeter
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.drivers.fields import reader
from services.meter_ingest.raw import RawSample

CONNECT_WAIT_S = 2.0


class Inbox:
    """The newest message of the topic and what is known about the source; older ones are overtaken."""

    def __init__(self, with_availability: bool) -> None:
        self._with_availability = with_availability
        self._payload: bytes | None = None
        self._online = False
        self.woken = asyncio.Event()

    def take(self, message: Message) -> None:
        """Keep a value."""
        if message.retained and not self._with_availability:
            return
        self._payload = message.payload
        self.woken.set()

    def take_availability(self, message: Message) -> None:
        """Keep what the source says about itself; offline forgets its value."""
        self._online = is_online(message.payload)
        if not self._online:
            self._payload = None
        self.woken.set()

    def newest(self) -> bytes | None:
        """Return the newest value that may be believed now, None when there is none."""
        self.woken.clear()
        if self._with_availability:
            return self._payload if self._online else None
        payload, self._payload = self._payload, None
        return payload


async def samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield what the topic says; raise `DeviceError` when the broker is lost."""
    options: MqttMeter = plan.options
    source = reader(options.fields, options.scale, reports_changes=options.availability_topic is not None)
    inbox = Inbox(options.availability_topic is not None)
    async with access.brokers.connection(broker_of(plan.mqtt, access.secrets)) as broker:
        stops = [broker.listen(options.topic, inbox.take)]
        if options.availability_topic is not None:
            stops.append(broker.listen(options.availability_topic, inbox.take_availability))
        try:
            await broker.wait_connected(CONNECT_WAIT_S)
            while True:
                await _woken(broker, inbox, plan.period_s)
                payload = inbox.newest()
                if payload is not None:
                    yield source.sample(document_of(payload))
        finally:
            for stop in stops:
                stop()


async def _woken(broker: Broker, inbox: Inbox, period_s: float) -> None:
    """Return at the next message or after `period_s`; raise `DeviceError` when the broker is lost."""
    try:
        async with asyncio.timeout(period_s):
            await inbox.woken.wait()
    except TimeoutError:
        if not broker.connected:
            raise DeviceError("silent", str(broker.address), broker.trouble, "check the broker") from None
