"""A Tuya plug by the local protocol 3.3: frames with a checksum on TCP, JSON in them encrypted by its local key.

A frame is 000055AA, number, command, length, from the device a return code, payload, CRC-32, 0000AA55. Data points of a
plug: 1 relay, 18 mA, 19 tenths of W, 20 tenths of V.
"""

import asyncio
import json
import struct
import zlib
from typing import Any

from evenload.simulation.devices.aes import decrypted, encrypted
from evenload.simulation.devices.faults import GARBAGE, Faults
from evenload.simulation.devices.tcp import TcpDevice
from evenload.simulation.devices.world import PlugWorld

PREFIX, SUFFIX, HEAD = 0x55AA, 0xAA55, struct.Struct(">4I")
CONTROL, STATUS, HEARTBEAT, QUERY = 7, 8, 9, 10
VERSION = b"3.3" + bytes(12)
PORT = 6668


class TuyaPlug(TcpDevice):
    """One plug; `faults` are delay, garbage and null numbers."""

    def __init__(self, world: PlugWorld, key: str) -> None:
        super().__init__(self._serve)
        self.world, self.faults, self._key = world, Faults(), key.encode()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(HEAD.size)
                _, number, command, length = HEAD.unpack(head)
                payload = (await reader.readexactly(length))[:-8]
                await asyncio.sleep(self.faults.delay_s)
                writer.write(b"".join(self._answers(number, command, payload)))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def _answers(self, number: int, command: int, payload: bytes) -> list[bytes]:
        if self.faults.garbage:
            return [GARBAGE]
        if command == QUERY:
            return [frame(number, command, self._status())]
        if command == CONTROL:
            wanted = json.loads(decrypted(self._key, payload.removeprefix(VERSION)))["dps"]["1"]
            self.world.command(wanted is True)
            return [frame(number, command, b""), frame(0, STATUS, VERSION + self._status())]
        return [frame(number, command, b"")]

    def _status(self) -> bytes:
        world = self.world
        points: dict[str, Any] = {
            "1": world.on,
            "9": 0,
            "18": round(1000 * world.power_w / world.voltage_v),
            "19": round(10 * world.power_w),
            "20": round(10 * world.voltage_v),
        }
        return encrypted(self._key, json.dumps({"dps": self.faults.spoil(points)}).encode())


def frame(number: int, command: int, payload: bytes) -> bytes:
    """Return a frame as a device sends it, with a return code of 0."""
    body = struct.pack(">I", 0) + payload
    start = HEAD.pack(PREFIX, number, command, len(body) + 8) + body
    return start + struct.pack(">2I", zlib.crc32(start), SUFFIX)
