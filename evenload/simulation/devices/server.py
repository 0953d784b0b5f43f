"""The HTTP server under each emulated device: start, stop, faults, and a control path for tests in other processes.

`GET /_control` shows that it is there; `PUT /_control` changes the world, and with `faults: {…}` the faults.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from evenload.simulation.devices.faults import GARBAGE, Faults

Answer = Callable[[web.Request], Any]
CONTROL = "/_control"
MAX_WAIT_S = 30.0


class HttpEmulator:
    """A device behind HTTP. `routes` = path → function that returns the JSON payload of an answer."""

    def __init__(self, change_world: Callable[[Mapping[str, Any]], None]) -> None:
        self.faults = Faults()
        self.requests = 0
        """Answers given to the device's own paths."""
        self.asked = asyncio.Event()
        """Set by each of them, for tests that wait."""
        self._change_world = change_world
        self._app = web.Application()
        self._app.router.add_get(CONTROL, self._show)
        self._app.router.add_put(CONTROL, self._control)
        self._runner: web.AppRunner | None = None
        self.host, self.port = "", 0

    def route(self, method: str, path: str, answer: Answer) -> None:
        """Answer `method path` with what `answer(request)` returns."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._answer(request, answer)

        self._app.router.add_route(method, path, handle)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; the port is in `port`."""
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, reuse_address=True).start()
        self.host, self.port = host, self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening; a world that goes on is none of its business."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def go_offline(self) -> None:
        """Vanish from the network."""
        if self._runner is not None:
            for site in list(self._runner.sites):
                await site.stop()
            if self._runner.server is not None:
                await self._runner.server.shutdown(0.1)

    async def come_back(self) -> None:
        """Listen again on the same port."""
        assert self._runner is not None, "never started"
        await web.TCPSite(self._runner, self.host, self.port, reuse_address=True).start()

    @property
    def address(self) -> str:
        """`host:port`, as a site file's `host:` takes it."""
        return f"{self.host}:{self.port}"

    async def _answer(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        faults = self.faults
        if faults.delay_s and (not faults.slow_paths or request.path in faults.slow_paths):
            await asyncio.sleep(min(faults.delay_s, MAX_WAIT_S))
        self.requests += 1
        self.asked.set()
        if faults.status is not None:
            return web.Response(status=faults.status, text="error")
        if faults.garbage:
            return web.Response(body=GARBAGE, content_type="text/html")
        found = answer(request)
        payload = await found if isinstance(found, Awaitable) else found
        if isinstance(payload, web.StreamResponse):
            return payload
        # json.dumps writes NaN and Infinity as some devices do; msgspec would not.
        return web.Response(text=json.dumps(faults.spoil(payload)), content_type="application/json")

    async def _show(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"device": type(self).__name__, "requests": self.requests})

    async def _control(self, request: web.Request) -> web.StreamResponse:
        changes = await request.json()
        self.faults.change(changes.pop("faults", {}))
        self._change_world(changes)
        return web.json_response({"ok": True})


def changer(world: object) -> Callable[[Mapping[str, Any]], None]:
    """Return the world's `set`, or a refusal for a world that changes by itself."""
    found = getattr(world, "set", None)
    return found if callable(found) else _fixed


def _fixed(changes: Mapping[str, Any]) -> None:
    if changes:
        raise web.HTTPConflict(text="this device's world changes by itself")
