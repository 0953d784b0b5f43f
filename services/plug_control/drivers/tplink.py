"""TP-Link Kasa plugs: JSON on port 9999, each byte joined by exclusive or with the one before it, the first with 171.

An answer begins with its length. Newer plugs tell mW, mV and Wh, older ones W, V and kWh. They have no timer that ends
with the controller. One connection serves one question.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.http import decode
from evenload.devices.json_path import find
from evenload.devices.modbus import ModbusAddress, modbus_address
from evenload.site.plug_drivers import TplinkPlug
from services.plug_control.config import PlugPlan
from services.plug_control.drivers.contract import PlugDriver
from services.plug_control.raw import RawObservation, scaled

PORT = 9999
FIRST_KEY = 171
MAX_BYTES = 16_384
LOOK: dict[str, dict[str, dict[str, str]]] = {"system": {"get_sysinfo": {}}, "emeter": {"get_realtime": {}}}
_REMEDY = "check its power, network and address; Tapo plugs and new Kasa firmware speak another protocol"


@asynccontextmanager
async def open_plug(plan: PlugPlan, access: Access) -> AsyncIterator[PlugDriver]:
    """Yield the plug."""
    options: TplinkPlug = plan.options
    yield Kasa(modbus_address(options.host, PORT), options.timeout_s)


class Kasa:
    """One plug."""

    def __init__(self, address: ModbusAddress, timeout_s: float) -> None:
        self._address, self._timeout_s = address, timeout_s
        self._where = f"{address.host}:{address.port}"

    async def prepare(self, power_on: bool) -> None:
        """Nothing: it keeps its relay's state over a power cut and has no setting for it."""

    async def switch(self, on: bool, revert_s: float | None) -> None:
        """Switch; raise `DeviceError` when the plug says no."""
        answer = await self._ask({"system": {"set_relay_state": {"state": int(on)}}})
        code = find(answer, ("system", "set_relay_state", "err_code"))
        if code != 0:
            raise DeviceError("refused", self._where, f"error {code}", "restart the plug")

    async def observe(self) -> RawObservation:
        """Return the relay's state and what it measures."""
        return observation_of(await self._ask(LOOK))

    async def _ask(self, question: Any) -> Any:
        try:
            async with asyncio.timeout(self._timeout_s):
                return decode(await self._exchange(msgspec.json.encode(question)), self._where)
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as fault:
            raise DeviceError("silent", self._where, f"{type(fault).__name__}: {fault}", _REMEDY) from fault

    async def _exchange(self, question: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._address.host, self._address.port)
        try:
            writer.write(len(question).to_bytes(4, "big") + hidden(question))
            await writer.drain()
            length = int.from_bytes(await reader.readexactly(4), "big")
            if length > MAX_BYTES:
                raise DeviceError("garbage", self._where, f"an answer of {length} bytes", _REMEDY)
            return shown(await reader.readexactly(length))
        finally:
            writer.close()


def hidden(plain: bytes) -> bytes:
    """Return a text as it goes over the wire."""
    key, found = FIRST_KEY, bytearray()
    for byte in plain:
        key ^= byte
        found.append(key)
    return bytes(found)


def shown(wire: bytes) -> bytes:
    """Return the text of what came over the wire."""
    return bytes(byte ^ before for byte, before in zip(wire, bytes([FIRST_KEY]) + wire, strict=False))


def observation_of(answer: Any) -> RawObservation:
    """Return the answer as a raw look."""
    relay = find(answer, ("system", "get_sysinfo", "relay_state"))
    meter = find(answer, ("emeter", "get_realtime"))
    return RawObservation(
        relay={0: False, 1: True}.get(relay) if isinstance(relay, int) else None,
        power_w=_either(meter, "power_mw", "power"),
        voltage_v=_either(meter, "voltage_mv", "voltage"),
        energy_wh=_energy_wh(meter),
    )


def _either(meter: Any, thousandths: str, plain: str) -> Any:
    small = scaled(find(meter, (thousandths,)), 0.001)
    return small if small is not None else find(meter, (plain,))


def _energy_wh(meter: Any) -> Any:
    total_wh = find(meter, ("total_wh",))
    return total_wh if total_wh is not None else scaled(find(meter, ("total",)), 1_000.0)
