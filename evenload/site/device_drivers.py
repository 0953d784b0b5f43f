"""Which drivers each kind of device takes, and the keys of those that set more than on and off."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from evenload.site.devices import Device, Plug
from evenload.site.driver_keys import Host, Options, Timeout
from evenload.site.drivers import METER_DRIVERS, PLUG_DRIVERS
from evenload.site.heat import Climate, HeatPump, Tank
from evenload.site.limit_drivers import LIMIT_DRIVERS
from evenload.site.limits import OutsideLimit
from evenload.site.modulating import Modulating
from evenload.site.power_drivers import POWER_DRIVERS
from evenload.site.runs import Appliance, Pump
from evenload.site.schema import Meter


class RelaysDevice(Options, frozen=True, kw_only=True):
    """Several relays of one device, one for each element of a tank."""

    host: Host
    relays: Annotated[Literal["shelly", "tasmota"], Meta(description="kind of the device with the relays")] = "shelly"
    channels: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=8)], ...],
        Meta(description="the relay of each element, in the order of elements_w"),
    ] = (0, 1)
    timeout_s: Timeout = 2.0


class SgReadyDevice(Options, frozen=True, kw_only=True):
    """A heat pump's two SG Ready contacts, by two relays of one device."""

    host: Host
    relays: Annotated[Literal["shelly", "tasmota"], Meta(description="kind of the device with the two relays")] = (
        "shelly"
    )
    channel_1: Annotated[int, Meta(ge=0, le=8, description="relay on the first contact (block)")] = 0
    channel_2: Annotated[int, Meta(ge=0, le=8, description="relay on the second contact (recommend)")] = 1
    timeout_s: Timeout = 2.0


RELAY_DRIVERS: Mapping[str, type[Options]] = {name: PLUG_DRIVERS[name] for name in PLUG_DRIVERS if name != "sg_ready"}
"""Drivers of one relay."""
DEVICE_DRIVERS: Mapping[type[Device], Mapping[str, type[Options]]] = {
    Plug: PLUG_DRIVERS,
    Tank: {**RELAY_DRIVERS, "relays": RelaysDevice},
    Climate: RELAY_DRIVERS,
    HeatPump: {"sg_ready": SgReadyDevice},
    Pump: RELAY_DRIVERS,
    Appliance: RELAY_DRIVERS,
    Modulating: POWER_DRIVERS,
}
"""Kind of device → its drivers."""


def drivers_of(kind: type) -> Mapping[str, type[Options]]:
    """Return the drivers of a meter, of a source of limits, or of a kind of device."""
    if kind is OutsideLimit:
        return LIMIT_DRIVERS
    return METER_DRIVERS if kind is Meter else DEVICE_DRIVERS[kind]
