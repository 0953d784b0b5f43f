"""The bus contract on links to a server: when a link is lost the next one is made, for ever.

Nothing of a lost link lives on: what it had not sent is dropped, subscriptions are put on the next one, watchers start
again with what is present then.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Protocol

import msgspec

from evenload.contracts.events import Event
from evenload.contracts.wire import encode
from evenload.runtime import declared, discovery, jetstream
from evenload.runtime.bus import BucketSpec, BusDown, BusError, Declared, Handler, Responder, StreamSpec
from evenload.runtime.clock import Clock
from evenload.runtime.credentials import Credentials
from evenload.runtime.nats_buckets import Link, Message, NatsBucket
from evenload.runtime.nats_history import Stored, Wanted, stored
from evenload.runtime.nats_streams import declare_bucket, declare_stream, has_bucket, need_bucket
from evenload.runtime.serving import Serving
from evenload.runtime.stamps import Stamper

RETRY_S = (0.1, 1.0)
PROVISION_RETRY_S, PROVISION_TRIES = 0.5, 120

log = logging.getLogger("evenload.bus")
_REFUSED = "authorization"
Fault = Callable[[str, str], None]


class OwnedLink(Link, Protocol):
    """A link with what only its owner may do."""

    @property
    def alive(self) -> bool:
        """Tell whether messages go out now."""

    async def open(self, urls: list[str], name: str, credentials: Credentials) -> None:
        """Connect once. Raises `BusDown` with the server's reason."""

    async def watch_over(self) -> None:
        """Return when the link is lost."""

    async def drain(self, timeout_s: int) -> None:
        """Let what was sent reach the server."""

    async def close(self, timeout_s: float) -> None:
        """Cut the connection and drop what was not sent."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where to connect, as whom, and how a link is made."""

    urls: list[str]
    name: str
    credentials: Credentials
    new_link: Callable[[Fault], OwnedLink]
    provisioned: bool = False
    """Buckets are made by the provisioner: they are waited for, not made."""


class NatsSubscription:
    """A subscription that is put back on each new link."""

    def __init__(self, subject: str, handler: Callable[[Message], None], forget: "Callable[[NatsSubscription], None]"):
        self.subject, self._handler, self._forget = subject, handler, forget
        self._end: Callable[[], None] | None = None
        self._stopped = False

    async def put_on(self, link: OwnedLink) -> None:
        """Listen on `link`."""
        self._end = await link.listen(self.subject, self._on_message)

    def _on_message(self, message: Message) -> None:
        if not self._stopped:
            self._handler(message)

    async def stop(self) -> None:
        """End it; the handler is not called again."""
        self._stopped = True
        self._forget(self)
        if self._end is not None:
            self._end()


class NatsBus:
    """The bus contract on NATS."""

    def __init__(self, boot: str, clock: Clock, endpoint: Endpoint) -> None:
        self.boot, self._clock, self._endpoint = boot, clock, endpoint
        self._stamper = Stamper(boot, clock)
        self._link: OwnedLink | None = None
        self._closing = False
        self.last_fault = ""
        self._up = asyncio.Event()
        self._handlers: list[Callable[[bool], None]] = []
        self._fault_handlers: list[Fault] = []
        self._subscriptions: list[NatsSubscription] = []
        self._served: list[Serving] = []
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect, for ever."""
        self._keeper = asyncio.create_task(self._keep(), name="bus connection")
        self._keeper.add_done_callback(self._on_keeper_end)

    def _on_keeper_end(self, keeper: asyncio.Task[None]) -> None:
        """A fault nobody foresaw (the client raises many kinds) must not end the connecting for ever."""
        fault = None if keeper.cancelled() else keeper.exception()
        if fault is not None and not self._closing:
            loop = keeper.get_loop()
            loop.call_exception_handler({"message": "connecting to the bus failed", "exception": fault})
            loop.call_later(RETRY_S[1], self.start)

    async def _keep(self) -> None:
        pause_s = RETRY_S[0]
        while True:
            link = self._endpoint.new_link(self._tell_fault)
            try:
                await link.open(self._endpoint.urls, self._endpoint.name, self._endpoint.credentials)
                await self._adopt(link)
                pause_s = RETRY_S[0]
                await link.watch_over()
            except BusError as fault:
                self._tell_fault("connection", str(fault))
                pause_s = min(RETRY_S[1], 1.5 * pause_s)
            finally:
                self._drop()
                await link.close(0.6)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))

    async def _adopt(self, link: OwnedLink) -> None:
        self._link = link  # first, so that who subscribes from now on uses it
        for subscription in list(self._subscriptions):
            await subscription.put_on(link)
        self._up.set()
        self._tell_connection(True)

    def _drop(self) -> None:
        if self._link is not None:
            self._link = None
            self._up.clear()
            self._tell_connection(False)

    def _tell_connection(self, up: bool) -> None:
        if up:
            log.info("connected to NATS")
        elif not self._closing:
            log.warning("connection to NATS lost")
        for handler in self._handlers:
            asyncio.get_running_loop().call_soon(handler, up)

    def _tell_fault(self, kind: str, text: str) -> None:
        log.debug("bus %s: %s", kind, text)
        # a server that refuses credentials may close before its reason is read: the reason is what people need
        if not (_REFUSED in self.last_fault.lower() and "reset by peer" in text):
            self.last_fault = text
        for handler in self._fault_handlers:
            asyncio.get_running_loop().call_soon(handler, kind, text)

    @property
    def connected(self) -> bool:
        """Tell whether messages go out now."""
        return self._link is not None and self._link.alive

    async def wait_connected(self, timeout_s: float | None = None) -> bool:
        """Return True when connected, False after `timeout_s`."""
        try:
            await asyncio.wait_for(self._up.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    def link(self, what: str) -> OwnedLink:
        """Return the connection; raise `BusDown` when there is none."""
        if self._link is None or not self._link.alive:
            raise BusDown(what, "not connected", "it is repeated when the connection is back")
        return self._link

    async def next_link(self) -> OwnedLink:
        """Return the connection, waiting for it."""
        while self._link is None or not self._link.alive:
            await self._up.wait()
            await asyncio.sleep(0)
        return self._link

    def publish(self, subject: str, event: Event) -> Event:
        """Stamp and send `event`; return it as sent. Raises `BusDown`."""
        link = self.link(f"publish {subject}")
        sent = self._stamper.stamp(event)
        link.send(Message(subject, encode(sent)))
        return sent

    async def store(self, subject: str, event: Event, message_id: str, timeout_s: float = 5.0) -> Event:
        """Stamp, send, and return when the stream acknowledged; the same `message_id` is stored once."""
        link = self.link(f"store {subject}")
        sent = self._stamper.stamp(event)
        message = Message(subject, encode(sent), headers={"Nats-Msg-Id": message_id})
        answer = jetstream.read_answer(f"store {subject}", (await link.ask(message, timeout_s)).data)
        if answer.error is not None:
            raise jetstream.failure(f"store {subject}", answer.error)
        return sent

    async def subscribe(self, subject: str, handler: Handler) -> NatsSubscription:
        """Call `handler(subject, data)` for each message; survives reconnects."""
        return await self._listen(subject, lambda message: handler(message.subject, message.data))

    async def serve(self, subject: str, responder: Responder) -> NatsSubscription:
        """Answer requests on `subject`; each in its own task, bounded."""
        serving = Serving(subject, responder)
        self._served.append(serving)

        def on_request(message: Message) -> None:
            if message.reply:
                serving.take(message.subject, message.data, lambda reply: self._answer(message.reply, reply))

        return await self._listen(subject, on_request, lambda: self._served.remove(serving))

    def _answer(self, reply: str, data: bytes) -> None:
        self.link(f"answer {reply}").send(Message(reply, data))

    async def _listen(
        self, subject: str, handler: Callable[[Message], None], on_stop: Callable[[], None] = lambda: None
    ) -> NatsSubscription:
        def forget(subscription: NatsSubscription) -> None:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)
                on_stop()

        subscription = NatsSubscription(subject, handler, forget)
        self._subscriptions.append(subscription)
        if self._link is not None and self._link.alive:
            await subscription.put_on(self._link)
        return subscription

    async def request(self, subject: str, data: bytes, timeout_s: float = 5.0) -> bytes:
        """Return the answer. Raises `BusTimeout` (also when nobody serves), `BusDown`."""
        answer = await self.link(f"request {subject}").ask(Message(subject, data), timeout_s)
        return answer.data

    async def bucket(self, name: str) -> NatsBucket:
        """Return a declared bucket, made when absent, or waited for where another makes it. Raises `BusError`."""
        spec = declared.bucket_spec(name)
        if self._endpoint.provisioned:
            await self._provisioned(spec)
        else:
            await need_bucket(self.link(f"bucket {name}"), spec)
        return NatsBucket(self, spec)

    async def _provisioned(self, spec: BucketSpec) -> None:
        """Wait for the provisioner: where all is started at once, it may be later than the services."""
        for _ in range(PROVISION_TRIES):
            if await has_bucket(self.link(f"bucket {spec.name}"), spec):
                return
            self._tell_fault("missing", f"bucket {spec.name} is not there yet: `evenload nats provision` makes it")
            await asyncio.sleep(PROVISION_RETRY_S)
        raise BusError(f"bucket {spec.name}", "it is not there", "run `evenload nats provision`")

    async def read(self, stream: str, subject: str, since: datetime | None = None) -> AsyncIterator[tuple[str, bytes]]:
        """Yield (subject, data) of what `stream` holds, oldest first."""
        self.link(f"read {stream}")
        async with aclosing(self.stored(Wanted(stream=stream, pattern=subject, since=since))) as events:
            async for event in events:
                if event is None:
                    return
                yield event.subject, event.data

    def stored(self, wanted: Wanted) -> AsyncGenerator[Stored | None, None]:
        """Yield what a stream holds, in order, then None once, then what comes, until closed; see `nats_history`."""
        return stored(self, wanted)

    async def declare(self, streams: tuple[StreamSpec, ...], buckets: tuple[BucketSpec, ...]) -> Declared:
        """Make what is missing, change what may be changed safely; say what was found."""
        link = self.link("declare streams and buckets")
        found = [await declare_stream(link, spec) for spec in streams]
        found += [await declare_bucket(link, spec) for spec in buckets]
        return Declared(
            created=tuple(state.name for state in found if state.kind == "created"),
            updated=tuple(state.name for state in found if state.kind == "updated"),
            present=tuple(state.name for state in found if state.kind == "present"),
            differing=tuple(f"{state.name}: {state.why}" for state in found if state.kind == "differing"),
        )

    async def announce(self, name: str, version: str, description: str) -> None:
        """Answer service discovery as `name`, id = boot."""
        identity = discovery.Identity(
            name=name, id=self.boot, version=version, description=description, started=self._clock.utc()
        )
        await discovery.announce_on(self, identity, self._served)

    def on_connection(self, handler: Callable[[bool], None]) -> None:
        """Call `handler(connected)` at each change."""
        self._handlers.append(handler)

    def on_fault(self, handler: Fault) -> None:
        """Call `handler(kind, text)`: slow_consumer (a message was dropped), permission, connection."""
        self._fault_handlers.append(handler)

    async def close(self) -> None:
        """Send what is queued and disconnect within 2 s."""
        self._closing = True
        for serving in self._served:
            serving.cancel()
        if self._link is not None:
            await self._link.drain(1)
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper], timeout=1.5)
