"""What all drivers of a process share, opened once and closed when the last device task is gone."""

from pathlib import Path

import aiohttp
from msgspec import Struct, field

from evenload.devices.goodwe_udp import UdpLink
from evenload.devices.homeassistant import Homes
from evenload.devices.http import open_session
from evenload.devices.modbus import Links, ModbusLinks
from evenload.devices.mqtt import Brokers


class Access(Struct, frozen=True):
    """HTTP session, MQTT, Modbus, Home Assistant and dongle links, and the folder that files with secrets are in."""

    session: aiohttp.ClientSession
    brokers: Brokers
    modbus: ModbusLinks
    homes: Homes
    secrets: Path = Path()
    dongles: Links[UdpLink] = field(default_factory=lambda: Links(UdpLink))

    async def close(self) -> None:
        """Close what is shared; the others have closed with their last user."""
        await self.session.close()


def open_access() -> Access:
    """Return the shared links; to be closed in the same event loop."""
    session = open_session()
    return Access(session, Brokers(), ModbusLinks(), Homes(session))
