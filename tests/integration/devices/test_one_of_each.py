"""One site with a device of each kind: all readings right; each that is unplugged is missed alone and comes back."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from evenload.contracts.events import Alert, LoadState, MeterReading
from evenload.simulation.devices import (
    DsmrPort,
    Enphase,
    Fronius,
    HomewizardKwh,
    HomewizardP1,
    HomewizardSocket,
    JsonMeter,
    KasaPlug,
    MeterWorld,
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
from evenload.simulation.devices.dsmr import SECOND_METER
from evenload.simulation.devices.goodwe_dongle import GoodweDongle
from evenload.simulation.devices.homeassistant import HomeAssistant
from evenload.simulation.devices.modbus import ModbusDevice, golden, golden_names
from evenload.simulation.devices.shelly import ShellyTwoRelays
from services.meter_ingest.service import run
from services.plug_control.service import run as run_plugs
from tests.integration.devices.conftest import Mosquitto, World, running
from tests.integration.devices.test_modbus import DRIVER_OF, assert_says

HOUSE_W = {"l1_w": 2300, "l2_w": -1150, "l3_w": 460}
HOUSE = {"power_w": [2300, -1150, 460], "current_a": [10.0, -5.0, 2.0], "total_power_w": 1610}
AT = "{}"
FIELDS = (
    "fields: {power_l1_w: 'phases[0].kw', power_l2_w: 'phases[1].kw', power_l3_w: 'phases[2].kw',"
    " voltage_l1_v: 'phases[0].volt', power_w: total.kw, import_wh: total.in_kwh}, scale: 1000"
)
HTTP: dict[str, tuple[Any, str]] = {
    "homewizard": (HomewizardP1, "driver: homewizard, host: '{}'"),
    "homewizard_kwh": (HomewizardKwh, "driver: homewizard, host: '{}'"),
    "tasmota_head": (TasmotaHead, "driver: tasmota, host: '{}'"),
    "shelly_gen1": (Shelly3em, "driver: shelly, generation: 1, host: '{}'"),
    "shelly_gen2": (ShellyPro3em, "driver: shelly, host: '{}'"),
    "fronius": (Fronius, "driver: fronius, host: '{}'"),
    "enphase": (Enphase, "driver: enphase, secure: false, host: '{}'"),
    "tasmota": (TasmotaMeter, "driver: tasmota, host: '{}'"),
    "http_json": (JsonMeter, "driver: http_json, url: 'http://{}/meter', " + FIELDS),
}
STEADY_S, TIMES = 60.0, 15
"""Quick seconds of a healthy run, and how often each is read in it, or later on a loaded machine."""


@pytest.fixture
async def service() -> AsyncIterator[World]:
    async with running(run) as world:
        yield world


class OnBroker:
    """A device on a broker, unplugged and plugged in as those with an address are."""

    def __init__(self, thing: Any, broker: Mosquitto) -> None:
        self._thing, self._broker = thing, broker

    async def start(self) -> None:
        await self._thing.start(port=self._broker.port)

    come_back = start

    async def stop(self) -> None:
        await self._thing.stop()

    go_offline = stop


def home_assistant() -> HomeAssistant:
    found = HomeAssistant("secret")
    for line, watts in enumerate(HOUSE["power_w"], 1):
        found.say(f"sensor.l{line}", watts, "W")
    return found


async def links(emulators: Any, broker: Mosquitto, folder: Path) -> dict[str, tuple[Any, str]]:
    """Return the devices that are reached by something shared, with their keys."""
    token, said = folder / "token", {"l1": 2.3, "l2": -1.15, "l3": 0.46}
    token.write_text("secret\n")
    home, dump = await emulators(home_assistant()), await emulators(ModbusDevice(golden("goodwe")))
    mqtt = await emulators(OnBroker(MqttThing("grid", lambda: said), broker))
    world = MeterWorld()
    world.set(HOUSE_W)
    tasmota = await emulators(OnBroker(TasmotaMqttMeter("head", world), broker))
    fields = "fields: {power_l1_w: l1, power_l2_w: l2, power_l3_w: l3}, scale: 1000"
    entities = "entities: {power_l1_w: sensor.l1, power_l2_w: sensor.l2, power_l3_w: sensor.l3}"
    registers = "registers: {power_l1_w: holding 36019 int32 x-1, power_l2_w: holding 36021 int32 x-1}"
    return {
        "mqtt": (mqtt, f"driver: mqtt, topic: grid, {fields}"),
        "tasmota_mqtt": (tasmota, "driver: tasmota_mqtt, topic: head"),
        "homeassistant": (home, f"driver: homeassistant, host: '{home.address}', token_file: '{token}', {entities}"),
        "modbus": (dump, f"driver: modbus, unit: 247, host: '{dump.address}', {registers}"),
    }


async def one_of_each(
    emulators: Any, broker: Mosquitto, folder: Path
) -> tuple[str, dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the site file, the device of each meter, and what each must say."""
    meters, devices, expected = [], {}, {}
    for name, (device, keys) in (await links(emulators, broker, folder)).items():
        devices[name], expected[name] = device, HOUSE
        meters.append(f"  {name}: {{role: circuit, {keys}}}")
    expected["modbus"] = {"power_w": [1150, -578, None]}
    for name, (make, options) in HTTP.items():
        world = MeterWorld()
        world.set(HOUSE_W)
        devices[name] = await emulators(make(world))
        expected[name] = HOUSE
        meters.append(f"  {name}: {{role: circuit, {options.replace(AT, devices[name].address)}}}")
    devices["dsmr"] = await emulators(DsmrPort(SECOND_METER))
    expected["dsmr"] = {"power_w": [1150, -578, 2300], "total_power_w": 2872}
    meters.append(f"  dsmr: {{role: circuit, driver: dsmr, host: '{devices['dsmr'].address}'}}")
    dongle = devices["goodwe_udp"] = await emulators(GoodweDongle(golden("goodwe")))
    expected["goodwe_udp"] = dict(dongle.dump.expect["solar"])
    meters.append(f"  goodwe_udp: {{role: solar, driver: goodwe, over: udp, host: '{dongle.address}'}}")
    for name in golden_names():
        devices[name] = await emulators(ModbusDevice(golden(name)))
        role = "grid" if name == "huawei" else "solar" if "solar" in devices[name].dump.expect else "battery"
        expected[name] = dict(devices[name].dump.expect[role])
        driver = DRIVER_OF.get(name, name)
        phases = f"phases: [{', '.join(devices[name].dump.phases)}], "
        meters.append(f"  {name}: {{role: {role}, {phases}driver: {driver}, host: '{devices[name].address}'}}")
    text = "site: home\ngrid: {breaker_a: 35}\nbattery: {soc_min_pct: 10}\nmeters:\n" + "\n".join(meters) + "\n"
    text += f"mqtt: {{broker: 'mqtt://127.0.0.1:{broker.port}'}}\n"
    return text, devices, expected


def missing(meter: str) -> Callable[[Any], bool]:
    return lambda event: isinstance(event, Alert) and event.active and event.about == meter


def heard_all(service: World, seen: int, meters: set[str]) -> Callable[[Any], bool]:
    """All of `meters` were read since."""
    return lambda event: {reading.meter for reading in readings_since(service, seen)} >= meters


def readings_since(service: World, seen: int) -> list[MeterReading]:
    return [event for event in service.heard.events[seen:] if isinstance(event, MeterReading)]


async def test_all_readings_are_right_for_a_while(
    emulators: Any, service: World, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    text, devices, expected = await one_of_each(emulators, mosquitto, tmp_path)
    await service.apply(text)
    began_s = service.ctx.clock.monotonic()
    await service.heard.until(lambda event: service.ctx.clock.monotonic() - began_s > STEADY_S)
    for name in devices:
        while Counter(reading.meter for reading in readings_since(service, 0))[name] < TIMES:
            await service.heard.reading(name)
    for reading in readings_since(service, 0):
        assert_says(reading, expected[reading.meter])
    told = {event.kind for event in service.heard.events if isinstance(event, Alert) and event.active}
    assert told <= {"meter_clock", "meter_silent"}, "a loaded machine may be silent for a moment, nothing else"


async def test_what_is_unplugged_is_missed_alone_and_comes_back(
    emulators: Any, service: World, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    text, devices, expected = await one_of_each(emulators, mosquitto, tmp_path)
    await service.apply(text)
    for name in devices:
        if not any(reading.meter == name for reading in readings_since(service, 0)):
            await service.heard.reading(name)
    for name, device in devices.items():
        await device.go_offline()
        await service.heard.until(missing(name))
        seen = len(service.heard.events)
        await service.heard.until(heard_all(service, seen, set(devices) - {name}))
        for reading in readings_since(service, seen):
            assert_says(reading, expected[reading.meter])
        await device.come_back()
        assert_says(await service.heard.reading(name), expected[name])


PLUGS: dict[str, tuple[Callable[[], Any], str]] = {
    "shelly": (lambda: ShellyPlug(PlugWorld()), "driver: shelly, timeout_s: 5, host: '{}'"),
    "shelly_gen1": (lambda: ShellyGen1Plug(PlugWorld()), "driver: shelly, generation: 1, timeout_s: 5, host: '{}'"),
    "tasmota": (lambda: TasmotaPlug(PlugWorld()), "driver: tasmota, timeout_s: 5, host: '{}'"),
    "homewizard": (lambda: HomewizardSocket(PlugWorld()), "driver: homewizard, timeout_s: 5, host: '{}'"),
    "tplink": (lambda: KasaPlug(PlugWorld()), "driver: tplink, timeout_s: 5, host: '{}'"),
    "sg_ready": (ShellyTwoRelays, "driver: sg_ready, timeout_s: 5, host: '{}'"),
}
ON_BROKER: dict[str, tuple[Callable[[], Any], str]] = {
    "tasmota_mqtt": (lambda: TasmotaMqtt("boiler", PlugWorld()), "driver: tasmota_mqtt, timeout_s: 5, topic: boiler"),
    "mqtt": (
        lambda: MqttThing("plug", relay=PlugWorld()),
        "driver: mqtt, command_topic: plug/set, state_topic: plug/state, power_topic: plug/power",
    ),
}


async def one_of_each_plug(emulators: Any, broker: Mosquitto) -> tuple[str, dict[str, Any]]:
    """Return the site file and the device of each plug."""
    devices = {name: await emulators(make()) for name, (make, _) in PLUGS.items()}
    keys = {name: options.replace(AT, devices[name].address) for name, (_, options) in PLUGS.items()}
    for name, (make, options) in ON_BROKER.items():
        devices[name], keys[name] = await emulators(OnBroker(make(), broker)), options
    loads = [f"  {name}: {{type: plug, power_w: 2000, phases: [L1], {options}}}" for name, options in keys.items()]
    text = "site: home\ngrid: {breaker_a: 63}\nmeters:\n  m: {role: grid, driver: homewizard, host: 127.0.0.1:9}\n"
    return f"{text}mqtt: {{broker: 'mqtt://127.0.0.1:{broker.port}'}}\nloads:\n" + "\n".join(loads) + "\n", devices


def reached(name: str, reachable: bool) -> Callable[[Any], bool]:
    return lambda event: isinstance(event, LoadState) and event.load == name and event.reachable is reachable


async def test_a_plug_that_is_unplugged_is_missed_alone_and_comes_back(emulators: Any, mosquitto: Mosquitto) -> None:
    async with running(run_plugs) as service:
        text, devices = await one_of_each_plug(emulators, mosquitto)
        await service.apply(text)
        for name in devices:
            if not any(reached(name, True)(event) for event in service.heard.events):
                await service.heard.until(reached(name, True))
        # A relay on plain MQTT has no word for being gone: it is missed when its broker is.
        for name in sorted(devices.keys() - {"mqtt"}):
            seen = len(service.heard.events)
            await devices[name].go_offline()
            await service.heard.until(reached(name, False))
            await devices[name].come_back()
            await service.heard.until(reached(name, True))
            gone = {
                event.load
                for event in service.heard.events[seen:]
                if isinstance(event, LoadState) and not event.reachable
            }
            assert gone == {name}
