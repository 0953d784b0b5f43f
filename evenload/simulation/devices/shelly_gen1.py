"""Shelly Gen1 as their local HTTP API answers: 3EM, EM, and 1PM or plug with its relay."""

import asyncio
import time
from typing import Any

from aiohttp import web

from evenload.simulation.devices.server import HttpEmulator, changer
from evenload.simulation.devices.world import MeterProvider, PlugWorld


class Shelly3em(HttpEmulator):
    """Gen1: `/status`; currents have no sign, the power factor has."""

    def __init__(self, provider: MeterProvider) -> None:
        super().__init__(changer(provider))
        self._provider = provider
        self.invalid: frozenset[int] = frozenset()
        """Lines whose `is_valid` is false."""
        self.route("GET", "/shelly", lambda request: {"type": "SHEM-3", "mac": "C45BBE000000", "auth": False})
        self.route("GET", "/status", self._status)

    def _status(self, request: web.Request) -> dict[str, Any]:
        values = self._provider()
        emeters = [
            {
                "power": round(values.power_w[line], 2),
                "pf": -0.98 if values.power_w[line] < 0 else 0.98,
                "current": round(abs(values.current_a(line)), 2),
                "voltage": round(values.voltage_v[line], 2),
                "is_valid": line not in self.invalid,
                "total": round(values.import_wh / 3, 1),
                "total_returned": round(values.export_wh / 3, 1),
            }
            for line in range(3)
        ]
        return {
            "wifi_sta": {"connected": True, "ssid": "home", "ip": "192.168.1.41", "rssi": -55},
            "cloud": {"enabled": False, "connected": False},
            "mqtt": {"connected": False},
            "time": "11:16",
            "unixtime": int(time.time()),
            "serial": 21580,
            "has_update": False,
            "mac": "C45BBE000000",
            "relays": [{"ison": False, "has_timer": False, "overpower": False, "is_valid": True, "source": "input"}],
            "emeters": emeters,
            "total_power": round(sum(values.power_w), 2),
            "fs_mounted": True,
            "uptime": 2226140,
        }


class ShellyEm(HttpEmulator):
    """Gen1 EM: two clamps, lines 1 and 2 of the world; it tells reactive power and no current."""

    def __init__(self, provider: MeterProvider) -> None:
        super().__init__(changer(provider))
        self._provider = provider
        self.route("GET", "/shelly", lambda request: {"type": "SHEM", "mac": "C45BBE000001", "auth": False})
        self.route("GET", "/status", self._status)

    def _status(self, request: web.Request) -> dict[str, Any]:
        values = self._provider()
        emeters = [
            {
                "power": round(values.power_w[line], 2),
                "reactive": 12.34,
                "pf": 0.97,
                "voltage": round(values.voltage_v[line], 2),
                "is_valid": True,
                "total": round(values.import_wh, 1),
                "total_returned": round(values.export_wh, 1),
            }
            for line in range(2)
        ]
        relay = {"ison": False, "has_timer": False, "timer_started": 0, "timer_duration": 0, "timer_remaining": 0}
        return {"wifi_sta": {"connected": True}, "time": "11:16", "relays": [relay], "emeters": emeters}


class ShellyGen1Plug(HttpEmulator):
    """Gen1 1PM, 2.5 or plug; `timer` goes back once, a command without it ends a running timer.

    The controlled relay is `channel`; a 2.5 has another one before it.
    """

    def __init__(self, world: PlugWorld, channel: int = 0) -> None:
        super().__init__(world.set)
        self.world, self._channel = world, channel
        self.default_state = "last"
        self.timer_s: float | None = None
        """Of the last command."""
        self._timer: asyncio.TimerHandle | None = None
        self.route("GET", "/shelly", lambda request: {"type": "SHPLG-S", "mac": "C45BBE000002", "auth": False})
        self.route("GET", "/status", self._status)
        self.route("GET", f"/relay/{channel}", self._relay)
        self.route("GET", f"/settings/relay/{channel}", self._settings)

    async def stop(self) -> None:
        """Stop listening; the timer ends too."""
        self._cancel()
        await super().stop()

    def power_cut(self) -> None:
        """Lose power and come back: the timer is gone, the relay is as `default_state` says."""
        self._cancel()
        if self.default_state in ("on", "off"):
            self.world.press(self.default_state == "on")

    def _status(self, request: web.Request) -> dict[str, Any]:
        off = {"ison": False, "has_timer": False, "timer_started": 0, "timer_duration": 0, "timer_remaining": 0}
        idle = {"power": 0.0, "overpower": 0.0, "is_valid": True, "timestamp": 1700000000, "total": 0}
        meter = {
            "power": round(self.world.power_w, 2),
            "overpower": 0.0,
            "is_valid": True,
            "timestamp": 1700000000,
            "counters": [0.0, 0.0, 0.0],
            "total": round(self.world.energy_wh * 60),
        }
        return {
            "wifi_sta": {"connected": True, "ssid": "home", "ip": "192.168.1.42", "rssi": -61},
            "time": "11:16",
            "relays": [*[off] * self._channel, self._state()],
            "meters": [*[idle] * self._channel, meter],
            "temperature": 28.1,
            "overtemperature": False,
            "uptime": 12345,
        }

    def _state(self) -> dict[str, Any]:
        return {
            "ison": self.world.on,
            "has_timer": self._timer is not None,
            "timer_started": 0 if self._timer is None else 1700000000,
            "timer_duration": 0 if self._timer is None else int(self.timer_s or 0),
            "timer_remaining": 0,
            "overpower": False,
            "source": "http",
        }

    def _relay(self, request: web.Request) -> dict[str, Any]:
        if "turn" in request.query:
            on = request.query["turn"] == "on"
            self._cancel()
            self.world.command(on)
            self.timer_s = float(request.query["timer"]) if "timer" in request.query else None
            if self.timer_s is not None:
                self._timer = asyncio.get_running_loop().call_later(self.timer_s, self._back, not on)
        return self._state()

    def _settings(self, request: web.Request) -> dict[str, Any]:
        self.default_state = request.query.get("default_state", self.default_state)
        return {
            "name": None,
            "ison": self.world.on,
            "has_timer": self._timer is not None,
            "default_state": self.default_state,
            "auto_on": 0.0,
            "auto_off": 0.0,
            "schedule": False,
            "max_power": 2500,
        }

    def _back(self, on: bool) -> None:
        self._timer = None
        self.world.press(on)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
