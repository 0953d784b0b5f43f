"""Enphase gateways with metering: `GET /production.json?details=1`, from firmware 7 with a token, over HTTPS.

`production` and `consumption` are lists of measurements; net consumption is the grid, + import. Currents have no sign.
One without clamps says 0 there with an `activeCount` of 0, or nothing; solar is then what its inverters told last.
"""

from collections.abc import AsyncGenerator
from typing import Any

from evenload.contracts.events import MeterRole
from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.http import HttpDevice
from evenload.devices.secrets import read_secret
from evenload.devices.stamps import stamp_of
from evenload.site.drivers import EnphaseMeter
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.drivers.polling import poll
from services.meter_ingest.raw import RawLine, RawSample, Traits

PATH = "/production.json"
TRAITS = Traits(unsigned_current=True)
MEASUREMENTS: dict[MeterRole, tuple[str, str]] = {
    "grid": ("consumption", "net-consumption"),
    "household": ("consumption", "total-consumption"),
    "solar": ("production", "production"),
    "inverter": ("production", "production"),
}
"""Role → list and measurement type."""


async def samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield what the gateway says about the meter's role."""
    options: EnphaseMeter = plan.options
    scheme = "https" if options.secure else "http"
    device = HttpDevice(access.session, f"{scheme}://{options.host}", options.timeout_s, own_certificate=True)
    headers = {}
    if options.token_file is not None:
        headers["Authorization"] = f"Bearer {read_secret(access.secrets, options.token_file)}"

    async def read() -> RawSample:
        answer = await device.get(PATH, {"details": "1"}, headers)
        return sample_of(answer, plan.role, device.base_url + PATH)

    async for sample in poll(read, plan.period_s):
        yield sample


def sample_of(answer: Any, role: MeterRole, where: str) -> RawSample:
    """Return the measurement of `role` as a raw sample; raise `DeviceError` when there is none."""
    group, kind = MEASUREMENTS.get(role, MEASUREMENTS["grid"])
    listed = answer.get(group) if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise DeviceError("garbage", where, f"no list {group}", "is this an Enphase gateway with metering")
    entries = [one for one in listed if isinstance(one, dict) and one.get("activeCount") != 0]
    found = [one for one in entries if one.get("measurementType") == kind]
    if not found and kind == "production":
        found = [one for one in entries if one.get("type") == "inverters"]
    if not found:
        raise DeviceError("refused", where, f"it does not measure {kind}", "current clamps must be set up for it")
    measured, lines = found[0], found[0].get("lines")
    return RawSample(
        traits=TRAITS,
        lines=tuple(_line(line) for line in lines) if isinstance(lines, list) else (),
        power=measured.get("wNow"),
        imported=(measured.get("whLifetime"),),
        taken_at=stamp_of(measured.get("readingTime")) if measured.get("type") == "eim" else None,
    )


def _line(line: Any) -> RawLine:
    if not isinstance(line, dict):
        return RawLine()
    return RawLine(current=line.get("rmsCurrent"), power=line.get("wNow"), voltage=line.get("rmsVoltage"))
