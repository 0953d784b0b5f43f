"""Shelly of Gen2 and later as their local HTTP API answers: Pro 3EM, meters of one phase, a plug."""

import asyncio
import json
import time
from typing import Any

from aiohttp import web

from evenload.simulation.devices.server import HttpEmulator, changer
from evenload.simulation.devices.world import MeterProvider, PlugWorld


class ShellyPro3em(HttpEmulator):
    """Gen2: `/rpc/EM.GetStatus` and `/rpc/EMData.GetStatus`; currents have no sign."""

    def __init__(self, provider: MeterProvider) -> None:
        super().__init__(changer(provider))
        self._provider = provider
        self.route("GET", "/shelly", lambda request: {"id": "shellypro3em-c45b", "gen": 2, "app": "Pro3EM"})
        self.route("GET", "/rpc/EM.GetStatus", self._status)
        self.route("GET", "/rpc/EMData.GetStatus", self._counters)

    def _status(self, request: web.Request) -> dict[str, Any]:
        values = self._provider()
        payload: dict[str, Any] = {"id": int(request.query["id"])}
        for line, letter in enumerate("abc"):
            payload[f"{letter}_current"] = round(abs(values.current_a(line)), 3)
            payload[f"{letter}_voltage"] = round(values.voltage_v[line], 1)
            payload[f"{letter}_act_power"] = round(values.power_w[line], 1)
            payload[f"{letter}_aprt_power"] = round(abs(values.power_w[line]) * 1.01, 1)
            payload[f"{letter}_pf"] = 0.99
            payload[f"{letter}_freq"] = 50.0
        payload["n_current"] = None
        payload["total_current"] = round(sum(abs(values.current_a(line)) for line in range(3)), 3)
        payload["total_act_power"] = round(sum(values.power_w), 3)
        payload["total_aprt_power"] = round(sum(abs(power) for power in values.power_w) * 1.01, 3)
        payload["user_calibrated_phase"] = []
        return payload

    def _counters(self, request: web.Request) -> dict[str, Any]:
        values = self._provider()
        return {
            "id": int(request.query["id"]),
            "a_total_act_energy": round(values.import_wh / 3, 2),
            "a_total_act_ret_energy": round(values.export_wh / 3, 2),
            "total_act": round(values.import_wh, 2),
            "total_act_ret": round(values.export_wh, 2),
        }


class ShellyOnePhase(HttpEmulator):
    """Gen2 and later meters of one phase: EM1 of an EM, PM1 of a PM Mini, Switch of a 1PM. Channel n is line n + 1."""

    def __init__(self, provider: MeterProvider) -> None:
        super().__init__(changer(provider))
        self._provider = provider
        self.route("GET", "/shelly", lambda request: {"id": "shellyproem50-c45b", "gen": 2, "app": "ProEM50"})
        self.route("GET", "/rpc/EM1.GetStatus", self._em1)
        self.route("GET", "/rpc/EM1Data.GetStatus", self._em1_counters)
        self.route("GET", "/rpc/PM1.GetStatus", self._pm1)
        self.route("GET", "/rpc/Switch.GetStatus", self._switch)

    def _em1(self, request: web.Request) -> dict[str, Any]:
        values, channel = self._provider(), int(request.query["id"])
        return {
            "id": channel,
            "current": round(abs(values.current_a(channel)), 3),
            "voltage": values.voltage_v[channel],
            "act_power": round(values.power_w[channel], 1),
            "aprt_power": round(abs(values.power_w[channel]) * 1.01, 1),
            "pf": 0.99,
            "freq": 50.0,
            "calibration": "factory",
        }

    def _em1_counters(self, request: web.Request) -> dict[str, Any]:
        values = self._provider()
        return {
            "id": int(request.query["id"]),
            "total_act_energy": round(values.import_wh, 2),
            "total_act_ret_energy": round(values.export_wh, 2),
        }

    def _pm1(self, request: web.Request) -> dict[str, Any]:
        values, channel = self._provider(), int(request.query["id"])
        return {
            "id": channel,
            "voltage": values.voltage_v[channel],
            "current": round(abs(values.current_a(channel)), 3),
            "apower": round(values.power_w[channel], 1),
            "freq": 50.0,
            "aenergy": {"total": round(values.import_wh, 3), "by_minute": [0.0, 0.0, 0.0], "minute_ts": 1700000000},
            "ret_aenergy": {"total": round(values.export_wh, 3), "by_minute": [0.0, 0.0, 0.0], "minute_ts": 1700000000},
        }

    def _switch(self, request: web.Request) -> dict[str, Any]:
        return self._pm1(request) | {"source": "init", "output": True, "temperature": {"tC": 40.1, "tF": 104.2}}


class ShellyPlug(HttpEmulator):
    """Gen2 plug; `toggle_after` toggles back, a command without it ends a running timer."""

    def __init__(self, world: PlugWorld) -> None:
        super().__init__(world.set)
        self.world = world
        self.initial_state = "restore_last"
        self.toggle_after_s: float | None = None
        """Of the last command."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_started_s = 0.0
        self.route("GET", "/shelly", lambda request: {"id": "shellyplusplugs-c45b", "gen": 2, "app": "PlusPlugS"})
        self.route("GET", "/rpc/Switch.GetStatus", self._status)
        self.route("GET", "/rpc/Switch.Set", self._set)
        self.route("GET", "/rpc/Switch.GetConfig", self._config)
        self.route("GET", "/rpc/Switch.SetConfig", self._set_config)

    async def stop(self) -> None:
        """Stop listening; the timer ends too."""
        self._cancel()
        await super().stop()

    def call(self, request: web.Request) -> dict[str, Any]:
        """Return the answer to a call of one of its methods."""
        methods = {
            "GetStatus": self._status,
            "Set": self._set,
            "GetConfig": self._config,
            "SetConfig": self._set_config,
        }
        return methods[request.path.rpartition(".")[2]](request)

    def power_cut(self) -> None:
        """Lose power and come back: the timer is gone, the relay is as `initial_state` says."""
        self._cancel()
        if self.initial_state in ("on", "off"):
            self.world.press(self.initial_state == "on")

    def _status(self, request: web.Request) -> dict[str, Any]:
        world = self.world
        payload: dict[str, Any] = {
            "id": int(request.query["id"]),
            "source": "HTTP_in",
            "output": world.on,
            "apower": round(world.power_w, 1),
            "voltage": world.voltage_v,
            "current": round(world.power_w / world.voltage_v, 3),
            "freq": 50.0,
            "aenergy": {"total": round(world.energy_wh, 3), "by_minute": [0.0, 0.0, 0.0], "minute_ts": 1675718520},
            "temperature": {"tC": 25.3, "tF": 77.5},
        }
        if self._timer is not None:
            payload |= {"timer_started_at": self._timer_started_s, "timer_duration": self.toggle_after_s}
        return payload

    def _set(self, request: web.Request) -> dict[str, Any]:
        was_on, on = self.world.on, request.query["on"] == "true"
        self._cancel()
        self.world.command(on)
        self.toggle_after_s = float(request.query["toggle_after"]) if "toggle_after" in request.query else None
        if self.toggle_after_s is not None:
            self._timer_started_s = time.time()
            self._timer = asyncio.get_running_loop().call_later(self.toggle_after_s, self._toggle, not on)
        return {"was_on": was_on}

    def _config(self, request: web.Request) -> dict[str, Any]:
        return {
            "id": int(request.query["id"]),
            "name": None,
            "initial_state": self.initial_state,
            "auto_on": False,
            "auto_on_delay": 60.0,
            "auto_off": False,
            "auto_off_delay": 60.0,
            "power_limit": 2800,
        }

    def _set_config(self, request: web.Request) -> dict[str, Any]:
        self.initial_state = json.loads(request.query["config"]).get("initial_state", self.initial_state)
        return {"restart_required": False}

    def _toggle(self, on: bool) -> None:
        self._timer = None
        self.world.press(on)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class ShellyTwoRelays(HttpEmulator):
    """A device with two relays, each with its own timer, as a Plus 2PM has them.

    With a `heat_pump` on its contacts (SG Ready) that draws while it is recommended or forced: relay 2 is on.
    """

    def __init__(self, heat_pump: PlugWorld | None = None) -> None:
        heard = None if heat_pump is None else heat_pump.press
        self.relays = (ShellyPlug(PlugWorld(0.0)), ShellyPlug(PlugWorld(0.0, heard)))
        super().__init__(self.relays[0].world.set)
        for path in ("Switch.GetStatus", "Switch.Set", "Switch.GetConfig", "Switch.SetConfig"):
            self.route("GET", f"/rpc/{path}", self._of_channel)

    async def stop(self) -> None:
        """Stop listening; the timers end too."""
        for relay in self.relays:
            await relay.stop()
        await super().stop()

    @property
    def pair(self) -> tuple[bool, bool]:
        """Which relays are on."""
        return self.relays[0].world.on, self.relays[1].world.on

    def _of_channel(self, request: web.Request) -> dict[str, Any]:
        return self.relays[int(request.query["id"])].call(request)
