"""One connection to each Home Assistant, shared by all meters and plugs that use it. It reconnects by itself.

WebSocket API: sign in with a long-lived token, subscribe to the entities that somebody watches, call services. States
are kept while the connection lives: Home Assistant tells changes only, and says `unavailable` of what it has lost.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from evenload.devices.backoff import Backoff
from evenload.devices.errors import DeviceError
from evenload.runtime.ending import ended

CALL_TIMEOUT_S = 5.0
HEARTBEAT_S = 10.0
MAX_MESSAGE_BYTES = 4_000_000
MAX_CALLS_WAITING = 100
RECONNECT = Backoff(first_s=0.5, longest_s=5.0)
_LOOK = "check its address, that it runs, and the token"
_TROUBLES = (aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError, ValueError, DeviceError)


class HomeAddress(Struct, frozen=True, kw_only=True):
    """Where a Home Assistant is, and the token; equal addresses share one connection."""

    url: str
    """As `http://host:8123`."""
    token: str

    def __str__(self) -> str:
        return self.url


class EntityState(Struct, frozen=True):
    """What an entity says; `unit` None = it has no unit."""

    text: str
    unit: str | None = None


class Home:
    """A connection that stays: watched entities are subscribed again after each reconnect."""

    def __init__(self, session: aiohttp.ClientSession, address: HomeAddress) -> None:
        self.address, self._session = address, session
        self.states: dict[str, EntityState] = {}
        self.trouble = "not connected yet"
        self._watched: dict[int, tuple[frozenset[str], Callable[[], None]]] = {}
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._next_watch, self._next_id = 0, 0
        self._state = asyncio.Condition()

    @property
    def connected(self) -> bool:
        """Tell whether it is signed in now."""
        return self._socket is not None

    async def wait_connected(self, timeout_s: float) -> None:
        """Return when signed in; raise `DeviceError` after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s), self._state:
                await self._state.wait_for(lambda: self.connected)
        except TimeoutError as fault:
            raise DeviceError("silent", str(self.address), self.trouble, _LOOK) from fault

    async def watch(self, entities: frozenset[str], on_change: Callable[[], None]) -> Callable[[], None]:
        """Keep the states of `entities` and call `on_change` at each change until the returned function is called."""
        number, self._next_watch = self._next_watch, self._next_watch + 1
        self._watched[number] = (entities, on_change)

        def stop() -> None:
            self._watched.pop(number, None)

        if self.connected:
            await self._subscribe(entities)
        return stop

    async def call(self, service: str, entity: str) -> None:
        """Return when `homeassistant.SERVICE` was called for `entity`; raise `DeviceError`."""
        await self._ask(
            {"type": "call_service", "domain": "homeassistant", "service": service, "target": {"entity_id": entity}}
        )

    async def run(self) -> None:
        """Stay connected until cancelled."""
        failures = 0
        while True:
            try:
                async with self._session.ws_connect(
                    f"{self.address.url}/api/websocket", heartbeat=HEARTBEAT_S, max_msg_size=MAX_MESSAGE_BYTES
                ) as socket:
                    await self._sign_in(socket)
                    failures = 0
                    await self._live(socket)
                self.trouble = "it closed the connection"
            except _TROUBLES as fault:
                self.trouble = f"{type(fault).__name__}: {fault}"
            failures += 1
            await asyncio.sleep(RECONNECT.wait_s(failures))

    async def _sign_in(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            await socket.receive_str()
            await socket.send_json({"type": "auth", "access_token": self.address.token})
            answer = msgspec.json.decode(await socket.receive_str())
        if answer.get("type") != "auth_ok":
            raise DeviceError("refused", str(self.address), "the token is refused", "make a long-lived token anew")

    async def _live(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        subscribing: asyncio.Task[None] | None = None
        await self._switch(socket)
        try:
            subscribing = asyncio.create_task(self._subscribe_all())
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(msgspec.json.decode(message.data))
        finally:
            if subscribing is not None:
                await ended(subscribing)
            await self._switch(None)

    async def _switch(self, socket: aiohttp.ClientWebSocketResponse | None) -> None:
        self._socket = socket
        if socket is None:
            self.states.clear()
            for call in self._calls.values():
                call.cancel()
            self._calls.clear()
        async with self._state:
            self._state.notify_all()

    async def _subscribe_all(self) -> None:
        wanted = frozenset[str]().union(*(entities for entities, _ in self._watched.values()))
        if wanted:
            await self._subscribe(wanted)

    async def _subscribe(self, entities: frozenset[str]) -> None:
        await self._ask({"type": "subscribe_entities", "entity_ids": sorted(entities)})

    async def _ask(self, question: dict[str, Any]) -> Any:
        socket = self._socket
        if socket is None or len(self._calls) >= MAX_CALLS_WAITING:
            raise DeviceError("silent", str(self.address), self.trouble, _LOOK)
        number = self._next_id = self._next_id + 1
        answer = self._calls[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await socket.send_json({"id": number, **question})
                await asyncio.wait((answer,))
        except (TimeoutError, OSError, aiohttp.ClientError) as fault:
            raise DeviceError("silent", str(self.address), "no answer in time", _LOOK) from fault
        finally:
            self._calls.pop(number, None)
        if answer.cancelled():
            raise DeviceError("silent", str(self.address), "the connection was lost", _LOOK)
        result = answer.result()
        if not result.get("success"):
            why = str((result.get("error") or {}).get("message", "no reason given"))[:120]
            raise DeviceError("refused", str(self.address), why, "check the entity's name and the user's rights")
        return result.get("result")

    def _take(self, message: Any) -> None:
        if not isinstance(message, dict):
            return
        call = self._calls.get(message.get("id", 0))
        if message.get("type") == "result" and call is not None and not call.done():
            call.set_result(message)
        event = message.get("event")
        if message.get("type") == "event" and isinstance(event, dict):
            self._take_event(event)

    def _take_event(self, event: Mapping[str, Any]) -> None:
        changed: set[str] = set()
        for entity, told in _items(event.get("a")):
            self.states[entity] = _state(told, EntityState("unknown"))
            changed.add(entity)
        for entity, difference in _items(event.get("c")):
            added = difference.get("+") if isinstance(difference, dict) else None
            self.states[entity] = _state(added, self.states.get(entity, EntityState("unknown")))
            changed.add(entity)
        gone = event.get("r")
        for entity in gone if isinstance(gone, list) else ():
            self.states.pop(entity, None)
            changed.add(entity)
        for entities, on_change in tuple(self._watched.values()):
            if entities & changed:
                on_change()


def _items(part: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(part.items()) if isinstance(part, dict) else ()


def _state(told: Any, before: EntityState) -> EntityState:
    if not isinstance(told, dict):
        return before
    attributes = told.get("a")
    unit = attributes.get("unit_of_measurement", before.unit) if isinstance(attributes, dict) else before.unit
    return EntityState(str(told.get("s", before.text)), None if unit is None else str(unit))


class Homes:
    """The Home Assistants in use: one connection for each address while anybody uses it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._running: dict[HomeAddress, tuple[Home, asyncio.Task[None]]] = {}
        self._users: dict[HomeAddress, int] = {}

    @asynccontextmanager
    async def connection(self, address: HomeAddress) -> AsyncIterator[Home]:
        """Yield the shared connection; the last user's leaving closes it."""
        if address not in self._running:
            home = Home(self._session, address)
            self._running[address] = (home, asyncio.create_task(home.run(), name=f"home assistant {address}"))
        self._users[address] = self._users.get(address, 0) + 1
        try:
            yield self._running[address][0]
        finally:
            self._users[address] -= 1
            if self._users[address] == 0:
                del self._users[address]
                _, task = self._running.pop(address)
                await ended(task)


def home_address(host: str, token: str, *, secure: bool) -> HomeAddress:
    """Return the address in a site file's `host:`; the port is 8123 unless it names one."""
    has_port = host.rpartition(":")[2].isdigit() and not host.endswith("]")
    return HomeAddress(url=f"{'https' if secure else 'http'}://{host}{'' if has_port else ':8123'}", token=token)
