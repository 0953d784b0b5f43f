"""Fronius Solar API v1: the smart meter for the grid, the power flow for solar, battery and household.

Every value may be null: an inverter that sleeps has no P_PV, one without a battery no P_Akku. Meters name their values
in two ways, by firmware. P_Load is − when the house draws.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from evenload.contracts.events import MeterRole
from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.http import HttpDevice
from evenload.devices.json_path import find
from evenload.devices.stamps import stamp_of
from evenload.site.drivers import FroniusMeter
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.drivers.polling import poll
from services.meter_ingest.raw import Raw, RawLine, RawSample, Traits

METER_PATH = "/solar_api/v1/GetMeterRealtimeData.cgi"
FLOW_PATH = "/solar_api/v1/GetPowerFlowRealtimeData.fcgi"
TRAITS = Traits(unsigned_current=True)
_NAMES: Mapping[str, tuple[str, ...]] = {
    "power": ("PowerReal_P_Phase_{}", "SMARTMETER_POWERACTIVE_MEAN_0{}_F64"),
    "current": ("Current_AC_Phase_{}", "ACBRIDGE_CURRENT_ACTIVE_MEAN_0{}_F32"),
    "voltage": ("Voltage_AC_Phase_{}", "SMARTMETER_VOLTAGE_MEAN_0{}_F64"),
    "total": ("PowerReal_P_Sum", "SMARTMETER_POWERACTIVE_MEAN_SUM_F64"),
    "imported": ("EnergyReal_WAC_Sum_Consumed", "SMARTMETER_ENERGYACTIVE_CONSUMED_SUM_F64"),
    "exported": ("EnergyReal_WAC_Sum_Produced", "SMARTMETER_ENERGYACTIVE_PRODUCED_SUM_F64"),
}


async def samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield what the API says about the meter's role."""
    options: FroniusMeter = plan.options
    device = HttpDevice(access.session, f"http://{options.host}", options.timeout_s)

    async def read() -> RawSample:
        if plan.role not in FLOWS:
            query = {"Scope": "Device", "DeviceId": str(options.meter)}
            return meter_sample(body_of(await device.get(METER_PATH, query), device.base_url + METER_PATH))
        return FLOWS[plan.role](body_of(await device.get(FLOW_PATH), device.base_url + FLOW_PATH))

    async for sample in poll(read, plan.period_s):
        yield sample


def body_of(answer: Any, where: str) -> dict[str, Any]:
    """Return `Body.Data`; raise `DeviceError` when the API says that it has none."""
    code = find(answer, ("Head", "Status", "Code"))
    if code not in (0, None):
        reason = find(answer, ("Head", "Status", "Reason")) or find(answer, ("Head", "Status", "UserMessage"))
        raise DeviceError("refused", where, f"status {code}: {str(reason)[:80]}", "check `meter` and what is connected")
    found = find(answer, ("Body", "Data"))
    if not isinstance(found, dict):
        raise DeviceError("garbage", where, "no Body.Data", "is this a Fronius with its Solar API switched on")
    return found


def meter_sample(meter: Mapping[str, Any]) -> RawSample:
    """Return the smart meter's values as a raw sample."""
    lines = tuple(
        RawLine(
            current=_named(meter, "current", line),
            power=_named(meter, "power", line),
            voltage=_named(meter, "voltage", line),
        )
        for line in (1, 2, 3)
    )
    return RawSample(
        traits=TRAITS,
        lines=lines,
        power=_named(meter, "total"),
        imported=(_named(meter, "imported"),),
        exported=(_named(meter, "exported"),),
        taken_at=stamp_of(meter.get("TimeStamp")),
    )


def _named(meter: Mapping[str, Any], what: str, line: int = 0) -> Raw:
    names = (name.format(line) for name in _NAMES[what])
    return next((meter[name] for name in names if meter.get(name) is not None), None)


def _solar(flow: Mapping[str, Any]) -> RawSample:
    site = _site(flow)
    asleep = "P_PV" in site and site["P_PV"] is None
    return RawSample(power=0.0 if asleep else site.get("P_PV"))


def _battery(flow: Mapping[str, Any]) -> RawSample:
    inverters = flow.get("Inverters")
    found = [find(inverter, ("SOC",)) for inverter in inverters.values()] if isinstance(inverters, dict) else []
    soc = next((soc for soc in found if soc is not None), None)
    return RawSample(power=_site(flow).get("P_Akku"), soc=soc)


def _household(flow: Mapping[str, Any]) -> RawSample:
    return RawSample(power=_site(flow).get("P_Load"), traits=Traits(power_scale=-1.0))


def _site(flow: Mapping[str, Any]) -> dict[str, Any]:
    found = flow.get("Site")
    return found if isinstance(found, dict) else {}


FLOWS: Mapping[MeterRole, Callable[[Mapping[str, Any]], RawSample]] = {
    "solar": _solar,
    "battery": _battery,
    "household": _household,
}
"""Role → its values in the power flow; all other roles are the meter's."""
