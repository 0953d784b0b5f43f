"""Each device that `evenload demo --with` offers tells the demo's home as it is, through the real services."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from evenload.contracts.events import MeterReading
from evenload.simulation.demo_devices import KINDS, NAMES, Chosen, World, chosen, missing
from evenload.simulation.demo_site import DemoPorts, demo_site
from evenload.simulation.devices import MeterValues, PlugWorld
from evenload.simulation.devices.live import Moment
from evenload.site.findings import faults
from evenload.site.load import load_text
from services.meter_ingest.drivers.table import DRIVERS as METER_DRIVERS
from services.meter_ingest.service import run as run_meters
from services.plug_control.drivers.table import DRIVERS as PLUG_DRIVERS
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
    ports = DemoPorts(p1=9, inverter=9, plug=9, wallbox_key="a.key", guest_key="b.key")
    text = demo_site(structs.replace(ports, instead=devices.lines(), broker=devices.broker_port))
    loaded = load_text(text, "demo.yaml")
    assert not faults(loaded.findings), [str(fault) for fault in faults(loaded.findings)]
    text = text.replace("site: demo", "site: home")
    return re.sub(r'{"?password_file"?: "?..key"?}', "{}", text)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the site file is, and secrets beside it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def started(name: str, world: World, emulators: Any, folder: Path) -> Chosen:
    if KINDS[name].extra[0]:
        pytest.importorskip(KINDS[name].extra[0])
    devices = chosen([name], world)
    for emulator in devices.emulators:
        await emulators(emulator)
    for file, secret in devices.secrets.items():
        (folder / file).write_text(secret)
    return devices


@pytest.mark.parametrize("moment", MOMENTS, ids=["sun", "night"])
@pytest.mark.parametrize("name", [name for name in NAMES if KINDS[name].places != ("heater",)])
async def test_a_meter_tells_the_home(name: str, moment: Moment, emulators: Any, meters: Service, folder: Path) -> None:
    world = World(lambda: moment.grid, lambda: moment, PlugWorld())
    devices = await started(name, world, emulators, folder)
    await meters.apply(site_of(devices))
    for place in devices.of_place:
        if place == "heater":
            continue
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
async def test_a_plug_switches_the_heater(name: str, emulators: Any, folder: Path) -> None:
    plug = PlugWorld(2000.0)
    devices = await started(name, World(lambda: GRID, lambda: MOMENTS[0], plug), emulators, folder)
    async with running(run_plugs) as service:
        await service.apply(site_of(devices))
        await service.heard.state(lambda state: state.reachable)
        service.setpoint("heater", 8.7, valid_s=120)
        await service.heard.state(lambda state: state.status == "charging" and is_told(name, state.power_w))
        assert plug.on


def is_told(name: str, power_w: float | None) -> bool:
    """The contacts of a heat pump do not say what it draws."""
    return name == "sg-ready" or (power_w or 0) > 1900


def test_every_driver_can_be_tried() -> None:
    keys = [kind.keys for kind in KINDS.values()]
    said = " ".join(text for each in keys for text in (each.values() if isinstance(each, Mapping) else [each]))
    tried = set(re.findall("driver: ([a-z_0-9]+)", said))
    assert tried == METER_DRIVERS.keys() | PLUG_DRIVERS.keys()


def test_what_two_could_tell_the_first_one_tells() -> None:
    devices = chosen(["solaredge", "huawei", "huawei"], World(lambda: GRID, lambda: MOMENTS[0], PlugWorld()))
    assert devices.kinds == ("solaredge", "huawei")
    assert devices.of_place == {"bat": 0, "p1": 1, "pv": 1}


def test_what_this_machine_lacks_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evenload.simulation.demo_devices.find_mosquitto", lambda: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "apt install mosquitto" in (missing("mqtt") or "")
    assert "pip install 'evenload[tuya]'" in (missing("tuya-plug") or "")
    assert missing("huawei") is None


async def test_a_broker_serves_all_and_ends_with_the_last() -> None:
    world = World(lambda: GRID, lambda: MOMENTS[0], PlugWorld())
    devices = chosen(["mqtt", "mqtt-plug"], world)
    for emulator in devices.emulators:
        await emulator.start()
    await devices.emulators[0].stop()
    _, writer = await asyncio.open_connection("127.0.0.1", world.broker.port)
    writer.close()
    await devices.emulators[1].stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", world.broker.port)
