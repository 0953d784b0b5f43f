"""One connection to each MQTT broker, shared by all drivers that use it. It reconnects by itself, with a bounded wait.

Handlers are plain functions that only store what came. Nothing is queued for sending while the broker is away: a
command that arrives late would be a lie.
"""

import asyncio
import math
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt
from msgspec import Struct

from evenload.devices.backoff import Backoff
from evenload.devices.errors import DeviceError
from evenload.runtime.ending import end_if_cancelled, ended

MAX_WAITING_MESSAGES = 1_000
MAX_PAYLOAD_BYTES = 256_000
CALL_TIMEOUT_S = 5.0
KEEPALIVE_S = 10
RECONNECT = Backoff(first_s=0.5, longest_s=5.0)
_LOOK = "check the broker's address, its user and password, and that it runs"


class BrokerAddress(Struct, frozen=True, kw_only=True):
    """Where a broker is and who we are there; equal addresses share one connection."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password_file: str | None = None

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


class Message(Struct, frozen=True):
    """What a topic said; `retained` = kept by the broker from before, of unknown age."""

    topic: str
    payload: bytes
    retained: bool


MessageHandler = Callable[[Message], None]


def broker_address(url: str, user: str | None, password_file: str | None) -> BrokerAddress:
    """Return the address in `mqtt://host[:port]` or `mqtts://…`; raise `ValueError` for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise ValueError(f"{url!r} is not a broker: expected mqtt://host[:port] or mqtts://host[:port]")
    tls = parts.scheme == "mqtts"
    port = parts.port or (8883 if tls else 1883)
    return BrokerAddress(host=parts.hostname, port=port, tls=tls, user=user, password_file=password_file)


class Broker:
    """A connection that stays: listeners are subscribed again after each reconnect."""

    def __init__(self, address: BrokerAddress, backoff: Backoff = RECONNECT) -> None:
        self.address, self._backoff = address, backoff
        self._listeners: dict[int, tuple[str, MessageHandler]] = {}
        self._next = 0
        self._client: aiomqtt.Client | None = None
        self._wanted: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING_MESSAGES)
        self._state = asyncio.Condition()
        self.trouble = "not connected yet"

    @property
    def connected(self) -> bool:
        """Tell whether messages go out and come in now."""
        return self._client is not None

    async def wait_connected(self, timeout_s: float = CALL_TIMEOUT_S) -> None:
        """Return when connected; raise `DeviceError` after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s), self._state:
                await self._state.wait_for(lambda: self.connected)
        except TimeoutError as fault:
            raise DeviceError("silent", str(self.address), self.trouble, _LOOK) from fault

    async def wait_lost(self) -> None:
        """Return when the connection is gone."""
        async with self._state:
            await self._state.wait_for(lambda: not self.connected)

    def listen(self, topic: str, handler: MessageHandler) -> Callable[[], None]:
        """Call `handler` for each message on `topic` (wildcards allowed) until the returned function is called."""
        number, self._next = self._next, self._next + 1
        self._listeners[number] = (topic, handler)
        if not self._wanted.full():
            self._wanted.put_nowait(topic)

        def stop() -> None:
            self._listeners.pop(number, None)

        return stop

    async def publish(self, topic: str, payload: str) -> None:
        """Return when the broker has the message; raise `DeviceError` when it does not take it."""
        if self._client is None:
            raise DeviceError("silent", str(self.address), self.trouble, _LOOK)
        try:
            # The library's own limit may swallow a cancellation (asyncio.wait_for before Python 3.12).
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await self._client.publish(topic, payload, qos=1, timeout=math.inf)
        except (aiomqtt.MqttError, TimeoutError, ValueError) as fault:
            raise DeviceError("silent", f"{self.address} {topic}", str(fault), _LOOK) from fault

    async def run(self) -> None:
        """Stay connected until cancelled."""
        failures = 0
        while True:
            try:
                async with self._connection() as client:
                    end_if_cancelled()
                    failures = 0
                    await self._session(client)
            except (aiomqtt.MqttError, OSError, ValueError) as fault:
                self.trouble = f"{type(fault).__name__}: {fault}"
                failures += 1
            end_if_cancelled()
            await asyncio.sleep(self._backoff.wait_s(failures))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiomqtt.Client]:
        address = self.address
        async with aiomqtt.Client(
            address.host,
            address.port,
            username=address.user,
            password=_password(address),
            keepalive=KEEPALIVE_S,
            timeout=CALL_TIMEOUT_S,
            max_queued_incoming_messages=MAX_WAITING_MESSAGES,
            tls_context=ssl.create_default_context() if address.tls else None,
        ) as client:
            for topic in {topic for topic, _ in self._listeners.values()}:
                await client.subscribe(topic, qos=1)
            await self._switch(client)
            try:
                yield client
            finally:
                await self._switch(None)

    async def _switch(self, client: aiomqtt.Client | None) -> None:
        self._client = client
        async with self._state:
            self._state.notify_all()

    async def _session(self, client: aiomqtt.Client) -> None:
        subscribing = asyncio.create_task(self._subscribe_new(client))
        try:
            async for message in client.messages:
                self._deliver(message)
        finally:
            await ended(subscribing)

    async def _subscribe_new(self, client: aiomqtt.Client) -> None:
        # Subscribing again to a topic that we have makes the broker repeat its retained message, for the newcomer.
        while True:
            topic = await self._wanted.get()
            try:
                await client.subscribe(topic, qos=1)
            except aiomqtt.MqttError as fault:
                self.trouble = f"subscribing to {topic}: {fault}"
            end_if_cancelled()

    def _deliver(self, message: aiomqtt.Message) -> None:
        payload = message.payload
        if not isinstance(payload, bytes) or len(payload) > MAX_PAYLOAD_BYTES:
            return
        found = Message(message.topic.value, payload, message.retain)
        for topic, handler in tuple(self._listeners.values()):
            if message.topic.matches(topic):
                handler(found)


def _password(address: BrokerAddress) -> str | None:
    if address.password_file is None:
        return None
    return Path(address.password_file).read_text(encoding="utf-8").strip()


class Brokers:
    """The brokers in use: one connection for each address while anybody uses it."""

    def __init__(self) -> None:
        self._running: dict[BrokerAddress, tuple[Broker, asyncio.Task[None]]] = {}
        self._users: dict[BrokerAddress, int] = {}

    @asynccontextmanager
    async def connection(self, address: BrokerAddress) -> AsyncIterator[Broker]:
        """Yield the shared connection; the last user's leaving closes it."""
        if address not in self._running:
            broker = Broker(address)
            self._running[address] = (broker, asyncio.create_task(broker.run(), name=f"mqtt {address}"))
        self._users[address] = self._users.get(address, 0) + 1
        try:
            yield self._running[address][0]
        finally:
            await self._leave(address)

    async def _leave(self, address: BrokerAddress) -> None:
        self._users[address] -= 1
        if self._users[address] == 0:
            del self._users[address]
            _, task = self._running.pop(address)
            await ended(task)
