"""TP-Link Kasa plugs on TCP: older ones tell W, V and kWh, newer ones mW, mV and Wh."""

import asyncio
import json
from typing import Any

from evenload.simulation.devices.faults import Faults
from evenload.simulation.devices.world import PlugWorld

FIRST_KEY = 0xAB


def joined(data: bytes, *, showing: bool) -> bytes:
    """Return the text of the wire's bytes when `showing`, else the wire's bytes of a text."""
    key, found = FIRST_KEY, bytearray()
    for byte in data:
        found.append(byte ^ key)
        key = byte if showing else found[-1]
    return bytes(found)


class KasaPlug:
    """`old`: the answers of an HS110 of the first version."""

    def __init__(self, world: PlugWorld, old: bool = False) -> None:
        self.world, self.faults, self._old = world, Faults(), old
        self._server: asyncio.Server | None = None
        self.host, self.port = "", 0

    @property
    def address(self) -> str:
        """`host:port`, as a site file's `host:` takes it."""
        return f"{self.host}:{self.port}"

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; the port is in `port`."""
        self._server = await asyncio.start_server(self._serve, host, port)
        self.host, self.port = host, self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def go_offline(self) -> None:
        """Vanish from the network."""
        await self.stop()

    async def come_back(self) -> None:
        """Listen again on the same port."""
        await self.start(self.host, self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            length = int.from_bytes(await reader.readexactly(4), "big")
            question = json.loads(joined(await reader.readexactly(length), showing=True))
            await asyncio.sleep(self.faults.delay_s)
            answer = b"noise" if self.faults.garbage else json.dumps(self.faults.spoil(self._answer(question))).encode()
            writer.write(len(answer).to_bytes(4, "big") + joined(answer, showing=False))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def _answer(self, question: Any) -> dict[str, Any]:
        if "set_relay_state" in question.get("system", {}):
            self.world.command(question["system"]["set_relay_state"]["state"] == 1)
            return {"system": {"set_relay_state": {"err_code": 0}}}
        world = self.world
        info = {
            "sw_ver": "1.0.17 Build 210506 Rel.120052",
            "model": "HS110(EU)" if self._old else "KP115(US)",
            "alias": "heater",
            "relay_state": int(world.on),
            "on_time": 0,
            "feature": "TIM:ENE",
            "err_code": 0,
        }
        current_a = world.power_w / world.voltage_v
        meter: dict[str, Any] = (
            {"current": current_a, "voltage": world.voltage_v, "power": world.power_w, "total": world.energy_wh / 1000}
            if self._old
            else {
                "current_ma": round(current_a * 1000),
                "voltage_mv": round(world.voltage_v * 1000),
                "power_mw": round(world.power_w * 1000),
                "total_wh": round(world.energy_wh),
            }
        )
        return {"system": {"get_sysinfo": info}, "emeter": {"get_realtime": {**meter, "err_code": 0}}}
