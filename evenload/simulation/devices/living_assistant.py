"""Home Assistant as it tells a living home: sensors of meter, sun and battery, and a switch with its power."""

import asyncio

from evenload.runtime.ending import ended
from evenload.simulation.devices.homeassistant import HomeAssistant
from evenload.simulation.devices.live import Home
from evenload.simulation.devices.world import MeterProvider, PlugWorld

PERIOD_S = 1.0
SWITCH = "switch.heater"
GRID = (
    "entities: {power_l1_w: sensor.grid_l1, power_l2_w: sensor.grid_l2, power_l3_w: sensor.grid_l3,"
    " import_wh: sensor.grid_in, export_wh: sensor.grid_out}"
)
SUN = "entities: {power_w: sensor.sun}"
BATTERY = "entities: {power_w: sensor.battery, soc_pct: sensor.battery_level}"
HEATER = f"entity: {SWITCH}, power_entity: sensor.heater_power"


class LivingAssistant(HomeAssistant):
    """Its sensors follow the home each second, in units as integrations give them."""

    def __init__(self, token: str, grid: MeterProvider, home: Home, plug: PlugWorld) -> None:
        super().__init__(token)
        self._grid, self._home, self._plug = grid, home, plug
        self.add_switch(SWITCH, plug)
        self._life: asyncio.Task[None] | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen, and follow the home."""
        self._tell_all()
        await super().start(host, port)
        self._life = asyncio.create_task(self._follow(), name="emulated Home Assistant")

    async def stop(self) -> None:
        """Stop following and listening."""
        if self._life is not None:
            await ended(self._life)
            self._life = None
        await super().stop()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_S)
            self._tell_all()

    def _tell_all(self) -> None:
        values, moment = self._grid(), self._home()
        for line, power_w in enumerate(values.power_w, 1):
            self.say(f"sensor.grid_l{line}", round(power_w, 1), "W")
        self.say("sensor.grid_in", round(values.import_wh / 1000, 3), "kWh")
        self.say("sensor.grid_out", round(values.export_wh / 1000, 3), "kWh")
        self.say("sensor.sun", round(moment.solar_w / 1000, 3), "kW")
        self.say("sensor.battery", round(moment.battery_w), "W")
        self.say("sensor.battery_level", moment.soc_pct, "%")
        self.say(SWITCH, "on" if self._plug.on else "off")
        self.say("sensor.heater_power", round(self._plug.power_w, 1), "W")
