"""The bus on NATS: `connect_nats`, and one connection. The only file that imports the NATS client.

The client's own reconnecting keeps what was not sent and sends it later; old news must never look fresh. So a link is
one connection that is thrown away with all its buffers when it is lost. It proves itself by a round trip every 2 s;
4 s without an answer is a loss.
"""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from evenload.runtime.bus import BusDown, BusError, BusTimeout
from evenload.runtime.clock import Clock
from evenload.runtime.credentials import Credentials, read_credentials
from evenload.runtime.nats_buckets import Message
from evenload.runtime.permissions import inbox
from evenload.runtime.relinking import Endpoint, Fault, NatsBus
from evenload.runtime.settings import Settings

CONNECT_S = 2.0
PING_S = 2.0
PONG_S = 4
MAX_UNSENT_BYTES = 1_000_000
MAX_PENDING = 4_096
MAX_PENDING_BYTES = 16_000_000
__all__ = ["NatsBus", "NatsLink", "connect_nats", "new_bus", "public"]

REMEDY = "is the server running (`evenload up`), is EVENLOAD_NATS_URL right?"


class NatsLink:
    """One connection, until it is lost."""

    def __init__(self, on_fault: Fault) -> None:
        self._client = Client()
        self._on_fault = on_fault
        self.lost = asyncio.Event()
        self._asking: set[asyncio.Future[Msg]] = set()
        self.refusal = ""

    @property
    def alive(self) -> bool:
        """Tell whether messages go out now."""
        return self._client.is_connected and not self.lost.is_set()

    async def open(self, urls: list[str], name: str, credentials: Credentials) -> None:
        """Connect once. Raises `BusDown` with the server's reason."""
        options = credentials.options() | {
            "servers": urls,
            "name": name,
            "inbox_prefix": inbox(credentials.user or name),
            "allow_reconnect": False,
            "connect_timeout": CONNECT_S,
            "reconnect_time_wait": 0.05,
            "max_reconnect_attempts": 1,
            "ping_interval": 3600,
            "pending_size": 0,
            "error_cb": self._on_error,
            "disconnected_cb": self._on_lost,
            "closed_cb": self._on_lost,
        }
        try:
            await asyncio.wait_for(self._client.connect(**options), 2 * CONNECT_S)
        except (nats.errors.Error, OSError, TimeoutError) as fault:
            await self.close(0.2)
            why = self.refusal or str(fault) or type(fault).__name__
            raise BusDown(f"connect to {public(urls)}", why, REMEDY) from fault

    async def watch_over(self) -> None:
        """Return when the link is lost."""
        while self.alive:
            try:
                await self._client.rtt(timeout=PONG_S)
            except (nats.errors.Error, OSError):
                break
            try:
                await asyncio.wait_for(self.lost.wait(), PING_S)
            except TimeoutError:
                continue
        self._lose()

    def send(self, message: Message) -> None:
        """Hand `message` to the socket now, or raise `BusDown`; nothing is kept for later."""
        what = f"publish {message.subject}"
        if not self.alive:
            raise BusDown(what, "not connected", "it is repeated when the connection is back")
        if self._client.pending_data_size > MAX_UNSENT_BYTES:
            raise BusDown(what, "the connection takes no data")
        headers = dict(message.headers) or None
        coroutine = self._client.publish(message.subject, message.data, message.reply, headers)
        try:
            coroutine.send(None)  # runs to its end without waiting: a place in the flusher's queue is free by contract
        except StopIteration:
            return
        except nats.errors.Error as fault:
            raise BusError(what, str(fault)) from fault
        coroutine.close()
        raise BusDown(what, "the connection takes no data")

    async def ask(self, message: Message, timeout_s: float) -> Message:
        """Return the answer. Raises `BusTimeout` (also when nobody serves), `BusDown` (also when lost meanwhile)."""
        what = f"request {message.subject}"
        if not self.alive:
            raise BusDown(what, "not connected", REMEDY)
        headers = dict(message.headers) or None
        request = asyncio.ensure_future(self._client.request(message.subject, message.data, timeout_s, headers=headers))
        self._asking.add(request)
        try:
            await asyncio.wait((request,))
            if request.cancelled():
                raise BusDown(what, "the connection was lost while waiting for the answer")
            return _message(request.result())
        except nats.errors.NoRespondersError as fault:
            raise BusTimeout(what, "nobody serves it", "is the service running, does the stream exist?") from fault
        except (nats.errors.TimeoutError, TimeoutError) as fault:
            why = f"no answer in {timeout_s:g} s"
            raise BusTimeout(what, why, "see the server's log: full disk, or a permission that denies it") from fault
        except (nats.errors.ConnectionClosedError, nats.errors.OutboundBufferLimitError) as fault:
            raise BusDown(what, str(fault), REMEDY) from fault
        except nats.errors.Error as fault:
            raise BusError(what, str(fault)) from fault
        finally:
            request.cancel()
            self._asking.discard(request)

    async def listen(self, subject: str, handler: Callable[[Message], None]) -> Callable[[], None]:
        """Hand over each message on `subject`; at most `MAX_PENDING` wait. Return what ends it."""

        async def on_message(found: Msg) -> None:
            handler(_message(found))

        try:
            subscription = await self._client.subscribe(
                subject, cb=on_message, pending_msgs_limit=MAX_PENDING, pending_bytes_limit=MAX_PENDING_BYTES
            )
        except (nats.errors.Error, OSError) as fault:
            raise BusDown(f"subscribe {subject}", str(fault)) from fault

        def end() -> None:
            if self.alive:
                task = asyncio.ensure_future(subscription.unsubscribe())
                task.add_done_callback(lambda done: done.cancelled() or done.exception())

        return end

    def new_inbox(self) -> str:
        """Return a subject nobody else listens to."""
        inbox: str = self._client.new_inbox()
        return inbox

    async def drain(self, timeout_s: int) -> None:
        """Let what was sent reach the server."""
        try:
            await self._client.flush(timeout=timeout_s)
        except (nats.errors.Error, OSError):
            return

    async def close(self, timeout_s: float) -> None:
        """Cut the connection and drop what was not sent."""
        self._lose()
        transport = self._client._transport
        writer = getattr(transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()  # a half-open connection would keep its bytes and deliver them later
        try:
            await asyncio.wait_for(self._client.close(), timeout_s)
        except (nats.errors.Error, OSError, TimeoutError):
            return

    def _lose(self) -> None:
        """Take the link for lost: who waits for an answer is told at once."""
        self.lost.set()
        for request in self._asking:
            request.cancel()

    async def _on_lost(self) -> None:
        self._lose()

    async def _on_error(self, fault: Exception) -> None:
        if isinstance(fault, nats.errors.SlowConsumerError):
            self._on_fault("slow_consumer", fault.subject)
        elif isinstance(fault, nats.errors.Error | OSError | TimeoutError):
            self.refusal = str(fault)
            self._on_fault("permission" if "permission" in str(fault).lower() else "connection", str(fault))
        else:
            context = {"message": "a bus handler failed", "exception": fault}
            asyncio.get_running_loop().call_exception_handler(context)


def new_bus(settings: Settings, boot: str, name: str, clock: Clock) -> NatsBus:
    """Return a bus that was not started yet. Raises `CredentialsError`."""
    urls = [url.strip() for url in settings.nats_url.split(",") if url.strip()]
    credentials = read_credentials(settings.nats_creds, settings.nats_ca)
    endpoint = Endpoint(
        urls=urls, name=name, credentials=credentials, new_link=NatsLink, provisioned=settings.nats_provisioned
    )
    return NatsBus(boot, clock, endpoint)


async def connect_nats(
    settings: Settings, boot: str, name: str, clock: Clock, *, wait_s: float | None = None
) -> NatsBus:
    """Return a bus that is connected, waiting for ever or `wait_s`. Raises `BusDown`, `CredentialsError`."""
    bus = new_bus(settings, boot, name, clock)
    bus.start()
    if not await bus.wait_connected(wait_s):
        why = bus.last_fault or "no answer"
        await bus.close()
        raise BusDown(f"connect to {public([settings.nats_url])}", why, REMEDY)
    return bus


def public(urls: list[str]) -> str:
    """Return the addresses without user and password."""
    return ", ".join(f"{urlsplit(url).scheme}://{urlsplit(url).netloc.rpartition('@')[2]}" for url in urls)


def _message(found: Msg) -> Message:
    return Message(found.subject, found.data or b"", found.reply or "", found.headers or {})
