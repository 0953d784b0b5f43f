"""Allocator processes on the memory bus, with a meter and an outlet that live beside them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import json

from evenload.contracts import subjects
from evenload.contracts.commands import Command, CommandReply
from evenload.contracts.events import LoadState, MeterReading
from evenload.contracts.phases import PerPhase
from evenload.contracts.wire import Codec, encode
from evenload.runtime.apply import apply_site
from evenload.runtime.bus import BusDown
from evenload.runtime.clock import Clock, SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.memory_bus import MemoryBus, MemoryNetwork
from evenload.runtime.service import Context
from evenload.runtime.settings import Settings
from services.allocator.service import run

SITE = """
site: home
phases: [L1]
grid: {breaker_a: 25}
meters: {p1: {role: grid, driver: homewizard, host: 127.0.0.1}}
loads:
  car: {type: evse, station: CP001, max_a: 16}
  guest: {type: evse, station: CP002, max_a: 16, priority: 2}
"""
BEAT_S = 0.2
_REPLY = Codec(CommandReply, "reply")


class ShiftedClock(SystemClock):
    """The machine's clock with another wall clock."""

    def __init__(self, wall: datetime) -> None:
        self._wall, self._began_s = wall, self.monotonic()

    def utc(self) -> datetime:
        """Return the given wall clock, which goes on."""
        return self._wall + timedelta(seconds=self.monotonic() - self._began_s)


class JumpingClock(SystemClock):
    """A process's clock after it has stood still for a while."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        """Return the machine's time and what was jumped over."""
        return super().monotonic() + self.ahead_s


class World:
    """A bus, the house's meter, and outlets that hold what they were told last."""

    def __init__(self) -> None:
        self.network = MemoryNetwork()
        self.bus = MemoryBus("outside", self.network, SystemClock())
        self.house_a = 2.0
        self.held_a: dict[str, float] = {}
        self.epoch = 0
        self.setpoints: list[dict[str, Any]] = []
        self._news = asyncio.Event()

    def on_setpoint(self, subject: str, data: bytes) -> None:
        """Take a setpoint as a gateway would: a lower epoch than the highest seen is dropped."""
        event = json.decode(data)
        self.setpoints.append(event)
        if event["epoch"] >= self.epoch:
            self.epoch = event["epoch"]
            self.held_a[event["load"]] = event["setpoint_a"]
        self._news.set()

    async def live(self) -> None:
        """Publish readings and states until cancelled."""
        while True:
            now = datetime.now(UTC)
            drawn_a = sum(self.held_a.values())
            with suppress(BusDown):
                current = PerPhase(l1=self.house_a + drawn_a)
                reading = MeterReading(site="home", meter="p1", role="grid", measured_at=now, current_a=current)
                self.bus.publish(subjects.reading("home", "p1"), reading)
                for load in ("car", "guest"):
                    self.bus.publish(subjects.load_state("home", load), self.state(load, now))
            await asyncio.sleep(BEAT_S)

    def state(self, load: str, now: datetime) -> LoadState:
        """Return an outlet's state."""
        held_a = self.held_a.get(load, 0.0)
        return LoadState(
            site="home",
            load=load,
            measured_at=now,
            status="charging" if held_a else "suspended_evse",
            measured_a=PerPhase(l1=held_a),
            measured_age_s=0.0,
            setpoint_a=held_a,
            failsafe_in_s=100.0,
            transaction="1",
            epoch=self.epoch,
        )

    async def until(self, wanted: Callable[[], bool], within_s: float = 10.0) -> None:
        """Return when `wanted` holds, looked at with each setpoint."""
        async with asyncio.timeout(within_s):
            while not wanted():
                self._news.clear()
                await self._news.wait()

    async def command(self, command: Command) -> Any:
        """Send a command to the site; return the reply."""
        subject = subjects.command("home", type(command).__name__)
        return _REPLY.decode(await self.bus.request(subject, encode(command)))

    @asynccontextmanager
    async def allocator(self, name: str, clock: Clock | None = None) -> AsyncIterator[Context]:
        """Run one allocator process."""
        ctx = Context("allocator", MemoryBus(name, self.network, SystemClock()), clock or SystemClock(), Settings())
        await run(ctx)
        try:
            yield ctx
        finally:
            await ctx.drain()


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """A site that lives, without an allocator yet."""
    here = World()
    await ensure(here.bus)
    await apply_site(here.bus, SITE, "home.yaml", datetime.now(UTC))
    await here.bus.subscribe(subjects.setpoint("home"), here.on_setpoint)
    living = asyncio.create_task(here.live())
    try:
        yield here
    finally:
        living.cancel()
        await asyncio.wait((living,))
