"""Tuya plugs by their local protocol, with the optional `tinytuya`. Its calls block, so each plug has a thread.

Data points of plugs: 1 relay, 18 mA, 19 tenths of W, 20 tenths of V.
"""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.json_path import find
from evenload.devices.modbus import modbus_address
from evenload.devices.own_thread import OwnThread
from evenload.devices.secrets import read_secret
from evenload.site.plug_drivers import TuyaPlug
from services.plug_control.config import PlugPlan
from services.plug_control.drivers.contract import PlugDriver
from services.plug_control.raw import RawObservation, scaled

PORT = 6668
_REMEDY = "check its power, address, local key and version; only one program may hold it"


@asynccontextmanager
async def open_plug(plan: PlugPlan, access: Access) -> AsyncIterator[PlugDriver]:
    """Yield the plug; raise `DeviceError` naming the extra where `tinytuya` is not installed."""
    options: TuyaPlug = plan.options
    try:
        tinytuya = importlib.import_module("tinytuya")
    except ImportError as fault:
        raise DeviceError("refused", "tuya", "tinytuya is missing", "pip install 'evenload[tuya]'") from fault
    key = read_secret(access.secrets, options.key_file)
    address = modbus_address(options.host, PORT)
    plug = tinytuya.OutletDevice(
        options.device_id,
        address.host,
        key,
        version=float(options.version),
        port=address.port,
        connection_timeout=options.timeout_s,
        connection_retry_limit=1,  # tries and waits are the shell's; the library's hold up the thread for a minute
        connection_retry_delay=0,
    )
    thread = OwnThread("tuya")
    try:
        yield Tuya(plug, options, thread)
    finally:
        thread.close()


class Tuya:
    """One plug."""

    def __init__(self, plug: Any, options: TuyaPlug, thread: OwnThread) -> None:
        self._plug, self._options, self._thread = plug, options, thread

    async def prepare(self, power_on: bool) -> None:
        """Nothing: what it does after a power cut is set in its app."""

    async def switch(self, on: bool, revert_s: float | None) -> None:
        """Switch; raise `DeviceError` when the plug does not take it."""
        await self._call(lambda: self._plug.set_status(on, switch=1))

    async def observe(self) -> RawObservation:
        """Return the relay's state and what it measures."""
        return observation_of(await self._call(self._plug.status))

    async def _call(self, call: Callable[[], Any]) -> Any:
        try:
            async with asyncio.timeout(3 * self._options.timeout_s):
                answer = await self._thread.call(call)
        except (TimeoutError, OSError, ValueError) as fault:
            raise DeviceError("silent", self._options.host, f"{type(fault).__name__}: {fault}", _REMEDY) from fault
        if isinstance(answer, dict) and "Error" in answer:
            raise DeviceError("silent", self._options.host, str(answer["Error"])[:80], _REMEDY)
        return answer


def observation_of(answer: Any) -> RawObservation:
    """Return the data points as a raw look."""
    return RawObservation(
        relay=find(answer, ("dps", "1")),
        power_w=scaled(find(answer, ("dps", "19")), 0.1),
        voltage_v=scaled(find(answer, ("dps", "20")), 0.1),
    )
