"""Asks a feed over HTTP for its JSON."""

from typing import Any

import aiohttp

from evenload.devices.http import HttpDevice
from evenload.site.money import Feed


async def answer_of(feed: Feed, session: aiohttp.ClientSession) -> Any:
    """Return what the feed answers; raise `DeviceError`."""
    device = HttpDevice(session, feed.url, feed.timeout_s)
    return await device.get("", headers=feed.headers)
