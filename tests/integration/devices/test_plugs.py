"""Each plug driver against its emulated device, through the running service, healthy and with each fault."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from evenload.contracts.events import Applied, LoadState, Refused, Unreachable
from evenload.contracts.phases import PerPhase
from evenload.simulation.devices import (
    HomewizardSocket,
    KasaPlug,
    MqttThing,
    PlugWorld,
    ShellyGen1Plug,
    ShellyPlug,
    TasmotaMqtt,
    TasmotaPlug,
)
from evenload.simulation.devices.shelly import ShellyTwoRelays
from evenload.simulation.devices.tasmota import TasmotaTwoRelays
from services.plug_control.service import run
from tests.integration.devices.conftest import BOUND_S, Mosquitto, World, plug_site, running

ON_A = 8.7


def tasmota_second_of_two(world: PlugWorld) -> TasmotaPlug:
    return TasmotaPlug(world, channels=2, channel=2)


PLUGS: dict[str, tuple[Callable[[PlugWorld], Any], str]] = {
    "shelly": (ShellyPlug, "driver: shelly, timeout_s: 5"),
    "shelly gen1": (ShellyGen1Plug, "driver: shelly, generation: 1, timeout_s: 5"),
    "shelly gen1 second of two": (
        lambda world: ShellyGen1Plug(world, channel=1),
        "driver: shelly, generation: 1, channel: 1, timeout_s: 5",
    ),
    "tasmota": (TasmotaPlug, "driver: tasmota, timeout_s: 5"),
    "tasmota list": (tasmota_second_of_two, "driver: tasmota, channel: 2, timeout_s: 5"),
    "tplink": (KasaPlug, "driver: tplink, timeout_s: 5"),
    "tplink old": (lambda world: KasaPlug(world, old=True), "driver: tplink, timeout_s: 5"),
    "homewizard": (HomewizardSocket, "driver: homewizard, timeout_s: 5"),
}


@pytest.fixture
async def service() -> AsyncIterator[World]:
    async with running(run) as world:
        yield world


@pytest.fixture(params=[*sorted(PLUGS), "mqtt", "tasmota mqtt", "tasmota mqtt list"])
async def plug(
    request: pytest.FixtureRequest, emulators: Any, service: World, idle_mosquitto: Mosquitto
) -> AsyncIterator[Any]:
    """An emulated plug that the service has seen once; its load is in `world`."""
    if request.param == "mqtt":
        await idle_mosquitto.start()
        async for thing in _mqtt_plug(idle_mosquitto, service):
            yield thing
        return
    if request.param in ("tasmota mqtt", "tasmota mqtt list"):
        await idle_mosquitto.start()
        async for thing in _tasmota_mqtt_plug(idle_mosquitto, service, 2 if "list" in request.param else 1):
            yield thing
        return
    make, yaml = PLUGS[request.param]
    emulator = await emulators(make(PlugWorld(1990.0)))
    await service.apply(plug_site(f"{yaml}, host: '{emulator.address}'"))
    await service.heard.state(lambda state: state.reachable)
    yield emulator


async def _mqtt_plug(broker: Mosquitto, service: World) -> AsyncIterator[Any]:
    thing = MqttThing("plug", relay=PlugWorld(1990.0), period_s=1.0)
    thing.world = thing.relay
    await thing.start(port=broker.port)
    topics = "command_topic: plug/set, state_topic: plug/state, power_topic: plug/power"
    await service.apply(plug_site(f"driver: mqtt, {topics}", f"mqtt: {{broker: 'mqtt://127.0.0.1:{broker.port}'}}\n"))
    await service.heard.state(lambda state: state.reachable)
    yield thing
    await thing.stop()


async def _tasmota_mqtt_plug(broker: Mosquitto, service: World, channels: int = 1) -> AsyncIterator[Any]:
    thing = TasmotaMqtt("boiler", PlugWorld(1990.0), channels, channels)
    await thing.start(port=broker.port)
    options = f"driver: tasmota_mqtt, topic: boiler, channel: {channels}, timeout_s: 5"
    await service.apply(plug_site(options, f"mqtt: {{broker: 'mqtt://127.0.0.1:{broker.port}'}}\n"))
    await service.heard.state(lambda state: state.reachable)
    yield thing
    await thing.stop()


def drawing(state: LoadState) -> bool:
    return state.status == "charging" and (state.power_w or 0) > 1900


def resting(state: LoadState) -> bool:
    return state.status == "suspended_evse" and state.power_w == 0


async def test_it_follows_setpoints_and_measures(plug: Any, service: World) -> None:
    service.setpoint("heater", ON_A, valid_s=100)
    state = await service.heard.state(drawing)
    assert plug.world.on
    assert state.measured_a == PerPhase(l2=8.652)
    service.setpoint("heater", 0, valid_s=100)
    await service.heard.state(resting)
    assert not plug.world.on
    results = [event for event in service.heard.events if isinstance(event, Applied)]
    assert [result.setpoint.setpoint_a for result in results] == [ON_A, 0]


async def test_without_a_new_setpoint_it_goes_off(plug: Any, service: World) -> None:
    service.setpoint("heater", ON_A, valid_s=10)
    await service.heard.state(drawing)
    await service.heard.state(resting)
    assert not plug.world.on


async def test_a_relay_that_does_not_follow_is_refused_and_told(plug: Any, service: World) -> None:
    plug.world.press(True)
    plug.world.deaf = True
    service.setpoint("heater", 0, valid_s=120)
    await service.heard.until(lambda event: isinstance(event, Refused))
    if "plug_stuck_on" not in {getattr(event, "kind", "") for event in service.heard.events}:
        await service.heard.alert("plug_stuck_on")
    state = await service.heard.state(lambda state: not state.obeys)
    assert state.measured_a == PerPhase(l2=8.652)


async def test_a_welded_contact_is_told(plug: Any, service: World) -> None:
    plug.world.press(True)
    plug.world.welded = True
    service.setpoint("heater", 0, valid_s=120)
    alert = await service.heard.alert("plug_stuck_on")
    assert alert.severity == "critical"


async def test_a_plug_switched_by_hand_is_put_back(plug: Any, service: World) -> None:
    service.setpoint("heater", 0, valid_s=120)
    await service.heard.until(lambda event: isinstance(event, Applied))
    plug.world.press(True)
    await service.heard.alert("plug_by_hand")
    await service.heard.alert("plug_by_hand", active=False)
    assert not plug.world.on


@pytest.fixture(params=["shelly", "shelly gen1", "tasmota", "homewizard"])
async def http_plug(request: pytest.FixtureRequest, emulators: Any, service: World) -> Any:
    make, yaml = PLUGS[request.param]
    emulator = await emulators(make(PlugWorld(1990.0)))
    await service.apply(plug_site(f"{yaml}, host: '{emulator.address}'"))
    await service.heard.state(lambda state: state.reachable)
    return emulator


@pytest.mark.parametrize(
    "fault",
    [
        {"delay_s": 7.0},
        {"status": 500},
        {"garbage": True},
        {"nulls": True, "replaced": {"output": None, "POWER": None, "POWER2": None, "power_on": None, "ison": None}},
    ],
)
async def test_a_plug_that_cannot_be_read_is_out_of_contact_and_comes_back(
    http_plug: Any, service: World, fault: dict[str, Any]
) -> None:
    http_plug.faults.change(fault)
    service.setpoint("heater", ON_A, valid_s=120)
    state = await service.heard.state(lambda state: not state.reachable)
    assert state.status == "unavailable"
    http_plug.faults.change({"delay_s": 0.0, "status": None, "garbage": False, "nulls": False, "replaced": {}})
    await service.heard.state(drawing)


@pytest.mark.parametrize("fault", [{"delay_s": 7.0}, {"garbage": True}, {"nulls": True}])
async def test_a_kasa_plug_that_cannot_be_read_is_out_of_contact_and_comes_back(
    emulators: Any, service: World, fault: dict[str, Any]
) -> None:
    emulator = await emulators(KasaPlug(PlugWorld(1990.0)))
    await service.apply(plug_site(f"driver: tplink, timeout_s: 5, host: '{emulator.address}'"))
    await service.heard.state(lambda state: state.reachable)
    emulator.faults.change(fault)
    service.setpoint("heater", ON_A, valid_s=120)
    await service.heard.state(lambda state: not state.reachable)
    emulator.faults.change({"delay_s": 0.0, "garbage": False, "nulls": False})
    await service.heard.state(drawing)


@pytest.mark.parametrize("fault", ["deaf", "garbage"])
async def test_a_tasmota_on_mqtt_that_cannot_be_read_is_out_of_contact_and_comes_back(
    mosquitto: Mosquitto, service: World, fault: str
) -> None:
    async for thing in _tasmota_mqtt_plug(mosquitto, service):
        setattr(thing, fault, True)
        service.setpoint("heater", ON_A, valid_s=120)
        await service.heard.state(lambda state: not state.reachable)
        setattr(thing, fault, False)
        await service.heard.state(drawing)


async def test_sg_ready_is_out_of_contact_with_its_device(emulators: Any, service: World) -> None:
    device = await emulators(ShellyTwoRelays())
    await service.apply(plug_site(f"driver: sg_ready, host: '{device.address}'"))
    await service.heard.state(lambda state: state.reachable)
    await device.go_offline()
    await service.heard.alert("plug_unreachable")
    await device.come_back()
    await service.heard.alert("plug_unreachable", active=False)


async def test_a_plug_that_vanishes_answers_unreachable_and_comes_back(http_plug: Any, service: World) -> None:
    await http_plug.go_offline()
    service.setpoint("heater", ON_A, valid_s=120)
    await service.heard.until(lambda event: isinstance(event, Unreachable))
    await http_plug.come_back()
    await service.heard.alert("plug_unreachable", active=False)
    service.setpoint("heater", 0, valid_s=120)
    await service.heard.state(resting)


@pytest.mark.parametrize(
    "missing", [("apower", "ENERGY", "active_power_w", "meters"), ("voltage", "Voltage", "active_voltage_v")]
)
async def test_missing_measurements_are_not_measured(http_plug: Any, service: World, missing: tuple[str, ...]) -> None:
    http_plug.faults.missing = missing
    service.setpoint("heater", ON_A, valid_s=120)
    state = await service.heard.state(lambda state: state.status == "charging")
    assert state.measured_a in (None, PerPhase(l2=8.652))


async def test_a_shelly_is_armed_and_set_to_stay_off_after_a_power_cut(emulators: Any, service: World) -> None:
    emulator = await emulators(ShellyPlug(PlugWorld(1990.0)))
    await service.apply(plug_site(f"driver: shelly, host: '{emulator.address}'"))
    await service.heard.state(lambda state: state.reachable)
    service.setpoint("heater", ON_A, valid_s=120)
    state = await service.heard.state(drawing)
    assert emulator.toggle_after_s == 60.0
    assert state.failsafe_in_s is not None
    assert emulator.initial_state == "off"
    emulator.power_cut()
    assert not emulator.world.on


async def test_a_shelly_of_gen1_is_armed_and_set_to_stay_off_after_a_power_cut(emulators: Any, service: World) -> None:
    emulator = await emulators(ShellyGen1Plug(PlugWorld(1990.0)))
    await service.apply(plug_site(f"driver: shelly, generation: 1, host: '{emulator.address}'"))
    await service.heard.state(lambda state: state.reachable)
    service.setpoint("heater", ON_A, valid_s=120)
    state = await service.heard.state(drawing)
    assert (emulator.timer_s, emulator.default_state) == (60.0, "off")
    assert state.failsafe_in_s is not None
    emulator.power_cut()
    assert not emulator.world.on


async def test_a_tasmota_is_armed_and_its_flash_is_written_once(emulators: Any, service: World) -> None:
    emulator = await emulators(TasmotaPlug(PlugWorld(1990.0)))
    await service.apply(plug_site(f"driver: tasmota, host: '{emulator.address}'"))
    await service.heard.state(lambda state: state.reachable)
    for setpoint_a in (ON_A, 0, ON_A):
        service.setpoint("heater", setpoint_a, valid_s=120)
        await service.heard.state(drawing if setpoint_a else resting)
    assert emulator.relay.pulse_s == 60
    assert emulator.relay.pulse_writes == 1
    assert emulator.relay.power_on_state == 0


async def test_a_tasmota_on_mqtt_is_armed_and_missed_by_its_last_will(mosquitto: Mosquitto, service: World) -> None:
    async for thing in _tasmota_mqtt_plug(mosquitto, service):
        service.setpoint("heater", ON_A, valid_s=300)
        state = await service.heard.state(drawing)
        assert (thing.relay.pulse_s, thing.relay.power_on_state) == (60, 0)
        assert state.failsafe_in_s is not None
        await thing.stop()
        alert = await service.heard.alert("plug_unreachable")
        assert "offline" in alert.text


async def test_sg_ready_is_two_relays_that_go_back_by_themselves(emulators: Any, service: World) -> None:
    device = await emulators(ShellyTwoRelays())
    await service.apply(plug_site(f"driver: sg_ready, off_state: block, host: '{device.address}'"))
    await service.heard.state(lambda state: state.reachable)
    service.setpoint("heater", ON_A, valid_s=300)
    await service.heard.state(lambda state: state.status == "charging" and device.pair == (False, True))
    assert [relay.toggle_after_s for relay in device.relays] == [60.0, 60.0]
    assert [relay.initial_state for relay in device.relays] == ["on", "off"]
    service.setpoint("heater", 0, valid_s=300)
    await service.heard.state(lambda state: state.status == "suspended_evse")
    assert device.pair == (True, False)


@pytest.mark.parametrize(
    ("on_state", "off_state", "pairs"),
    [
        ("recommend", "normal", [(False, True), (False, False)]),
        ("force", "normal", [(True, True), (False, False)]),
        ("force", "block", [(True, True), (True, False)]),
    ],
)
async def test_sg_ready_makes_each_of_its_four_states(
    on_state: str, off_state: str, pairs: list[tuple[bool, bool]], emulators: Any, service: World
) -> None:
    device = await emulators(ShellyTwoRelays())
    states = f"on_state: {on_state}, off_state: {off_state}"
    await service.apply(plug_site(f"driver: sg_ready, {states}, host: '{device.address}'"))
    await service.heard.state(lambda state: state.reachable)
    for setpoint_a, pair in zip((ON_A, 0), pairs, strict=True):
        service.setpoint("heater", setpoint_a, valid_s=300)
        await service.heard.state(lambda state, pair=pair: device.pair == pair)
    device.relays[1].world.press(not pairs[1][1])
    await service.heard.state(lambda state: device.pair == pairs[1])


async def test_sg_ready_on_tasmota_goes_back_to_normal_by_itself(emulators: Any, service: World) -> None:
    """Each ON has a PulseTime of 60 s; nothing there turns a relay on by itself, so what is left is never block."""
    device = await emulators(TasmotaTwoRelays())
    options = f"driver: sg_ready, relays: tasmota, channel_1: 1, channel_2: 2, host: '{device.address}'"
    await service.apply(plug_site(f"{options}, on_state: force"))
    await service.heard.state(lambda state: state.reachable)
    service.setpoint("heater", ON_A, valid_s=300)
    await service.heard.state(lambda state: device.pair == (True, True))
    assert [relay.pulse_s for relay in device.relays] == [60.0, 60.0]
    assert device.relays[0].power_on_state == 0
    service.setpoint("heater", 0, valid_s=300)
    await service.heard.state(lambda state: device.pair == (False, False))


async def test_a_homewizard_socket_with_its_lock_on_is_refused(emulators: Any, service: World) -> None:
    emulator = await emulators(HomewizardSocket(PlugWorld(1990.0)))
    emulator.switch_lock = True
    await service.apply(plug_site(f"driver: homewizard, host: '{emulator.address}'"))
    await service.heard.state(lambda state: state.reachable)
    service.setpoint("heater", ON_A, valid_s=120)
    await service.heard.until(lambda event: isinstance(event, Refused))


async def test_an_mqtt_plug_is_out_of_contact_without_its_broker(mosquitto: Mosquitto, service: World) -> None:
    async for _ in _mqtt_plug(mosquitto, service):
        await mosquitto.stop()
        await service.heard.alert("plug_unreachable")
        await mosquitto.start()
        await service.heard.alert("plug_unreachable", active=False)


async def test_a_cut_does_not_wait_for_a_slow_look(emulators: Any, service: World) -> None:
    off = asyncio.Event()
    world = PlugWorld(1990.0, lambda on: None if on else off.set())
    emulator = await emulators(ShellyPlug(world))
    await service.apply(plug_site(f"driver: shelly, timeout_s: 60, host: '{emulator.address}'"))
    await service.heard.state(lambda state: state.reachable)
    service.setpoint("heater", ON_A, valid_s=120)
    await service.heard.state(drawing)
    emulator.faults.slow_paths = ("/rpc/Switch.GetStatus",)
    emulator.faults.delay_s = 30.0
    emulator.asked.clear()
    service.setpoint("heater", 0, valid_s=120)
    async with asyncio.timeout(BOUND_S):
        await off.wait()
