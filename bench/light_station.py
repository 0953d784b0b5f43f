"""A station that costs little: bare WebSocket frames on asyncio's transport, so that thousands fit into one process.

It shakes hands, answers the gateway's calls, and hands answers to whoever asked. Frames are written with a mask of
zeros, which leaves the data as they are (RFC 6455).
"""

import asyncio
import base64
import itertools
import ssl
from collections.abc import Callable
from typing import Any, cast

import msgspec

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
ACCEPTED = {"status": "Accepted"}
Answerer = Callable[["LightStation", str, dict[str, Any]], dict[str, Any]]


class Refused(Exception):
    """The handshake was answered with another status than 101, or not at all."""


class LightStation(asyncio.Protocol):
    """One connection."""

    def __init__(self, name: str, answerer: Answerer | None = None) -> None:
        self.name, self._answerer = name, answerer
        self._buffer = b""
        self._transport: asyncio.Transport
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.calls = 0
        self._kept: list[bytes] | None = None

    @classmethod
    async def connect(
        cls,
        name: str,
        port: int,
        *,
        password: str = "",
        answerer: Answerer | None = None,
        context: ssl.SSLContext | None = None,
    ) -> "LightStation":
        """Return a station whose handshake was accepted, over TLS with a context. Raises `Refused`, `OSError`."""
        loop = asyncio.get_running_loop()
        host = "localhost" if context is not None else None
        transport, station = await loop.create_connection(
            lambda: cls(name, answerer), "127.0.0.1", port, ssl=context, server_hostname=host
        )
        lines = [
            f"GET /{name} HTTP/1.1",
            "Host: x",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: ocpp1.6",
        ]
        if password:
            lines.append("Authorization: Basic " + base64.b64encode(f"{name}:{password}".encode()).decode())
        transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await station.opened
        return station

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End what waits."""
        fault = Refused(f"{self.name}: connection lost: {exc}")
        for waiting in (self.opened, *self._waiting.values()):
            if not waiting.done():
                waiting.set_exception(fault)
                waiting.exception()  # somebody may not wait any more
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        self._buffer += data
        if not self.opened.done() and not self._shaken():
            return
        while len(self._buffer) >= 2:
            length, start = self._buffer[1] & 0x7F, 2
            if length == 126:
                length, start = int.from_bytes(self._buffer[2:4], "big"), 4
            if len(self._buffer) < start + length:
                return
            opcode, payload = self._buffer[0] & 0x0F, self._buffer[start : start + length]
            self._buffer = self._buffer[start + length :]
            if opcode == 1:
                self._on_text(payload)
            elif opcode == 9:
                self._write(payload, 0x8A)

    def _shaken(self) -> bool:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        if b" 101 " not in head[:40]:
            self.opened.set_exception(Refused(head[:60].decode(errors="replace")))
            self._transport.abort()
            return False
        self._buffer = rest
        self.opened.set_result(None)
        return True

    def mute(self) -> None:
        """Keep the gateway's calls unanswered from now on."""
        self._kept = []

    def unmute(self) -> None:
        """Answer what was kept."""
        kept, self._kept = self._kept or [], None
        for payload in kept:
            self._on_text(payload)

    def _on_text(self, payload: bytes) -> None:
        frame = msgspec.json.decode(payload)
        if frame[0] == 2 and self._kept is not None:
            self._kept.append(payload)
        elif frame[0] == 2:
            self.calls += 1
            answer = ACCEPTED if self._answerer is None else self._answerer(self, frame[2], frame[3])
            self._write(msgspec.json.encode((3, frame[1], answer)), 0x81)
        else:
            waiting = self._waiting.pop(frame[1], None)
            if waiting is not None and not waiting.done():
                waiting.set_result(frame[2])

    def ask(self, action: str, payload: bytes) -> asyncio.Future[Any]:
        """Send a call with this JSON payload; return what will be its answer."""
        message_id = str(next(self._ids))
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = answer
        self._write(f'[2,"{message_id}","{action}",'.encode() + payload + b"]", 0x81)
        return answer

    async def boot(self) -> None:
        """Send BootNotification and wait for its answer."""
        await self.ask("BootNotification", msgspec.json.encode(BOOT))

    def _write(self, data: bytes, first: int) -> None:
        length = len(data)
        head = bytes([first, 0x80 | length]) if length < 126 else bytes([first, 0xFE]) + length.to_bytes(2, "big")
        if not self._transport.is_closing():
            self._transport.write(head + b"\0\0\0\0" + data)

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()
