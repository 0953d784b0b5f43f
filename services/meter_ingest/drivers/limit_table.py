"""Driver name of a limit in the site file → driver. One row a driver; `bus` needs none."""

from collections.abc import AsyncGenerator, Callable

from evenload.devices.access import Access
from services.meter_ingest.drivers import limit_homeassistant, limit_http, limit_inputs, limit_mqtt
from services.meter_ingest.limit_config import LimitPlan
from services.meter_ingest.limit_feed import Said

LIMIT_DRIVERS: dict[str, Callable[[LimitPlan, Access], AsyncGenerator[Said, None]]] = {
    "homeassistant": limit_homeassistant.samples,
    "http_json": limit_http.samples,
    "modbus": limit_inputs.modbus,
    "mqtt": limit_mqtt.samples,
    "shelly": limit_inputs.shelly,
}
