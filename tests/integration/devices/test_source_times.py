"""Times that sources tell: they are taken, a wrong clock is told, and what comes late is dropped."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from evenload.simulation.devices import JsonMeter, MeterWorld, MqttThing
from services.meter_ingest.service import run
from tests.integration.devices.conftest import BOUND_S, Mosquitto, World, meter_site, running

FIELDS = "fields: {power_w: total.kw, taken_at: time}, scale: 1000"


@pytest.fixture
async def service() -> AsyncIterator[World]:
    async with running(run) as world:
        yield world


async def test_the_time_of_measuring_is_the_sources_own(emulators: Any, service: World) -> None:
    device = await emulators(JsonMeter(MeterWorld()))
    device.clock_late_s = 5.0
    options = f"driver: http_json, timeout_s: 5, url: 'http://{device.address}/meter', {FIELDS}"
    await service.apply(meter_site(options, "phases: [L1]\n"))
    reading = await service.heard.reading()
    assert service.ctx.clock.utc() - reading.measured_at >= timedelta(seconds=4.9)


async def test_a_clock_that_is_far_off_is_told_and_not_used(emulators: Any, service: World) -> None:
    device = await emulators(JsonMeter(MeterWorld()))
    device.clock_late_s = 3_600.0
    options = f"driver: http_json, timeout_s: 5, url: 'http://{device.address}/meter', {FIELDS}"
    await service.apply(meter_site(options, "phases: [L1]\n"))
    assert "NTP" in (await service.heard.alert("meter_clock")).remedy
    reading = await service.heard.reading()
    assert abs(service.ctx.clock.utc() - reading.measured_at) < timedelta(seconds=5)
    device.clock_late_s = 0.0
    await service.heard.alert("meter_clock", active=False)


async def test_what_comes_late_is_dropped(mosquitto: Mosquitto, service: World) -> None:
    """faults.md A8: a gateway that sends what it has kept mixes old messages among new ones."""
    said = iter([(100.0, 1_000), (101.0, 1_001), (7_000.0, 990), (103.0, 1_003)])
    last: list[tuple[float, int]] = []

    def payload() -> dict[str, float]:
        last.append(next(said, (103.0, 1_003)))
        watts, second = last[-1]
        return {"w": watts, "t": 1_700_000_000 + second}

    thing = MqttThing("grid", payload, period_s=1.0)
    broker = f"phases: [L1]\nmqtt: {{broker: 'mqtt://127.0.0.1:{mosquitto.port}'}}\n"
    await service.apply(meter_site("driver: mqtt, topic: grid, fields: {power_w: w, taken_at: t}", broker))
    await asyncio.wait_for(thing.start(port=mosquitto.port), BOUND_S)
    await service.heard.reading(what=lambda reading: reading.total_power_w == 103.0)
    assert 7_000.0 not in [event.total_power_w for event in service.heard.events if hasattr(event, "total_power_w")]
    await thing.stop()
