"""A site with a device of each make for a virtual hour: every reading is right, nothing is doubted, none is missed."""

import asyncio
import math

import pytest

from evenload.contracts.events import Alert, MeterReading
from evenload.simulation.demo_devices import KINDS, ROLES, Place, World, chosen
from evenload.simulation.devices import MeterValues, PlugWorld
from evenload.simulation.devices.live import Moment
from services.meter_ingest.makes.table import MAKES
from services.meter_ingest.service import run
from tests.integration.devices.conftest import running
from tests.integration.devices.quick_loop import LeapingLoop, LoopClock

SILENCE_CHECK_S = 5.0
"""Often enough for a period of 20 s."""
HOUR_S, PERIOD_S, LIMIT_S = 3_600.0, 20.0, 60.0
GRID_W, SOLAR_W, BATTERY_W, SOC_PCT = (2_300.0, -1_150.0, 460.0), 4_300.0, -1_500.0, 81.0
GRID_METER = "huawei"
SPEAK_FIRST = ("dsmr", "dsmr-serial", "homeassistant", "mqtt", "tasmota-mqtt")
"""They tell each second whatever is asked, or from another process; test_one_of_each has them at a slower pace."""
WOBBLE_W = 12.0
"""No house stands still; a meter that tells the same for long is found frozen."""
COARSEST_W = {"sofar_pv": 100.0}
STEP_W = 15.0
"""Of all others."""


class House:
    """A house whose powers wobble by a sine and whose counters run."""

    def __init__(self) -> None:
        self._began_s = asyncio.get_running_loop().time()

    def grid(self) -> MeterValues:
        hours, wobble_w = self._hours(), self._wobble_w()
        power_w = (GRID_W[0] + wobble_w, GRID_W[1] + wobble_w, GRID_W[2] + wobble_w)
        return MeterValues(power_w=power_w, import_wh=1e7 + sum(GRID_W) * hours)

    def moment(self) -> Moment:
        wobble_w = self._wobble_w()
        return Moment(
            grid=self.grid(),
            solar_w=SOLAR_W + wobble_w,
            solar_wh=9_876_500.0 + SOLAR_W * self._hours(),
            battery_w=BATTERY_W + wobble_w,
            soc_pct=SOC_PCT,
        )

    def _hours(self) -> float:
        return (asyncio.get_running_loop().time() - self._began_s) / HOUR_S

    def _wobble_w(self) -> float:
        return WOBBLE_W * math.sin(400 * self._hours())


def test_every_make_is_right_for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.meter_ingest.service.SILENCE_CHECK_S", SILENCE_CHECK_S)
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        runner.run(an_hour())


async def an_hour() -> None:
    house = House()
    names = [name for name, kind in KINDS.items() if kind.places != ("heater",) and name not in SPEAK_FIRST]
    world = World(house.grid, house.moment, PlugWorld())
    devices = {name: chosen([name], world) for name in names}
    for device in devices.values():
        await device.emulators[0].start()
    meters = [
        f"  {name.replace('-', '_')}_{place}: {{role: {role}, {options(lines)}}}"
        for name, device in devices.items()
        for place, lines in device.lines().items()
        if (role := role_of(name, place)) is not None
    ]
    site = "site: home\ngrid: {breaker_a: 35}\nbattery: {soc_min_pct: 10}\nmeters:\n" + "\n".join(meters) + "\n"
    async with running(run, LoopClock()) as service:
        await service.apply(site)
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(HOUR_S, over.set)
        await over.wait()
        events = list(service.heard.events)
    for device in devices.values():
        await device.emulators[0].stop()
    assert_right(events, len(meters))


def role_of(name: str, place: Place) -> str | None:
    """A site has one grid meter; others are a circuit's, which registers of a make do not tell."""
    if place != "p1" or name == GRID_METER:
        return ROLES[place]
    return None if KINDS[name].line(place, "").split(",")[0].removeprefix("driver: ") in MAKES else "circuit"


def options(lines: str) -> str:
    return f"{lines}, timeout_s: {LIMIT_S:g}, period_s: {PERIOD_S:g}"


def assert_right(events: list[object], meters: int) -> None:
    readings = [event for event in events if isinstance(event, MeterReading)]
    told_w = {"grid": sum(GRID_W), "circuit": sum(GRID_W), "solar": SOLAR_W, "battery": BATTERY_W}
    for reading in readings:
        assert reading.total_power_w is not None, reading
        within_w = COARSEST_W.get(reading.meter, STEP_W + 3 * WOBBLE_W)
        assert abs(reading.total_power_w - told_w[reading.role]) <= within_w, reading
        assert reading.soc_pct in (None, SOC_PCT), reading
        assert reading.quality != "suspect", reading
    names = {reading.meter for reading in readings}
    counts = {name: sum(reading.meter == name for reading in readings) for name in names}
    assert len(counts) == meters
    assert min(counts.values()) >= 0.99 * HOUR_S / PERIOD_S, counts
    told = {(event.kind, event.about) for event in events if isinstance(event, Alert) and event.active}
    assert not told
