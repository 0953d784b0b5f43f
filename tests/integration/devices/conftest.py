"""Services on a bus in memory, a real MQTT broker, and what they say, waited for with a bound."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evenload.contracts import subjects
from evenload.contracts.events import (
    Alert,
    Applied,
    Clamped,
    LoadState,
    MeterReading,
    Refused,
    Setpoint,
    SiteLimit,
    Unreachable,
)
from evenload.contracts.wire import Codec
from evenload.runtime.apply import apply_site
from evenload.runtime.clock import SystemClock
from evenload.runtime.memory_bus import MemoryBus, MemoryNetwork
from evenload.runtime.service import Context
from evenload.runtime.settings import Settings
from tests.integration.devices.quick_loop import PACE, QuickClock, QuickLoop

MOSQUITTO = "/usr/sbin/mosquitto"
BOUND_S = 15.0 * PACE
"""Quick seconds: 15 real ones."""
EVENTS = Codec(MeterReading | LoadState | SiteLimit | Alert | Applied | Clamped | Refused | Unreachable, "event")


class Heard:
    """Everything published under a site, in order."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self._new = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, subject: str, data: bytes) -> None:
        if subject.endswith((".setpoint",)):
            return
        self.events.append(EVENTS.decode(data, subject))
        task = asyncio.create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._new:
            self._new.notify_all()

    async def until(self, what: Callable[[Any], bool]) -> Any:
        """Return the next event for which `what` holds; events from before the call do not count."""
        seen = len(self.events)

        def found() -> bool:
            return any(what(event) for event in self.events[seen:])

        async with asyncio.timeout(BOUND_S), self._new:
            await self._new.wait_for(found)
        return next(event for event in self.events[seen:] if what(event))

    async def reading(
        self, meter: str = "m", what: Callable[[MeterReading], bool] = lambda reading: True
    ) -> MeterReading:
        found = await self.until(lambda event: isinstance(event, MeterReading) and event.meter == meter and what(event))
        assert isinstance(found, MeterReading)
        return found

    async def alert(self, kind: str, active: bool = True) -> Alert:
        found = await self.until(
            lambda event: isinstance(event, Alert) and event.kind == kind and event.active is active
        )
        assert isinstance(found, Alert)
        return found

    async def limit(self, what: Callable[[SiteLimit], bool] = lambda limit: True) -> SiteLimit:
        found = await self.until(lambda event: isinstance(event, SiteLimit) and what(event))
        assert isinstance(found, SiteLimit)
        return found

    async def state(self, what: Callable[[LoadState], bool]) -> LoadState:
        found = await self.until(lambda event: isinstance(event, LoadState) and what(event))
        assert isinstance(found, LoadState)
        return found


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """All tests here run on a quick loop."""
    return {"quick": QuickLoop}


def limit_site(limit: str, more: str = "") -> str:
    """A site with one source of limits `dso`; `limit` = its entry."""
    return (
        "site: home\ngrid: {breaker_a: 25}\n"
        "meters:\n  m: {role: grid, driver: homewizard, host: 127.0.0.1:9}\n"
        f"limits:\n  dso: {{{limit}}}\n{more}"
    )


class World:
    """A running service with its bus."""

    def __init__(self, bus: MemoryBus, heard: Heard, ctx: Context) -> None:
        self.bus, self.heard, self.ctx = bus, heard, ctx

    async def apply(self, text: str) -> None:
        """Apply a site file."""
        await apply_site(self.bus, text, "site.yaml", self.ctx.clock.utc())

    def setpoint(self, load: str, setpoint_a: float, valid_s: float = 15.0) -> None:
        """Send a setpoint as the allocator does."""
        now = self.ctx.clock.utc()
        event = Setpoint(site="home", load=load, setpoint_a=setpoint_a, issued_at=now, valid_s=valid_s, epoch=1)
        self.bus.publish(subjects.setpoint("home", load), event)


Service = Callable[[Context], Awaitable[None]]
Running = Callable[[Service], Any]


@asynccontextmanager
async def running(
    run: Service, clock: SystemClock | None = None, network: MemoryNetwork | None = None
) -> AsyncIterator[World]:
    """A service between its start and its stop; on the network of one before, its buckets are still there."""
    clock, network, heard = clock or QuickClock(), network or MemoryNetwork(), Heard()
    bus = MemoryBus("test", network, clock)
    other = MemoryBus("allocator", network, clock)
    await other.subscribe("evenload.site.home.>", heard.take)
    ctx = Context("test", bus, clock, Settings())
    await run(ctx)
    try:
        yield World(other, heard, ctx)
    finally:
        await ctx.drain()
        await bus.close()
        await other.close()


class Mosquitto:
    """A real broker on a loopback port, which can be ended and started again."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            MOSQUITTO, "-c", str(self._config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(BOUND_S):
            while not await self._listens():
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                async with asyncio.timeout(BOUND_S):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
            self._process = None

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def idle_mosquitto(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    """A broker that the test starts when it needs it."""
    broker = Mosquitto(tmp_path, free_port())
    yield broker
    await broker.stop()


@pytest.fixture
async def mosquitto(idle_mosquitto: Mosquitto) -> Mosquitto:
    """A broker that runs."""
    await idle_mosquitto.start()
    return idle_mosquitto


@pytest.fixture
async def emulators() -> AsyncIterator[Callable[[Any], Awaitable[Any]]]:
    """Start emulated devices; they are stopped after the test."""
    started: list[Any] = []

    async def start(emulator: Any) -> Any:
        await emulator.start()
        started.append(emulator)
        return emulator

    yield start
    for emulator in started:
        await emulator.stop()


def meter_site(meter: str, more: str = "") -> str:
    """A three-phase site with one grid meter `m`; `meter` = its driver's part."""
    return f"site: home\ngrid: {{breaker_a: 25}}\nmeters:\n  m: {{role: grid, period_s: 1, {meter}}}\n{more}"


def plug_site(plug: str, more: str = "") -> str:
    """A site with one plug `heater`; `plug` = its driver's part."""
    return (
        "site: home\ngrid: {breaker_a: 25}\n"
        "meters:\n  m: {role: grid, driver: homewizard, host: 127.0.0.1:9}\n"
        f"loads:\n  heater: {{type: plug, power_w: 2000, phases: [L2], {plug}}}\n{more}"
    )
