"""Driver name in the site file → driver. One row a driver; all makes of inverters are one driver."""

from services.meter_ingest.drivers import (
    dsmr,
    dsmr_serial,
    enphase,
    fronius,
    homeassistant,
    homewizard,
    http_json,
    inverter,
    modbus,
    mqtt,
    shelly,
    sunspec,
    tasmota,
)
from services.meter_ingest.drivers.contract import Samples
from services.meter_ingest.makes.table import MAKES

DRIVERS: dict[str, Samples] = {
    **dict.fromkeys(MAKES, inverter.samples),
    "dsmr": dsmr.samples,
    "dsmr_serial": dsmr_serial.samples,
    "enphase": enphase.samples,
    "fronius": fronius.samples,
    "homeassistant": homeassistant.samples,
    "homewizard": homewizard.samples,
    "http_json": http_json.samples,
    "modbus": modbus.samples,
    "mqtt": mqtt.samples,
    "shelly": shelly.samples,
    "sunspec": sunspec.samples,
    "tasmota": tasmota.samples,
    "tasmota_mqtt": tasmota.mqtt_samples,
}
