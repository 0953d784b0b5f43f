"""TP-Link Kasa plugs on TCP: older ones tell W, V and kWh, newer ones mW, mV and Wh."""

import asyncio
import json
from typing import Any

from evenload.simulation.devices.faults import Faults
from evenload.simulation.devices.tcp import TcpDevice
from evenload.simulation.devices.world import PlugWorld

FIRST_KEY = 0xAB


def joined(data: bytes, *, showing: bool) -> bytes:
    """Return the text of the wire's bytes when `showing`, else the wire's bytes of a text."""
    key, found = FIRST_KEY, bytearray()
    for byte in data:
        found.append(byte ^ key)
        key = byte if showing else found[-1]
    return bytes(found)


class KasaPlug(TcpDevice):
    """`old`: the answers of an HS110 of the first version."""

    def __init__(self, world: PlugWorld, old: bool = False) -> None:
        super().__init__(self._serve)
        self.world, self.faults, self._old = world, Faults(), old

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
