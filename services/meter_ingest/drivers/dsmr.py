"""DSMR (P1) telegrams over TCP: the meter speaks by itself, each second (version 5) or each 10 s."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

from evenload.devices import telegram
from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.modbus import modbus_address
from evenload.devices.telegram import Telegrams
from evenload.site.drivers import DsmrMeter
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.raw import Raw, RawLine, RawSample, Traits

PORT = 2001
READ_BYTES = 4_096
SCALES: Mapping[str, float] = {"kW": 1_000.0, "W": 1.0, "kWh": 1_000.0, "Wh": 1.0, "A": 1.0, "V": 1.0}
LINES = ((21, 22, 31, 32), (41, 42, 51, 52), (61, 62, 71, 72))
"""Codes of each phase: power in, power out, current, voltage."""
_LOOK = "check its power, network and address, and that nothing else reads it"


async def samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield each telegram."""
    options: DsmrMeter = plan.options
    address = modbus_address(options.host, PORT)
    where, telegrams = f"{address.host}:{address.port}", Telegrams()
    try:
        async with asyncio.timeout(options.timeout_s):
            reader, writer = await asyncio.open_connection(address.host, address.port)
    except (TimeoutError, OSError) as fault:
        raise DeviceError("silent", where, f"{type(fault).__name__}: {fault}", _LOOK) from fault
    try:
        while True:
            for found in telegrams.feed(await _read(reader, options.timeout_s, where)):
                yield sample_of(telegram.checked(found, where))
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader, timeout_s: float, where: str) -> bytes:
    try:
        async with asyncio.timeout(timeout_s):
            data = await reader.read(READ_BYTES)
    except (TimeoutError, OSError) as fault:
        raise DeviceError("silent", where, f"no telegram within {timeout_s:g} s", _LOOK) from fault
    if not data:
        raise DeviceError("silent", where, "it closed the connection", _LOOK)
    return data


def sample_of(text: str) -> RawSample:
    """Return a telegram as a raw sample."""
    values = telegram.values(text)
    return RawSample(
        traits=_traits(values),
        lines=tuple(
            RawLine(
                current=_value(values, f"{current}.7.0"),
                power=_net(values, f"{power_in}.7.0", f"{power_out}.7.0"),
                voltage=_value(values, f"{voltage}.7.0"),
            )
            for power_in, power_out, current, voltage in LINES
        ),
        power=_net(values, "1.7.0", "2.7.0"),
        imported=_registers(values, "1.8"),
        exported=_registers(values, "2.8"),
        taken_at=telegram.stamp(text),
    )


def _traits(values: Mapping[str, tuple[str, str]]) -> Traits:
    told = [values[f"{line[2]}.7.0"][0] for line in LINES if f"{line[2]}.7.0" in values]
    whole = bool(told) and all("." not in current for current in told)
    return Traits(resolution_a=1.0 if whole else 0.0, unsigned_current=True)


def _value(values: Mapping[str, tuple[str, str]], code: str) -> Raw:
    if code not in values:
        return None
    text, unit = values[code]
    try:
        return float(text) * SCALES.get(unit, float("nan"))
    except ValueError:
        return text


def _net(values: Mapping[str, tuple[str, str]], code_in: str, code_out: str) -> Raw:
    power_in, power_out = _value(values, code_in), _value(values, code_out)
    if power_out is None or not isinstance(power_in, float) or not isinstance(power_out, float):
        return power_in
    return power_in - power_out


def _registers(values: Mapping[str, tuple[str, str]], group: str) -> tuple[Raw, ...]:
    total = _value(values, f"{group}.0")
    return (total,) if total is not None else (_value(values, f"{group}.1"), _value(values, f"{group}.2"))
