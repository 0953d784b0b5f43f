"""Each make of inverter and SunSpec against a Modbus server over its golden registers, through the running service."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from evenload.contracts.events import Alert, MeterReading
from evenload.contracts.phases import PerPhase
from evenload.simulation.devices.modbus import ModbusDevice, golden, golden_names
from services.meter_ingest.makes.table import MAKES
from services.meter_ingest.service import run
from tests.integration.devices.conftest import World, running

DRIVER_OF = {"sunspec_float": "sunspec", "sunspec_int": "sunspec", "sunspec_single": "sunspec"}
"""Golden dump → driver, where it is not its own name."""


SILENT = "meter_silent"
REFUSED = frozenset({"meter_garbage", "meter_implausible"})


@pytest.fixture
async def service() -> AsyncIterator[World]:
    async with running(run) as world:
        yield world


def whole_site(name: str, device: ModbusDevice, timeout_s: float = 5.0, phases: tuple[str, ...] = ()) -> str:
    """A site with a meter of each role that the device tells; a plain grid meter where it tells none."""
    driver = DRIVER_OF.get(name, name)
    common = f"driver: {driver}, unit: {device.dump.unit}, timeout_s: {timeout_s:g}, host: '{device.address}'"
    meters = [f"  {role}: {{role: {role}, {common}}}" for role in device.dump.expect]
    if "grid" not in device.dump.expect:
        meters.append("  grid: {role: grid, driver: homewizard, host: '127.0.0.1:9'}")
    battery = "battery: {soc_min_pct: 10}\n" if "battery" in device.dump.expect else ""
    site = f"site: home\nphases: [{', '.join(phases or device.dump.phases)}]\ngrid: {{breaker_a: 35}}\n"
    return f"{site}{battery}meters:\n" + "\n".join(meters) + "\n"


def assert_says(reading: MeterReading, expected: Mapping[str, Any]) -> None:
    for name, value in expected.items():
        found = getattr(reading, name)
        if isinstance(value, list):
            found = [found.l1, found.l2, found.l3]
        assert found == pytest.approx(value, abs=0.001), name


@pytest.mark.parametrize("name", golden_names())
async def test_a_golden_dump_is_read_as_the_papers_say(name: str, emulators: Any, service: World) -> None:
    device = await emulators(ModbusDevice(golden(name)))
    await service.apply(whole_site(name, device))
    for role, expected in device.dump.expect.items():
        assert_says(await service.heard.reading(role), expected)
    assert device.most_masters == 1
    told = {event.kind for event in service.heard.events if getattr(event, "active", False)}
    assert told <= {"meter_silent"}, "a grid meter beside it is not there; a loaded machine may be silent for a moment"


@pytest.mark.parametrize("name", [name for name in golden_names() if golden(name).night_expect])
async def test_at_night_what_sleeps_makes_nothing(name: str, emulators: Any, service: World) -> None:
    device = await emulators(ModbusDevice(golden(name)))
    device.fall_asleep()
    await service.apply(whole_site(name, device))
    for role, expected in device.dump.night_expect.items():
        assert_says(await service.heard.reading(role), expected)


def test_every_make_has_a_golden_dump_of_each_of_its_roles() -> None:
    assert set(golden_names()) == set(MAKES) | set(DRIVER_OF)
    for name, make in MAKES.items():
        assert set(golden(name).expect) == set(make.roles), name


@pytest.mark.parametrize("name", [name for name in golden_names() if "grid" in golden(name).expect])
async def test_on_one_phase_its_first_line_is_the_site(name: str, emulators: Any, service: World) -> None:
    device = await emulators(ModbusDevice(golden(name)))
    await service.apply(whole_site(name, device, phases=("L1",)))
    reading = await service.heard.reading("grid")
    expected = device.dump.expect["grid"]
    first_a = expected["current_a"][0] if "current_a" in expected else expected["total_power_w"] / 230
    assert reading.current_a is not None
    assert (reading.current_a.l1, reading.current_a.l2) == (pytest.approx(first_a, abs=0.001), None)


SLOW, BROKEN, BUSY = {"delay_s": 12.0}, {"status": 4}, {"status": 6}


@pytest.mark.parametrize(
    ("name", "fault"),
    [*((name, SLOW) for name in golden_names()), ("huawei", BROKEN), ("huawei", BUSY), ("sunspec_int", BROKEN)],
)
async def test_a_device_that_does_not_answer_is_silent_and_comes_back(
    name: str, fault: dict[str, Any], emulators: Any, service: World
) -> None:
    device = await emulators(ModbusDevice(golden(name)))
    role = next(iter(device.dump.expect))
    await service.apply(whole_site(name, device))
    await service.heard.reading(role)
    device.faults.change(fault)
    await silent(service, role)
    device.faults.change({"delay_s": 0.0, "status": None})
    await service.heard.reading(role)
    assert device.most_masters == 1


async def silent(service: World, meter: str) -> None:
    await service.heard.until(
        lambda event: isinstance(event, Alert) and event.about == meter and event.active and event.kind == SILENT
    )


@pytest.mark.parametrize("name", golden_names())
async def test_a_device_that_restarts_comes_back_by_itself(name: str, emulators: Any, service: World) -> None:
    device = await emulators(ModbusDevice(golden(name)))
    await service.apply(whole_site(name, device))
    role = next(iter(device.dump.expect))
    await service.heard.reading(role)
    await device.go_offline()
    await silent(service, role)
    await device.come_back()
    assert_says(await service.heard.reading(role), device.dump.expect[role])


# Growatt tells import and export apart; the same nonsense in both comes out as nothing.
REFUSING = [name for name in golden_names() if "grid" in golden(name).expect and name != "growatt"]


@pytest.mark.parametrize("name", REFUSING)
async def test_registers_that_say_nothing_are_never_zero(name: str, emulators: Any, service: World) -> None:
    device = await emulators(ModbusDevice(golden(name)))
    await service.apply(whole_site(name, device))
    await service.heard.reading("grid")
    device.faults.garbage = True
    await service.heard.until(
        lambda event: isinstance(event, Alert) and event.about == "grid" and event.active and event.kind in REFUSED
    )
    seen = len(service.heard.events)
    device.faults.garbage = False
    await service.heard.reading("grid")
    readings = [event for event in service.heard.events[seen:] if isinstance(event, MeterReading)]
    assert all(reading.total_power_w for reading in readings if reading.meter == "grid")


GENERIC = (
    "driver: modbus, unit: 247, host: '{}', registers: {{power_l1_w: holding 36019 int32 x-1,"
    " power_l2_w: holding 36021 int32 x-1, power_l3_w: holding 36023 int32 x-1,"
    " voltage_l1_v: holding 36052 uint16 x0.1}}"
)


async def test_any_registers_can_be_named_in_the_site_file(emulators: Any, service: World) -> None:
    device = await emulators(ModbusDevice(golden("goodwe")))
    meter = f"  m: {{role: grid, {GENERIC.format(device.address)}}}"
    await service.apply(f"site: home\ngrid: {{breaker_a: 25}}\nmeters:\n{meter}\n")
    reading = await service.heard.reading()
    assert reading.power_w == PerPhase(1150.0, -578.0, 2298.0)
    assert reading.current_a == PerPhase(4.998, -2.513, 9.991)


async def test_a_role_that_the_make_does_not_tell_is_said_with_those_it_has(emulators: Any, service: World) -> None:
    device = await emulators(ModbusDevice(golden("growatt")))
    meters = (
        "  m: {role: grid, driver: homewizard, host: '127.0.0.1:9'}\n"
        f"  t: {{role: temperature, driver: growatt, host: '{device.address}'}}\n"
    )
    await service.apply(f"site: home\ngrid: {{breaker_a: 25}}\nmeters:\n{meters}")
    alert = await service.heard.until(lambda event: getattr(event, "about", "") == "t" and event.active)
    assert "tells nothing about temperature" in alert.text
