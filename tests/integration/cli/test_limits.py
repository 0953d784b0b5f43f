"""The evidence of outside limits from the allocator to `evenload limits --csv`, over a real server."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evenload.contracts import subjects
from evenload.contracts.events import LoadState, MeterReading, SiteLimit
from evenload.contracts.phases import PerPhase
from evenload.runtime.apply import apply_site
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import NatsBus, connect_nats
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.service import Context
from evenload.runtime.settings import Settings
from services.allocator.service import run
from tests.integration.allocator.world import SITE
from tests.integration.system.processes import evenload

BOUND_S = 30.0


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    server = EmbeddedServer(tmp_path / "nats")
    await server.start()
    yield server.url
    await server.stop()


async def connect(url: str, name: str) -> NatsBus:
    return await connect_nats(Settings(nats_url=url), name, name, SystemClock(), wait_s=5)


async def rows(url: str, *options: str) -> list[dict[str, str]]:
    status, out, err = await evenload("limits", "--csv", "--nats", url, *options)
    assert status == 0, err
    return list(csv.DictReader(io.StringIO(out)))


class House:
    """A meter and a car that obeys at once."""

    def __init__(self, bus: NatsBus) -> None:
        self.bus, self.held_a = bus, 0.0
        self.served = asyncio.Event()

    def on_setpoint(self, subject: str, data: bytes) -> None:
        self.served.set()
        if ".car." in subject:
            self.held_a = float(data.partition(b'"setpoint_a":')[2].partition(b",")[0])

    async def live(self) -> None:
        while True:
            now = datetime.now(UTC)
            current = PerPhase(l1=2.0 + self.held_a)
            reading = MeterReading(site="home", meter="p1", role="grid", measured_at=now, current_a=current)
            self.bus.publish(subjects.reading("home", "p1"), reading)
            for load, held_a in (("car", self.held_a), ("guest", 0.0)):
                state = LoadState(
                    site="home",
                    load=load,
                    measured_at=now,
                    status="charging" if load == "car" else "available",
                    measured_a=PerPhase(l1=held_a),
                    measured_age_s=0.0,
                    setpoint_a=held_a,
                )
                self.bus.publish(subjects.load_state("home", load), state)
            await asyncio.sleep(0.2)


async def test_each_command_and_its_effect_is_kept_and_shown(url: str) -> None:
    bus, own = await connect(url, "test"), await connect(url, "allocator")
    await ensure(bus)
    await apply_site(bus, SITE, "home.yaml", datetime.now(UTC))
    house, followed = House(bus), asyncio.Event()
    await bus.subscribe(subjects.setpoint("home"), house.on_setpoint)

    def on_record(subject: str, data: bytes) -> None:
        if b'"followed"' in data:
            followed.set()

    await bus.subscribe(subjects.limit_record("home"), on_record)
    living = asyncio.create_task(house.live())
    ctx = Context("allocator", own, SystemClock(), Settings())
    await run(ctx)
    try:
        limit = SiteLimit(
            site="home", source="dso", scope="managed", issued_at=datetime.now(UTC), limit_w=1000.0, floor_w=1840.0
        )
        async with asyncio.timeout(BOUND_S):
            await house.served.wait()
            bus.publish(subjects.limit("home", "dso"), limit)
            await followed.wait()
        found = await rows(url)
        assert [row["kind"] for row in found] == ["began", "followed"]
        assert {(row["source"], row["told_w"], row["limit_w"], row["state"]) for row in found} == {
            ("dso", "1000", "1840", "told")
        }
        assert float(found[1]["managed_w"]) <= 1840 * 1.01 + 25
        assert found[0]["heard_at"] <= found[0]["in_force_at"] <= found[1]["at"]
        assert await rows(url, "--source", "tariff") == []
        status, out, err = await evenload("limits", "--nats", url)
        assert (status, "its floor" in out) == (0, True), err
    finally:
        await ctx.drain()
        living.cancel()
        await asyncio.wait((living,))
        await bus.close()
        await own.close()


async def test_without_any_limit_it_says_so(url: str) -> None:
    bus = await connect(url, "test")
    await ensure(bus)
    status, out, _ = await evenload("limits", "--nats", url)
    assert (status, "no limit from outside" in out) == (0, True)
    await bus.close()
