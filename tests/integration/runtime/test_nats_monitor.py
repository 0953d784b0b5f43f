"""A real NATS server's monitoring port, asked for what becomes metrics; and one that is away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.ending import ended
from evenload.runtime.nats_bus import connect_nats
from evenload.runtime.nats_monitor import NatsMetrics, watch_servers
from evenload.runtime.ports import free_port
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings
from tests.integration.runtime.conftest import until


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path / "nats", http_port=free_port())
    await server.start()
    yield server
    await server.stop()


async def test_a_server_tells_its_clients_messages_and_streams(watched: EmbeddedServer) -> None:
    bus = await connect_nats(Settings(nats_url=watched.url), "boot", "test", SystemClock(), wait_s=15)
    await ensure(bus)
    await (await bus.bucket("sites")).put("home", b"site: home")
    registry = CollectorRegistry()
    asking = asyncio.create_task(watch_servers(watched.monitor_url, NatsMetrics(registry)))
    server = watched.monitor_url.removeprefix("http://")

    def shown(name: str, **labels: str) -> float:
        return registry.get_sample_value(f"evenload_nats_{name}", {"server": server, **labels}) or 0.0

    await until(lambda: shown("stream_limit_bytes", account="$G", stream="history") > 0)
    assert shown("up") == 1
    assert shown("connections") == 1
    assert shown("messages_total", direction="in") > 0
    assert shown("memory_bytes") > 1_000_000
    assert shown("store_limit_bytes", kind="file") > shown("store_bytes", kind="file") > 0
    await ended(asking)
    await bus.close()


async def test_a_server_that_is_away_shows_as_0() -> None:
    registry, port = CollectorRegistry(), free_port()
    asking = asyncio.create_task(watch_servers(f"http://127.0.0.1:{port}", NatsMetrics(registry)))
    await until(lambda: registry.get_sample_value("evenload_nats_up", {"server": f"127.0.0.1:{port}"}) == 0)
    await ended(asking)
