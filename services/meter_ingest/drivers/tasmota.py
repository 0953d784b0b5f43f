"""Tasmota energy meters, over HTTP or MQTT: `Status 8`, where each value is one number or a list, one for each phase.

A reading head (SML, OBIS) has no `ENERGY` but an object under its own name; its script names the values, most often
`total_in`, `total_out` (kWh), `power_curr`, `power_l1` … `volt_p1` … `curr_p1` …
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.http import HttpDevice
from evenload.devices.json_path import find
from evenload.devices.links import broker_of
from evenload.devices.tasmota import talking
from evenload.site.drivers import TasmotaMeter, TasmotaMqttMeter
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.drivers.polling import poll
from services.meter_ingest.raw import Raw, RawLine, RawSample, Traits

TRAITS = Traits(energy_scale=1_000.0, unsigned_current=True)
_QUERY = {"cmnd": "Status 8"}
HEAD_NAMES: Mapping[str, tuple[str, ...]] = {
    "power": ("power_curr", "power", "power_total", "power_in"),
    "power_l": ("power_l{}", "power_p{}", "power_curr_l{}"),
    "voltage_l": ("volt_p{}", "voltage_l{}", "volt_l{}", "voltage_p{}"),
    "current_l": ("curr_p{}", "current_l{}", "amperage_l{}", "current_p{}"),
    "imported": ("total_in", "total_kwh", "e_in"),
    "exported": ("total_out", "e_out"),
}
"""Value → names in use for it, in small letters; `{}` = the phase from 1."""
_PHASES = 3


async def samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield the meter's answers over HTTP."""
    options: TasmotaMeter = plan.options
    device = HttpDevice(access.session, f"http://{options.host}", options.timeout_s)

    async def read() -> RawSample:
        return sample_of(await device.get("/cm", _QUERY), device.base_url + "/cm?cmnd=Status%208")

    async for sample in poll(read, plan.period_s):
        yield sample


async def mqtt_samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield the meter's answers over the site's broker."""
    options: TasmotaMqttMeter = plan.options
    async with (
        access.brokers.connection(broker_of(plan.mqtt, access.secrets)) as broker,
        talking(broker, options.topic, options.timeout_s) as talk,
    ):

        async def read() -> RawSample:
            return sample_of(await talk.ask("Status 8"), f"{broker.address} cmnd/{options.topic}/Status 8")

        async for sample in poll(read, plan.period_s):
            yield sample


def sample_of(answer: Any, where: str) -> RawSample:
    """Return the answer as a raw sample; raise `DeviceError` when it measures no energy."""
    energy = find(answer, ("StatusSNS", "ENERGY"))
    if not isinstance(energy, dict):
        return _head_sample(find(answer, ("StatusSNS",)), where)
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


def _head_sample(sensors: Any, where: str) -> RawSample:
    """Return what a reading head says; raise `DeviceError` when there is none."""
    for told in sensors.values() if isinstance(sensors, dict) else ():
        named = {str(name).lower(): value for name, value in told.items()} if isinstance(told, dict) else {}
        lines = tuple(
            RawLine(
                current=_called(named, "current_l", line),
                power=_called(named, "power_l", line),
                voltage=_called(named, "voltage_l", line),
            )
            for line in range(1, _PHASES + 1)
        )
        power = _called(named, "power")
        if power is not None or any(line.power is not None for line in lines):
            imported, exported = _called(named, "imported"), _called(named, "exported")
            return RawSample(traits=TRAITS, lines=lines, power=power, imported=(imported,), exported=(exported,))
    raise DeviceError("garbage", where, "no StatusSNS.ENERGY and no reading head", "read it with http_json and fields")


def _called(named: Mapping[str, Any], what: str, line: int = 0) -> Raw:
    names = (name.format(line) for name in HEAD_NAMES[what])
    return next((named[name] for name in names if named.get(name) is not None), None)


def _listed(value: Any) -> list[Raw]:
    return value if isinstance(value, list) else [value]


def _at(values: list[Raw], line: int) -> Raw:
    """Return the value of a line; one value for all lines is every line's (as the voltage)."""
    if len(values) == 1:
        return values[0]
    return values[line] if line < len(values) else None
