"""Each device that `evenload demo --with` offers tells the demo's home as it is, through the real services."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from evenload.contracts.events import MeterReading
from evenload.simulation.demo_devices import KINDS, NAMES, Chosen, World, chosen
from evenload.simulation.demo_site import DemoPorts, demo_site
from evenload.simulation.devices import MeterValues, PlugWorld
from evenload.simulation.devices.live import Moment
from evenload.site.findings import faults
from evenload.site.load import load_text
from services.meter_ingest.service import run as run_meters
from services.plug_control.service import run as run_plugs
from tests.integration.devices.conftest import World as Service
from tests.integration.devices.conftest import running

GRID = MeterValues(power_w=(2300.0, -1150.0, 460.0), import_wh=23_456_700.0, export_wh=1_234_500.0)
MOMENTS = (
    Moment(grid=GRID, solar_w=4300.0, battery_w=-1500.0, soc_pct=81.0),
    Moment(grid=MeterValues(power_w=(-460.0, -690.0, 230.0)), solar_w=0.0, battery_w=900.0, soc_pct=20.0),
)


@pytest.fixture
async def meters() -> AsyncIterator[Service]:
    async with running(run_meters) as service:
        yield service


def site_of(devices: Chosen) -> str:
    text = demo_site(
        DemoPorts(p1=9, inverter=9, plug=9, wallbox_key="a.key", guest_key="b.key", instead=devices.lines())
    )
    loaded = load_text(text, "demo.yaml")
    assert not faults(loaded.findings), [str(fault) for fault in faults(loaded.findings)]
    text = text.replace("site: demo", "site: home")
    return re.sub(r'{"?password_file"?: "?..key"?}', "{}", text)


@pytest.mark.parametrize("moment", MOMENTS, ids=["sun", "night"])
@pytest.mark.parametrize("name", [name for name in NAMES if "heater" not in KINDS[name].places])
async def test_a_meter_tells_the_home(name: str, moment: Moment, emulators: Any, meters: Service) -> None:
    devices = chosen([name], World(lambda: moment.grid, lambda: moment, PlugWorld()))
    for emulator in devices.emulators:
        await emulators(emulator)
    await meters.apply(site_of(devices))
    for place in devices.of_place:
        assert_tells(await meters.heard.reading(place), moment)


def assert_tells(reading: MeterReading, moment: Moment) -> None:
    told = {"grid": sum(moment.grid.power_w), "solar": moment.solar_w, "battery": moment.battery_w}[reading.role]
    assert reading.total_power_w == pytest.approx(told, abs=15), "to the device's own steps"
    if reading.role == "solar" and reading.import_wh is not None:
        assert reading.import_wh == pytest.approx(moment.solar_wh, abs=100), "0 would be a counter of nothing"
    if reading.role == "battery":
        assert reading.soc_pct == moment.soc_pct
    if reading.role == "grid" and reading.power_w is not None:
        for (phase, power_w), expected_w in zip(reading.power_w.items(), moment.grid.power_w, strict=True):
            assert power_w == pytest.approx(expected_w, abs=15), phase
    if reading.role == "grid" and reading.current_a is not None:
        for (phase, current_a), line in zip(reading.current_a.items(), range(3), strict=True):
            assert current_a == pytest.approx(moment.grid.current_a(line), abs=0.1), phase


@pytest.mark.parametrize("name", [name for name in NAMES if "heater" in KINDS[name].places])
async def test_a_plug_switches_the_heater(name: str, emulators: Any) -> None:
    plug = PlugWorld(2000.0)
    devices = chosen([name], World(lambda: GRID, lambda: MOMENTS[0], plug))
    for emulator in devices.emulators:
        await emulators(emulator)
    async with running(run_plugs) as service:
        await service.apply(site_of(devices))
        await service.heard.state(lambda state: state.reachable)
        service.setpoint("heater", 8.7, valid_s=120)
        await service.heard.state(lambda state: state.status == "charging" and (state.power_w or 0) > 1900)
        assert plug.on


def test_what_two_could_tell_the_first_one_tells() -> None:
    devices = chosen(["solaredge", "huawei", "huawei"], World(lambda: GRID, lambda: MOMENTS[0], PlugWorld()))
    assert devices.kinds == ("solaredge", "huawei")
    assert devices.of_place == {"bat": 0, "p1": 1, "pv": 1}
