"""A GoodWe over its dongle's UDP port, through the running service: as over TCP, and what UDP has of its own."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from evenload.contracts.events import MeterReading
from evenload.simulation.devices.goodwe_dongle import GoodweDongle
from evenload.simulation.devices.modbus import golden
from services.meter_ingest.service import run
from tests.integration.devices.conftest import World, running
from tests.integration.devices.test_modbus import assert_says, silent


@pytest.fixture
async def service() -> AsyncIterator[World]:
    async with running(run) as world:
        yield world


def site_of(device: GoodweDongle, phases: str = "L1, L2, L3") -> str:
    keys = f"driver: goodwe, over: udp, timeout_s: 5, host: '{device.address}'"
    meters = "\n".join(f"  {role}: {{role: {role}, {keys}}}" for role in device.dump.expect)
    return f"site: home\nphases: [{phases}]\ngrid: {{breaker_a: 35}}\nbattery: {{soc_min_pct: 10}}\nmeters:\n{meters}\n"


@pytest.fixture
async def dongle(emulators: Any, service: World) -> GoodweDongle:
    device: GoodweDongle = await emulators(GoodweDongle(golden("goodwe")))
    await service.apply(site_of(device))
    return device


async def test_all_roles_are_read_as_over_tcp(dongle: GoodweDongle, service: World) -> None:
    for role, expected in dongle.dump.expect.items():
        assert_says(await service.heard.reading(role), expected)


async def test_at_night_what_sleeps_makes_nothing(emulators: Any, service: World) -> None:
    device = await emulators(GoodweDongle(golden("goodwe")))
    device.fall_asleep()
    await service.apply(site_of(device))
    assert_says(await service.heard.reading("solar"), device.dump.night_expect["solar"])


async def test_on_one_phase_its_first_line_is_the_site(emulators: Any, service: World) -> None:
    device = await emulators(GoodweDongle(golden("goodwe")))
    await service.apply(site_of(device, "L1"))
    reading = await service.heard.reading("grid")
    assert reading.current_a is not None
    assert (reading.current_a.l1, reading.current_a.l2) == (5.0, None)


@pytest.mark.parametrize("fault", ["offline", "slow", "noise", "broken", "refuses"])
async def test_what_cannot_be_read_is_silent_and_comes_back(fault: str, dongle: GoodweDongle, service: World) -> None:
    await service.heard.reading("grid")
    if fault == "offline":
        await dongle.go_offline()
    dongle.noise, dongle.broken = fault == "noise", fault == "broken"
    dongle.faults.change({"delay_s": 12.0 if fault == "slow" else 0.0, "status": 4 if fault == "refuses" else None})
    await silent(service, "grid")
    if fault == "offline":
        await dongle.come_back()
    dongle.noise = dongle.broken = False
    dongle.faults.change({"delay_s": 0.0, "status": None})
    assert_says(await service.heard.reading("grid"), dongle.dump.expect["grid"])


async def test_registers_that_say_nothing_are_never_zero(dongle: GoodweDongle, service: World) -> None:
    await service.heard.reading("grid")
    dongle.faults.garbage = True
    await silent(service, "grid")
    seen = len(service.heard.events)
    dongle.faults.garbage = False
    await service.heard.reading("grid")
    readings = [event for event in service.heard.events[seen:] if isinstance(event, MeterReading)]
    assert all(reading.total_power_w for reading in readings if reading.meter == "grid")
