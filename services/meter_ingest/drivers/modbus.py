"""Any registers over Modbus TCP; the site file says where each value stands."""

from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from msgspec import Struct, structs

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.modbus import Manners, modbus_address
from evenload.devices.registers import Kind, Value, blocks, number, parse
from evenload.site.drivers import ModbusMeter
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.drivers.fields import sample_of
from services.meter_ingest.drivers.polling import poll
from services.meter_ingest.raw import RawSample, Traits

PORT = 502
MOST_BETWEEN = 0
"""Registers that nobody asked for may not exist; a device then refuses the whole question."""


class Registers(Struct, frozen=True, kw_only=True):
    """What is read of one unit, and how."""

    unit: int
    values: Mapping[str, Value]
    traits: Traits
    most_between: int = MOST_BETWEEN


class Reads(Protocol):
    """A link that registers are read over."""

    async def read(self, unit: int, kind: Kind, registers: range, manners: Manners) -> list[int]:
        """Return the words; raise `DeviceError`."""


async def samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield what the registers say."""
    options: ModbusMeter = plan.options
    texts = {name: text for name, text in structs.asdict(options.registers).items() if text is not None}
    wanted = Registers(
        unit=options.unit, values=parsed(texts), traits=Traits(unsigned_current=options.unsigned_current)
    )
    manners = Manners(timeout_s=options.timeout_s, pause_s=options.pause_s)
    async with access.modbus.connection(modbus_address(options.host, PORT)) as link:
        async for sample in poll(lambda: read(link, wanted, manners), plan.period_s):
            yield sample


def parsed(texts: Mapping[str, str]) -> dict[str, Value]:
    """Return the values of `texts`; raise `DeviceError` naming one that cannot be read."""
    values: dict[str, Value] = {}
    for name, text in texts.items():
        try:
            values[name] = parse(text)
        except ValueError as fault:
            raise DeviceError("refused", f"registers.{name}", str(fault), "correct the site file") from fault
    return values


async def read(link: Reads, wanted: Registers, manners: Manners) -> RawSample:
    """Return one sample; raise `DeviceError`."""
    words: dict[tuple[Kind, int], int] = {}
    for block in blocks(wanted.values.values(), wanted.most_between):
        found = await link.read(wanted.unit, block.kind, block.registers, manners)
        words |= {(block.kind, address): word for address, word in zip(block.registers, found, strict=True)}
    return sample_of({name: number(value, words) for name, value in wanted.values.items()}, wanted.traits)
