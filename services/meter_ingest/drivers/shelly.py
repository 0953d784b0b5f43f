"""Shelly energy meters.

Gen1 3EM and EM: `GET /status`, `emeters` with power (signed), current (3EM only), voltage, totals in Wh, `is_valid`.
Gen1 1PM, 2.5 and plugs: `meters` in the same answer, with power and a total in watt-minutes.
Gen2 Pro 3EM: `GET /rpc/EM.GetStatus?id=…` with `a_… b_… c_…`; counters by `EMData.GetStatus`, asked once a minute.
Gen2 EM, PM Mini, 1PM and plugs: `EM1.`, `PM1.`, `Switch.GetStatus` of one phase, counters in it or by `EM1Data`.
Currents have no direction in either: they take it from the power.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any

from msgspec import Struct, structs

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.http import HttpDevice
from evenload.site.drivers import ShellyMeter
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.drivers.polling import poll
from services.meter_ingest.raw import RawLine, RawSample, Traits

TRAITS = Traits(unsigned_current=True)
LINES = ("a", "b", "c")
COUNTER_PERIOD_S = 60.0
MINUTES_PER_HOUR = 60.0


async def samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield the meter's answers."""
    options: ShellyMeter = plan.options
    device = HttpDevice(access.session, f"http://{options.host}", options.timeout_s)
    source = (
        Gen1(device, options.channel if plan.single else None) if options.generation == 1 else Gen2(device, options)
    )
    async for sample in poll(source.read, plan.period_s):
        yield sample


class Component(Struct, frozen=True):
    """What a component of a Gen2 device is asked; `counters` is empty where they are in the status."""

    status: str
    counters: str = ""


COMPONENTS = {
    "em": Component("EM.GetStatus", "EMData.GetStatus"),
    "em1": Component("EM1.GetStatus", "EM1Data.GetStatus"),
    "pm1": Component("PM1.GetStatus"),
    "switch": Component("Switch.GetStatus"),
}


class Gen1:
    """All of Gen1; a one-phase meter takes one `channel` of it."""

    def __init__(self, device: HttpDevice, channel: int | None) -> None:
        self._device, self._channel = device, channel

    async def read(self) -> RawSample:
        """Return one answer; raise `DeviceError`."""
        answer = await self._device.get("/status")
        return gen1_sample(answer, self._device.base_url + "/status", self._channel)


def gen1_sample(answer: Any, where: str, channel: int | None = None) -> RawSample:
    """Return the answer as a raw sample; raise `DeviceError` when it has no meters."""
    found = answer if isinstance(answer, dict) else {}
    meters, per_wh = (found["emeters"], 1.0) if "emeters" in found else (found.get("meters"), MINUTES_PER_HOUR)
    if not isinstance(meters, list) or not all(isinstance(meter, dict) for meter in meters):
        raise DeviceError("garbage", where, "no list `emeters` or `meters`", "Gen2 and later need `generation: 2`")
    chosen = meters if channel is None else meters[channel : channel + 1]
    valid = [meter if meter.get("is_valid") is not False else {} for meter in chosen]
    return RawSample(
        traits=structs.replace(TRAITS, energy_scale=1 / per_wh),
        lines=tuple(
            RawLine(current=meter.get("current"), power=meter.get("power"), voltage=meter.get("voltage"))
            for meter in valid
        ),
        power=found.get("total_power") if channel is None else None,
        imported=tuple(meter.get("total") for meter in valid),
        exported=tuple(meter.get("total_returned") for meter in valid),
    )


class Gen2:
    """Any component; keeps the counters between the minutes in which they are asked."""

    def __init__(self, device: HttpDevice, options: ShellyMeter) -> None:
        self._device, self._query = device, {"id": str(options.channel)}
        self._names = COMPONENTS[options.component]
        self._counters: Mapping[str, Any] = {}
        self._asked_s: float | None = None

    async def read(self) -> RawSample:
        """Return one answer; raise `DeviceError`."""
        now_s = asyncio.get_running_loop().time()
        answer = await self._device.get(f"/rpc/{self._names.status}", self._query)
        if self._names.counters and (self._asked_s is None or now_s - self._asked_s >= COUNTER_PERIOD_S):
            self._asked_s = now_s
            # Counters are an extra: currents must not wait for a device that does not have them.
            with suppress(DeviceError):
                counters = await self._device.get(f"/rpc/{self._names.counters}", self._query)
                self._counters = counters if isinstance(counters, dict) else {}
        where = f"{self._device.base_url}/rpc/{self._names.status}"
        if self._names.status == COMPONENTS["em"].status:
            return gen2_sample(answer, self._counters, where)
        return phase_sample(answer, self._counters, where)


def gen2_sample(answer: Any, counters: Mapping[str, Any], where: str) -> RawSample:
    """Return the answer as a raw sample; raise `DeviceError` when it is no object."""
    if not isinstance(answer, dict):
        raise DeviceError("garbage", where, "not an object", "is this a Pro 3EM; a 3EM needs `generation: 1`")
    return RawSample(
        traits=TRAITS,
        lines=tuple(
            RawLine(
                current=answer.get(f"{line}_current"),
                power=answer.get(f"{line}_act_power"),
                voltage=answer.get(f"{line}_voltage"),
            )
            for line in LINES
        ),
        power=answer.get("total_act_power"),
        imported=(counters.get("total_act"),),
        exported=(counters.get("total_act_ret"),),
    )


def phase_sample(answer: Any, counters: Mapping[str, Any], where: str) -> RawSample:
    """Return the answer of a one-phase component as a raw sample; raise `DeviceError` when it is no object."""
    if not isinstance(answer, dict):
        raise DeviceError("garbage", where, "not an object", "is this the right component and channel")
    return RawSample(
        traits=TRAITS,
        power=answer.get("act_power", answer.get("apower")),
        current=answer.get("current"),
        voltage=answer.get("voltage"),
        imported=(counters.get("total_act_energy", _total(answer.get("aenergy"))),),
        exported=(counters.get("total_act_ret_energy", _total(answer.get("ret_aenergy"))),),
    )


def _total(counter: Any) -> Any:
    return counter.get("total") if isinstance(counter, dict) else None
