"""Each meter driver against its emulated device, through the running service, healthy and with each fault."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from evenload.contracts.phases import PerPhase
from evenload.simulation.devices import (
    Enphase,
    Fronius,
    HomewizardKwh,
    HomewizardP1,
    JsonMeter,
    MeterWorld,
    MqttThing,
    Shelly3em,
    ShellyPro3em,
    TasmotaHead,
    TasmotaMeter,
)
from services.meter_ingest.service import run
from tests.integration.devices.conftest import BOUND_S, Mosquitto, World, meter_site, running

FIELDS = (
    "fields: {power_l1_w: 'phases[0].kw', power_l2_w: 'phases[1].kw', power_l3_w: 'phases[2].kw',"
    " voltage_l1_v: 'phases[0].volt', power_w: total.kw, import_wh: total.in_kwh}, scale: 1000"
)
"""Where the JSON emulator says what."""

METERS: dict[str, tuple[Callable[[MeterWorld], Any], Callable[[Any], str]]] = {
    "homewizard": (HomewizardP1, lambda device: f"driver: homewizard, timeout_s: 5, host: '{device.address}'"),
    "homewizard kwh": (HomewizardKwh, lambda device: f"driver: homewizard, timeout_s: 5, host: '{device.address}'"),
    "tasmota head": (TasmotaHead, lambda device: f"driver: tasmota, timeout_s: 5, host: '{device.address}'"),
    "shelly gen1": (
        Shelly3em,
        lambda device: f"driver: shelly, generation: 1, timeout_s: 5, host: '{device.address}'",
    ),
    "shelly gen2": (ShellyPro3em, lambda device: f"driver: shelly, timeout_s: 5, host: '{device.address}'"),
    "fronius": (Fronius, lambda device: f"driver: fronius, timeout_s: 5, host: '{device.address}'"),
    "enphase": (Enphase, lambda device: f"driver: enphase, secure: false, timeout_s: 5, host: '{device.address}'"),
    "tasmota": (TasmotaMeter, lambda device: f"driver: tasmota, timeout_s: 5, host: '{device.address}'"),
    "http_json": (
        JsonMeter,
        lambda device: f"driver: http_json, timeout_s: 5, url: 'http://{device.address}/meter', {FIELDS}",
    ),
}


@pytest.fixture
async def service() -> AsyncIterator[World]:
    async with running(run) as world:
        yield world


@pytest.fixture(params=sorted(METERS))
async def device(request: pytest.FixtureRequest, emulators: Any, service: World) -> Any:
    make, yaml = METERS[request.param]
    house = MeterWorld()
    house.set({"l1_w": 2300, "l2_w": -1150, "l3_w": 460})
    emulator = await emulators(make(house))
    emulator.house = house
    await service.apply(meter_site(yaml(emulator)))
    return emulator


async def test_a_reading_has_our_units_and_signs(device: Any, service: World) -> None:
    reading = await service.heard.reading()
    assert reading.current_a is not None
    assert [round(value, 1) for _, value in reading.current_a.items()] == [10.0, -5.0, 2.0]
    assert reading.power_w == PerPhase(2300.0, -1150.0, 460.0)
    assert reading.total_power_w == 1610.0
    assert reading.import_wh == pytest.approx(13_779_338, abs=10)
    assert (reading.site, reading.role, reading.config_rev) == ("home", "grid", 1)


async def test_a_change_is_seen_at_once(device: Any, service: World) -> None:
    await service.heard.reading()
    device.house.set({"l1_w": 6900})
    reading = await service.heard.reading(what=lambda reading: (reading.total_power_w or 0) > 6000)
    assert reading.power_w is not None
    assert reading.power_w.l1 == 6900.0


async def test_nulls_never_become_a_reading(device: Any, service: World) -> None:
    await service.heard.reading()
    device.faults.nulls = True
    device.faults.missing = ("volt",)
    alert = await service.heard.alert("meter_garbage")
    assert alert.remedy
    device.faults.nulls = False
    device.faults.missing = ()
    await service.heard.alert("meter_garbage", active=False)
    await service.heard.reading()


async def test_garbage_is_told_and_forgotten_when_it_ends(device: Any, service: World) -> None:
    await service.heard.reading()
    device.faults.garbage = True
    await service.heard.alert("meter_garbage")
    device.faults.garbage = False
    await service.heard.alert("meter_garbage", active=False)


@pytest.mark.parametrize("fault", [{"delay_s": 12.0}, {"status": 500}])
async def test_a_device_that_does_not_answer_is_silent_and_comes_back(
    device: Any, service: World, fault: dict[str, Any]
) -> None:
    await service.heard.reading()
    device.faults.change(fault)
    alert = await service.heard.alert("meter_silent")
    assert alert.severity == "critical"
    device.faults.change({"delay_s": 0.0, "status": None})
    await service.heard.alert("meter_silent", active=False)


async def test_a_device_that_vanishes_comes_back_by_itself(device: Any, service: World) -> None:
    await service.heard.reading()
    await device.go_offline()
    await service.heard.alert("meter_silent")
    await device.come_back()
    await service.heard.reading()


NAN = math.nan


@pytest.mark.parametrize(
    ("kind", "replaced"),
    [
        ("homewizard", {"active_power_l2_w": "n/a", "active_current_l2_a": NAN}),
        ("shelly gen2", {"b_act_power": "1e999", "b_current": None}),
        ("http_json", {"kw": "nan"}),
    ],
)
async def test_a_value_that_is_no_number_is_never_zero(
    kind: str, replaced: dict[str, Any], emulators: Any, service: World
) -> None:
    make, yaml = METERS[kind]
    emulator = await emulators(make(MeterWorld()))
    emulator.faults.replaced = replaced
    await service.apply(meter_site(yaml(emulator)))
    await service.heard.alert("meter_garbage")
    readings = [event for event in service.heard.events if hasattr(event, "current_a")]
    assert all(reading.current_a is None or reading.current_a.l2 is None for reading in readings)


async def test_a_homewizard_on_one_phase_leaves_keys_out(emulators: Any, service: World) -> None:
    house = MeterWorld()
    house.set({"l1_w": 460})
    emulator = await emulators(HomewizardP1(house, phases=1))
    yaml = f"driver: homewizard, host: '{emulator.address}'"
    await service.apply(meter_site(yaml, "phases: [L1]\n"))
    reading = await service.heard.reading()
    assert reading.current_a == PerPhase(2.0)
    assert reading.total_power_w == 460.0


async def test_a_homewizard_with_old_firmware_tells_tariffs_and_nulls(emulators: Any, service: World) -> None:
    house = MeterWorld()
    house.set({"l1_w": 460})
    emulator = await emulators(HomewizardP1(house, phases=1, old=True))
    await service.apply(meter_site(f"driver: homewizard, host: '{emulator.address}'", "phases: [L1]\n"))
    reading = await service.heard.reading()
    assert (reading.current_a, reading.import_wh) == (PerPhase(2.0), pytest.approx(13_779_338, abs=2))


async def test_a_homewizard_kwh_meter_of_one_phase(emulators: Any, service: World) -> None:
    house = MeterWorld()
    house.set({"l1_w": -1058.3})
    emulator = await emulators(HomewizardKwh(house, phases=1))
    site = meter_site("driver: homewizard, host: 127.0.0.1:9")
    solar = f"  pv: {{role: solar, invert: true, driver: homewizard, phases: [L2], host: '{emulator.address}'}}\n"
    await service.apply(site + solar)
    reading = await service.heard.reading("pv")
    assert (reading.current_a, reading.total_power_w) == (PerPhase(l2=4.601), 1058.3)


async def test_a_3em_line_that_is_not_valid_is_missing(emulators: Any, service: World) -> None:
    emulator = await emulators(Shelly3em(MeterWorld()))
    emulator.invalid = frozenset({1})
    await service.apply(meter_site(METERS["shelly gen1"][1](emulator)))
    reading = await service.heard.reading()
    assert reading.current_a == PerPhase(0.0, None, 0.0)


async def test_a_slow_device_delays_no_other(emulators: Any, service: World) -> None:
    slow, quick = await emulators(HomewizardP1(MeterWorld())), await emulators(HomewizardP1(MeterWorld()))
    slow.faults.delay_s = 100.0
    other = f"  slow: {{role: circuit, driver: homewizard, timeout_s: 60, host: '{slow.address}'}}\n"
    await service.apply(meter_site(f"driver: homewizard, host: '{quick.address}'", other))
    async with asyncio.timeout(60):
        for _ in range(10):
            await service.heard.reading()


async def test_a_changed_site_file_disturbs_only_what_changed(emulators: Any, service: World) -> None:
    kept, gone, new = [await emulators(HomewizardP1(MeterWorld())) for _ in range(3)]
    yaml = f"driver: homewizard, host: '{kept.address}'"
    other = "  b: {{role: circuit, period_s: 1, driver: homewizard, host: '{}'}}\n"
    await service.apply(meter_site(yaml, other.format(gone.address)))
    await service.heard.reading("m")
    await service.heard.reading("b")
    await service.apply(meter_site(yaml, other.format(new.address)))
    new.asked.clear()
    async with asyncio.timeout(BOUND_S):
        await new.asked.wait()
    reading = await service.heard.reading("b", lambda reading: reading.config_rev == 2)
    before = gone.requests
    assert reading.config_rev == 2
    await service.heard.reading("m", lambda reading: reading.config_rev == 2)
    await service.heard.reading("m")
    assert gone.requests == before


def mqtt_site(port: int, meter: str, phases: str = "[L1]") -> str:
    broker = f"phases: {phases}\nmqtt: {{broker: 'mqtt://127.0.0.1:{port}'}}\n"
    return meter_site(f"driver: mqtt, {meter}", broker)


async def test_mqtt_with_a_document(mosquitto: Mosquitto, service: World) -> None:
    thing = MqttThing("house/meter", lambda: {"l1": {"kw": 2.3}, "l2": {"kw": -0.23}, "l3": {"kw": 0}}, period_s=1.0)
    fields = "fields: {power_l1_w: l1.kw, power_l2_w: l2.kw, power_l3_w: l3.kw}, scale: 1000"
    await thing.start(port=mosquitto.port)
    await service.apply(mqtt_site(mosquitto.port, f"topic: house/meter, {fields}", "[L1, L2, L3]"))
    reading = await service.heard.reading()
    assert reading.current_a == PerPhase(10.0, -1.0, 0.0)
    thing.faults.garbage = True
    await service.heard.alert("meter_garbage")
    thing.faults.garbage = False
    await service.heard.alert("meter_garbage", active=False)
    await thing.stop()
    await service.heard.alert("meter_silent")


async def test_mqtt_with_a_plain_number(mosquitto: Mosquitto, service: World) -> None:
    thing = MqttThing("grid/power", lambda: 1234.5, period_s=1.0)
    await thing.start(port=mosquitto.port)
    await service.apply(mqtt_site(mosquitto.port, "topic: grid/power"))
    reading = await service.heard.reading()
    assert (reading.total_power_w, reading.current_a) == (1234.5, PerPhase(5.367))
    await thing.stop()


async def test_mqtt_comes_back_after_its_broker(mosquitto: Mosquitto, service: World) -> None:
    thing = MqttThing("grid/power", lambda: 100, period_s=1.0)
    await thing.start(port=mosquitto.port)
    await service.apply(mqtt_site(mosquitto.port, "topic: grid/power"))
    await service.heard.reading()
    await mosquitto.stop()
    await service.heard.alert("meter_silent")
    await mosquitto.start()
    await service.heard.reading()
    await thing.stop()


async def test_a_retained_value_is_no_reading(mosquitto: Mosquitto, service: World) -> None:
    old = MqttThing("grid/power", lambda: 100, period_s=600.0)
    old.retain = True
    await old.start(port=mosquitto.port)
    async with asyncio.timeout(BOUND_S):
        await old.ready.wait()
    await old.stop()
    await service.apply(mqtt_site(mosquitto.port, "topic: grid/power"))
    await service.heard.alert("meter_silent")
    assert not [event for event in service.heard.events if hasattr(event, "total_power_w")]


async def test_a_source_that_reports_changes_is_alive_by_its_availability(mosquitto: Mosquitto, service: World) -> None:
    thing = MqttThing("bat", lambda: {"w": -900, "soc": 55}, period_s=3600.0)
    thing.retain = True
    await thing.start(port=mosquitto.port)
    async with asyncio.timeout(BOUND_S):
        await thing.ready.wait()
    fields = "fields: {power_w: w, soc_pct: soc}"
    await service.apply(mqtt_site(mosquitto.port, f"topic: bat, availability_topic: bat/availability, {fields}"))
    for _ in range(5):
        reading = await service.heard.reading()
    assert (reading.total_power_w, reading.soc_pct) == (-900.0, 55.0)
    await thing.stop()
    await service.heard.alert("meter_silent")
