"""Fronius Solar API v1 with a smart meter and a battery, as a Symo GEN24 and older Symos answer."""

import time
from typing import Any

from aiohttp import web

from evenload.simulation.devices.live import Home, Moment
from evenload.simulation.devices.server import HttpEmulator, changer
from evenload.simulation.devices.world import MeterProvider


class Fronius(HttpEmulator):
    """`night`: no production, null. `new_names`: the meter's values under the names of newer firmware. A meter of one
    of the `phases` leaves the others' names out.

    With a `home` sun and battery are that home's.
    """

    def __init__(self, provider: MeterProvider, home: Home | None = None, *, phases: int = 3) -> None:
        super().__init__(changer(provider))
        self._provider, self._phases = provider, phases
        self.night, self.new_names, self.has_meter = False, False, True
        self._home = home or (lambda: Moment(solar_w=4321.0, battery_w=-1500.0, soc_pct=81.5))
        self.route(
            "GET", "/solar_api/GetAPIVersion.cgi", lambda request: {"APIVersion": 1, "BaseURL": "/solar_api/v1/"}
        )
        self.route("GET", "/solar_api/v1/GetPowerFlowRealtimeData.fcgi", self._flow)
        self.route("GET", "/solar_api/v1/GetMeterRealtimeData.cgi", self._meter)

    def _flow(self, request: web.Request) -> dict[str, Any]:
        grid_w, moment = sum(self._provider().power_w), self._home()
        solar_w = 0.0 if self.night else moment.solar_w
        site = {
            "BatteryStandby": False,
            "E_Day": None,
            "E_Total": 98765432.0,
            "E_Year": None,
            "Meter_Location": "grid",
            "Mode": "bidirectional",
            "P_Akku": moment.battery_w,
            "P_Grid": round(grid_w, 2),
            "P_Load": -round(grid_w + solar_w + moment.battery_w, 2),
            "P_PV": None if self.night else moment.solar_w,
            "rel_Autonomy": 100.0,
            "rel_SelfConsumption": None if self.night else 100.0,
        }
        inverter = {"Battery_Mode": "normal", "DT": 1, "E_Total": 98765432.0, "P": 2821.0, "SOC": moment.soc_pct}
        return _answer({"Inverters": {"1": inverter}, "Site": site, "Smartloads": {}, "Version": "12"})

    def _meter(self, request: web.Request) -> dict[str, Any]:
        if not self.has_meter or request.query.get("DeviceId") != "0":
            status = {"Code": 255, "Reason": "Device not found", "UserMessage": ""}
            return {"Body": {"Data": {}}, "Head": {"Status": status}}
        values = self._provider()
        found: dict[str, Any] = {
            "Details": {"Manufacturer": "Fronius", "Model": "Smart Meter TS 65A-3", "Serial": "1234"},
            "Enable": 1,
            "Frequency_Phase_Average": 50.0,
            "Meter_Location_Current": 0.0,
            "TimeStamp": int(time.time()),
            "Visible": 1,
        }
        for phase in range(1, self._phases + 1):
            power_w, voltage_v = values.power_w[phase - 1], values.voltage_v[phase - 1]
            found[self._name(f"Current_AC_Phase_{phase}", f"ACBRIDGE_CURRENT_ACTIVE_MEAN_0{phase}_F32")] = round(
                abs(values.current_a(phase - 1)), 3
            )
            found[self._name(f"PowerReal_P_Phase_{phase}", f"SMARTMETER_POWERACTIVE_MEAN_0{phase}_F64")] = power_w
            found[self._name(f"Voltage_AC_Phase_{phase}", f"SMARTMETER_VOLTAGE_MEAN_0{phase}_F64")] = voltage_v
        found[self._name("PowerReal_P_Sum", "SMARTMETER_POWERACTIVE_MEAN_SUM_F64")] = sum(
            values.power_w[: self._phases]
        )
        found[self._name("EnergyReal_WAC_Sum_Consumed", "SMARTMETER_ENERGYACTIVE_CONSUMED_SUM_F64")] = values.import_wh
        found[self._name("EnergyReal_WAC_Sum_Produced", "SMARTMETER_ENERGYACTIVE_PRODUCED_SUM_F64")] = values.export_wh
        return _answer(found)

    def _name(self, old: str, new: str) -> str:
        return new if self.new_names else old


def _answer(data: dict[str, Any]) -> dict[str, Any]:
    head = {
        "RequestArguments": {},
        "Status": {"Code": 0, "Reason": "", "UserMessage": ""},
        "Timestamp": "2024-01-01T00:00:00+00:00",
    }
    return {"Body": {"Data": data}, "Head": head}
