"""Any HTTP endpoint that answers a GET with JSON; the site file says where in it each value stands."""

from collections.abc import AsyncGenerator

from evenload.devices.access import Access
from evenload.devices.http import HttpDevice
from evenload.site.drivers import HttpJsonMeter
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.drivers.fields import reader
from services.meter_ingest.drivers.polling import poll
from services.meter_ingest.raw import RawSample


async def samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield what the endpoint says."""
    options: HttpJsonMeter = plan.options
    device = HttpDevice(access.session, options.url, options.timeout_s)
    source = reader(options.fields, options.scale, reports_changes=False)

    async def read() -> RawSample:
        return source.sample(await device.get("", headers=options.headers))

    async for sample in poll(read, plan.period_s):
        yield sample
