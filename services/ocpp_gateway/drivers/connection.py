"""One socket of a station: frames in, answers out, calls with their time-outs, keep-alive.

Frames are answered in the turn of the loop in which they came. What must be stored before it is answered (starts and
stops of transactions) runs in order beside it, at most eight at a time; then reading stops. A bad frame is answered and
counted, and the socket lives on.
"""

import asyncio
import itertools
import secrets
from collections import deque
from collections.abc import Callable
from typing import Final

from evenload.runtime.bus import BusError
from services.ocpp_gateway import card, frames
from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.config import CALL_TIMEOUT_S, PING_AFTER_S
from services.ocpp_gateway.dialect import Dialect
from services.ocpp_gateway.drivers.session import Session
from services.ocpp_gateway.drivers.sockets import Socket
from services.ocpp_gateway.frames import Call, CallError, CallResult, PeerProtocolError, Unasked
from services.ocpp_gateway.pacing import Bucket, take
from services.ocpp_gateway.session_states import KNOWN, OPEN
from services.ocpp_gateway.station import Flight, Keep, Moment
from services.ocpp_gateway.transactions16 import Handled

STORES_WAITING: Final = 8
GOING_AWAY: Final = 1001


class Connection:
    """A `Carrier` on a socket, and its `Receiver`."""

    __slots__ = (
        "_alive",
        "_closing",
        "_ids",
        "_left",
        "_on_end",
        "_pace",
        "_since_s",
        "_socket",
        "_storing",
        "_to_store",
        "_waiting",
        "_world",
        "dialect",
        "heard_s",
        "leaving",
        "session",
        "token",
    )  # fmt: skip

    def __init__(
        self, session: Session, socket: Socket, dialect: Dialect, on_end: Callable[["Connection"], None]
    ) -> None:
        self.session, self.dialect, self._on_end = session, dialect, on_end
        self.token = secrets.token_hex(8)
        self._socket, self._world = socket, session.world
        self._ids = itertools.count(1)
        self._waiting: tuple[str, Flight, asyncio.TimerHandle] | None = None
        self._to_store: deque[Call] | None = None
        self._storing: asyncio.Task[None] | None = None
        self._alive: asyncio.Future[bool] | None = None
        self.heard_s = self._since_s = self._world.clock.monotonic()
        self._pace = Bucket(self._world.pace.burst, self.heard_s)
        self._closing = self.leaving = False
        self._left: asyncio.Future[None] | None = None

    def begin(self) -> None:
        """Take the socket's frames from now on."""
        self.session.attach(self)
        self._socket.receiver = self

    def lives(self) -> bool:
        """Tell whether it still carries its session."""
        return not self._closing and self.session.carrier is self

    def age_s(self) -> float:
        """Return for how long this connection has lived, s."""
        return self._world.clock.monotonic() - self._since_s

    # --- what the socket tells ---

    def on_frame(self, data: bytes) -> None:
        """Take a message: answer a call, hand on an answer."""
        now_s = self._heard()
        self._keep_pace(now_s)
        try:
            frame = frames.parse(data, self._limit_bytes())
            if isinstance(frame, Call):
                self._on_call(frame, now_s)
            elif isinstance(frame, Unasked):
                self._on_unasked(frame, now_s)
            else:
                self._on_answer(frame)
        except PeerProtocolError as fault:
            self._refuse(fault)

    def on_pong(self) -> None:
        """Take that the station lives."""
        self._heard()
        self.session.pinged(answered=True)

    def on_noise(self) -> None:
        """Take a ping, or a part of a message."""
        self._keep_pace(self._heard())

    def _keep_pace(self, now_s: float) -> None:
        """Stop reading for a while when the station sends too fast."""
        self._pace, pause_s = take(self._pace, self._world.pace, now_s)
        if pause_s > 0:
            self._socket.hold("pace", held=True)
            asyncio.get_running_loop().call_later(pause_s, self._socket.hold, "pace", False)

    def on_closed(self) -> None:
        """End everything that belongs to the socket."""
        if self._waiting is not None:
            self._waiting[2].cancel()
            self._waiting = None
        if self._storing is not None:
            self._storing.cancel()
        if self._alive is not None and not self._alive.done():
            self._alive.set_result(False)
        self.session.detach(self)
        self._on_end(self)
        if self._left is not None and not self._left.done():
            self._left.set_result(None)

    def _heard(self) -> float:
        self.heard_s = self._world.clock.monotonic()
        if self._alive is not None and not self._alive.done():
            self._alive.set_result(True)
        return self.heard_s

    # --- what the station sends ---

    def _limit_bytes(self) -> int:
        link = self.session.station.link
        booted = link is not None and link.state in KNOWN
        return frames.MAX_FRAME_BYTES if booted else frames.MAX_FRAME_BEFORE_BOOT_BYTES

    def _refuse(self, fault: PeerProtocolError) -> None:
        self._world.metrics.errors.labels(fault.code).inc()
        key = self.session.key
        self._world.complain(f"{key} {fault.code}", f"station {key!a} sent what we refused: {str(fault)[:300]!a}")
        self._socket.send(frames.write_error(fault.message_id, fault.code, fault.what))

    def _on_call(self, call: Call, now_s: float) -> None:
        self._world.metrics.called(call.action, call.action in self.dialect.actions)
        if self.dialect.stored_first(call.action, call.payload):
            self._store_soon(call)
            return
        session = self.session
        moment = Moment(now_s=now_s, utc=self._world.clock.utc(), tag_key=self._world.tag_key)
        handled = self._step(call, moment)
        self._socket.send(frames.write_result(call.message_id, handled.payload))
        if handled.outputs:
            session.perform(handled.outputs, moment)
        if handled.outputs or not self._is_open():
            session.pump(moment)

    def _is_open(self) -> bool:
        link = self.session.station.link
        return link is not None and link.state in OPEN

    def _step(self, call: Call, moment: Moment) -> Handled:
        """Run the core on a call; the state moves on. Raises `PeerProtocolError` with the call's id."""
        handled = self._try_step(call, moment)
        self.session.station = handled.station
        return handled

    def _try_step(self, call: Call, moment: Moment) -> Handled:
        try:
            return self.dialect.on_call(self.session.station, call.action, call.payload, moment)
        except PeerProtocolError as fault:
            raise PeerProtocolError(fault.code, fault.what, call.message_id) from fault

    def _on_unasked(self, frame: Unasked, now_s: float) -> None:
        """Take a notice that wants no answer; unreadable and unknown ones are counted."""
        moment = Moment(now_s=now_s, utc=self._world.clock.utc(), tag_key=self._world.tag_key)
        try:
            handled = self.dialect.on_notice(self.session.station, frame.action, frame.payload, moment)
        except PeerProtocolError:
            handled = None
        if handled is None:
            self._world.metrics.errors.labels("unasked").inc()
            return
        self.session.station = handled.station
        self.session.perform(handled.outputs, moment)
        self.session.pump(moment)

    # --- what is stored before it is answered ---

    def _store_soon(self, call: Call) -> None:
        if self._to_store is None:
            self._to_store = deque()
        self._to_store.append(call)
        if len(self._to_store) >= STORES_WAITING:
            self._socket.hold("store", held=True)
        if self._storing is None:
            self._storing = asyncio.get_running_loop().create_task(self._store_all())

    async def _store_all(self) -> None:
        """Store what waits, in order, and answer it."""
        try:
            while self._to_store:
                await self._stored_call(self._to_store[0])
                self._to_store.popleft()
                self._socket.hold("store", held=False)
        finally:
            self._to_store = self._storing = None
            self.leave_when_quiet()

    async def _stored_call(self, call: Call) -> None:
        """Store what a call leads to, then answer it; without the stream's acknowledgement it is not answered."""
        try:
            await self._store_then_answer(call)
        except PeerProtocolError as fault:
            self._refuse(fault)
        except BusError as fault:
            self._world.metrics.errors.labels("not_stored").inc()
            key = self.session.key
            self._world.complain(
                f"store {key}", f"station {key!a}: {call.action} is not answered, it will be repeated: {fault}"
            )

    async def _store_then_answer(self, call: Call) -> None:
        session, fresh_id = self.session, 0
        await session.keeper.claimed()
        if call.action == self.dialect.takes_id:
            fresh_id = await self._note(call)
        dry = self._try_step(call, session.moment(fresh_id))
        for output in dry.outputs:
            if isinstance(output, Keep):
                await session.store(output)
        handled = self._step(call, session.moment(fresh_id))
        self._socket.send(frames.write_result(call.message_id, handled.payload))
        session.perform(output for output in handled.outputs if not isinstance(output, Keep))
        session.pump()

    async def _note(self, call: Call) -> int:
        """Note the id that a new transaction gets, in memory and in the station's record; return it.

        The record is looked at for a repeat too: writing it may have failed the first time.
        """
        session = self.session
        fresh_id = await self._world.ids.ready()
        try:
            station, took = self.dialect.note(session.station, call.payload, session.moment(fresh_id))
        except PeerProtocolError as fault:
            raise PeerProtocolError(fault.code, fault.what, call.message_id) from fault
        if took:
            self._world.ids.take(fresh_id)
            session.station = station
        await self._world.store.through("record", session.keeper.remember)
        return fresh_id

    # --- what we send ---

    def send_call(self, flight: Flight) -> None:
        """Put a call on the socket and wait for its answer for 10 s."""
        message_id = f"{self.token[:6]}-{next(self._ids)}"
        timer = asyncio.get_running_loop().call_later(CALL_TIMEOUT_S, self._timed_out, message_id)
        self._waiting = (message_id, flight, timer)
        self._socket.send(frames.write_call(message_id, flight.action, flight.payload))

    def _timed_out(self, message_id: str) -> None:
        flight = self._claim(message_id)
        if flight is not None:
            self._answered(flight, Answer("timeout", why=f"no answer in {CALL_TIMEOUT_S:g} s"))

    def _claim(self, message_id: str) -> Flight | None:
        """Return the call that this id belongs to; late and foreign answers belong to none (row 73)."""
        if self._waiting is None or self._waiting[0] != message_id:
            return None
        _, flight, timer = self._waiting
        timer.cancel()
        self._waiting = None
        return flight

    def _on_answer(self, frame: CallResult | CallError) -> None:
        flight = self._claim(frame.message_id)
        if flight is None:
            self._world.metrics.errors.labels("foreign_answer").inc()
        elif isinstance(frame, CallResult):
            self._answered(flight, Answer("result", frame.payload))
        else:
            self._answered(flight, Answer("error", why=f"{frame.code} {frame.text}".strip()[:200]))

    def _answered(self, flight: Flight, answer: Answer) -> None:
        self.session.answered(flight, answer)
        self.leave_when_quiet()

    # --- is it alive ---

    def check_alive(self, now_s: float) -> None:
        """Ask a quiet station; end a socket that answers neither with a frame nor a pong within 20 s (faults.md D3).

        One that is known to answer no ping has three heartbeats.
        """
        quiet_s, station = now_s - self.heard_s, self.session.station
        if quiet_s >= card.silence_s(station):
            self.session.pinged(answered=False)
            self.hang_up(GOING_AWAY, "no pong and no frame")
        elif quiet_s >= PING_AFTER_S and card.is_pinged(station):
            self._socket.ping()

    async def answers(self, timeout_s: float) -> bool:
        """Tell whether the station answers a ping in time, or sends anything meanwhile."""
        if self._alive is None or self._alive.done():
            self._alive = asyncio.get_running_loop().create_future()
        self._socket.ping()
        try:
            return await asyncio.wait_for(asyncio.shield(self._alive), timeout_s)
        except TimeoutError:
            return False

    async def leave(self, within_s: float) -> bool:
        """Close when no call is under way and everything is stored; return whether it came to that in time.

        Until then no call goes out; else it goes on as before.
        """
        self._left = asyncio.get_running_loop().create_future()
        self.leaving = True
        self.leave_when_quiet()
        try:
            await asyncio.wait_for(asyncio.shield(self._left), within_s)
        except TimeoutError:
            self.leaving = False
            self.session.pump()
            return False
        return True

    def leave_when_quiet(self) -> None:
        """Close when it is leaving and nothing is under way."""
        if self.leaving and self._waiting is None and self._to_store is None and not self.session.busy:
            self.hang_up(GOING_AWAY, "this gateway is being replaced")

    def hang_up(self, code: int, why: str) -> None:
        """End the connection soon; the session forgets it at once."""
        if not self._closing:
            self._closing = True
            self.session.detach(self)
            self._socket.close(code, why)
