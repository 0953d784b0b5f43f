"""Home Assistant's WebSocket API, as far as meters and switches need it: sign-in, entities, services, ping."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import WSMsgType, web

from evenload.simulation.devices.server import HttpEmulator
from evenload.simulation.devices.world import PlugWorld

VERSION = "2024.10.1"


class HomeAssistant(HttpEmulator):
    """`entities`: entity id → state and attributes. A switch listed in `switches` drives its world and its power."""

    def __init__(self, token: str) -> None:
        super().__init__(lambda changes: None)
        self._token = token
        self.entities: dict[str, tuple[str, dict[str, Any]]] = {}
        self.switches: dict[str, tuple[PlugWorld, str]] = {}
        """Switch → its world, and the sensor of its power."""
        self._sockets: dict[web.WebSocketResponse, dict[int, frozenset[str]]] = {}
        self._sending: set[asyncio.Future[None]] = set()
        self.deaf = False
        """Answers nothing."""
        self._app.router.add_get("/api/websocket", self._websocket)

    def say(self, entity: str, state: object, unit: str | None = None) -> None:
        """Set a state; `unit` None keeps what it has."""
        _, attributes = self.entities.get(entity, ("unknown", {"friendly_name": entity}))
        if unit is not None:
            attributes = {**attributes, "unit_of_measurement": unit}
        known = entity in self.entities
        self.entities[entity] = (str(state), attributes)
        change = {"s": str(state), "lu": 1700000000.0, **({} if unit is None else {"a": attributes})}
        self._tell(entity, {"c": {entity: {"+": change}}} if known else {"a": {entity: self._whole(entity)}})

    def add_switch(self, entity: str, world: PlugWorld) -> None:
        """Add a switch with a sensor of its power."""
        sensor = f"sensor.{entity.partition('.')[2]}_power"
        self.switches[entity] = (world, sensor)
        self.say(entity, "off")
        self.say(sensor, 0.0, "W")

    async def stop(self) -> None:
        """Close all connections and stop listening."""
        for socket in tuple(self._sockets):
            await socket.close()
        await super().stop()

    async def go_offline(self) -> None:
        """Vanish from the network."""
        for socket in tuple(self._sockets):
            await socket.close()
        await super().go_offline()

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "auth_required", "ha_version": VERSION})
        signed_in = (await socket.receive_json()).get("access_token") == self._token
        if not signed_in:
            await socket.send_json({"type": "auth_invalid", "message": "Invalid access token or password"})
            await socket.close()
            return socket
        await socket.send_json({"type": "auth_ok", "ha_version": VERSION})
        self._sockets[socket] = {}
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and not self.deaf:
                    await self._answer_one(socket, message.json())
        finally:
            del self._sockets[socket]
        return socket

    async def _answer_one(self, socket: web.WebSocketResponse, message: Mapping[str, Any]) -> None:
        number = message["id"]
        result: dict[str, Any] = {"id": number, "type": "result", "success": True, "result": None}
        match message["type"]:
            case "ping":
                await socket.send_json({"id": number, "type": "pong"})
            case "subscribe_entities":
                wanted = frozenset(message["entity_ids"])
                self._sockets[socket][number] = wanted
                await socket.send_json(result)
                present = {entity: self._whole(entity) for entity in wanted if entity in self.entities}
                await socket.send_json({"id": number, "type": "event", "event": {"a": present}})
            case "call_service":
                entity = message["target"]["entity_id"]
                if entity not in self.switches:
                    error = {"code": "not_found", "message": f"Referenced entities {entity} are missing"}
                    result |= {"success": False, "error": error}
                await socket.send_json(result)
                self._call(entity, message["service"] == "turn_on")
            case _:
                error = {"code": "unknown_command", "message": "Unknown command."}
                await socket.send_json(result | {"success": False, "error": error})

    def _call(self, entity: str, on: bool) -> None:
        if entity in self.switches:
            world, sensor = self.switches[entity]
            world.command(on)
            self.say(entity, "on" if world.on else "off")
            self.say(sensor, world.power_w)

    def _whole(self, entity: str) -> dict[str, Any]:
        state, attributes = self.entities[entity]
        return {"s": state, "a": attributes, "c": "01ABC", "lc": 1700000000.0}

    def _tell(self, entity: str, event: dict[str, Any]) -> None:
        for socket, subscriptions in self._sockets.items():
            for number, wanted in subscriptions.items():
                if entity in wanted and not socket.closed:
                    sending = socket.send_json({"id": number, "type": "event", "event": event})
                    task = asyncio.ensure_future(sending)
                    self._sending.add(task)
                    task.add_done_callback(self._sending.discard)
