"""plug_control ends and begins anew: what the cores of its devices remember goes on, from the bucket `devices`."""

import re
from typing import Any

from evenload.contracts import subjects
from evenload.contracts.events import LoadState, MeterReading
from evenload.contracts.records import DeviceRecord, Override, OverrideRecord
from evenload.contracts.wire import decode_as, encode
from evenload.runtime.memory_bus import MemoryNetwork
from evenload.runtime.service import Context
from evenload.simulation.devices.shelly import ShellyPlug
from evenload.simulation.devices.world import PlugWorld
from services.plug_control.service import run
from tests.integration.devices.conftest import World, running

METERS = (
    "  m: {role: grid, driver: homewizard, host: 127.0.0.1:9}\n"
    "  t: {role: temperature, driver: http_json, url: 'http://127.0.0.1:9/', fields: {temperature_c: t}}\n"
)


def site_with(load: str) -> str:
    return (
        f"site: home\ngrid: {{breaker_a: 25, household_max_a: 5}}\nmeters:\n{METERS}"
        f"loads:\n  rod: {{phases: [L1], {load}}}\n"
    )


async def said(service: World, temperature_c: float, reason: str) -> LoadState:
    """Publish a temperature; return the next state whose offer has that reason."""
    now = service.ctx.clock.utc()
    reading = MeterReading(site="home", meter="t", role="temperature", measured_at=now, temperature_c=temperature_c)
    service.bus.publish(subjects.reading("home", "t"), reading)
    return await service.heard.state(
        lambda state: state.offer is not None and state.offer.reason == reason and state.temperature_c == temperature_c
    )


async def idle(ctx: Context) -> None:
    """No service at all."""
    del ctx


async def boosted(service: World) -> None:
    bucket = await service.bus.bucket(subjects.OVERRIDES)
    item = Override(load="rod", mode="boost", at=service.ctx.clock.utc())
    await bucket.put("home", encode(OverrideRecord(site="home", items=(item,))))


async def a_tank(emulators: Any) -> str:
    """Return the site file's lines of a tank whose rod an emulated plug switches."""
    device = await emulators(ShellyPlug(PlugWorld(1990.0)))
    return f"type: tank, power_w: 2000, temperature: t, mode: solar_only, driver: shelly, host: '{device.address}'"


async def test_a_boost_that_is_done_stays_done(emulators: Any) -> None:
    tank = await a_tank(emulators)
    network = MemoryNetwork()
    async with running(run, network=network) as service:
        await service.apply(site_with(tank))
        await service.heard.state(lambda state: state.reachable)
        await boosted(service)
        await said(service, 52.0, "boost")
        await said(service, 55.5, "stores the sun")
    async with running(run, network=network) as service:
        await service.heard.state(lambda state: state.offer is not None)
        await said(service, 52.0, "stores the sun")  # without its memory it would be a boost again
        kept = await (await service.bus.bucket(subjects.DEVICES)).get("home.rod")
        assert kept is not None
        assert decode_as(DeviceRecord, kept.value).kind == "tank"


async def test_another_meter_is_another_tank(emulators: Any) -> None:
    tank = await a_tank(emulators)
    network = MemoryNetwork()
    async with running(run, network=network) as service:
        await service.apply(site_with(tank))
        await service.heard.state(lambda state: state.reachable)
        await boosted(service)
        await said(service, 55.5, "stores the sun")
    async with running(run, network=network) as service:
        await service.apply(
            site_with(tank).replace("  t: {", "  other: {").replace("temperature: t", "temperature: other")
        )
        await service.heard.state(lambda state: state.offer is not None and state.temperature_c is None)
        now = service.ctx.clock.utc()
        reading = MeterReading(site="home", meter="other", role="temperature", measured_at=now, temperature_c=52.0)
        service.bus.publish(subjects.reading("home", "other"), reading)
        await service.heard.state(lambda state: state.offer is not None and state.offer.reason == "boost")


async def test_what_a_pump_has_run_counts_after_a_kill(emulators: Any) -> None:
    """The record stands as the process before left it; it was not told to end."""
    device = await emulators(ShellyPlug(PlugWorld(990.0)))
    pump = "type: pump, power_w: 1000, run_h: 2, window_from: '00:00', window_until: '23:59', mode: standard"
    network = MemoryNetwork()
    async with running(run, network=network) as service:
        await service.apply(site_with(f"{pump}, driver: shelly, host: '{device.address}'"))
        state = await service.heard.state(lambda state: state.offer is not None)
        assert state.offer is not None
        assert state.offer.need_wh == 2000.0
    async with running(idle, network=network) as nobody:
        bucket = await nobody.bus.bucket(subjects.DEVICES)
        entry = await bucket.get("home.rod")
        assert entry is not None
        ran = re.sub(rb'"ran_s":[0-9.]+', b'"ran_s":5400.0', entry.value)
        assert ran != entry.value
        await bucket.put("home.rod", ran)
    async with running(run, network=network) as service:
        state = await service.heard.state(lambda state: state.offer is not None)
        assert state.offer is not None
        assert state.offer.need_wh == 500.0
