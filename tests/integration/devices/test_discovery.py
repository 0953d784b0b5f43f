"""Home Assistant outward, with a real broker: what appears there, what is told, what a change there does."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt
import pytest

from evenload.contracts import subjects
from evenload.contracts.commands import CommandAccepted, CommandRejected, SetLimit, SetMode
from evenload.contracts.events import Alert, Decision, LoadDecision
from evenload.contracts.phases import PerPhase
from evenload.contracts.wire import decode_as, encode
from evenload.runtime.ending import ended
from services.home_assistant.service import run
from tests.integration.devices.conftest import BOUND_S, Mosquitto, World, running

SITE = """\
site: home
grid: {{breaker_a: 25}}
mqtt: {{broker: 'mqtt://127.0.0.1:{port}', discovery: true}}
circuits:
  garage: {{limit_a: 20}}
meters:
  p1: {{role: grid, driver: homewizard, host: 127.0.0.1}}
loads:
  wallbox: {{type: evse, station: CP001, max_a: 16, circuit: garage}}
{more}"""
HEATER = "  heater: {type: plug, driver: shelly, host: 127.0.0.1, power_w: 2000, phases: [L1]}\n"


class Assistant:
    """What stands on the broker, as Home Assistant sees it."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client, self.topics = client, dict[str, Any]()
        self._new = asyncio.Condition()

    async def listen(self) -> None:
        await self.client.subscribe("#")
        async for message in self.client.messages:
            payload = message.payload
            assert isinstance(payload, bytes)
            try:
                said: Any = json.loads(payload)
            except ValueError:
                said = payload.decode()
            async with self._new:
                self.topics[message.topic.value] = said
                self._new.notify_all()

    async def until(self, topic: str, what: Any = lambda said: True) -> Any:
        async with asyncio.timeout(BOUND_S), self._new:
            await self._new.wait_for(lambda: topic in self.topics and what(self.topics[topic]))
        return self.topics[topic]


@pytest.fixture
async def service() -> AsyncIterator[World]:
    async with running(run) as world:
        yield world


@pytest.fixture
async def assistant(mosquitto: Mosquitto) -> AsyncIterator[Assistant]:
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        found = Assistant(client)
        listening = asyncio.create_task(found.listen())
        yield found
        await ended(listening)


def decision(world: World, **changes: Any) -> Decision:
    load = LoadDecision(
        load="wallbox",
        mode="standard",
        status="charging",
        setpoint_a=10.0,
        target_a=10.0,
        could_get_a=10.0,
        measured_a=PerPhase(9.8, 9.9, 9.7),
        reason="10.0 A (circuit garage L2)",
    )
    return Decision(site="home", decided_at=world.ctx.clock.utc(), loads=(load,), import_w=6900.0, **changes)


async def test_site_loads_and_circuits_appear_and_are_told(
    mosquitto: Mosquitto, assistant: Assistant, service: World
) -> None:
    await service.apply(SITE.format(port=mosquitto.port, more=""))
    announced = await assistant.until("homeassistant/sensor/evenload_home_load_wallbox/setpoint_a/config")
    assert announced["unit_of_measurement"] == "A"
    assert announced["device"]["via_device"] == "evenload_home"
    assert (await assistant.until("homeassistant/select/evenload_home_load_wallbox/mode/config"))["options"][
        0
    ] == "standard"
    await assistant.until("homeassistant/sensor/evenload_home_circuit_garage/limit_a/config")
    assert await assistant.until("evenload/home/availability") == "online"
    service.bus.publish(subjects.decision("home"), decision(service))
    state = await assistant.until("evenload/home/load/wallbox/state", lambda said: said["setpoint_a"] == 10.0)
    assert (state["measured_a"], state["reason"], state["max_a"]) == (9.9, "10.0 A (circuit garage L2)", 16.0)
    assert (await assistant.until("evenload/home/state", lambda said: said["import_w"]))["problem"] == "OFF"


async def test_an_alert_is_a_problem(mosquitto: Mosquitto, assistant: Assistant, service: World) -> None:
    await service.apply(SITE.format(port=mosquitto.port, more=""))
    await assistant.until("evenload/home/state")
    for active, said in ((True, "ON"), (False, "OFF")):
        now = service.ctx.clock.utc()
        alert = Alert(site="home", kind="meter_silent", about="p1", active=active, at=now, text="no reading")
        service.bus.publish(subjects.alert("home", "meter_silent", "p1"), alert)
        for thing in ("evenload/home", "evenload/home/meter/p1"):
            await assistant.until(f"{thing}/state", lambda state, said=said: state["problem"] == said)
        told = await assistant.until(
            "evenload/home/meter/p1/alerts", lambda told, active=active: bool(told["alerts"]) is active
        )
        assert [alert["kind"] for alert in told["alerts"]] == ["meter_silent"] * active
    assert assistant.topics["evenload/home/load/wallbox/state"]["problem"] == "OFF"


async def test_a_change_there_becomes_a_command(mosquitto: Mosquitto, assistant: Assistant, service: World) -> None:
    asked: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def answer(subject: str, data: bytes) -> bytes:
        asked.put_nowait((subject, data))
        return encode(
            CommandAccepted(text="in force") if "mode" in subject else CommandRejected(why="above the file's")
        )

    await service.bus.serve(subjects.command("home", "*"), answer)
    await service.apply(SITE.format(port=mosquitto.port, more=""))
    await assistant.until("evenload/home/availability", lambda said: said == "online")
    await assistant.until("evenload/home/load/wallbox/state")
    await assistant.client.publish("evenload/home/load/wallbox/mode/set", "solar_only")
    async with asyncio.timeout(BOUND_S):
        subject, data = await asked.get()
    assert decode_as(SetMode, data, subject) == SetMode(
        site="home", by="home assistant", load="wallbox", mode="solar_only"
    )
    await assistant.client.publish("evenload/home/load/wallbox/mode/set", "nonsense")
    await assistant.client.publish("evenload/home/load/wallbox/max_a/set", "10.5")
    async with asyncio.timeout(BOUND_S):
        subject, data = await asked.get()
    assert decode_as(SetLimit, data, subject).max_a == 10.5


async def test_a_load_that_is_gone_is_forgotten(mosquitto: Mosquitto, assistant: Assistant, service: World) -> None:
    topic = "homeassistant/sensor/evenload_home_load_heater/setpoint_a/config"
    await service.apply(SITE.format(port=mosquitto.port, more=HEATER))
    await assistant.until(topic, lambda said: said)
    await service.apply(SITE.format(port=mosquitto.port, more=""))
    await assistant.until(topic, lambda said: said == "")


async def test_the_end_is_told(mosquitto: Mosquitto, assistant: Assistant, service: World) -> None:
    await service.apply(SITE.format(port=mosquitto.port, more=""))
    await assistant.until("evenload/home/availability", lambda said: said == "online")
    await assistant.until("evenload/home/circuit/garage/state")
    service.ctx.stopping.set()
    await assistant.until("evenload/home/availability", lambda said: said == "offline")


DIES = """
import asyncio, os, signal, sys
from evenload.devices.mqtt import broker_address
from services.home_assistant.drivers.broker import connected

async def run():
    async with connected(broker_address(f"mqtt://127.0.0.1:{sys.argv[1]}", None, None), "evenload/home/availability"):
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(run())
"""


async def test_a_sudden_death_is_told_by_the_last_will(mosquitto: Mosquitto, assistant: Assistant) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", DIES, str(mosquitto.port))
    assert await process.wait() == -signal.SIGKILL
    await assistant.until("evenload/home/availability", lambda said: said == "offline")


async def test_a_new_home_assistant_is_told_everything(
    mosquitto: Mosquitto, assistant: Assistant, service: World
) -> None:
    await service.apply(SITE.format(port=mosquitto.port, more=""))
    topic = "homeassistant/sensor/evenload_home/import_w/config"
    await assistant.until("evenload/home/load/wallbox/state")
    await assistant.until(topic)
    assistant.topics.clear()
    await assistant.client.publish("homeassistant/status", "online")
    await assistant.until(topic)


async def test_the_broker_may_go_and_come_back(mosquitto: Mosquitto, service: World) -> None:
    await service.apply(SITE.format(port=mosquitto.port, more=""))
    await mosquitto.stop()
    await mosquitto.start()
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        assistant = Assistant(client)
        listening = asyncio.create_task(assistant.listen())
        await assistant.until("evenload/home/load/wallbox/state")
        await ended(listening)
