"""Devices that may stand in the demo's home in place of its own: what each tells, and its lines in the site file.

`evenload demo --with huawei --with tasmota-plug`: the home's meter, sun and battery are then read through a Huawei's
registers, and its heater hangs on a Tasmota plug. What two devices could tell, the first one named tells.
"""

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol

from msgspec import Struct, field

from evenload.simulation.devices import (
    DsmrPort,
    Enphase,
    Fronius,
    HomewizardKwh,
    HomewizardP1,
    HomewizardSocket,
    JsonMeter,
    KasaPlug,
    MqttThing,
    PlugWorld,
    Shelly3em,
    ShellyGen1Plug,
    ShellyPlug,
    ShellyPro3em,
    TasmotaHead,
    TasmotaMeter,
    TasmotaMqtt,
    TasmotaMqttMeter,
    TasmotaPlug,
)
from evenload.simulation.devices import living_assistant as assistant
from evenload.simulation.devices.broker import MISSING, Mosquitto, OnBroker, find_mosquitto
from evenload.simulation.devices.dsmr_cable import DsmrCable
from evenload.simulation.devices.goodwe_dongle import GoodweDongle
from evenload.simulation.devices.live import Home
from evenload.simulation.devices.modbus import ModbusDevice, golden, golden_names
from evenload.simulation.devices.shelly import ShellyTwoRelays
from evenload.simulation.devices.tuya import TuyaPlug
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
    secret: str = "0123456789abcdef"
    """Home Assistant's token and the local key of a Tuya plug: 16 characters."""
    broker: Mosquitto = field(default_factory=Mosquitto)


class Kind(Struct, frozen=True):
    """One kind of device: how it is made, the places it can take, and its keys beside its address, by place where
    they differ."""

    make: Callable[[World], Any]
    places: tuple[Place, ...]
    keys: str | Mapping[Place, str]
    at: str = ", host: '{}'"
    """How its address is written."""
    on_broker: bool = False
    secret_file: str = ""
    extra: tuple[str, str] = ("", "")
    """Module that its driver imports, and the extra to install."""

    def line(self, place: Place, address: str) -> str:
        """Return its keys in the site file."""
        keys = self.keys if isinstance(self.keys, str) else self.keys[place]
        secret = f", {self.secret_file}" if self.secret_file else ""
        return keys + secret + ("" if self.on_broker else self.at.replace("{}", address))


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


def _mqtt(world: World) -> OnBroker:
    """Return what bridges publish: one topic a device, with values in JSON."""

    def grid() -> dict[str, Any]:
        return {"phases": [round(power_w, 1) for power_w in world.grid().power_w]}

    def sun() -> dict[str, Any]:
        return {"watts": round(world.home().solar_w)}

    def battery() -> dict[str, Any]:
        return {"watts": round(world.home().battery_w), "level": world.home().soc_pct}

    things = (MqttThing("house/meter", grid), MqttThing("roof/sun", sun), MqttThing("cellar/battery", battery))
    return OnBroker(world.broker, things)


MQTT_KEYS: Mapping[Place, str] = {
    "p1": "driver: mqtt, topic: house/meter,"
    " fields: {power_l1_w: 'phases[0]', power_l2_w: 'phases[1]', power_l3_w: 'phases[2]'}",
    "pv": "driver: mqtt, topic: roof/sun, fields: {power_w: watts}",
    "bat": "driver: mqtt, topic: cellar/battery, fields: {power_w: watts, soc_pct: level}",
}
GOODWE = golden("goodwe")
REGISTER_KEYS: Mapping[Place, str] = {
    "p1": f"driver: modbus, unit: {GOODWE.unit}, registers: {{power_l1_w: holding 36019 int32 x-1,"
    " power_l2_w: holding 36021 int32 x-1, power_l3_w: holding 36023 int32 x-1}",
    "pv": f"driver: modbus, unit: {GOODWE.unit}, registers: {{power_w: holding 35105 uint32 + holding 35109 uint32}}",
    "bat": f"driver: modbus, unit: {GOODWE.unit},"
    " registers: {power_w: holding 35182 int32, soc_pct: holding 37007 uint16}",
}
"""Registers by hand, as of a make that has no driver of its own."""
JSON_KEYS = (
    "driver: http_json, scale: 1000,"
    " fields: {power_l1_w: 'phases[0].kw', power_l2_w: 'phases[1].kw', power_l3_w: 'phases[2].kw'}"
)
ASSISTANT_KEYS: Mapping[Place, str] = {
    "p1": f"driver: homeassistant, {assistant.GRID}",
    "pv": f"driver: homeassistant, {assistant.SUN}",
    "bat": f"driver: homeassistant, {assistant.BATTERY}",
    "heater": f"driver: homeassistant, {assistant.HEATER}",
}


def _assistant(world: World) -> assistant.LivingAssistant:
    return assistant.LivingAssistant(world.secret, world.grid, world.home, world.plug)


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
    "dsmr-serial": Kind(
        lambda world: DsmrCable(world.grid),
        ("p1",),
        "driver: dsmr_serial",
        at=", port: {}",
        extra=("serial", "serial"),
    ),
    "goodwe-udp": Kind(
        lambda world: GoodweDongle(GOODWE, world.home), ("p1", "pv", "bat"), "driver: goodwe, over: udp"
    ),
    "http-json": Kind(lambda world: JsonMeter(world.grid), ("p1",), JSON_KEYS, at=", url: 'http://{}/meter'"),
    "modbus": Kind(lambda world: ModbusDevice(GOODWE, world.home), ("p1", "pv", "bat"), REGISTER_KEYS),
    "sg-ready": _plug(ShellyTwoRelays, "driver: sg_ready, relays: shelly"),
    "shelly-plug": _plug(ShellyPlug, "driver: shelly"),
    "shelly-gen1-plug": _plug(ShellyGen1Plug, "driver: shelly, generation: 1"),
    "tasmota-plug": _plug(TasmotaPlug, "driver: tasmota"),
    "homewizard-socket": _plug(HomewizardSocket, "driver: homewizard"),
    "tplink-plug": _plug(KasaPlug, "driver: tplink"),
    "tuya-plug": Kind(
        lambda world: TuyaPlug(world.plug, world.secret),
        ("heater",),
        "driver: tuya, device_id: bf1234567890abcdefgh",
        secret_file="key_file: home-tuya.key",
        extra=("tinytuya", "tuya"),
    ),
    "homeassistant": Kind(
        _assistant, ("p1", "pv", "bat", "heater"), ASSISTANT_KEYS, secret_file="token_file: home-assistant.key"
    ),
    "mqtt": Kind(_mqtt, ("p1", "pv", "bat"), MQTT_KEYS, on_broker=True),
    "mqtt-plug": Kind(
        lambda world: OnBroker(world.broker, (MqttThing("cellar/heater", relay=world.plug),)),
        ("heater",),
        "driver: mqtt, command_topic: cellar/heater/set, state_topic: cellar/heater/state,"
        " power_topic: cellar/heater/power",
        on_broker=True,
    ),
    "tasmota-mqtt": Kind(
        lambda world: OnBroker(world.broker, (TasmotaMqttMeter("tasmota_meter", world.grid, head=True),)),
        ("p1",),
        "driver: tasmota_mqtt, topic: tasmota_meter",
        on_broker=True,
    ),
    "tasmota-mqtt-plug": Kind(
        lambda world: OnBroker(world.broker, (TasmotaMqtt("tasmota_heater", world.plug),)),
        ("heater",),
        "driver: tasmota_mqtt, topic: tasmota_heater",
        on_broker=True,
    ),
    **{name: _modbus(name) for name in golden_names() if golden(name).live},
}
NAMES: tuple[str, ...] = tuple(sorted(KINDS))
NOT_HERE = (
    "Not there, for want of a place in this home: meters of one phase (it has three), tanks with several elements,"
    " heaters whose power is set and heat pumps with four levels (it has a heater that is on or off), and limits from"
    " outside."
)
"""Why a driver, or a way of one, cannot be asked for."""


def missing(name: str) -> str | None:
    """Return what this machine lacks to run a device of this name, and what to do; None = nothing."""
    kind = KINDS[name]
    module, extra = kind.extra
    if module and importlib.util.find_spec(module) is None:
        return f"its driver needs {module}, which is not installed: pip install 'evenload[{extra}]'"
    return MISSING if kind.on_broker and find_mosquitto() is None else None


class Chosen(Struct, frozen=True):
    """Devices that run, and which of them, by number, tells each place."""

    kinds: tuple[str, ...]
    emulators: tuple[Emulator, ...]
    of_place: Mapping[Place, int]
    broker_port: int | None
    """Where their MQTT broker listens; None = none of them needs one."""
    secrets: Mapping[str, str]
    """Files that must stand beside the site file, and what is in them."""

    def lines(self) -> dict[Place, str]:
        """Return the keys of each place in the site file, when the devices listen."""
        return {
            place: KINDS[self.kinds[number]].line(place, self.emulators[number].address)
            for place, number in self.of_place.items()
        }


def chosen(names: Iterable[str], world: World) -> Chosen:
    """Return the devices `names`, each of which takes the places that none before it has taken."""
    kinds = tuple(dict.fromkeys(names))
    of_place: dict[Place, int] = {}
    for number, name in enumerate(kinds):
        for place in KINDS[name].places:
            of_place.setdefault(place, number)
    used = [KINDS[kinds[number]] for number in sorted(set(of_place.values()))]
    return Chosen(
        kinds=kinds,
        emulators=tuple(KINDS[name].make(world) for name in kinds),
        of_place=of_place,
        broker_port=world.broker.port if any(kind.on_broker for kind in used) else None,
        secrets={kind.secret_file.partition(": ")[2]: world.secret for kind in used if kind.secret_file},
    )
