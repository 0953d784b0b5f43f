"""HomeWizard P1 meter and energy socket, local API v1, as firmware 4 and 5 answer."""

import json
from typing import Any

from aiohttp import web

from evenload.simulation.devices.server import HttpEmulator, changer
from evenload.simulation.devices.world import MeterProvider, PlugWorld


class HomewizardP1(HttpEmulator):
    """P1 meter; on one phase it leaves the keys of the others out, as newer firmware does.

    `old`: firmware 2, which tells counters by tariff only, and null for what the connection lacks.
    """

    def __init__(self, provider: MeterProvider, phases: int = 3, *, old: bool = False) -> None:
        super().__init__(changer(provider))
        self._provider, self._phases, self._old = provider, phases, old
        self.route("GET", "/api", self._device)
        self.route("GET", "/api/v1/data", self._data)

    def _device(self, request: web.Request) -> dict[str, Any]:
        return {
            "product_type": "HWE-P1",
            "product_name": "P1 meter",
            "serial": "3c39e7aabbcc",
            "firmware_version": "4.19",
            "api_version": "v1",
        }

    def _data(self, request: web.Request) -> dict[str, Any]:
        values = self._provider()
        payload: dict[str, Any] = {
            "wifi_ssid": "home",
            "wifi_strength": 78,
            "smr_version": 50,
            "meter_model": "ISKRA 2M550T-101",
            "unique_id": "00112233445566778899AABBCCDDEEFF",
            "active_tariff": 2,
            "total_power_import_kwh": round(values.import_wh / 1000, 3),
            "total_power_import_t1_kwh": round(values.import_wh * 0.6 / 1000, 3),
            "total_power_import_t2_kwh": round(values.import_wh * 0.4 / 1000, 3),
            "total_power_export_kwh": round(values.export_wh / 1000, 3),
            "total_power_export_t1_kwh": round(values.export_wh * 0.3 / 1000, 3),
            "total_power_export_t2_kwh": round(values.export_wh * 0.7 / 1000, 3),
            "active_power_w": round(sum(values.power_w[: self._phases])),
        }
        payload["active_power_l1_w"] = round(values.power_w[0])
        payload["active_current_l1_a"] = round(values.current_a(0))
        if self._phases == 3:
            payload["active_power_l2_w"] = round(values.power_w[1])
            payload["active_power_l3_w"] = round(values.power_w[2])
            payload["active_current_l2_a"] = round(values.current_a(1))
            payload["active_current_l3_a"] = round(values.current_a(2))
        if self._old:
            del payload["total_power_import_kwh"], payload["total_power_export_kwh"]
            for line in range(self._phases + 1, 4):
                payload[f"active_power_l{line}_w"] = payload[f"active_current_l{line}_a"] = None
        payload["voltage_sag_l1_count"] = 1
        payload["any_power_fail_count"] = 4
        payload["long_power_fail_count"] = 5
        payload["external"] = []
        return payload


class HomewizardKwh(HttpEmulator):
    """kWh meter of one or three phases: fine currents without a sign, voltages, one tariff."""

    def __init__(self, provider: MeterProvider, phases: int = 3) -> None:
        super().__init__(changer(provider))
        self._provider, self._phases = provider, phases
        self.route("GET", "/api", self._device)
        self.route("GET", "/api/v1/data", self._data)

    def _device(self, request: web.Request) -> dict[str, Any]:
        product = "HWE-KWH1" if self._phases == 1 else "HWE-KWH3"
        return {"product_type": product, "product_name": "kWh meter", "firmware_version": "3.06", "api_version": "v1"}

    def _data(self, request: web.Request) -> dict[str, Any]:
        values = self._provider()
        current_a = [round(abs(values.current_a(line)), 3) for line in range(self._phases)]
        payload: dict[str, Any] = {
            "wifi_ssid": "home",
            "wifi_strength": 84,
            "total_power_import_kwh": round(values.import_wh / 1000, 3),
            "total_power_import_t1_kwh": round(values.import_wh / 1000, 3),
            "total_power_export_kwh": round(values.export_wh / 1000, 3),
            "total_power_export_t1_kwh": round(values.export_wh / 1000, 3),
            "active_power_w": round(sum(values.power_w[: self._phases]), 3),
            "active_current_a": round(sum(current_a), 3),
        }
        for line in range(self._phases):
            payload[f"active_power_l{line + 1}_w"] = round(values.power_w[line], 3)
            if self._phases > 1:
                payload[f"active_voltage_l{line + 1}_v"] = values.voltage_v[line]
                payload[f"active_current_l{line + 1}_a"] = current_a[line]
                payload[f"active_power_factor_l{line + 1}"] = 1
        if self._phases == 1:
            payload["active_voltage_v"] = values.voltage_v[0]
            payload["active_power_factor"] = 1
        return payload | {"active_frequency_hz": 49.926}


class HomewizardSocket(HttpEmulator):
    """Energy socket; with its switch lock on it keeps its state."""

    def __init__(self, world: PlugWorld) -> None:
        super().__init__(world.set)
        self.world, self.switch_lock = world, False
        self.route("GET", "/api", lambda request: {"product_type": "HWE-SKT", "api_version": "v1"})
        self.route("GET", "/api/v1/data", self._data)
        self.route("GET", "/api/v1/state", self._state)
        self.route("PUT", "/api/v1/state", self._switch)

    def _data(self, request: web.Request) -> dict[str, Any]:
        return {
            "wifi_ssid": "home",
            "wifi_strength": 94,
            "total_power_import_kwh": round(self.world.energy_wh / 1000, 3),
            "total_power_import_t1_kwh": round(self.world.energy_wh / 1000, 3),
            "total_power_export_kwh": 0,
            "total_power_export_t1_kwh": 0,
            "active_power_w": round(self.world.power_w, 3),
            "active_power_l1_w": round(self.world.power_w, 3),
            "active_voltage_v": self.world.voltage_v,
            "active_current_a": round(self.world.power_w / self.world.voltage_v, 3),
        }

    def _state(self, request: web.Request) -> dict[str, Any]:
        return {"power_on": self.world.on, "switch_lock": self.switch_lock, "brightness": 255}

    async def _switch(self, request: web.Request) -> dict[str, Any]:
        wanted = json.loads(await request.read())["power_on"]
        if not self.switch_lock:
            self.world.command(bool(wanted))
        return {"power_on": self.world.on}
