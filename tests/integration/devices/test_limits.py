"""Each kind of feed of outside limits against a real broker, HTTP, Modbus or WebSocket server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from evenload.contracts.events import SiteLimit
from evenload.simulation.devices.control_box import LimitServer, ModbusBox, ShellyInputs
from evenload.simulation.devices.homeassistant import HomeAssistant
from services.meter_ingest.service import run
from tests.integration.devices.conftest import Mosquitto, World, limit_site, running


@pytest.fixture
async def service() -> AsyncIterator[World]:
    async with running(run) as world:
        yield world


def told(limit_w: float | None) -> Any:
    """Return what holds of a limit that was written with this value."""
    return lambda limit: limit.limit_w == limit_w and not limit.heartbeat_only


class Operator:
    """A grid operator at the broker."""

    def __init__(self, broker: Mosquitto) -> None:
        self._broker = broker

    async def says(self, topic: str, payload: str, *, retain: bool = False) -> None:
        async with aiomqtt.Client("127.0.0.1", self._broker.port, timeout=60) as client:
            await client.publish(topic, payload, qos=1, retain=retain)

    async def until(self, world: World, topic: str, payload: str, what: Any) -> SiteLimit:
        """Say it again until it is heard: the subscription may not stand yet."""
        waiting = asyncio.create_task(world.heard.limit(what))
        while not waiting.done():
            await self.says(topic, payload)
            await asyncio.wait((waiting,), timeout=0.2)
        return waiting.result()


def over(broker: Mosquitto, limit: str) -> str:
    return limit_site(limit, f"mqtt: {{broker: mqtt://127.0.0.1:{broker.port}}}\n")


async def test_mqtt_tells_watts(mosquitto: Mosquitto, service: World) -> None:
    operator = Operator(mosquitto)
    await service.apply(over(mosquitto, "driver: mqtt, topic: dso/limit, scope: managed, floor_w: 1000"))
    found = await operator.until(service, "dso/limit", "5000", told(5000.0))
    assert (found.source, found.scope, found.floor_w) == ("dso", "managed", 1000.0)
    assert (found.valid_s, found.failsafe_w, found.failsafe_s) == (120.0, 4200.0, 7200.0)
    await operator.until(service, "dso/limit", "", told(None))


async def test_mqtt_documents_with_active_and_a_scale(mosquitto: Mosquitto, service: World) -> None:
    operator = Operator(mosquitto)
    await service.apply(over(mosquitto, "driver: mqtt, topic: lpc, value: kw, active: on, scale: 1000"))
    await operator.until(service, "lpc", '{"kw": 4.2, "on": true}', told(4200.0))
    await operator.until(service, "lpc", '{"kw": 4.2, "on": false}', told(None))


async def test_a_negative_limit_over_mqtt_is_refused_and_told_of(mosquitto: Mosquitto, service: World) -> None:
    operator = Operator(mosquitto)
    await service.apply(over(mosquitto, "driver: mqtt, topic: lpc"))
    await operator.until(service, "lpc", "5000", told(5000.0))
    alert = asyncio.create_task(service.heard.alert("limit_refused"))
    found = await operator.until(service, "lpc", "-5", lambda limit: limit.heartbeat_only)
    assert found.limit_w == 5000.0
    assert "negative" in (await alert).text


async def test_heartbeats_may_have_a_topic_of_their_own(mosquitto: Mosquitto, service: World) -> None:
    """A limit that the broker kept is told with the first sign of life, and not before."""
    operator = Operator(mosquitto)
    await operator.says("dso/limit", "3000", retain=True)
    await service.apply(over(mosquitto, "driver: mqtt, topic: dso/limit, heartbeat_topic: dso/alive"))
    found = await operator.until(service, "dso/alive", "x", lambda limit: limit.limit_w == 3000.0)
    assert found.heartbeat_only
    assert not any(isinstance(event, SiteLimit) and not event.heartbeat_only for event in service.heard.events)


async def test_a_contact_over_mqtt_dims_by_the_rule(mosquitto: Mosquitto, service: World) -> None:
    operator = Operator(mosquitto)
    await service.apply(over(mosquitto, "rule: 14a, driver: mqtt, topic: relay, contact: true, devices: 2"))
    found = await operator.until(service, "relay", "ON", told(7560.0))
    assert (found.scope, found.floor_w, found.failsafe_w) == ("managed", 7560.0, 7560.0)
    await operator.until(service, "relay", "OFF", told(None))


async def test_a_lost_broker_is_told_of_and_nothing_is_published(mosquitto: Mosquitto, service: World) -> None:
    operator = Operator(mosquitto)
    await service.apply(over(mosquitto, "driver: mqtt, topic: dso/limit"))
    await operator.until(service, "dso/limit", "5000", told(5000.0))
    await mosquitto.stop()
    seen = len(service.heard.events)
    assert "mqtt://" in (await service.heard.alert("limit_feed_silent")).text
    assert not any(isinstance(event, SiteLimit) for event in service.heard.events[seen:])
    await mosquitto.start()
    cleared = asyncio.create_task(service.heard.alert("limit_feed_silent", active=False))
    await operator.until(service, "dso/limit", "5000", told(5000.0))
    await cleared


async def test_http_tells_kilowatts_and_each_answer_is_a_sign_of_life(emulators: Any, service: World) -> None:
    server = await emulators(LimitServer({"data": {"limit": 4.2}}))
    url = f"http://{server.address}/limit"
    entry = f"driver: http_json, url: '{url}', value: data.limit, scale: 1000, period_s: 1"
    await service.apply(limit_site(entry))
    for _ in range(3):
        await service.heard.limit(told(4200.0))
    server.document = {"data": {"limit": None}}
    await service.heard.limit(told(None))


async def test_http_without_the_value_never_lifts(emulators: Any, service: World) -> None:
    server = await emulators(LimitServer({"limit": 5000}))
    await service.apply(
        limit_site(f"driver: http_json, url: 'http://{server.address}/limit', value: limit, period_s: 1")
    )
    await service.heard.limit(told(5000.0))
    server.document = {"error": "busy"}
    assert "nothing stands" in (await service.heard.alert("limit_refused")).text
    assert not any(isinstance(event, SiteLimit) and event.limit_w is None for event in service.heard.events)


async def test_http_with_a_beat_that_stands_still_is_dead(emulators: Any, service: World) -> None:
    server = await emulators(LimitServer({"limit": 5000, "n": 1}))
    url = f"http://{server.address}/limit"
    await service.apply(limit_site(f"driver: http_json, url: '{url}', value: limit, beat: n, period_s: 1"))
    await service.heard.limit(told(5000.0))
    await service.heard.alert("limit_feed_silent")
    server.document = {"limit": 5000, "n": 2}
    await service.heard.limit(told(5000.0))
    assert sum(isinstance(event, SiteLimit) for event in service.heard.events) == 2


async def test_an_endpoint_that_goes_is_told_of_with_why(emulators: Any, service: World) -> None:
    server = await emulators(LimitServer(5000))
    await service.apply(limit_site(f"driver: http_json, url: 'http://{server.address}/limit', period_s: 1"))
    await service.heard.limit(told(5000.0))
    server.faults.status = 500
    assert "500" in (await service.heard.alert("limit_feed_silent")).text
    server.faults.status = None
    await service.heard.alert("limit_feed_silent", active=False)


@pytest.mark.parametrize("generation", [1, 2])
async def test_a_contact_on_an_input_of_a_shelly(generation: int, emulators: Any, service: World) -> None:
    box = await emulators(ShellyInputs())
    entry = f"rule: 14a, driver: shelly, host: '{box.address}', input: 1, generation: {generation}"
    await service.apply(limit_site(entry))
    await service.heard.limit(told(None))
    box.closed[1] = True
    await service.heard.limit(told(4200.0))


async def test_an_input_that_is_switched_off_is_no_open_contact(emulators: Any, service: World) -> None:
    box = await emulators(ShellyInputs())
    box.closed[0] = None
    await service.apply(limit_site(f"rule: 14a, driver: shelly, host: '{box.address}'"))
    assert "no state of a contact" in (await service.heard.alert("limit_refused")).text
    assert not any(isinstance(event, SiteLimit) for event in service.heard.events)


@pytest.mark.parametrize("kind", ["coil", "discrete"])
async def test_a_contact_over_modbus(kind: str, emulators: Any, service: World) -> None:
    box = await emulators(ModbusBox(unit=7))
    await service.apply(limit_site(f"rule: 14a, driver: modbus, host: '{box.address}', unit: 7, bit: {kind} 3"))
    await service.heard.limit(told(None))
    (box.coils if kind == "coil" else box.inputs)[3] = True
    await service.heard.limit(told(4200.0))


async def test_watts_in_a_register(emulators: Any, service: World) -> None:
    box = await emulators(ModbusBox())
    box.holding[5] = 42
    await service.apply(limit_site(f"driver: modbus, host: '{box.address}', register: holding 5 uint16 x100"))
    await service.heard.limit(told(4200.0))


async def test_a_modbus_box_that_goes_and_comes_back(emulators: Any, service: World) -> None:
    box = await emulators(ModbusBox())
    await service.apply(limit_site(f"rule: 14a, driver: modbus, host: '{box.address}', bit: coil 0"))
    await service.heard.limit(told(None))
    await box.stop()
    await service.heard.alert("limit_feed_silent")
    await box.start(box.host, box.port)
    await service.heard.alert("limit_feed_silent", active=False)


@pytest.fixture
def token(tmp_path: Path) -> Path:
    found = tmp_path / "token"
    found.write_text("secret\n")
    return found


async def test_a_binary_sensor_of_home_assistant_is_a_contact(emulators: Any, service: World, token: Path) -> None:
    home = HomeAssistant("secret")
    home.say("binary_sensor.dimming", "off")
    await emulators(home)
    entity = "entity: binary_sensor.dimming, period_s: 1"
    await service.apply(
        limit_site(f"rule: 14a, driver: homeassistant, host: '{home.address}', token_file: '{token}', {entity}")
    )
    await service.heard.limit(told(None))
    home.say("binary_sensor.dimming", "on")
    await service.heard.limit(told(4200.0))
    home.say("binary_sensor.dimming", "unavailable")
    await service.heard.alert("limit_feed_silent")


async def test_a_sensor_of_home_assistant_tells_kilowatts(emulators: Any, service: World, token: Path) -> None:
    home = HomeAssistant("secret")
    home.say("sensor.limit", 4.2, "kW")
    await emulators(home)
    where = f"driver: homeassistant, host: '{home.address}', token_file: '{token}', entity: sensor.limit"
    await service.apply(limit_site(where))
    await service.heard.limit(told(4200.0))


async def test_a_source_on_the_bus_is_not_read_here(service: World) -> None:
    await service.apply(limit_site("rule: 14a, driver: bus"))
    await service.heard.alert("meter_silent")
    assert not any(isinstance(event, SiteLimit) for event in service.heard.events)


async def test_a_changed_entry_restarts_its_feed_and_no_other(emulators: Any, service: World) -> None:
    server = await emulators(LimitServer(5000))
    entry = f"driver: http_json, url: 'http://{server.address}/limit', period_s: 1"
    await service.apply(limit_site(entry))
    assert (await service.heard.limit(told(5000.0))).failsafe_w == 4200.0
    await service.apply(limit_site(f"{entry}, failsafe_w: 1000"))
    await service.heard.limit(lambda limit: limit.failsafe_w == 1000.0)
