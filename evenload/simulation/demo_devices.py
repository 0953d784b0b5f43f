"""Devices that may stand in the demo's home in place of its own: what each tells, and its lines in the site file.

`evenload demo --with huawei --with tasmota-plug`: the home's meter, sun and battery are then read through a Huawei's
registers, and its heater hangs on a Tasmota plug. What two devices could tell, the first one named tells.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol

from msgspec import Struct

from evenload.simulation.devices import (
    DsmrPort,
    Enphase,
    Fronius,
    HomewizardKwh,
    HomewizardP1,
    HomewizardSocket,
    KasaPlug,
    PlugWorld,
    Shelly3em,
    ShellyGen1Plug,
    ShellyPlug,
    ShellyPro3em,
    TasmotaHead,
    TasmotaMeter,
    TasmotaPlug,
)
from evenload.simulation.devices.live import Home
from evenload.simulation.devices.modbus import ModbusDevice, golden, golden_names
from evenload.simulation.devices.world import MeterProvider

Place = Literal["p1", "pv", "bat", "heater"]
ROLES: Mapping[Place, str] = {"p1": "grid", "pv": "solar", "bat": "battery"}


class Emulator(Protocol):
    """A device that can be started and stopped."""

    @property
    def address(self) -> str:
        """Where it listens."""

    async def start(self) -> None:
        """Listen."""

    async def stop(self) -> None:
        """Stop listening."""


class World(Struct, frozen=True):
    """What the home's devices measure and switch."""

    grid: MeterProvider
    home: Home
    plug: PlugWorld


class Kind(Struct, frozen=True):
    """One kind of device: how it is made, the places it can take, and its keys beside `host`."""

    make: Callable[[World], Any]
    places: tuple[Place, ...]
    keys: str


def _meter(make: Callable[[MeterProvider], Any], keys: str) -> Kind:
    return Kind(lambda world: make(world.grid), ("p1",), keys)


def _plug(make: Callable[[PlugWorld], Any], keys: str) -> Kind:
    return Kind(lambda world: make(world.plug), ("heater",), keys)


def _modbus(name: str) -> Kind:
    dump = golden(name)
    driver = "sunspec" if name.startswith("sunspec") else name
    one_phase = len(dump.phases) == 1  # the home has three, and its grid meter must tell each
    places = tuple(place for place, role in ROLES.items() if role in dump.expect and not (one_phase and place == "p1"))
    return Kind(lambda world: ModbusDevice(dump, world.home), places, f"driver: {driver}, unit: {dump.unit}")


KINDS: Mapping[str, Kind] = {
    "homewizard": _meter(HomewizardP1, "driver: homewizard"),
    "homewizard-kwh": _meter(HomewizardKwh, "driver: homewizard"),
    "shelly-3em": _meter(Shelly3em, "driver: shelly, generation: 1"),
    "shelly-pro3em": _meter(ShellyPro3em, "driver: shelly"),
    "tasmota": _meter(TasmotaMeter, "driver: tasmota"),
    "tasmota-head": _meter(TasmotaHead, "driver: tasmota"),
    "dsmr": Kind(lambda world: DsmrPort("", home=world.grid), ("p1",), "driver: dsmr"),
    "fronius": Kind(lambda world: Fronius(world.grid, world.home), ("p1", "pv", "bat"), "driver: fronius"),
    "enphase": Kind(lambda world: Enphase(world.grid, home=world.home), ("p1", "pv"), "driver: enphase, secure: false"),
    "shelly-plug": _plug(ShellyPlug, "driver: shelly"),
    "shelly-gen1-plug": _plug(ShellyGen1Plug, "driver: shelly, generation: 1"),
    "tasmota-plug": _plug(TasmotaPlug, "driver: tasmota"),
    "homewizard-socket": _plug(HomewizardSocket, "driver: homewizard"),
    "tplink-plug": _plug(KasaPlug, "driver: tplink"),
    **{name: _modbus(name) for name in golden_names() if golden(name).live},
}
NAMES: tuple[str, ...] = tuple(sorted(KINDS))


class Chosen(Struct, frozen=True):
    """Devices that run, and which of them, by number, tells each place."""

    kinds: tuple[str, ...]
    emulators: tuple[Emulator, ...]
    of_place: Mapping[Place, int]

    def lines(self) -> dict[Place, str]:
        """Return the keys of each place in the site file, when the devices listen."""
        return {
            place: f"{KINDS[self.kinds[number]].keys}, host: '{self.emulators[number].address}'"
            for place, number in self.of_place.items()
        }


def chosen(names: Iterable[str], world: World) -> Chosen:
    """Return the devices `names`, each of which takes the places that none before it has taken."""
    kinds = tuple(dict.fromkeys(names))
    of_place: dict[Place, int] = {}
    for number, name in enumerate(kinds):
        for place in KINDS[name].places:
            of_place.setdefault(place, number)
    return Chosen(kinds, tuple(KINDS[name].make(world) for name in kinds), of_place)
