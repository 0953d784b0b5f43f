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
from evenload.simulation.devices.world import PlugWorld

PREFIX, SUFFIX, HEAD = 0x55AA, 0xAA55, struct.Struct(">4I")
CONTROL, STATUS, HEARTBEAT, QUERY = 7, 8, 9, 10
VERSION = b"3.3" + bytes(12)
PORT = 6668


class TuyaPlug:
    """One plug; `faults` are delay, garbage and null numbers."""

    def __init__(self, world: PlugWorld, key: str) -> None:
        self.world, self.faults, self._key = world, Faults(), key.encode()
        self._server: asyncio.Server | None = None
        self.host, self.port = "", 0

    @property
    def address(self) -> str:
        """`host:port`."""
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
