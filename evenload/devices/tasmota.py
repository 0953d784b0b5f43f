"""Questions to a Tasmota device: a command and its answer, over HTTP or MQTT.

On MQTT a command goes to `cmnd/TOPIC/…`, its answer comes on `stat/TOPIC/…`. Answers carry no number: the next one that
holds what was asked for is taken. `tele/TOPIC/LWT` says whether it is there.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from evenload.devices.errors import DeviceError
from evenload.devices.mqtt import Broker, Message
from evenload.devices.words import document_of, is_online

CONNECT_WAIT_S = 0.5
ANSWER_KEYS = {"Status": "StatusSNS"}
"""Command → key of its answer, where it is another than the command's own name."""


def checked(answer: Any, where: str) -> dict[str, Any]:
    """Return an answer that is an object; raise `DeviceError` for others and for refusals."""
    if not isinstance(answer, dict):
        raise DeviceError("garbage", where, "not an object", "is this a Tasmota device")
    if "WARNING" in answer:
        raise DeviceError("refused", where, str(answer["WARNING"])[:80], "switch its web password off")
    return answer


@asynccontextmanager
async def talking(broker: Broker, topic: str, timeout_s: float) -> AsyncIterator["Talk"]:
    """Yield questions to the device with `topic`, which is listened to until left."""
    talk = Talk(broker, topic, timeout_s)
    stops = [
        broker.listen(f"stat/{topic}/+", talk.take),
        broker.listen(f"tele/{topic}/LWT", talk.take_will),
    ]
    try:
        yield talk
    finally:
        for stop in stops:
            stop()


class Talk:
    """Questions to one device, one at a time, and their answers."""

    def __init__(self, broker: Broker, topic: str, timeout_s: float) -> None:
        self._broker, self._topic, self._timeout_s = broker, topic, timeout_s
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
        """Take what the device, or its last will, says about itself; an answer that was waited for will not come."""
        self._gone = not is_online(message.payload)
        if self._gone and self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._offline())

    def _offline(self) -> DeviceError:
        why = "its last will says that it is offline"
        return DeviceError("silent", f"cmnd/{self._topic}", why, "check its power and WiFi")

    async def ask(self, command: str) -> dict[str, Any]:
        """Send `command` and return its answer; raise `DeviceError`."""
        name, _, value = command.partition(" ")
        topic = f"cmnd/{self._topic}/{name}"
        async with self._turn:
            await self._broker.wait_connected(CONNECT_WAIT_S)
            if self._gone:
                raise self._offline()
            self._key = ANSWER_KEYS.get(name, name.rstrip("0123456789")).upper()
            self._answer = asyncio.get_running_loop().create_future()
            try:
                await self._broker.publish(topic, value)
                async with asyncio.timeout(self._timeout_s):
                    return checked(await self._answer, topic)
            except TimeoutError as fault:
                why = f"no answer within {self._timeout_s:g} s"
                raise DeviceError("silent", topic, why, "check its power, WiFi and topic") from fault
            finally:
                self._answer = None
