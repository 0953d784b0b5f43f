"""Limits that an HTTP endpoint answers with, as JSON; each answer is a sign of life."""

from collections.abc import AsyncGenerator

from evenload.devices.access import Access
from evenload.devices.http import HttpDevice
from evenload.site.limit_drivers import HttpJsonLimit
from services.meter_ingest.drivers.limit_fields import LimitReader
from services.meter_ingest.drivers.polling import poll
from services.meter_ingest.limit_config import LimitPlan
from services.meter_ingest.limit_feed import Said


async def samples(plan: LimitPlan, access: Access) -> AsyncGenerator[Said, None]:
    """Yield what the endpoint says."""
    options: HttpJsonLimit = plan.options
    device = HttpDevice(access.session, options.url, options.timeout_s)
    reader = LimitReader(options)

    async def read() -> Said:
        return reader.said(await device.get("", headers=options.headers))

    async for said in poll(read, plan.period_s):
        yield said
