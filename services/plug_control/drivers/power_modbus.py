"""A power set in a register over Modbus TCP; the register is read back."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.modbus import Manners, ModbusLink, modbus_address
from evenload.devices.registers import Kind, Value, blocks, encode, number, parse
from evenload.site.power_drivers import ModbusPower
from services.plug_control.config import PlugPlan
from services.plug_control.drivers.contract import LevelDriver
from services.plug_control.power import level_said
from services.plug_control.raw import RawObservation

PORT = 502


@asynccontextmanager
async def open_device(plan: PlugPlan, access: Access) -> AsyncIterator[LevelDriver]:
    """Yield the device."""
    options: ModbusPower = plan.options
    async with access.modbus.connection(modbus_address(options.host, PORT)) as link:
        yield ModbusSetPower(link, plan)


class ModbusSetPower:
    """One unit's registers."""

    def __init__(self, link: ModbusLink, plan: PlugPlan) -> None:
        options: ModbusPower = plan.options
        self._link, self._levels_w, self._options = link, plan.levels_w, options
        self._manners = Manners(timeout_s=options.timeout_s)
        self._register = _parsed(options.register)
        self._power = None if options.power is None else _parsed(options.power)

    async def prepare(self, level: int) -> None:
        """Nothing: there is no such setting that all have."""

    async def switch(self, level: int, revert_s: float | None) -> None:
        """Write the power of the level."""
        term = self._register.terms[0]
        words = encode(term, self._levels_w[level])
        await self._link.write(self._options.unit, term.address, words, self._manners)

    async def observe(self) -> RawObservation:
        """Return what its register holds, and what it draws."""
        wanted = [self._register] if self._power is None else [self._register, self._power]
        set_w, *drawn_w = await self._read(wanted)
        return RawObservation(relay=level_said(self._levels_w, set_w, 1.0), power_w=drawn_w[0] if drawn_w else None)

    async def _read(self, wanted: Sequence[Value]) -> list[float | None]:
        words: dict[tuple[Kind, int], int] = {}
        for block in blocks(wanted, 0):
            found = await self._link.read(self._options.unit, block.kind, block.registers, self._manners)
            words |= {(block.kind, address): word for address, word in zip(block.registers, found, strict=True)}
        return [number(value, words) for value in wanted]


def _parsed(text: str) -> Value:
    try:
        return parse(text)
    except ValueError as fault:
        raise DeviceError("refused", "register", str(fault), "correct the site file") from fault
