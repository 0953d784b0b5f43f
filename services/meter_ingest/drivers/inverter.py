"""Inverters by the table of their make: which registers, which signs, how the device is asked.

Over Modbus TCP, or through the dongle of a make that has one.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.modbus import Manners, modbus_address
from evenload.site.drivers import DongleMeter, InverterMeter
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.drivers.modbus import Reads, Registers, parsed, read
from services.meter_ingest.drivers.polling import poll
from services.meter_ingest.makes.contract import Make
from services.meter_ingest.makes.table import MAKES
from services.meter_ingest.raw import RawSample, Traits


async def samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield what the inverter says about the meter's role."""
    options: InverterMeter = plan.options
    make = MAKES[plan.driver]
    wanted = registers_of(make, plan, options.unit)
    manners = Manners(timeout_s=options.timeout_s, connect_pause_s=make.connect_pause_s, pause_s=make.pause_s)
    async with _link(make, options, access) as link:
        async for sample in poll(lambda: read(link, wanted, manners), plan.period_s):
            yield sample


def _link(make: Make, options: InverterMeter, access: Access) -> AbstractAsyncContextManager[Reads]:
    if isinstance(options, DongleMeter) and options.over == "udp":
        return access.dongles.connection(modbus_address(options.host, make.udp_port))
    return access.modbus.connection(modbus_address(options.host, make.port))


def registers_of(make: Make, plan: MeterPlan, unit: int | None) -> Registers:
    """Return what is read for the meter's role; raise `DeviceError` when the make does not have it."""
    texts = make.roles.get(plan.role)
    if texts is None:
        known = ", ".join(make.roles)
        raise DeviceError("refused", plan.driver, f"it tells nothing about {plan.role}", f"roles it has: {known}")
    return Registers(
        unit=make.unit if unit is None else unit,
        values=parsed(texts),
        traits=Traits(unsigned_current=make.unsigned_current),
        most_between=make.most_between,
    )
