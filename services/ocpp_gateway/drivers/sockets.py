"""Stations' WebSockets: the protocol core of `websockets` (no I/O in it) directly on asyncio's transports.

Frames are handed over as they come, in the same turn of the loop: no task, queue or future for a message. What is
exactly one text frame, as nearly all is, goes past the protocol, whose state it does not change. Compression
is off: it costs 33 KiB for each session. Keep-alive is the connection's, because some stations never answer a ping.
Frames of more than 256 kB end the socket with 1009; up to that a station gets an OCPP answer.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final, Protocol, cast

from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from services.ocpp_gateway.dialect import Admitted, Dialect
from services.ocpp_gateway.drivers.framing import after_frames, text_head, whole_message
from services.ocpp_gateway.frames import MAX_FRAME_READ_BYTES
from services.ocpp_gateway.handshake import Refusal

HANDSHAKE_S: Final = 15.0
CLOSE_S: Final = 1.0
HEADERS_END: Final = b"\r\n\r\n"
SHAKING_AT_ONCE: Final = 8_192
"""Handshakes under way: more than a whole park that comes back at once."""
WRITE_HIGH_BYTES: Final = 65_536
QUIET: Final = logging.getLogger("evenload.ocpp_gateway.websockets")
"""Refusals and broken sockets are told by us, with what to do."""


class Receiver(Protocol):
    """What a socket hands its frames to."""

    def on_frame(self, data: bytes) -> None:
        """Take a whole message."""

    def on_pong(self) -> None:
        """Take that the peer answered a ping."""

    def on_noise(self) -> None:
        """Take a frame that is no message by itself: a ping, a part of one; they count against the pace too."""

    def on_closed(self) -> None:
        """Take that the peer is gone; called once."""


class Socket(Protocol):
    """A connected WebSocket."""

    receiver: Receiver | None

    def send(self, frame: bytes) -> None:
        """Send one text frame; nothing happens when the peer is gone."""

    def ping(self) -> None:
        """Ask for a pong."""

    def hold(self, why: str, held: bool) -> None:
        """Stop reading for this reason, or go on when no reason is left."""

    def close(self, code: int, why: str) -> None:
        """End it; a peer that does not answer is cut off after a second."""


Admit = Callable[["Asked"], Awaitable[Refusal | Admitted]]
Serve = Callable[["Asked", Dialect, Socket], None]


class Asked:
    """What a handshake asks for."""

    __slots__ = ("address", "header", "offered", "path", "peer_name", "secure")

    def __init__(self, request: Request, transport: asyncio.Transport) -> None:
        found = transport.get_extra_info("peername")
        self.address = str(found[0]) if isinstance(found, tuple) and found else "?"
        self.path = request.path
        headers = request.headers.get_all("Authorization")
        self.header = headers[0] if len(headers) == 1 else None
        self.offered: Sequence[str] = [
            name.strip() for line in request.headers.get_all("Sec-WebSocket-Protocol") for name in line.split(",")
        ]
        self.secure = transport.get_extra_info("ssl_object") is not None
        self.peer_name = _common_name(transport)


def _common_name(transport: asyncio.Transport) -> str | None:
    """Return the common name in the peer's checked certificate; None without one."""
    certificate = transport.get_extra_info("peercert")
    if not certificate:
        return None
    pairs = [pair for group in certificate.get("subject", ()) for pair in group]
    return next((str(value) for name, value in pairs if name == "commonName"), None)


class StationSocket(asyncio.Protocol):
    """A `Socket` on asyncio's transport."""

    __slots__ = (
        "_admit", "_held", "_parts", "_pending", "_protocol", "_serve", "_server", "_task", "_timer", "_transport",
        "_unfinished", "receiver",
    )  # fmt: skip

    def __init__(self, server: "StationServer", admit: Admit, serve: Serve) -> None:
        self._server, self._admit, self._serve = server, admit, serve
        self._protocol = ServerProtocol(max_size=MAX_FRAME_READ_BYTES, logger=QUIET)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._parts: list[bytes] | None = None
        self._pending: deque[bytes] | None = None
        self._unfinished = b""
        """What the protocol has of a frame that is not whole yet; while there is some, nothing goes past it."""
        self._held: frozenset[str] = frozenset()
        self.receiver: Receiver | None = None

    # --- asyncio's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the handshake, for 15 s."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        self._timer = asyncio.get_running_loop().call_later(HANDSHAKE_S, self.abort)
        self._server.greet(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the peer: one whole text message directly, all else through the protocol."""
        if self._protocol.state is State.OPEN:
            message = None if self._unfinished or self._parts is not None else whole_message(data)
            if message is not None:
                self._hand_over(message)
                return
            self._unfinished = after_frames(self._unfinished + data)
        elif self._protocol.state is State.CONNECTING:
            self._unfinished = b"" if data.endswith(HEADERS_END) else b"?"
        self._protocol.receive_data(data)
        self._take_events()
        self._flush()

    def eof_received(self) -> None:
        """Take the end of the peer's bytes; the transport closes."""
        self._protocol.receive_eof()
        self._take_events()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what belongs to this socket."""
        del exc
        self._server.forget(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        self._transport = None
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.on_closed()

    def pause_writing(self) -> None:
        """The peer does not read: then we do not either."""
        self.hold("write", held=True)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self.hold("write", held=False)

    # --- the connection's side ---

    def send(self, frame: bytes) -> None:
        """Send one text frame; nothing happens when the peer is gone.

        A text frame of a server's changes nothing in the protocol's state: it goes out at once.
        """
        if self._protocol.state is State.OPEN and self._transport is not None:
            self._transport.write(text_head(len(frame)) + frame)

    def ping(self) -> None:
        """Ask for a pong."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")
            self._flush()

    def hold(self, why: str, held: bool) -> None:
        """Stop reading for this reason, or go on when no reason is left; what came already waits."""
        before = bool(self._held)
        self._held = self._held | {why} if held else self._held - {why}
        if bool(self._held) == before or self._transport is None:
            return
        if held:
            self._transport.pause_reading()
            return
        self._hand_over_pending()
        if not self._held and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self, code: int, why: str) -> None:
        """Close with `code`; a peer that does not answer is cut off after a second."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, why[:100])
            self._flush()
        elif self._protocol.state is State.CONNECTING:
            self.abort()

    # --- between them ---

    def _take_events(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take_frame(event)
            elif isinstance(event, Request) and self._transport is not None:
                self._task = asyncio.get_running_loop().create_task(self._shake_hands(event, self._transport))

    def _take_frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY) and frame.fin:
            self._hand_over(bytes(frame.data))
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._parts = [bytes(frame.data)]
        elif frame.opcode is Opcode.CONT and self._parts is not None:
            if frame.data:
                self._parts.append(bytes(frame.data))
            if frame.fin:
                whole, self._parts = b"".join(self._parts), None
                self._hand_over(whole)
        elif frame.opcode is Opcode.PONG and self.receiver is not None:
            self.receiver.on_pong()
        if self.receiver is not None and (frame.opcode is Opcode.PING or not frame.fin):
            self.receiver.on_noise()

    def _hand_over(self, data: bytes) -> None:
        if self._held or self.receiver is None:
            # What was in the last bytes read; the reading has stopped, so that this stays short.
            self._pending = self._pending or deque()
            self._pending.append(data)
        else:
            self.receiver.on_frame(data)

    def _hand_over_pending(self) -> None:
        while self._pending and not self._held and self.receiver is not None:
            self.receiver.on_frame(self._pending.popleft())
        if not self._pending:
            self._pending = None

    def _flush(self) -> None:
        transport = self._transport
        if transport is None:
            return
        for data in self._protocol.data_to_send():
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()
        if self._protocol.close_expected() and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(CLOSE_S, self.abort)

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def _shake_hands(self, request: Request, transport: asyncio.Transport) -> None:
        asked = Asked(request, transport)
        admitted = await self._admit(asked)
        self._task = None
        if self._transport is None:
            return
        if isinstance(admitted, Refusal):
            self._respond(_refused(self._protocol, admitted))
            return
        chosen = admitted.subprotocol
        self._protocol.available_subprotocols = None if chosen is None else [Subprotocol(chosen)]
        if self._respond(_accepted(self._protocol, request)):
            self._serve(asked, admitted.dialect, self)
            self._hand_over_pending()

    def _respond(self, response: Response) -> bool:
        """Send the answer to the handshake; return whether the socket is open now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._server.shaking.pop(self, None)
        self._protocol.send_response(response)
        self._flush()
        return self._protocol.state is State.OPEN


def _accepted(protocol: ServerProtocol, request: Request) -> Response:
    """Return the answer to an admitted request; one that asks for an upgrade gets it without `Connection` (row 62)."""
    if "Connection" not in request.headers and "Upgrade" in request.headers:
        request.headers["Connection"] = "Upgrade"
    return protocol.accept(request)


def _refused(protocol: ServerProtocol, refusal: Refusal) -> Response:
    response = protocol.reject(HTTPStatus(refusal.status), refusal.text)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Basic realm="ocpp", charset="UTF-8"'
    return response


class StationServer:
    """The listening socket and all that came of it."""

    def __init__(self) -> None:
        self.sockets: set[StationSocket] = set()
        self.shaking: dict[StationSocket, None] = {}
        """Those whose handshake is not answered yet, oldest first."""
        self.gone = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def listen(
        self, host: str, port: int, admit: Admit, serve: Serve, *, context: ssl.SSLContext | None = None
    ) -> None:
        """Listen, with TLS where there is a context; raises `OSError` when the port is taken."""
        QUIET.setLevel(logging.CRITICAL)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: StationSocket(self, admit, serve), host, port, backlog=1024, ssl=context
        )

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def greet(self, socket: StationSocket) -> None:
        """Take a new socket; of too many that say nothing the oldest is cut off."""
        self.sockets.add(socket)
        self.shaking[socket] = None
        if len(self.shaking) > SHAKING_AT_ONCE:
            next(iter(self.shaking)).abort()

    def forget(self, socket: StationSocket) -> None:
        """Take that a socket is gone."""
        self.sockets.discard(socket)
        self.shaking.pop(socket, None)
        if not self.sockets:
            self.gone.set()

    async def close(self, code: int, why: str) -> None:
        """Stop listening and close all sockets; return when they are gone, after a second at the latest."""
        if self._server is not None:
            self._server.close()
        for socket in list(self.sockets):
            socket.close(code, why)
        self.gone.clear()
        if self.sockets:
            await asyncio.wait_for(self.gone.wait(), 2 * CLOSE_S)
