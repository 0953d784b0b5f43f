"""DSMR (P1) telegrams from a cable. Reading blocks, so it is done in a thread, a piece at a time."""

import asyncio
import importlib
from collections.abc import AsyncGenerator
from typing import Any

from evenload.devices import telegram
from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
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
    cable = await asyncio.to_thread(_open, options)
    heard_s = loop.time()
    try:
        while True:
            data = await asyncio.to_thread(_read, cable, options.port)
            heard_s = loop.time() if data else heard_s
            if loop.time() - heard_s > options.timeout_s:
                raise DeviceError("silent", options.port, f"no telegram within {options.timeout_s:g} s", _LOOK)
            for found in telegrams.feed(data):
                yield sample_of(telegram.checked(found, options.port))
    finally:
        cable.close()


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
