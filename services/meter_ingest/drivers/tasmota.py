"""Tasmota energy meters over HTTP: `Status 8`, where each value is one number or a list with one for each phase."""

from collections.abc import AsyncGenerator
from typing import Any

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.http import HttpDevice
from evenload.devices.json_path import find
from evenload.site.drivers import TasmotaMeter
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.drivers.polling import poll
from services.meter_ingest.raw import Raw, RawLine, RawSample, Traits

TRAITS = Traits(energy_scale=1_000.0, unsigned_current=True)
_QUERY = {"cmnd": "Status 8"}
_PHASES = 3


async def samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield the meter's answers."""
    options: TasmotaMeter = plan.options
    device = HttpDevice(access.session, f"http://{options.host}", options.timeout_s)

    async def read() -> RawSample:
        return sample_of(await device.get("/cm", _QUERY), device.base_url + "/cm?cmnd=Status%208")

    async for sample in poll(read, plan.period_s):
        yield sample


def sample_of(answer: Any, where: str) -> RawSample:
    """Return the answer as a raw sample; raise `DeviceError` when it measures no energy."""
    energy = find(answer, ("StatusSNS", "ENERGY"))
    if not isinstance(energy, dict):
        raise DeviceError("garbage", where, "no StatusSNS.ENERGY", "a reading head is read with http_json and fields")
    power, current, voltage = (_listed(energy.get(name)) for name in ("Power", "Current", "Voltage"))
    single = len(power) == 1
    return RawSample(
        traits=TRAITS,
        lines=()
        if single
        else tuple(
            RawLine(current=_at(current, line), power=_at(power, line), voltage=_at(voltage, line))
            for line in range(min(_PHASES, len(power)))
        ),
        power=power[0] if single else None,
        current=_at(current, 0) if single else None,
        voltage=_at(voltage, 0) if single else None,
        imported=(_at(_listed(energy.get("Total")), 0),),
    )


def _listed(value: Any) -> list[Raw]:
    return value if isinstance(value, list) else [value]


def _at(values: list[Raw], line: int) -> Raw:
    """Return the value of a line; one value for all lines is every line's (as the voltage)."""
    if len(values) == 1:
        return values[0]
    return values[line] if line < len(values) else None
