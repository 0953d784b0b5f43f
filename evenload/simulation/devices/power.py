"""A heater whose power is set by a request, as immersion heater controllers have it: one address sets, one tells."""

from typing import Any

from aiohttp import web

from evenload.simulation.devices.server import HttpEmulator


class PowerPage(HttpEmulator):
    """`/control?power=W` sets it, `/data` tells `{"set": W, "drawn": W}`."""

    def __init__(self) -> None:
        super().__init__(lambda changes: None)
        self.set_w = 0.0
        self.route("GET", "/control", self._set)
        self.route("GET", "/data", self._data)

    def _set(self, request: web.Request) -> dict[str, Any]:
        self.set_w = float(request.query["power"])
        return {}

    def _data(self, request: web.Request) -> dict[str, Any]:
        return {"set": self.set_w, "drawn": self.set_w * 0.98}
