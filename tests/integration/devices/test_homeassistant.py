"""Home Assistant as a source and as a switch, against its emulated WebSocket API."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from evenload.contracts.events import LoadState, Refused
from evenload.contracts.phases import PerPhase
from evenload.simulation.devices import PlugWorld
from evenload.simulation.devices.homeassistant import HomeAssistant
from services.meter_ingest.service import run as run_meters
from services.plug_control.service import run as run_plugs
from tests.integration.devices.conftest import World, meter_site, plug_site, running

LINES = ("sensor.l1", "sensor.l2", "sensor.l3")
ENTITIES = (
    "entities: {power_l1_w: sensor.l1, power_l2_w: sensor.l2, power_l3_w: sensor.l3, import_wh: sensor.energy,"
    " voltage_l1_v: sensor.voltage}"
)


@pytest.fixture
async def meters() -> AsyncIterator[World]:
    async with running(run_meters) as world:
        yield world


@pytest.fixture
async def plugs() -> AsyncIterator[World]:
    async with running(run_plugs) as world:
        yield world


@pytest.fixture
async def home(emulators: Any) -> HomeAssistant:
    found = HomeAssistant("secret")
    for entity, state, unit in zip(LINES, (2.3, -1150, 460), ("kW", "W", "W"), strict=True):
        found.say(entity, state, unit)
    found.say("sensor.energy", 13_779.338, "kWh")
    found.say("sensor.voltage", 230.0, "V")
    await emulators(found)
    return found


@pytest.fixture
def token(tmp_path: Path) -> Path:
    found = tmp_path / "token"
    found.write_text("secret\n")
    return found


def source(home: HomeAssistant, token: Path) -> str:
    return meter_site(f"driver: homeassistant, host: '{home.address}', token_file: '{token}', {ENTITIES}")


async def test_units_decide_the_conversion(home: HomeAssistant, meters: World, token: Path) -> None:
    await meters.apply(source(home, token))
    reading = await meters.heard.reading()
    assert reading.power_w == PerPhase(2300.0, -1150.0, 460.0)
    assert (reading.current_a, reading.import_wh) == (PerPhase(10.0, -5.0, 2.0), 13_779_338.0)
    home.say("sensor.l1", 6.9)
    await meters.heard.reading(what=lambda reading: reading.power_w == PerPhase(6900.0, -1150.0, 460.0))


async def test_a_value_that_does_not_change_holds(home: HomeAssistant, meters: World, token: Path) -> None:
    await meters.apply(source(home, token))
    for _ in range(8):
        reading = await meters.heard.reading()
    assert reading.quality == "derived"


async def test_a_wrong_unit_is_refused(home: HomeAssistant, meters: World, token: Path) -> None:
    home.say("sensor.l2", 5.0, "A")
    await meters.apply(source(home, token))
    alert = await meters.heard.alert("meter_garbage")
    assert "5.0 A" in alert.text
    home.say("sensor.l2", -1150, "W")
    await meters.heard.alert("meter_garbage", active=False)


async def test_an_entity_that_is_unavailable_is_missing(home: HomeAssistant, meters: World, token: Path) -> None:
    await meters.apply(source(home, token))
    await meters.heard.reading()
    home.say("sensor.l2", "unavailable")
    reading = await meters.heard.reading(what=lambda reading: reading.power_w == PerPhase(2300.0, None, 460.0))
    assert reading.total_power_w is None
    for entity in (*LINES, "sensor.energy", "sensor.voltage"):
        home.say(entity, "unavailable")
    assert "unavailable" in (await meters.heard.alert("meter_silent")).text


async def test_home_assistant_restarts(home: HomeAssistant, meters: World, token: Path) -> None:
    await meters.apply(source(home, token))
    await meters.heard.reading()
    await home.go_offline()
    await meters.heard.alert("meter_silent")
    await home.come_back()
    await meters.heard.reading()


async def test_a_home_assistant_that_answers_nothing_is_missed(home: HomeAssistant, plugs: World, token: Path) -> None:
    home.add_switch("switch.heater", PlugWorld(1990.0))
    await plugs.apply(switch_site(home, token, "switch.heater"))
    await plugs.heard.state(lambda state: state.reachable)
    home.deaf = True
    plugs.setpoint("heater", 8.7, valid_s=300)
    await plugs.heard.until(lambda event: isinstance(event, Refused))
    home.deaf = False
    await plugs.heard.state(lambda state: state.status == "charging")


async def test_a_wrong_token_is_said(home: HomeAssistant, meters: World, token: Path) -> None:
    token.write_text("other\n")
    await meters.apply(source(home, token))
    assert "token is refused" in (await meters.heard.alert("meter_silent")).text


async def test_an_entity_that_is_not_there_is_named(home: HomeAssistant, meters: World, token: Path) -> None:
    del home.entities["sensor.l3"]
    await meters.apply(source(home, token))
    assert "there is no sensor.l3" in (await meters.heard.alert("meter_silent")).text


def switch_site(home: HomeAssistant, token: Path, entity: str) -> str:
    power = "power_entity: sensor.heater_power"
    return plug_site(f"driver: homeassistant, host: '{home.address}', token_file: '{token}', entity: {entity}, {power}")


async def test_a_switch_follows_setpoints(home: HomeAssistant, plugs: World, token: Path) -> None:
    world = PlugWorld(1990.0)
    home.add_switch("switch.heater", world)
    await plugs.apply(switch_site(home, token, "switch.heater"))
    await plugs.heard.state(lambda state: state.reachable)
    plugs.setpoint("heater", 8.7, valid_s=300)
    state = await plugs.heard.state(lambda state: state.status == "charging" and (state.power_w or 0) > 1900)
    assert world.on
    assert state.failsafe_in_s is None
    plugs.setpoint("heater", 0, valid_s=300)
    await plugs.heard.state(lambda state: state.status == "suspended_evse" and state.power_w == 0)
    await home.go_offline()
    await plugs.heard.alert("plug_unreachable")
    await home.come_back()
    await plugs.heard.alert("plug_unreachable", active=False)


async def test_a_switch_that_is_not_there_is_out_of_contact(home: HomeAssistant, plugs: World, token: Path) -> None:
    await plugs.apply(switch_site(home, token, "switch.other"))
    alert = await plugs.heard.alert("plug_unreachable")
    assert "switch.other is not there" in alert.text
    assert not [event for event in plugs.heard.events if isinstance(event, Refused)]
    assert not [event for event in plugs.heard.events if isinstance(event, LoadState) and event.reachable]
