"""A WebSocket client that may break every rule: bare bytes on a TCP connection (RFC 6455)."""

import asyncio
import json
import os
import random
from typing import Any, Final

CONTINUES, TEXT, CLOSE, PING = 0x0, 0x1, 0x8, 0x9
KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="


class Closed(Exception):
    """The gateway ended the connection; `code` None = without a closing frame."""

    def __init__(self, code: int | None) -> None:
        self.code = code


def frame(
    data: bytes, opcode: int = TEXT, *, fin: bool = True, masked: bool = True, claims: int | None = None
) -> bytes:
    """Return a frame; `claims` = the length that it says to have."""
    length = len(data) if claims is None else claims
    head = bytes([(0x80 if fin else 0) | opcode])
    mark = 0x80 if masked else 0
    if length < 126:
        head += bytes([mark | length])
    elif length < 65_536:
        head += bytes([mark | 126]) + length.to_bytes(2, "big")
    else:
        head += bytes([mark | 127]) + length.to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + data  # a mask of zeros leaves the data as they are


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def open(self, station: str, subprotocol: str, *more: str) -> int:
        """Connect and shake hands; return the HTTP status."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        lines = (
            f"GET /{station} HTTP/1.1",
            "Host: x",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {KEY}",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Protocol: {subprotocol}",
            *more,
        )
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())
        return await self.status()

    async def open_raw(self, data: bytes) -> int:
        """Connect, send these bytes instead of a handshake and end; return the HTTP status, 0 = closed without one."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self.send(data)
        self._writer.write_eof()
        return await self.status()

    async def status(self) -> int:
        """Return the status of the HTTP answer, 0 when there is none."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0
        return int(head.split(b" ", 2)[1])

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)

    async def receive(self) -> list[Any]:
        """Return the next OCPP frame. Raises `Closed`."""
        while True:
            try:
                first, second = await self._reader.readexactly(2)
                length = second & 0x7F
                if length >= 126:
                    length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8), "big")
                data = await self._reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError):
                raise Closed(None) from None
            if first & 0x0F == TEXT:
                return list(json.loads(data))
            if first & 0x0F == CLOSE:
                raise Closed(int.from_bytes(data[:2], "big"))

    def abort(self) -> None:
        """Cut the connection."""
        self._writer.transport.abort()


def hostile_frames(chance: random.Random) -> bytes:
    """Return bytes that break the WebSocket protocol; the connection must end with a code, or at once."""
    kind = chance.randrange(8)
    if kind == 0:
        return frame(b'[2,"1","Heartbeat",{}]', masked=False)
    if kind == 1:
        return frame(b"x", chance.choice((0x3, 0x7, 0xB, 0xF)))
    if kind == 2:
        return frame(b"x" * 126, PING)
    if kind == 3:
        return frame(b"x", PING, fin=False)
    if kind == 4:
        return frame(b"x", claims=chance.choice((300_000, 2**40, 2**63)))
    if kind == 5:
        return bytes([0xC1, 0x80, 0, 0, 0, 0])
    if kind == 6:
        return frame(b"x", 0x0)
    return frame(chance.choice((b"\x03", b"\x00\x05", b"\x03\xe8\xff\xfe")), CLOSE)


def hostile_handshake(chance: random.Random) -> bytes:
    """Return what is no handshake that anybody may get in with."""
    return chance.choice(HANDSHAKES) if chance.random() < 0.9 else os.urandom(chance.randint(1, 300))


GET: Final = b"GET /F0 HTTP/1.1\r\n"
UPGRADE: Final = b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: ocpp1.6\r\n"
HANDSHAKES: Final = (
    b"", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", GET + b"Host: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
    b"GET /%00%ff HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", b"POST /F0 HTTP/1.1\r\n\r\n", b"G" * 20_000,
    b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n", GET + b"A: b\r\n" * 300 + b"\r\n",
    b"GET /F0 HTTP/9.9\r\n\r\n", GET + b"A: " + b"x" * 10_000 + b"\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    GET + UPGRADE + b"Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n",
    GET + UPGRADE + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 7\r\n\r\n",
    GET + b"Host: x\r\nSec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: Basic \xff\xfe\r\n\r\n",
    GET + UPGRADE + b"Content-Length: 5\r\n\r\nhello", b"GET /F0?" + b"\xc3\xa9" * 20 + b" HTTP/1.1\r\n\r\n",
)  # fmt: skip
