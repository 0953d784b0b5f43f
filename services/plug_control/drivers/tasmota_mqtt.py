"""Tasmota relays over MQTT: a command goes to `cmnd/TOPIC/…`, its answer comes on `stat/TOPIC/…`.

Answers carry no number: the next one that holds what was asked for is taken. `tele/TOPIC/LWT` says whether it is there.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.links import broker_of
from evenload.devices.mqtt import Broker, Message
from evenload.devices.words import document_of, is_online
from evenload.site.drivers import TasmotaMqttPlug
from services.plug_control.config import PlugPlan
from services.plug_control.drivers.contract import PlugDriver
from services.plug_control.drivers.tasmota import Tasmota, checked

CONNECT_WAIT_S = 0.5
ANSWER_KEYS = {"Status": "StatusSNS"}
"""Command → key of its answer, where it is another than the command's own name."""


@asynccontextmanager
async def open_plug(plan: PlugPlan, access: Access) -> AsyncIterator[PlugDriver]:
    """Yield the plug, listening until left."""
    options: TasmotaMqttPlug = plan.options
    async with access.brokers.connection(broker_of(plan.mqtt, access.secrets)) as broker:
        talk = Talk(broker, options)
        stops = [
            broker.listen(f"stat/{options.topic}/+", talk.take),
            broker.listen(f"tele/{options.topic}/LWT", talk.take_will),
        ]
        try:
            yield Tasmota(talk.ask, options.channel)
        finally:
            for stop in stops:
                stop()


class Talk:
    """Questions to one device, one at a time, and their answers."""

    def __init__(self, broker: Broker, options: TasmotaMqttPlug) -> None:
        self._broker, self._options = broker, options
        self._turn = asyncio.Lock()
        self._key = ""
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._gone = False

    def take(self, message: Message) -> None:
        """Take an answer, when it is the one that is waited for."""
        document = document_of(message.payload)
        waiting = self._answer
        if message.retained or waiting is None or waiting.done() or not isinstance(document, dict):
            return
        if any(key.upper().startswith(self._key) for key in document) or "Command" in document:
            waiting.set_result(document)

    def take_will(self, message: Message) -> None:
        """Take what the device, or its last will, says about itself."""
        self._gone = not is_online(message.payload)

    async def ask(self, command: str) -> dict[str, Any]:
        """Send `command` and return its answer; raise `DeviceError`."""
        name, _, value = command.partition(" ")
        topic = f"cmnd/{self._options.topic}/{name}"
        async with self._turn:
            await self._broker.wait_connected(CONNECT_WAIT_S)
            if self._gone:
                raise DeviceError("silent", topic, "its last will says that it is offline", "check its power and WiFi")
            self._key = ANSWER_KEYS.get(name, name.rstrip("0123456789")).upper()
            self._answer = asyncio.get_running_loop().create_future()
            try:
                await self._broker.publish(topic, value)
                async with asyncio.timeout(self._options.timeout_s):
                    return checked(await self._answer, topic)
            except TimeoutError as fault:
                why = f"no answer within {self._options.timeout_s:g} s"
                raise DeviceError("silent", topic, why, "check its power, WiFi and topic") from fault
            finally:
                self._answer = None
