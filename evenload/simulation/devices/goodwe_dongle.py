"""A GoodWe behind its WiFi dongle: the registers of a golden dump, asked for by datagrams.

question   F7 03 first first count count crc crc       answer   AA 55 F7 03 bytes words… crc crc
                                                       refusal  AA 55 F7 83 code crc crc
"""

import asyncio
import struct

from evenload.simulation.devices.crc16 import MODBUS_START, crc16
from evenload.simulation.devices.faults import GARBAGE as NOISE
from evenload.simulation.devices.faults import Faults
from evenload.simulation.devices.live import Home, Kind
from evenload.simulation.devices.modbus import GARBAGE, GoldenDump, say

READ, ILLEGAL_ADDRESS = 3, 2


class GoodweDongle(asyncio.DatagramProtocol):
    """`faults`: `delay_s`, `status` (answered as that Modbus exception), `garbage` (0x8000 in every register).

    `noise`: no frame at all; `broken`: the checksum does not fit. With a `home` it says that home's values.
    """

    def __init__(self, dump: GoldenDump, home: Home | None = None) -> None:
        self.dump, self.faults, self._home = dump, Faults(), home
        self.registers: dict[Kind, dict[int, int]] = {kind: dict(words) for kind, words in dump.registers.items()}
        self.noise, self.broken, self.requests = False, False, 0
        self._transport: asyncio.DatagramTransport | None = None
        self.host, self.port = "", 0

    @property
    def address(self) -> str:
        """`host:port`, as a site file's `host:` takes it."""
        return f"{self.host}:{self.port}"

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; the port is in `port`."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        self.host, self.port = self._transport.get_extra_info("sockname")

    async def stop(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    async def go_offline(self) -> None:
        """Vanish from the network."""
        await self.stop()

    async def come_back(self) -> None:
        """Listen again on the same port."""
        await self.start(self.host, self.port)

    def fall_asleep(self) -> None:
        """Say what it says at night."""
        for kind, other in self.dump.night.items():
            self.registers[kind] |= other

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer, after the delay."""
        self.requests += 1
        answer = NOISE if self.noise else self._answer(data)
        asyncio.get_running_loop().call_later(self.faults.delay_s, self._send, answer, addr)

    def _send(self, answer: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(answer, addr)

    def _answer(self, asked: bytes) -> bytes:
        unit, function, first, count = struct.unpack(">BBHH", asked[:6])
        if unit != self.dump.unit or function != READ or asked[6:] != crc(asked[:6]):
            return b""
        if self._home is not None:
            say(self.registers, self.dump.live, self._home())
        held = self.registers["holding"]
        if self.faults.status is not None or any(place not in held for place in range(first, first + count)):
            return self._framed(bytes([unit, READ | 0x80, self.faults.status or ILLEGAL_ADDRESS]))
        words = [GARBAGE if self.faults.garbage else held[place] for place in range(first, first + count)]
        return self._framed(struct.pack(f">BBB{count}H", unit, READ, 2 * count, *words))

    def _framed(self, body: bytes) -> bytes:
        return b"\xaa\x55" + body + (b"\0\0" if self.broken else crc(body))


def crc(body: bytes) -> bytes:
    """Return the two bytes of a Modbus checksum, the lower one first."""
    return crc16(body, MODBUS_START).to_bytes(2, "little")
