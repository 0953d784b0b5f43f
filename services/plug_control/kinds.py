"""Kind of device → its core and what its temperature can be. One row a kind."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from evenload.site.devices import Device
from evenload.site.heat import Climate, HeatPump, Tank
from evenload.site.modulating import Modulating
from evenload.site.runs import Appliance, Pump
from services.plug_control import appliance, climate, heat_pump, modulating, pump, tank
from services.plug_control.config import PlugPlan
from services.plug_control.core import Input, Now, Steer

Step = Callable[[PlugPlan, Any, Input, Now], tuple[Any, Steer]]


class Kind(Struct, frozen=True):
    """A core, what it remembers; the least and the most that its sensor can say, °C."""

    step: Step
    memory: type[Struct]
    plausible_c: tuple[float, float] = (-40.0, 60.0)


KINDS: Mapping[type[Device], Kind] = {
    Climate: Kind(climate.step, climate.ClimateMemory, climate.PLAUSIBLE_C),
    HeatPump: Kind(heat_pump.step, heat_pump.HeatPumpMemory, heat_pump.PLAUSIBLE_C),
    Pump: Kind(pump.step, pump.PumpMemory),
    Modulating: Kind(modulating.step, modulating.ModulatingMemory, modulating.PLAUSIBLE_C),
    Appliance: Kind(appliance.step, appliance.ApplianceMemory),
    Tank: Kind(tank.step, tank.TankMemory, tank.PLAUSIBLE_C),
}
