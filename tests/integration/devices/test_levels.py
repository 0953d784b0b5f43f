"""Devices with more than on and off against their emulators, and a tank by its temperature, through the service."""

from collections.abc import AsyncIterator
from typing import Any

import aiomqtt
import pytest

from evenload.contracts import subjects
from evenload.contracts.events import LoadState, MeterReading
from evenload.contracts.records import Override, OverrideRecord
from evenload.contracts.wire import encode
from evenload.simulation.devices.modbus import GoldenDump, ModbusDevice
from evenload.simulation.devices.power import PowerPage
from evenload.simulation.devices.shelly import ShellyPlug, ShellyTwoRelays
from evenload.simulation.devices.world import PlugWorld
from services.plug_control.service import run
from tests.integration.devices.conftest import Mosquitto, World, running


@pytest.fixture
async def service() -> AsyncIterator[World]:
    async with running(run) as world:
        yield world


def site_with(load: str, more: str = "") -> str:
    """A site with one load `rod` on L1."""
    return (
        "site: home\ngrid: {breaker_a: 25, household_max_a: 5}\n"
        "meters:\n  m: {role: grid, driver: homewizard, host: 127.0.0.1:9}\n"
        "  t: {role: temperature, driver: http_json, url: 'http://127.0.0.1:9/', fields: {temperature_c: t}}\n"
        f"loads:\n  rod: {{phases: [L1], {load}}}\n{more}"
    )


def offers(current_a: float) -> Any:
    return lambda state: state.offered_a == pytest.approx(current_a, abs=0.05)


async def test_elements_are_switched_one_by_one(emulators: Any, service: World) -> None:
    device = await emulators(ShellyTwoRelays())
    tank = "type: tank, power_w: 3000, elements_w: [1000, 2000], without_sensor: thermostat, driver: relays"
    await service.apply(site_with(f"{tank}, host: '{device.address}'"))
    await service.heard.state(lambda state: state.reachable)
    for setpoint_a, pair, level_a in (
        (8.7, (False, True), 8.7),
        (7.0, (True, False), 4.4),
        (13.1, (True, True), 13.1),
        (0.0, (False, False), 0.0),
    ):
        service.setpoint("rod", setpoint_a, valid_s=300)
        await service.heard.state(offers(level_a))
        assert device.pair == pair
    assert [relay.initial_state for relay in device.relays] == ["off", "off"]


async def test_a_heat_pump_has_four_states_that_end_by_themselves(emulators: Any, service: World) -> None:
    device = await emulators(ShellyTwoRelays())
    pump = "type: heat_pump, power_w: 2000, boost_w: 1000, min_state_s: 60, driver: sg_ready"
    await service.apply(site_with(f"{pump}, host: '{device.address}'"))
    await service.heard.state(lambda state: state.reachable)
    assert device.pair == (False, False)
    service.setpoint("rod", 13.1, valid_s=300)
    await service.heard.state(offers(13.1))
    assert device.pair == (True, True)
    assert [relay.toggle_after_s for relay in device.relays] == [60.0, 60.0]
    service.setpoint("rod", 0.0, valid_s=300)
    await service.heard.state(offers(0.0))
    assert device.pair == (True, False)
    assert [relay.initial_state for relay in device.relays] == ["off", "off"]


async def test_a_power_is_set_by_http(emulators: Any, service: World) -> None:
    device = await emulators(PowerPage())
    base = f"http://{device.address}"
    options = f"url: '{base}/control?power={{value}}', state_url: '{base}/data', state_path: set, power_path: drawn"
    await service.apply(site_with(f"type: modulating, power_w: 3000, driver: http_json, {options}"))
    await service.heard.state(lambda state: state.reachable)
    service.setpoint("rod", 7.0, valid_s=300)
    state = await service.heard.state(offers(7.0))
    assert device.set_w == 1600.0
    state = await service.heard.state(lambda state: state.power_w == 1568.0)
    assert state.failsafe_in_s is None, "it does not fall back by itself"


async def test_a_power_is_set_in_a_register(emulators: Any, service: World) -> None:
    dump = GoldenDump(
        device="rod",
        unit=1,
        phases=("L1",),
        registers={"holding": {1000: 0, 1001: 0}, "input": {}},
        night={},
        expect={},
        night_expect={},
        live={},
    )
    device = await emulators(ModbusDevice(dump))
    options = f"host: '{device.address}', register: holding 1000 uint16 x0.1, power: holding 1001 uint16, expiry_s: 60"
    await service.apply(site_with(f"type: modulating, power_w: 3000, driver: modbus, {options}"))
    await service.heard.state(lambda state: state.reachable)
    service.setpoint("rod", 7.0, valid_s=300)
    state = await service.heard.state(offers(7.0))
    assert device.registers["holding"][1000] == 16_000
    assert state.failsafe_in_s is not None
    service.setpoint("rod", 0.0, valid_s=300)
    await service.heard.state(offers(0.0))
    assert device.registers["holding"][1000] == 0


async def test_a_power_is_set_on_mqtt(mosquitto: Mosquitto, service: World) -> None:
    options = "command_topic: rod/set, state_topic: rod/state, scale: 0.001, payload: '{value} kW'"
    broker = f"mqtt: {{broker: 'mqtt://127.0.0.1:{mosquitto.port}'}}\n"
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        await client.subscribe("rod/set")
        await client.publish("rod/state", "0", retain=True)
        await service.apply(site_with(f"type: modulating, power_w: 3000, driver: mqtt, {options}", broker))
        await service.heard.state(lambda state: state.reachable)
        service.setpoint("rod", 7.0, valid_s=300)
        message = await anext(aiter(client.messages))
        assert message.payload == b"1.6 kW"
        await client.publish("rod/state", "1.6", retain=True)
        await service.heard.state(lambda state: state.setpoint_a == 7.0 and offers(7.0)(state))


async def test_a_tank_goes_by_its_temperature_and_by_what_is_set_by_hand(emulators: Any, service: World) -> None:
    device = await emulators(ShellyPlug(PlugWorld(1990.0)))
    tank = f"type: tank, power_w: 2000, temperature: t, driver: shelly, host: '{device.address}'"
    await service.apply(site_with(tank))
    await service.heard.state(lambda state: state.offer is not None and state.offer.reason == "no temperature")
    assert (await said(service, 45.0, "heats to its target")).temperature_c == 45.0
    assert (await said(service, 52.0, "heats to its target")).offer is not None, "until it is at its target"
    await said(service, 55.5, "stores the sun")
    await by_hand(service, Override(load="rod", mode="boost", target_c=60.0, at=service.ctx.clock.utc()))
    state = await service.heard.state(lambda state: state.offer is not None and state.offer.reason == "boost")
    assert state.offer is not None
    assert state.offer.mode == "standard"
    await said(service, 60.5, "stores the sun")


async def by_hand(service: World, item: Override) -> None:
    """Keep an override as the allocator does."""
    bucket = await service.bus.bucket(subjects.OVERRIDES)
    await bucket.put("home", encode(OverrideRecord(site="home", items=(item,))))


async def said(service: World, temperature_c: float, reason: str) -> LoadState:
    """Publish a temperature; return the next state whose offer has that reason."""
    now = service.ctx.clock.utc()
    reading = MeterReading(site="home", meter="t", role="temperature", measured_at=now, temperature_c=temperature_c)
    service.bus.publish(subjects.reading("home", "t"), reading)
    return await service.heard.state(
        lambda state: state.offer is not None and state.offer.reason == reason and state.temperature_c == temperature_c
    )


async def test_a_schedule_sets_a_tanks_target_and_what_is_set_by_hand_goes_over_it(
    emulators: Any, service: World
) -> None:
    device = await emulators(ShellyPlug(PlugWorld(1990.0)))
    tank = f"type: tank, power_w: 2000, temperature: t, driver: shelly, host: '{device.address}'"
    await service.apply(site_with(tank, "schedules: {rod: [{when: mon-sun, target_c: 60}]}\n"))
    await service.heard.state(lambda state: state.offer is not None and state.offer.reason == "no temperature")
    await said(service, 54.0, "heats to its target")
    await said(service, 57.0, "heats to its target")
    await by_hand(service, Override(load="rod", target_c=50.0, at=service.ctx.clock.utc()))
    await said(service, 57.5, "stores the sun")
