"""DSMR (P1) telegrams from a cable. Reading blocks, so it is done in a thread of its own, a piece at a time."""

import asyncio
import importlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from evenload.devices import telegram
from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.own_thread import OwnThread
from evenload.devices.telegram import Telegrams
from evenload.site.drivers import DsmrSerialMeter
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.drivers.dsmr import sample_of
from services.meter_ingest.raw import RawSample

PIECE_S = 0.5
"""The longest that one read blocks its thread; leaving waits for no more than it."""
_LOOK = "check the cable, its name under /dev, and that we may read it (group dialout)"


async def samples(plan: MeterPlan, access: Access) -> AsyncGenerator[RawSample, None]:
    """Yield each telegram."""
    options: DsmrSerialMeter = plan.options
    loop, telegrams = asyncio.get_running_loop(), Telegrams()
    async with _opened(options) as read:
        heard_s = loop.time()
        while True:
            data = await read()
            heard_s = loop.time() if data else heard_s
            if loop.time() - heard_s > options.timeout_s:
                raise DeviceError("silent", options.port, f"no telegram within {options.timeout_s:g} s", _LOOK)
            for found in telegrams.feed(data):
                yield sample_of(telegram.checked(found, options.port))


@asynccontextmanager
async def _opened(options: DsmrSerialMeter) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """Yield what reads the next piece of the open port."""
    thread = OwnThread("dsmr_serial")
    try:
        cable = await thread.call(lambda: _open(options))
        try:
            yield lambda: thread.call(lambda: _read(cable, options.port))
        finally:
            cable.cancel_read()
            await thread.call(cable.close)  # behind the read, which must not find another file under its number
    finally:
        thread.close()


def _open(options: DsmrSerialMeter) -> Any:
    try:
        serial = importlib.import_module("serial")
    except ImportError as fault:
        raise DeviceError("refused", "dsmr_serial", "pyserial is missing", "pip install 'evenload[serial]'") from fault
    old = options.baud == 9600
    try:
        return serial.Serial(
            options.port, options.baud, bytesize=7 if old else 8, parity="E" if old else "N", timeout=PIECE_S
        )
    except (OSError, ValueError) as fault:
        raise DeviceError("silent", options.port, str(fault), _LOOK) from fault


def _read(cable: Any, port: str) -> bytes:
    try:
        return bytes(cable.read(max(1, cable.in_waiting)))
    except OSError as fault:
        raise DeviceError("silent", port, str(fault), _LOOK) from fault
