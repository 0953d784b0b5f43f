"""Relay contacts of a ripple control receiver or a control box, on an input of a Shelly or of a Modbus device.

A contact is asked each second unless the site file says otherwise, so that a dimming takes force within two.
"""

from collections.abc import AsyncGenerator
from typing import Any, Literal

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.http import HttpDevice
from evenload.devices.modbus import Manners, ModbusLink, modbus_address
from evenload.devices.registers import Kind, blocks, number
from evenload.site.limit_drivers import ModbusLimit, ShellyLimit
from services.meter_ingest.drivers.modbus import PORT, parsed
from services.meter_ingest.drivers.polling import poll
from services.meter_ingest.limit_config import LimitPlan
from services.meter_ingest.limit_feed import Said


async def shelly(plan: LimitPlan, access: Access) -> AsyncGenerator[Said, None]:
    """Yield the state of a Shelly's input."""
    options: ShellyLimit = plan.options
    device = HttpDevice(access.session, f"http://{options.host}", options.timeout_s)

    async def read() -> Said:
        if options.generation == 1:
            return gen1_said(await device.get("/status"), options.input)
        return gen2_said(await device.get("/rpc/Input.GetStatus", {"id": str(options.input)}))

    async for said in poll(read, plan.period_s):
        yield said


def gen2_said(answer: Any) -> Said:
    """Return what `Input.GetStatus` says; `state` is null for an input that is switched off or not a switch."""
    found = answer if isinstance(answer, dict) else {}
    return Said(value=found.get("state"), missing="state" not in found)


def gen1_said(answer: Any, index: int) -> Said:
    """Return what `/status` of a Gen1 says of its input at `index`: 0 or 1."""
    inputs = answer.get("inputs") if isinstance(answer, dict) else None
    found = inputs[index] if isinstance(inputs, list) and index < len(inputs) else {}
    found = found if isinstance(found, dict) else {}
    return Said(value=found.get("input"), missing="input" not in found)


async def modbus(plan: LimitPlan, access: Access) -> AsyncGenerator[Said, None]:
    """Yield the state of a coil or discrete input, or the number in registers."""
    options: ModbusLimit = plan.options
    manners = Manners(timeout_s=options.timeout_s, pause_s=options.pause_s)
    async with access.modbus.connection(modbus_address(options.host, PORT)) as link:

        async def read() -> Said:
            if options.bit is not None:
                return await _bit(link, options.bit, options.unit, manners)
            return await _register(link, options.register or "", options.unit, manners)

        async for said in poll(read, plan.period_s):
            yield said


async def _bit(link: ModbusLink, text: str, unit: int, manners: Manners) -> Said:
    kind, _, address = text.partition(" ")
    of: Literal["coil", "discrete"] = "coil" if kind == "coil" else "discrete"
    return Said(value=await link.read_bit(unit, of, int(address), manners))


async def _register(link: ModbusLink, text: str, unit: int, manners: Manners) -> Said:
    value = parsed({"register": text})["register"]
    words: dict[tuple[Kind, int], int] = {}
    for block in blocks((value,), 0):
        found = await link.read(unit, block.kind, block.registers, manners)
        words |= {(block.kind, at): word for at, word in zip(block.registers, found, strict=True)}
    result = number(value, words)
    if result is None:
        raise DeviceError("garbage", str(link.address), f"no number at {text}", "is this the right register and type")
    return Said(value=result)
