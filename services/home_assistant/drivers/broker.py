"""A connection to the broker with a last will: announces, tells states, and hands over what is asked."""

import asyncio
import math
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec

from evenload.devices.mqtt import BrokerAddress

CALL_TIMEOUT_S, LEAVE_S, KEEPALIVE_S = 10.0, 10.0, 15
MAX_WAITING = 1_000
BIRTH = "homeassistant/status"
"""Where Home Assistant says `online` after its start: everything is told anew then."""
OnMessage = Callable[[str, bytes], None]


class Link:
    """One connection; topics are told when they change."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self._told: dict[str, bytes] = {}

    async def tell(self, topics: Mapping[str, Any]) -> None:
        """Publish what is other than last told, kept by the broker; None = forget the topic."""
        for topic, said in topics.items():
            payload = said if isinstance(said, bytes) else b"" if said is None else msgspec.json.encode(said)
            if self._told.get(topic) != payload:
                await publish(self._client, topic, payload)
                self._told[topic] = payload

    def forget(self) -> None:
        """Tell everything anew next time."""
        self._told.clear()

    async def listen(self, topics: tuple[str, ...], on_message: OnMessage) -> None:
        """Hand over each message of `topics` until cancelled."""
        for topic in topics:
            await self._client.subscribe(topic, qos=1)
        async for message in self._client.messages:
            if isinstance(message.payload, bytes) and not message.retain:
                on_message(message.topic.value, message.payload)


@asynccontextmanager
async def connected(address: BrokerAddress, availability: str) -> AsyncIterator[Link]:
    """Yield a connection on which `availability` says online, and offline afterwards. Raises `MqttError`, `OSError`."""
    password = Path(address.password_file).read_text(encoding="utf-8").strip() if address.password_file else None
    async with aiomqtt.Client(
        address.host,
        address.port,
        username=address.user,
        password=password,
        keepalive=KEEPALIVE_S,
        timeout=CALL_TIMEOUT_S,
        max_queued_incoming_messages=MAX_WAITING,
        tls_context=ssl.create_default_context() if address.tls else None,
        will=aiomqtt.Will(availability, "offline", qos=1, retain=True),
    ) as client:
        try:
            await publish(client, availability, b"online")
            yield Link(client)
        finally:
            await _leave(client, availability)


async def publish(client: aiomqtt.Client, topic: str, payload: bytes) -> None:
    """Return when the broker keeps the message. Raises `MqttError`, `TimeoutError`."""
    # The library's own limit may swallow a cancellation (asyncio.wait_for before Python 3.12).
    async with asyncio.timeout(CALL_TIMEOUT_S):
        await client.publish(topic, payload, qos=1, retain=True, timeout=math.inf)


async def _leave(client: aiomqtt.Client, availability: str) -> None:
    try:
        async with asyncio.timeout(LEAVE_S):
            await publish(client, availability, b"offline")
    except (aiomqtt.MqttError, TimeoutError):
        return  # the last will says it
