"""What is particular to one make: roles of one API, tokens, telegrams, cables, firmware variants."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from evenload.contracts.phases import PerPhase
from evenload.simulation.devices import (
    DsmrPort,
    Enphase,
    Fronius,
    MeterWorld,
    PlugWorld,
    ShellyEm,
    ShellyGen1Plug,
    ShellyOnePhase,
    TasmotaMeter,
    TasmotaMqttMeter,
)
from evenload.simulation.devices.dsmr import OLD_METER, ONE_PHASE_METER, SECOND_METER
from evenload.simulation.devices.dsmr_cable import DsmrCable
from services.meter_ingest.service import run
from tests.integration.devices.conftest import Mosquitto, World, meter_site, running


@pytest.fixture
async def service() -> AsyncIterator[World]:
    async with running(run) as world:
        yield world


def house() -> MeterWorld:
    found = MeterWorld()
    found.set({"l1_w": 2300, "l2_w": -1150, "l3_w": 460})
    return found


def roles_site(device: Any) -> str:
    return (
        "site: home\ngrid: {breaker_a: 25}\nbattery: {soc_min_pct: 10}\nmeters:\n"
        + "\n".join(
            f"  {role}: {{role: {role}, driver: fronius, host: '{device.address}'}}"
            for role in ("grid", "solar", "battery", "household")
        )
        + "\n"
    )


async def test_a_fronius_tells_four_roles(emulators: Any, service: World) -> None:
    device = await emulators(Fronius(house()))
    await service.apply(roles_site(device))
    found = {role: await service.heard.reading(role) for role in ("grid", "solar", "battery", "household")}
    assert {role: reading.total_power_w for role, reading in found.items()} == {
        "grid": 1610.0,
        "solar": 4321.0,
        "battery": -1500.0,
        "household": 4431.0,
    }
    assert found["battery"].soc_pct == 81.5
    assert found["grid"].current_a == PerPhase(10.0, -5.0, 2.0)


async def test_a_fronius_at_night_makes_nothing(emulators: Any, service: World) -> None:
    device = await emulators(Fronius(house()))
    device.night = True
    await service.apply(roles_site(device))
    assert (await service.heard.reading("solar")).total_power_w == 0.0


async def test_a_fronius_with_newer_firmware_has_other_names(emulators: Any, service: World) -> None:
    device = await emulators(Fronius(house()))
    device.new_names = True
    await service.apply(meter_site(f"driver: fronius, host: '{device.address}'"))
    reading = await service.heard.reading()
    assert (reading.power_w, reading.import_wh) == (PerPhase(2300.0, -1150.0, 460.0), pytest.approx(13_779_338, abs=1))


async def test_a_fronius_with_a_meter_of_one_phase_leaves_names_out(emulators: Any, service: World) -> None:
    device = await emulators(Fronius(house(), phases=1))
    await service.apply(meter_site(f"driver: fronius, host: '{device.address}'", "phases: [L1]\n"))
    reading = await service.heard.reading()
    assert (reading.current_a, reading.total_power_w) == (PerPhase(10.0), 2300.0)


async def test_a_fronius_without_a_meter_says_so(emulators: Any, service: World) -> None:
    device = await emulators(Fronius(house()))
    device.has_meter = False
    await service.apply(meter_site(f"driver: fronius, host: '{device.address}'"))
    alert = await service.heard.alert("meter_silent")
    assert "Device not found" in alert.text


async def test_an_enphase_wants_its_token(emulators: Any, service: World, tmp_path: Path) -> None:
    device = await emulators(Enphase(house(), token="abc"))
    token = tmp_path / "token"
    token.write_text("wrong\n")
    options = f"driver: enphase, secure: false, host: '{device.address}', token_file: '{token}'"
    await service.apply(meter_site(options))
    assert "401" in (await service.heard.alert("meter_silent")).text
    token.write_text("abc\n")
    reading = await service.heard.reading()
    assert reading.current_a == PerPhase(10.0, -5.0, 2.0)


@pytest.mark.parametrize(("channel", "current_a", "power_w"), [(0, 10.0, 2300.0), (1, -5.0, -1150.0)])
@pytest.mark.parametrize("component", ["em1", "pm1", "switch"])
async def test_a_shelly_of_one_phase(
    component: str, channel: int, current_a: float, power_w: float, emulators: Any, service: World
) -> None:
    device = await emulators(ShellyOnePhase(house()))
    options = f"driver: shelly, component: {component}, channel: {channel}, host: '{device.address}'"
    await service.apply(meter_site(options, "phases: [L1]\n"))
    reading = await service.heard.reading()
    assert (reading.current_a, reading.total_power_w) == (PerPhase(current_a), power_w)
    assert reading.export_wh == pytest.approx(4_162_461, abs=1)


async def test_a_second_channel_of_a_shelly_is_the_second_clamps(emulators: Any, service: World) -> None:
    device = await emulators(ShellyOnePhase(house()))
    options = f"driver: shelly, component: em1, channel: 1, host: '{device.address}'"
    await service.apply(meter_site(options, "phases: [L1]\n"))
    reading = await service.heard.reading()
    assert (reading.current_a, reading.total_power_w) == (PerPhase(-5.0), -1150.0)


async def test_an_enphase_of_one_phase(emulators: Any, service: World) -> None:
    device = await emulators(Enphase(house(), phases=1))
    await service.apply(meter_site(f"driver: enphase, secure: false, host: '{device.address}'", "phases: [L1]\n"))
    reading = await service.heard.reading()
    assert (reading.current_a, reading.total_power_w) == (PerPhase(10.0), 2300.0)


async def test_an_enphase_without_clamps_tells_its_inverters_and_no_grid(emulators: Any, service: World) -> None:
    device = await emulators(Enphase(house(), metered=False))
    options = f"driver: enphase, secure: false, host: '{device.address}'"
    await service.apply(meter_site(options) + f"  pv: {{role: solar, {options}}}\n")
    assert (await service.heard.reading("pv")).total_power_w == 4300.0
    assert "consumption" in (await service.heard.alert("meter_silent")).text


@pytest.mark.parametrize(("channel", "current_a"), [(0, PerPhase(10.0)), (1, PerPhase(-5.0))])
async def test_a_shelly_em_of_gen1_has_two_clamps(
    channel: int, current_a: PerPhase, emulators: Any, service: World
) -> None:
    device = await emulators(ShellyEm(house()))
    options = f"driver: shelly, generation: 1, channel: {channel}, host: '{device.address}'"
    await service.apply(meter_site(options, "phases: [L1]\n"))
    assert (await service.heard.reading()).current_a == current_a


async def test_a_shelly_1pm_of_gen1_counts_watt_minutes(emulators: Any, service: World) -> None:
    world = PlugWorld(1150.0)
    world.press(True)
    device = await emulators(ShellyGen1Plug(world, channel=1))
    meter = f"  sun: {{role: solar, driver: shelly, generation: 1, channel: 1, phases: [L3], host: '{device.address}'}}"
    await service.apply(meter_site("driver: homewizard, host: 127.0.0.1:9") + meter + "\n")
    reading = await service.heard.reading("sun")
    assert (reading.current_a, reading.import_wh) == (PerPhase(l3=5.0), 5_125.0)


@pytest.mark.parametrize("head", [False, True])
async def test_a_tasmota_on_mqtt_is_asked_and_missed(head: bool, mosquitto: Mosquitto, service: World) -> None:
    device = TasmotaMqttMeter("meter", house(), head=head)
    await device.start(port=mosquitto.port)
    broker = f"mqtt: {{broker: 'mqtt://127.0.0.1:{mosquitto.port}'}}\n"
    await service.apply(meter_site("driver: tasmota_mqtt, topic: meter, timeout_s: 5", broker))
    reading = await service.heard.reading()
    assert (reading.current_a, reading.total_power_w) == (PerPhase(10.0, -5.0, 2.0), 1610.0)
    device.garbage = True
    await service.heard.alert("meter_silent")
    device.garbage = False
    await service.heard.alert("meter_silent", active=False)
    await device.stop()
    assert "offline" in (await service.heard.alert("meter_silent")).text


async def test_a_tasmota_on_mqtt_of_one_phase_has_scalars(mosquitto: Mosquitto, service: World) -> None:
    device = TasmotaMqttMeter("meter", house(), phases=1)
    await device.start(port=mosquitto.port)
    broker = f"phases: [L1]\nmqtt: {{broker: 'mqtt://127.0.0.1:{mosquitto.port}'}}\n"
    await service.apply(meter_site("driver: tasmota_mqtt, topic: meter, timeout_s: 5", broker))
    assert (await service.heard.reading()).current_a == PerPhase(10.0)
    await device.stop()


async def test_a_tasmota_of_one_phase_has_scalars(emulators: Any, service: World) -> None:
    device = await emulators(TasmotaMeter(house(), phases=1))
    await service.apply(meter_site(f"driver: tasmota, host: '{device.address}'", "phases: [L1]\n"))
    reading = await service.heard.reading()
    assert (reading.current_a, reading.total_power_w) == (PerPhase(10.0), 2300.0)


async def test_a_telegram_is_read(emulators: Any, service: World) -> None:
    device = await emulators(DsmrPort(SECOND_METER))
    await service.apply(meter_site(f"driver: dsmr, host: '{device.address}'"))
    reading = await service.heard.reading()
    assert reading.power_w == PerPhase(1150.0, -578.0, 2300.0)
    assert reading.current_a == PerPhase(4.998, -2.498, 10.009)
    assert (reading.total_power_w, reading.import_wh, reading.export_wh) == (2872.0, 3_345_678.0, 300_500.0)
    device.broken = True
    assert "checksum" in (await service.heard.alert("meter_garbage")).text
    device.broken = False
    await service.heard.alert("meter_garbage", active=False)


async def test_an_old_telegram_has_a_total_only(emulators: Any, service: World) -> None:
    device = await emulators(DsmrPort(OLD_METER))
    await service.apply(meter_site(f"driver: dsmr, host: '{device.address}'", "phases: [L1]\n"))
    reading = await service.heard.reading()
    assert (reading.current_a, reading.total_power_w) == (PerPhase(5.174), 1190.0)
    assert (reading.import_wh, reading.export_wh) == (12_345_678.0, 1_500.0)


async def test_a_telegram_of_one_phase(emulators: Any, service: World) -> None:
    device = await emulators(DsmrPort(ONE_PHASE_METER))
    await service.apply(meter_site(f"driver: dsmr, host: '{device.address}'", "phases: [L1]\n"))
    reading = await service.heard.reading()
    assert (reading.current_a, reading.total_power_w) == (PerPhase(-4.0), -920.0)


@pytest.mark.parametrize("fault", ["delay_s", "garbage"])
async def test_a_port_that_says_nothing_is_silent_and_comes_back(fault: str, emulators: Any, service: World) -> None:
    device = await emulators(DsmrPort(SECOND_METER))
    await service.apply(meter_site(f"driver: dsmr, host: '{device.address}'"))
    await service.heard.reading()
    device.faults.change({fault: 1})
    await service.heard.alert("meter_silent")
    device.faults.change({fault: 0})
    await service.heard.reading()
    await device.go_offline()
    await service.heard.alert("meter_silent")
    await device.come_back()
    await service.heard.reading()


@pytest.fixture
async def cable(emulators: Any) -> DsmrCable:
    found = await emulators(DsmrCable())
    assert isinstance(found, DsmrCable)
    if not os.access(found.address, os.R_OK | os.W_OK):
        pytest.skip("no pseudo-terminal can be opened by its name here")
    return found


async def test_telegrams_come_by_cable(cable: DsmrCable, service: World) -> None:
    await service.apply(meter_site(f"driver: dsmr_serial, port: {cable.address}"))
    reading = await service.heard.reading()
    assert reading.power_w == PerPhase(1150.0, -578.0, 2300.0)


@pytest.mark.parametrize("sent", [b"", b"noise\n" * 50, SECOND_METER.replace("(002345.678", "(002345.679").encode()])
async def test_a_cable_without_telegrams_is_silent_and_comes_back(
    sent: bytes, cable: DsmrCable, service: World
) -> None:
    await service.apply(meter_site(f"driver: dsmr_serial, timeout_s: 20, port: {cable.address}"))
    await service.heard.reading()
    cable.sent = sent
    await service.heard.alert("meter_silent")
    cable.sent = SECOND_METER.encode()
    await service.heard.reading()


async def test_a_cable_that_is_pulled_out_is_missed_and_comes_back(cable: DsmrCable, service: World) -> None:
    await service.apply(meter_site(f"driver: dsmr_serial, timeout_s: 20, port: {cable.address}"))
    await service.heard.reading()
    await cable.go_offline()
    await service.heard.alert("meter_silent")
    await cable.come_back()
    await service.heard.reading()


async def test_a_port_that_is_not_there_is_named(service: World) -> None:
    await service.apply(meter_site("driver: dsmr_serial, port: /dev/ttyNONE"))
    assert "/dev/ttyNONE" in (await service.heard.alert("meter_silent")).text
