"""Driver name in the site file → driver. One row a driver."""

from services.plug_control.drivers import (
    homeassistant,
    homewizard,
    mqtt,
    sg_ready,
    shelly,
    tasmota,
    tasmota_mqtt,
    tplink,
    tuya,
)
from services.plug_control.drivers.contract import OpenPlug

DRIVERS: dict[str, OpenPlug] = {
    "homeassistant": homeassistant.open_plug,
    "homewizard": homewizard.open_plug,
    "mqtt": mqtt.open_plug,
    "sg_ready": sg_ready.open_plug,
    "shelly": shelly.open_plug,
    "tasmota": tasmota.open_plug,
    "tasmota_mqtt": tasmota_mqtt.open_plug,
    "tplink": tplink.open_plug,
    "tuya": tuya.open_plug,
}
