"""One site with a device of each kind: all readings right; each that is unplugged is missed alone and comes back."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from evenload.contracts.events import Alert, MeterReading
from evenload.simulation.devices import (
    DsmrPort,
    Enphase,
    Fronius,
    HomewizardP1,
    JsonMeter,
    MeterWorld,
    Shelly3em,
    ShellyPro3em,
    TasmotaMeter,
)
from evenload.simulation.devices.dsmr import SECOND_METER
from evenload.simulation.devices.modbus import ModbusDevice, golden, golden_names
from services.meter_ingest.service import run
from tests.integration.devices.conftest import World, running
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
    "shelly_gen1": (Shelly3em, "driver: shelly, generation: 1, host: '{}'"),
    "shelly_gen2": (ShellyPro3em, "driver: shelly, host: '{}'"),
    "fronius": (Fronius, "driver: fronius, host: '{}'"),
    "enphase": (Enphase, "driver: enphase, secure: false, host: '{}'"),
    "tasmota": (TasmotaMeter, "driver: tasmota, host: '{}'"),
    "http_json": (JsonMeter, "driver: http_json, url: 'http://{}/meter', " + FIELDS),
}
STEADY_S = 60.0
"""Quick seconds of a healthy run; an hour gives the same."""


@pytest.fixture
async def service() -> AsyncIterator[World]:
    async with running(run) as world:
        yield world


async def one_of_each(emulators: Any) -> tuple[str, dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the site file, the device of each meter, and what each must say."""
    meters, devices, expected = [], {}, {}
    for name, (make, options) in HTTP.items():
        world = MeterWorld()
        world.set(HOUSE_W)
        devices[name] = await emulators(make(world))
        expected[name] = HOUSE
        meters.append(f"  {name}: {{role: circuit, {options.replace(AT, devices[name].address)}}}")
    devices["dsmr"] = await emulators(DsmrPort(SECOND_METER))
    expected["dsmr"] = {"power_w": [1150, -578, 2300], "total_power_w": 2872}
    meters.append(f"  dsmr: {{role: circuit, driver: dsmr, host: '{devices['dsmr'].address}'}}")
    for name in golden_names():
        devices[name] = await emulators(ModbusDevice(golden(name)))
        role = "grid" if name == "huawei" else "solar" if "solar" in devices[name].dump.expect else "battery"
        expected[name] = dict(devices[name].dump.expect[role])
        driver = DRIVER_OF.get(name, name)
        phases = f"phases: [{', '.join(devices[name].dump.phases)}], "
        meters.append(f"  {name}: {{role: {role}, {phases}driver: {driver}, host: '{devices[name].address}'}}")
    text = "site: home\ngrid: {breaker_a: 35}\nbattery: {soc_min_pct: 10}\nmeters:\n" + "\n".join(meters) + "\n"
    return text, devices, expected


def missing(meter: str) -> Callable[[Any], bool]:
    return lambda event: isinstance(event, Alert) and event.active and event.about == meter


def heard_all(service: World, seen: int, meters: set[str]) -> Callable[[Any], bool]:
    """All of `meters` were read since."""
    return lambda event: {reading.meter for reading in readings_since(service, seen)} >= meters


def readings_since(service: World, seen: int) -> list[MeterReading]:
    return [event for event in service.heard.events[seen:] if isinstance(event, MeterReading)]


async def test_all_readings_are_right_for_a_while(emulators: Any, service: World) -> None:
    text, devices, expected = await one_of_each(emulators)
    await service.apply(text)
    began_s = service.ctx.clock.monotonic()
    await service.heard.until(lambda event: service.ctx.clock.monotonic() - began_s > STEADY_S)
    readings = readings_since(service, 0)
    for reading in readings:
        assert_says(reading, expected[reading.meter])
    for name in devices:
        count = sum(reading.meter == name for reading in readings)
        assert count > STEADY_S / 4, (name, count)
    told = {event.kind for event in service.heard.events if isinstance(event, Alert) and event.active}
    assert told <= {"meter_clock", "meter_silent"}, "a loaded machine may be silent for a moment, nothing else"


async def test_what_is_unplugged_is_missed_alone_and_comes_back(emulators: Any, service: World) -> None:
    text, devices, expected = await one_of_each(emulators)
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
