"""Both kinds of bus, as the contract tests see them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from evenload.runtime.bus import Bus
from evenload.runtime.clock import SystemClock
from evenload.runtime.memory_bus import MemoryBus, MemoryNetwork
from evenload.runtime.nats_bus import connect_nats
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings

NewBus = Callable[[str], Awaitable[Bus]]


async def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    """Return when `condition()` holds; fail after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "did not come about in time"
        await asyncio.sleep(0.01)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    """A real nats-server in its own folder."""
    server = EmbeddedServer(tmp_path / "nats")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(params=["memory", "nats"])
async def new_bus(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[NewBus]:
    """Make buses of one network, closed at the end."""
    buses: list[Bus] = []
    network = MemoryNetwork()
    server = EmbeddedServer(tmp_path / "nats") if request.param == "nats" else None
    if server is not None:
        await server.start()

    async def make(boot: str) -> Bus:
        if server is None:
            buses.append(MemoryBus(boot, network, SystemClock()))
        else:
            settings = Settings(nats_url=server.url)
            buses.append(await connect_nats(settings, boot, boot, SystemClock(), wait_s=5))
        return buses[-1]

    yield make
    for bus in buses:
        await bus.close()
    if server is not None:
        await server.stop()
