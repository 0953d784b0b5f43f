"""From the site file's `mqtt:` section to a broker's address."""

from pathlib import Path

from evenload.devices.errors import DeviceError
from evenload.devices.mqtt import BrokerAddress, broker_address
from evenload.site.schema import Mqtt


def broker_of(mqtt: Mqtt | None, secrets: Path) -> BrokerAddress:
    """Return the broker of the site file; relative password files are in `secrets`. Raises `DeviceError`."""
    if mqtt is None:
        raise DeviceError("refused", "mqtt", "the site file names no broker", "add `mqtt: {broker: mqtt://host}`")
    password = None if mqtt.password_file is None else str(secrets / mqtt.password_file)
    try:
        return broker_address(mqtt.broker, mqtt.user, password)
    except ValueError as fault:
        raise DeviceError("refused", "mqtt.broker", str(fault), "correct the site file") from fault
