"""`evenload probe` and `evenload detect` against emulated devices."""

import asyncio
from typing import Any

import pytest
from click.testing import CliRunner, Result

from evenload.cli import probe
from evenload.cli.__main__ import main
from evenload.cli.detect import mdns_question, places, responders
from evenload.devices import identify
from evenload.devices.access import open_access
from evenload.devices.identify import PORTS
from evenload.devices.marks import MARKS
from evenload.simulation.devices import (
    DsmrPort,
    Enphase,
    Fronius,
    HomewizardP1,
    HomewizardSocket,
    KasaPlug,
    MeterWorld,
    PlugWorld,
    Shelly3em,
    ShellyEm,
    ShellyGen1Plug,
    ShellyOnePhase,
    ShellyPlug,
    ShellyPro3em,
    TasmotaMeter,
    TasmotaPlug,
)
from evenload.simulation.devices.dsmr import SECOND_METER
from evenload.simulation.devices.homeassistant import HomeAssistant
from evenload.simulation.devices.modbus import ModbusDevice, golden
from evenload.site.load import load_text
from tests.integration.devices.conftest import Mosquitto


def house() -> MeterWorld:
    found = MeterWorld()
    found.set({"l1_w": 2300, "l2_w": -1150, "l3_w": 460})
    return found


async def evenload(*arguments: str) -> Result:
    """Run the command in a thread, beside the emulators."""
    return await asyncio.to_thread(CliRunner().invoke, main, arguments)


async def test_a_meter_is_shown_raw_and_normalised(emulators: Any) -> None:
    device = await emulators(HomewizardP1(house()))
    result = await evenload("probe", "homewizard", device.address)
    assert result.exit_code == 0, result.output
    raw, _, rest = result.output.partition("normalised")
    assert "line 2 current     -5" in raw
    assert "L1 10  L2 -5  L3 2" in rest
    assert f"p1: {{role: grid, driver: homewizard, host: '{device.address}'}}" in rest


async def test_a_role_and_keys_of_the_driver_are_taken(emulators: Any) -> None:
    device = await emulators(ModbusDevice(golden("goodwe")))
    result = await evenload("probe", "goodwe", device.address, "--role", "battery", "-o", "unit=247")
    assert result.exit_code == 0, result.output
    assert "total_power_w      -1500" in result.output
    assert "soc_pct            81" in result.output


async def test_a_wrong_sign_is_said(emulators: Any) -> None:
    device = await emulators(HomewizardP1(MeterWorld()))
    device._provider.set({"watts": -3000})
    result = await evenload("probe", "homewizard", device.address, "--role", "solar")
    assert "refused: meter_sign" in result.output
    assert "invert: true" in result.output


async def test_a_plug_is_looked_at_and_not_switched(emulators: Any) -> None:
    device = await emulators(ShellyPlug(PlugWorld(1990.0)))
    result = await evenload("probe", "shelly", device.address, "--plug")
    assert "level=0" in result.output, result.output
    assert not device.world.on


async def test_what_does_not_answer_is_said_with_what_to_do() -> None:
    result = await evenload("probe", "shelly", "127.0.0.1:9")
    assert result.exit_code == 1
    assert "check its power, network and address" in result.output


async def test_a_wrong_key_is_said_as_in_a_site_file() -> None:
    result = await evenload("probe", "shelly", "127.0.0.1:9", "-o", "chanel=1")
    assert result.exit_code == 1
    assert "channel" in result.output


async def test_devices_are_found_and_told_as_lines_of_a_site_file(emulators: Any) -> None:
    meters = [HomewizardP1(house()), Shelly3em(house()), ShellyPro3em(house()), ShellyOnePhase(house())]
    meters += [Fronius(house()), TasmotaMeter(house()), Enphase(house(), token="x"), DsmrPort(SECOND_METER)]
    plugs = [HomewizardSocket(PlugWorld()), ShellyPlug(PlugWorld()), TasmotaPlug(PlugWorld()), KasaPlug(PlugWorld())]
    plugs.append(ShellyGen1Plug(PlugWorld()))
    devices = [await emulators(device) for device in (*meters, *plugs, ModbusDevice(golden("sunspec_int")))]
    result = await evenload("detect", *(device.address for device in devices))
    assert result.exit_code == 0, result.output
    assert result.output.count("role: grid") == len(meters) + 1
    assert result.output.count("type: plug") == len(plugs)
    for device in devices:
        assert device.address in result.output
    lines = result.output.replace("role: grid", "role: household").replace("  household1:", "  p1:")
    text = lines.replace("{role: household, driver: homewizard", "{role: grid, driver: homewizard", 1)
    site = load_text(f"site: home\ngrid: {{breaker_a: 25}}\n{text}", "found").site
    assert site is not None
    assert len(site.loads) == len(plugs)


@pytest.mark.parametrize("name", [mark.driver for mark in MARKS])
async def test_an_inverter_is_found_by_its_makes_own_words(
    name: str, emulators: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identify, "TIMEOUT_S", 0.5)
    device = await emulators(ModbusDevice(golden(name)))
    result = await evenload("detect", device.address)
    assert result.exit_code == 0, result.output
    for number, role in enumerate(("grid", "solar", "battery"), 1):
        assert f"{role}{number}: {{role: {role}, driver: {name}, host: '{device.address}'}}" in result.output


async def test_the_clamps_of_a_shelly_em_are_told_apart(emulators: Any) -> None:
    device = await emulators(ShellyEm(house()))
    result = await evenload("detect", device.address)
    assert result.output.count("generation: 1") == 2
    assert "channel: 1" in result.output


async def test_a_source_that_says_nothing_is_said(monkeypatch: pytest.MonkeyPatch, mosquitto: Mosquitto) -> None:
    monkeypatch.setattr(probe, "LONGEST_WAIT_S", 0.3)
    result = await evenload(
        "probe", "mqtt", "grid/power", "--role", "solar", "--broker", f"mqtt://127.0.0.1:{mosquitto.port}"
    )
    assert result.exit_code == 1
    assert "nothing came within 0.3 s" in result.output


async def test_home_assistant_is_found(emulators: Any) -> None:
    device = await emulators(HomeAssistant("secret"))
    result = await evenload("detect", device.address)
    assert f"# Home Assistant (add entities and token_file) at {device.address}" in result.output


async def test_where_nothing_is_nothing_is_found() -> None:
    result = await evenload("detect", "127.0.0.1:9")
    assert result.exit_code == 1
    assert "nothing known answers" in result.output


async def test_it_looks_only_where_it_is_told_to() -> None:
    assert (await evenload("detect")).exit_code == 2
    assert (await evenload("detect", "10.0.0.0/8")).exit_code == 2
    assert [place.host for place in places(["192.168.1.0/30"])] == ["192.168.1.1", "192.168.1.2"]


@pytest.mark.parametrize("port", sorted(PORTS))
async def test_a_port_that_only_listens_is_no_device(port: int) -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    access = open_access()
    assert await PORTS[port](access, "127.0.0.1", server.sockets[0].getsockname()[1]) == ()
    await access.close()
    server.close()


async def test_whoever_answers_the_multicast_question_is_a_candidate() -> None:
    class Responder(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            assert data == mdns_question()
            self.transport.sendto(b"\0\0\x84\0" + b"\0" * 8, addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Responder, ("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    assert await responders("127.0.0.1", port, wait_s=10.0) == ["127.0.0.1"]
    transport.close()
