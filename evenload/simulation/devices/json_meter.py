"""Any JSON over HTTP, as home-made gateways serve it."""

import time
from typing import Any

from aiohttp import web

from evenload.simulation.devices.server import HttpEmulator, changer
from evenload.simulation.devices.world import MeterProvider


class JsonMeter(HttpEmulator):
    """`GET /meter`: nested, in kW, with numbers as text in one place."""

    def __init__(self, provider: MeterProvider) -> None:
        super().__init__(changer(provider))
        self._provider = provider
        self.clock_late_s = 0.0
        """How far its clock is behind."""
        self.route("GET", "/meter", self._meter)

    def _meter(self, request: web.Request) -> dict[str, Any]:
        values = self._provider()
        return {
            "device": {"name": "gateway", "fw": "1.7"},
            "time": round(time.time(), 3) - self.clock_late_s,
            "phases": [
                {"kw": round(values.power_w[line] / 1000, 4), "volt": f"{values.voltage_v[line]:.1f}"}
                for line in range(3)
            ],
            "total": {"kw": round(sum(values.power_w) / 1000, 4), "in_kwh": round(values.import_wh / 1000, 3)},
        }
