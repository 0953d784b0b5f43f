"""A meter or relay that speaks MQTT: tells its values on a period, its state on change, and takes commands."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiomqtt

from evenload.runtime.ending import end_if_cancelled, ended
from evenload.simulation.devices.faults import GARBAGE, Faults
from evenload.simulation.devices.world import PlugWorld

RETRY_S, CALL_TIMEOUT_S = 0.2, 60.0
"""Patient: a device that gives up on a loaded machine would be a fault that nobody asked for."""


class MqttThing:
    """`payload` is told on `topic` every `period_s`; a `relay` is commanded by `topic/set` and told on `topic/state`.

    `topic/availability` says online (retained); offline comes at `stop`, or as its last will.
    """

    def __init__(
        self,
        topic: str,
        payload: Callable[[], Any] | None = None,
        *,
        relay: PlugWorld | None = None,
        period_s: float = 1.0,
    ) -> None:
        self.topic, self.faults, self.relay = topic, Faults(), relay
        self._payload, self._period_s = payload, period_s
        self._task: asyncio.Task[None] | None = None
        self._told_state: bool | None = None
        self.ready = asyncio.Event()
        """Set while it is connected and listens."""
        self.retain = False
        """Values are kept by the broker."""

    async def start(self, host: str = "127.0.0.1", port: int = 1883) -> None:
        """Connect to the broker and go on until stopped, over reconnects."""
        self._task = asyncio.create_task(self._run(host, port), name=f"emulated {self.topic}")

    async def stop(self) -> None:
        """Say offline and disconnect."""
        if self._task is not None:
            await ended(self._task)
            self._task = None
            self.ready.clear()

    async def _run(self, host: str, port: int) -> None:
        will = aiomqtt.Will(f"{self.topic}/availability", "offline", qos=1, retain=True)
        while True:
            try:
                async with aiomqtt.Client(host, port, will=will, keepalive=5, timeout=CALL_TIMEOUT_S) as client:
                    await self._live(client)
            except aiomqtt.MqttError:
                self.ready.clear()
                await asyncio.sleep(RETRY_S)

    async def _live(self, client: aiomqtt.Client) -> None:
        if self.relay is not None:
            await client.subscribe(f"{self.topic}/set", qos=1)
        await client.publish(f"{self.topic}/availability", "online", qos=1, retain=True)
        self._told_state = None
        end_if_cancelled()
        self.ready.set()
        telling = asyncio.create_task(self._tell(client))
        try:
            async for message in client.messages:
                self._obey(message)
                await self._tell_relay(client)
                end_if_cancelled()
        finally:
            await ended(telling)
            with suppress(aiomqtt.MqttError):
                await client.publish(f"{self.topic}/availability", "offline", qos=1, retain=True)

    def _obey(self, message: aiomqtt.Message) -> None:
        if self.relay is not None and isinstance(message.payload, bytes):
            self.relay.command(message.payload.decode(errors="replace").upper() == "ON")

    async def _tell(self, client: aiomqtt.Client) -> None:
        while True:
            await self._tell_relay(client)
            if self._payload is not None:
                await client.publish(self.topic, self._text(self._payload()), qos=0, retain=self.retain)
            if self.relay is not None:
                await client.publish(f"{self.topic}/power", self._text(round(self.relay.power_w, 1)), qos=0)
            end_if_cancelled()
            await asyncio.sleep(self._period_s)

    async def _tell_relay(self, client: aiomqtt.Client) -> None:
        if self.relay is not None and self.relay.on is not self._told_state:
            self._told_state = self.relay.on
            await client.publish(f"{self.topic}/state", "ON" if self.relay.on else "OFF", qos=1, retain=True)

    def _text(self, payload: Any) -> str:
        if self.faults.garbage:
            return GARBAGE.decode()
        return json.dumps(self.faults.spoil(payload))
