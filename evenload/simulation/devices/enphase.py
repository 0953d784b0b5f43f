"""Enphase gateway with metering: `/production.json?details=1`, with a token from firmware 7 on."""

import time
from typing import Any

from aiohttp import web

from evenload.simulation.devices.live import Home, Moment
from evenload.simulation.devices.server import HttpEmulator, changer
from evenload.simulation.devices.world import MeterProvider

INFO = """<?xml version='1.0' encoding='UTF-8'?>
<envoy_info><time>1700000000</time><device><sn>122212345678</sn><software>D7.3.130</software></device></envoy_info>
"""


class Enphase(HttpEmulator):
    """`token` None: firmware below 7, which asks for none. `metered` False: no current clamps are set up."""

    def __init__(
        self,
        provider: MeterProvider,
        token: str | None = None,
        *,
        phases: int = 3,
        metered: bool = True,
        home: Home | None = None,
    ) -> None:
        super().__init__(changer(provider))
        self._provider, self._token = provider, token
        self._phases, self._metered = phases, metered
        self._home = home or (lambda: Moment(solar_w=4321.0))
        self.route("GET", "/production.json", self._production)
        self.route("GET", "/info", lambda request: web.Response(text=INFO, content_type="text/xml"))

    def _production(self, request: web.Request) -> Any:
        if self._token is not None and request.headers.get("Authorization") != f"Bearer {self._token}":
            return web.Response(status=401, text="401 Authorization Required")
        values, solar_w = self._provider(), self._home().solar_w
        net_w = sum(values.power_w[: self._phases])
        lines = [
            {
                "wNow": round(values.power_w[line], 3),
                "rmsCurrent": round(abs(values.current_a(line)), 3),
                "rmsVoltage": values.voltage_v[line],
                "whLifetime": values.import_wh / 3,
                "pwrFactor": 0.98,
            }
            for line in range(self._phases)
        ]
        inverters = {
            "type": "inverters",
            "activeCount": 20,
            "readingTime": 1700000000,
            "wNow": 4300,
            "whLifetime": 9000000,
        }
        if not self._metered:
            idle = {"type": "eim", "activeCount": 0, "measurementType": "production", "readingTime": 0, "wNow": 0}
            return {"production": [inverters, idle]}
        return {
            "production": [
                inverters,
                {
                    "type": "eim",
                    "activeCount": 1,
                    "measurementType": "production",
                    "readingTime": int(time.time()),
                    "wNow": solar_w,
                    "whLifetime": 9876543.0,
                    "rmsCurrent": 18.8,
                    "rmsVoltage": 690.0,
                },
            ],
            "consumption": [
                {"type": "eim", "measurementType": "total-consumption", "wNow": net_w + solar_w, "lines": []},
                {
                    "type": "eim",
                    "measurementType": "net-consumption",
                    "readingTime": int(time.time()),
                    "wNow": net_w,
                    "whLifetime": values.import_wh,
                    "lines": lines,
                },
            ],
            "storage": [{"type": "acb", "activeCount": 0, "readingTime": 0, "wNow": 0, "whNow": 0, "state": "idle"}],
        }
