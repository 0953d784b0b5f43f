"""GoodWe dongles on UDP port 8899: a Modbus RTU question in one datagram; the answer has two bytes before it.

    question   unit 3 first count crc          answer   AA 55 unit 3 bytes words… crc
                                               refusal  AA 55 unit 83 code crc

A datagram that does not fit the question is left unread: it may be the late answer to one before. It has no connection
that could be lost, so what was lost on the way is a question without an answer, like a device that is off.
"""

import asyncio
from struct import pack, unpack

from pymodbus.framer import FramerRTU

from evenload.devices.errors import DeviceError
from evenload.devices.modbus import Manners, ModbusAddress
from evenload.devices.registers import Kind

HEADER = b"\xaa\x55"
READ, REFUSES = 3, 0x83
_LOOK = "check its power, network and address, and that its dongle answers on UDP port 8899 (a LAN kit: Modbus TCP)"


def question(unit: int, registers: range) -> bytes:
    """Return the datagram that asks for holding registers."""
    return _with_crc(pack(">BBHH", unit, READ, registers.start, len(registers)))


def answer(datagram: bytes, unit: int, count: int) -> list[int] | int | None:
    """Return the words, or the code of a refusal; None where it is no answer to a question for `count` registers."""
    body, crc = datagram[len(HEADER) : -2], datagram[-2:]
    if not datagram.startswith(HEADER) or len(body) < 3 or _with_crc(body)[-2:] != crc or body[0] != unit:
        return None
    if body[1] == REFUSES:
        return body[2]
    fits = body[1] == READ and body[2] == len(body) - 3 == 2 * count
    return list(unpack(f">{count}H", body[3:])) if fits else None


def _with_crc(body: bytes) -> bytes:
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


class Datagrams(asyncio.DatagramProtocol):
    """What has come in since the last question; `fault` = the network said that nobody listens there."""

    MOST = 8

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes | Exception] = asyncio.Queue(self.MOST)

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Keep it; who sends more than anybody asked for is not listened to."""
        self._keep(data)

    def error_received(self, exc: Exception) -> None:
        """Keep what the network said."""
        self._keep(exc)

    def _keep(self, item: bytes | Exception) -> None:
        if not self.heard.full():
            self.heard.put_nowait(item)


class UdpPort:
    """Where a dongle is asked; one question at a time is its user's care."""

    def __init__(self, transport: asyncio.DatagramTransport, datagrams: Datagrams) -> None:
        self._transport, self._datagrams = transport, datagrams

    async def words(self, unit: int, registers: range, where: str) -> list[int]:
        """Return the registers' words; raise `DeviceError` on a refusal, `OSError` when nobody listens. Waits."""
        heard = self._datagrams.heard
        while not heard.empty():
            heard.get_nowait()
        self._transport.sendto(question(unit, registers))
        while True:
            item = await heard.get()
            if isinstance(item, Exception):
                raise OSError(str(item)) from item
            found = answer(item, unit, len(registers))
            if isinstance(found, int):
                raise DeviceError("refused", where, f"exception {found}", "is this the right model and unit id")
            if found is not None:
                return found

    def close(self) -> None:
        """Close."""
        self._transport.close()


class UdpLink:
    """A dongle, shared by all that read there, as `ModbusLink` is; one question at a time."""

    def __init__(self, address: ModbusAddress) -> None:
        self._address = address
        self._open: UdpPort | None = None
        self._turn = asyncio.Lock()

    async def read(self, unit: int, kind: Kind, registers: range, manners: Manners) -> list[int]:
        """Return the words of holding registers of one unit; raise `DeviceError`."""
        assert kind == "holding", "dongles are asked for holding registers only"
        where = f"udp://{self._address.host}:{self._address.port} unit {unit} {kind} {registers.start}"
        async with self._turn:
            try:
                async with asyncio.timeout(manners.timeout_s):
                    found = await (await self._port()).words(unit, registers, where)
            except (OSError, TimeoutError) as fault:
                self.close()
                why = str(fault) or f"no answer within {manners.timeout_s:g} s"
                raise DeviceError("silent", where, why, _LOOK) from fault
            except asyncio.CancelledError:
                self.close()  # its answer would be taken for the next question's
                raise
            if manners.pause_s:
                await asyncio.sleep(manners.pause_s)
        return found

    async def _port(self) -> UdpPort:
        if self._open is None:
            loop = asyncio.get_running_loop()
            there = (self._address.host, self._address.port)
            transport, datagrams = await loop.create_datagram_endpoint(Datagrams, remote_addr=there)
            self._open = UdpPort(transport, datagrams)
        return self._open

    def close(self) -> None:
        """Close; the next question opens it again."""
        if self._open is not None:
            self._open.close()
            self._open = None
