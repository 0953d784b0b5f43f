"""The bus within one process, with the contract of the NATS one: for tests, simulation, a system without a broker.

Messages are handed over by the event loop one after the other, never inside `publish`; a handler that raises is
reported to the loop and disturbs nobody. `MemoryNetwork.down()` is the broker's death, `restore()` its return; what
memory buckets held is then gone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from evenload.contracts.events import Event
from evenload.contracts.wire import encode
from evenload.runtime import declared, discovery
from evenload.runtime.bus import (
    BucketSpec,
    BusDown,
    BusError,
    BusTimeout,
    Declared,
    Handler,
    Responder,
    StreamSpec,
)
from evenload.runtime.clock import Clock
from evenload.runtime.matching import matches
from evenload.runtime.memory_store import MemoryBucket, MemoryStream
from evenload.runtime.serving import Serving
from evenload.runtime.stamps import Stamper

MAX_PENDING = 4_096


class MemorySubscription:
    """One interest; at most `MAX_PENDING` messages wait, newer ones are dropped and counted."""

    def __init__(self, subject: str, handler: Handler, forget: Callable[["MemorySubscription"], None]) -> None:
        self.subject, self._handler, self._forget = subject, handler, forget
        self._pending, self.dropped, self._stopped = 0, 0, False

    def offer(self, subject: str, data: bytes) -> None:
        """Queue one message."""
        if self._pending >= MAX_PENDING:
            self.dropped += 1
            return
        self._pending += 1
        asyncio.get_running_loop().call_soon(self._hand_over, subject, data)

    def _hand_over(self, subject: str, data: bytes) -> None:
        self._pending -= 1
        if not self._stopped:
            self._handler(subject, data)

    async def stop(self) -> None:
        """End it; what waits is dropped."""
        self._stopped = True
        self._forget(self)


class MemoryServing(Serving):
    """A served subject that can be stopped."""

    def __init__(self, subject: str, responder: Responder, forget: Callable[["MemoryServing"], None]) -> None:
        super().__init__(subject, responder)
        self._forget = forget

    async def stop(self) -> None:
        """End it; what is being answered is cancelled."""
        self._forget(self)
        self.cancel()


class MemoryNetwork:
    """What a NATS server would be to several buses: interest, streams, buckets."""

    def __init__(self) -> None:
        self.up = True
        self.buses: list[MemoryBus] = []
        self.interest: list[MemorySubscription] = []
        self.served: list[MemoryServing] = []
        self.streams: dict[str, MemoryStream] = {}
        self.buckets: dict[str, MemoryBucket] = {}

    def down(self) -> None:
        """Cut everybody off."""
        self._turn(False)
        for bucket in self.buckets.values():
            bucket.lose_memory()

    def restore(self) -> None:
        """Let everybody back."""
        self._turn(True)

    def _turn(self, up: bool) -> None:
        self.up = up
        for bus in list(self.buses):
            bus.tell_connection(up)

    def need_up(self, what: str) -> None:
        """Raise `BusDown` when nobody reaches the network."""
        if not self.up:
            raise BusDown(what, "not connected to the bus", "it is repeated when the connection is back")

    def stream_for(self, subject: str) -> MemoryStream | None:
        """Return the stream that keeps `subject`."""
        for stream in self.streams.values():
            if any(matches(pattern, subject) for pattern in stream.spec.subjects):
                return stream
        return None

    def deliver(self, subject: str, data: bytes) -> None:
        """Hand `data` to everybody interested now."""
        for subscription in list(self.interest):
            if matches(subscription.subject, subject):
                subscription.offer(subject, data)


class MemoryBus:
    """One process's end of a `MemoryNetwork`."""

    def __init__(self, boot: str, network: MemoryNetwork, clock: Clock) -> None:
        self.boot, self._network, self._clock = boot, network, clock
        self._stamper = Stamper(boot, clock)
        self._handlers: list[Callable[[bool], None]] = []
        self._interest: list[MemorySubscription] = []
        self._served: list[MemoryServing] = []
        self._closed = False
        network.buses.append(self)

    @property
    def connected(self) -> bool:
        """Tell whether messages go out now."""
        return self._network.up and not self._closed

    def publish(self, subject: str, event: Event) -> Event:
        """Stamp and send `event`; return it as sent. Raises `BusDown`."""
        self._need_up(f"publish {subject}")
        sent = self._stamper.stamp(event)
        data = encode(sent)
        stream = self._network.stream_for(subject)
        if stream is not None:
            stream.keep(subject, data, self._clock.utc())
        self._network.deliver(subject, data)
        return sent

    async def store(self, subject: str, event: Event, message_id: str, timeout_s: float = 5.0) -> Event:
        """Stamp, send and keep; the same `message_id` within the stream's window is kept once."""
        self._need_up(f"store {subject}")
        stream = self._network.stream_for(subject)
        if stream is None:
            raise BusError(f"store {subject}", "no stream keeps this subject", "declare it in declared.py")
        sent = self._stamper.stamp(event)
        if stream.first_time(message_id, self._clock.monotonic()):
            stream.keep(subject, encode(sent), self._clock.utc())
        self._network.deliver(subject, encode(sent))
        return sent

    async def subscribe(self, subject: str, handler: Handler) -> MemorySubscription:
        """Call `handler(subject, data)` for each message."""
        subscription = MemorySubscription(subject, handler, self._forget_interest)
        self._interest.append(subscription)
        self._network.interest.append(subscription)
        return subscription

    async def serve(self, subject: str, responder: Responder) -> MemoryServing:
        """Answer requests on `subject`."""
        serving = MemoryServing(subject, responder, self._forget_served)
        self._served.append(serving)
        self._network.served.append(serving)
        return serving

    async def request(self, subject: str, data: bytes, timeout_s: float = 5.0) -> bytes:
        """Return the first answer. Raises `BusTimeout` (also when nobody serves), `BusDown`."""
        self._need_up(f"request {subject}")
        serving = [served for served in self._network.served if matches(served.subject, subject)]
        if not serving:
            raise BusTimeout(f"request {subject}", "nobody serves it", "is the service running?")
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        for served in serving:
            served.take(subject, data, lambda answer: None if reply.done() else reply.set_result(answer))
        try:
            return await asyncio.wait_for(reply, timeout_s)
        except TimeoutError as fault:
            raise BusTimeout(f"request {subject}", f"no answer in {timeout_s:g} s") from fault

    async def bucket(self, name: str) -> MemoryBucket:
        """Return a declared bucket, made when absent."""
        self._need_up(f"bucket {name}")
        return self._make(declared.bucket_spec(name))

    async def read(self, stream: str, subject: str, since: datetime | None = None) -> AsyncIterator[tuple[str, bytes]]:
        """Yield (subject, data) of what `stream` holds, oldest first."""
        self._need_up(f"read {stream}")
        if stream not in self._network.streams:
            raise BusError(f"read {stream}", "there is no such stream", "declare it in declared.py")
        for kept in self._network.streams[stream].since(since):
            if matches(subject, kept[0]):
                yield kept

    async def declare(self, streams: tuple[StreamSpec, ...], buckets: tuple[BucketSpec, ...]) -> Declared:
        """Make what is missing."""
        self._need_up("declare streams and buckets")
        known = {*self._network.streams, *self._network.buckets}
        for spec in streams:
            self._network.streams.setdefault(spec.name, MemoryStream(spec))
        for bucket in buckets:
            self._make(bucket)
        names = [spec.name for spec in streams] + [bucket.name for bucket in buckets]
        created = tuple(name for name in names if name not in known)
        return Declared(created=created, present=tuple(name for name in names if name in known))

    async def announce(self, name: str, version: str, description: str) -> None:
        """Answer service discovery."""
        identity = discovery.Identity(
            name=name, id=self.boot, version=version, description=description, started=self._clock.utc()
        )
        await discovery.announce_on(self, identity, self._served)

    def on_connection(self, handler: Callable[[bool], None]) -> None:
        """Call `handler(connected)` at each change."""
        self._handlers.append(handler)

    def tell_connection(self, up: bool) -> None:
        """Pass on that the network went down or came back."""
        for handler in self._handlers:
            asyncio.get_running_loop().call_soon(handler, up)

    async def close(self) -> None:
        """Leave the network."""
        self._closed = True
        for subscription in list(self._interest):
            await subscription.stop()
        for serving in list(self._served):
            await serving.stop()
        if self in self._network.buses:
            self._network.buses.remove(self)

    def _need_up(self, what: str) -> None:
        if self._closed:
            raise BusDown(what, "this bus was closed")
        self._network.need_up(what)

    def _make(self, spec: BucketSpec) -> MemoryBucket:
        if spec.name not in self._network.buckets:
            self._network.buckets[spec.name] = MemoryBucket(spec, self._clock, self._network.need_up)
        return self._network.buckets[spec.name]

    def _forget_interest(self, subscription: MemorySubscription) -> None:
        if subscription in self._interest:
            self._interest.remove(subscription)
            self._network.interest.remove(subscription)

    def _forget_served(self, serving: MemoryServing) -> None:
        if serving in self._served:
            self._served.remove(serving)
            self._network.served.remove(serving)
