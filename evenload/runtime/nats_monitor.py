"""What NATS servers say of themselves on their monitoring ports, as metrics of the process that is told to ask them.

`/varz` and `/jsz` are JSON, which Prometheus does not read. The process with `EVENLOAD_NATS_MONITOR` asks each address
every 5 s; a server that does not answer shows as 0 in `evenload_nats_up`, and its other values stay as they were last.
"""

import asyncio
from urllib.parse import urlsplit

import aiohttp
import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge

PERIOD_S, TIMEOUT_S = 5.0, 3.0
MAX_BODY_BYTES = 16_000_000
DETAILS = "/jsz?accounts=1&streams=1&config=1"
SERVER, STREAM = ("server",), ("server", "account", "stream")


class Limits(Struct, frozen=True):
    """How much JetStream may keep, bytes."""

    max_memory: int = 0
    max_storage: int = 0


class General(Struct, frozen=True):
    """What is used of `/varz`; counters are since the server's start."""

    connections: int = 0
    subscriptions: int = 0
    mem: int = 0
    in_msgs: int = 0
    out_msgs: int = 0
    in_bytes: int = 0
    out_bytes: int = 0
    slow_consumers: int = 0


class Kept(Struct, frozen=True):
    """How much a stream keeps."""

    messages: int = 0
    bytes: int = 0


class Bound(Struct, frozen=True):
    """A stream's own limit, bytes; −1 = none."""

    max_bytes: int = -1


class Stream(Struct, frozen=True):
    """One stream or bucket on this server."""

    name: str
    state: Kept = Kept()
    config: Bound | None = None


class Account(Struct, frozen=True):
    """What an account keeps."""

    name: str = ""
    stream_detail: tuple[Stream, ...] = ()


class Storage(Struct, frozen=True):
    """What is used of `/jsz`."""

    config: Limits | None = None
    memory: int = 0
    storage: int = 0
    account_details: tuple[Account, ...] = ()


class NatsMetrics:
    """The metrics of all servers asked."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, says: str, labels: tuple[str, ...] = SERVER) -> Gauge:
            return Gauge(f"evenload_nats_{name}", says, labels, registry=registry)

        def counter(name: str, says: str, labels: tuple[str, ...] = SERVER) -> Counter:
            return Counter(f"evenload_nats_{name}", says, labels, registry=registry)

        self.up = gauge("up", "1 = the server's monitoring port answers")
        self._connections = gauge("connections", "Clients connected to the server")
        self._subscriptions = gauge("subscriptions", "Subscriptions at the server")
        self._memory = gauge("memory_bytes", "Resident memory of the server")
        self._messages = counter("messages", "Messages in and out of the server", ("server", "direction"))
        self._bytes = counter("bytes", "Bytes in and out of the server", ("server", "direction"))
        self._slow = counter("slow_consumers", "Clients cut off because they did not keep up")
        self._store = gauge("store_bytes", "What JetStream keeps", ("server", "kind"))
        self._store_limit = gauge("store_limit_bytes", "How much JetStream may keep", ("server", "kind"))
        self._kept = gauge("stream_messages", "Messages that a stream or bucket keeps", STREAM)
        self._kept_bytes = gauge("stream_bytes", "Bytes that a stream or bucket keeps", STREAM)
        self._kept_limit = gauge("stream_limit_bytes", "Bytes that it may keep; missing = no limit of its own", STREAM)
        self._before: dict[str, General] = {}
        self._streams: dict[str, set[tuple[str, str, str]]] = {}

    def general(self, server: str, now: General) -> None:
        """Show what a server does."""
        self.up.labels(server).set(1)
        self._connections.labels(server).set(now.connections)
        self._subscriptions.labels(server).set(now.subscriptions)
        self._memory.labels(server).set(now.mem)
        before = self._before.get(server, General())
        self._before[server] = now
        self._messages.labels(server, "in").inc(_more(before.in_msgs, now.in_msgs))
        self._messages.labels(server, "out").inc(_more(before.out_msgs, now.out_msgs))
        self._bytes.labels(server, "in").inc(_more(before.in_bytes, now.in_bytes))
        self._bytes.labels(server, "out").inc(_more(before.out_bytes, now.out_bytes))
        self._slow.labels(server).inc(_more(before.slow_consumers, now.slow_consumers))

    def storage(self, server: str, now: Storage) -> None:
        """Show what a server keeps; streams that are gone are shown no more."""
        self._store.labels(server, "file").set(now.storage)
        self._store.labels(server, "memory").set(now.memory)
        if now.config is not None:
            self._store_limit.labels(server, "file").set(now.config.max_storage)
            self._store_limit.labels(server, "memory").set(now.config.max_memory)
        there = set()
        for account in now.account_details:
            for stream in account.stream_detail:
                labels = (server, account.name, stream.name)
                there.add(labels)
                self._kept.labels(*labels).set(stream.state.messages)
                self._kept_bytes.labels(*labels).set(stream.state.bytes)
                if stream.config is not None and stream.config.max_bytes > 0:
                    self._kept_limit.labels(*labels).set(stream.config.max_bytes)
        for gone in self._streams.get(server, set()) - there:
            for metric in (self._kept, self._kept_bytes, self._kept_limit):
                metric.remove(*gone)
        self._streams[server] = there


def _more(before: int, now: int) -> int:
    """Return by how much a counter rose; a server that was restarted counts from 0."""
    return now - before if now >= before else now


async def watch_servers(addresses: str, metrics: NatsMetrics) -> None:
    """Ask the servers at the comma-separated `addresses` for ever."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        urls = [address.strip().rstrip("/") for address in addresses.split(",")]
        while True:
            await asyncio.gather(*(_ask(session, url, metrics) for url in urls))
            await asyncio.sleep(PERIOD_S)


async def _ask(session: aiohttp.ClientSession, url: str, metrics: NatsMetrics) -> None:
    server = urlsplit(url).netloc
    try:
        metrics.general(server, msgspec.json.decode(await _body(session, f"{url}/varz"), type=General))
        metrics.storage(server, msgspec.json.decode(await _body(session, url + DETAILS), type=Storage))
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError):
        metrics.up.labels(server).set(0)


async def _body(session: aiohttp.ClientSession, url: str) -> bytes:
    """Return what is answered; raise `ClientError` for an error status or more than `MAX_BODY_BYTES`."""
    async with session.get(url, raise_for_status=True) as reply:
        body = bytearray()
        async for part in reply.content.iter_chunked(65_536):
            body += part
            if len(body) > MAX_BODY_BYTES:
                raise aiohttp.ClientPayloadError(f"more than {MAX_BODY_BYTES} bytes")
        return bytes(body)
