"""HomeWizard P1 and kWh meters, local API v1: `GET /api/v1/data`.

Power is + import, also per phase; currents of a P1 are signed whole amperes, those of a kWh meter are fine and without
a sign; counters are kWh, in total or by tariff.
Keys of phases that the connection lacks are null or left out.
"""

from collections.abc import AsyncGenerator
from typing import Any

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.http import HttpDevice
from evenload.site.drivers import HomewizardMeter
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.drivers.polling import poll
from services.meter_ingest.raw import Raw, RawLine, RawSample, Traits

PATH = "/api/v1/data"
LINES = ("l1", "l2", "l3")
TARIFFS = ("t1", "t2", "t3", "t4")
WH_PER_KWH = 1_000.0
WHOLE_AMPERES = Traits(energy_scale=WH_PER_KWH, resolution_a=1.0)
FINE_AMPERES = Traits(energy_scale=WH_PER_KWH, unsigned_current=True)


async def samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield the meter's answers."""
    options: HomewizardMeter = plan.options
    device = HttpDevice(access.session, f"http://{options.host}", options.timeout_s)

    async def read() -> RawSample:
        return sample_of(await device.get(PATH), device.base_url + PATH)

    async for sample in poll(read, plan.period_s):
        yield sample


def sample_of(answer: Any, where: str) -> RawSample:
    """Return the answer as a raw sample; raise `DeviceError` when it is no object."""
    if not isinstance(answer, dict):
        raise DeviceError("garbage", where, "not an object", "is this a HomeWizard meter")
    lines = tuple(
        RawLine(
            current=answer.get(f"active_current_{line}_a"),
            power=answer.get(f"active_power_{line}_w"),
            voltage=answer.get(f"active_voltage_{line}_v"),
        )
        for line in LINES
    )
    return RawSample(
        traits=WHOLE_AMPERES if _whole([line.current for line in lines]) else FINE_AMPERES,
        lines=lines,
        power=answer.get("active_power_w"),
        current=answer.get("active_current_a"),
        voltage=answer.get("active_voltage_v"),
        imported=_registers(answer, "import"),
        exported=_registers(answer, "export"),
    )


def _whole(currents: list[Raw]) -> bool:
    return all(isinstance(current, int) for current in currents if current is not None)


def _registers(answer: dict[str, Any], direction: str) -> tuple[Raw, ...]:
    total = answer.get(f"total_power_{direction}_kwh")
    if total is not None:
        return (total,)
    return tuple(answer.get(f"total_power_{direction}_{tariff}_kwh") for tariff in TARIFFS)
