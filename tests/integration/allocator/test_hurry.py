"""Many sites have reason to decide in one moment: the one whose breaker carries too much comes before the others."""

import asyncio
from collections.abc import Hashable
from contextlib import suppress
from datetime import UTC, datetime

from evenload.contracts import subjects
from evenload.contracts.events import LoadState, MeterReading, Setpoint, SiteLimit
from evenload.contracts.phases import PerPhase
from evenload.contracts.wire import Codec
from evenload.runtime.clock import SystemClock
from evenload.runtime.memory_bus import MemoryBus, MemoryNetwork
from evenload.runtime.service import Context
from evenload.runtime.settings import Settings
from evenload.site.load import load_text
from services.allocator.metrics import AllocatorMetrics
from services.allocator.site_service import Config, SiteTask
from services.allocator.turns_service import Turns

SITES = [f"house{number:02}" for number in range(12)]
LAST = SITES[-1]
CAR_A, HOUSE_A, BREAKER_A = 12.0, 6.0, 25.0
TEXT = """
site: {site}
grid: {{breaker_a: 25}}
meters: {{p1: {{role: grid, driver: homewizard, host: 127.0.0.1}}}}
stations: {{ {site}-1: {{}} }}
loads: {{car: {{type: evse, station: {site}-1, phases: [L1]}}}}
"""
_setpoint = Codec(Setpoint, "Setpoint")


class Noted(Turns):
    """Turns that note who had one."""

    def __init__(self) -> None:
        super().__init__()
        self.served: list[str] = []

    async def take(self, who: Hashable) -> None:
        await super().take(who)
        assert isinstance(who, SiteTask)
        self.served.append(who.name)


class Street:
    """All sites in one process, their meters and cars."""

    def __init__(self) -> None:
        network, clock = MemoryNetwork(), SystemClock()
        self.devices, self.turns = MemoryBus("devices", network, clock), Noted()
        ctx = Context("allocator", MemoryBus("allocator", network, clock), clock, Settings())
        metrics = AllocatorMetrics(ctx.metrics.registry)
        self.tasks: list[SiteTask] = []
        for name in SITES:
            site = load_text(TEXT.format(site=name), f"{name}.yaml").site
            assert site is not None
            config = Config(site=site, config_rev=1)
            self.tasks.append(SiteTask(ctx, metrics, config, owns=lambda: True, turns=self.turns))
        self.lowered: list[str] = []

    async def begin(self) -> None:
        """Let all sites decide, until they have nothing more to say."""
        await self.devices.subscribe(subjects.setpoint(), self._heard)
        for task in self.tasks:
            await task.listen()
        self.running = [asyncio.create_task(task.run(self._raised)) for task in self.tasks]
        for name in SITES:
            self.car(name)
        self.readings(dict.fromkeys(SITES, HOUSE_A + CAR_A))
        await self.quiet()

    async def end(self) -> None:
        """Stop."""
        for task in self.running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def quiet(self) -> None:
        """Return when all had a turn, and nobody for a while."""
        before = -1
        async with asyncio.timeout(5):
            while before != len(self.turns.served) or len(set(self.turns.served)) < len(SITES):
                before = len(self.turns.served)
                await asyncio.sleep(0.2)
        self.turns.served.clear()

    @staticmethod
    async def _raised(seen: int) -> int:
        return seen + 1

    def _heard(self, subject: str, data: bytes) -> None:
        setpoint = _setpoint.decode(data, subject)
        if setpoint.setpoint_a < CAR_A:
            self.lowered.append(setpoint.site)

    def car(self, site: str) -> None:
        """Tell that the car draws what it is given."""
        state = LoadState(
            site=site,
            load="car",
            measured_at=datetime.now(UTC),
            measured_age_s=0.0,
            status="charging",
            measured_a=PerPhase(l1=CAR_A),
            setpoint_a=CAR_A,
            transaction="1",
        )
        self.devices.publish(subjects.load_state(site, "car"), state)

    def readings(self, current_a: dict[str, float]) -> None:
        """Read all meters at once."""
        for site, l1_a in current_a.items():
            current = PerPhase(l1=l1_a, l2=0.0, l3=0.0)
            event = MeterReading(site=site, meter="p1", role="grid", measured_at=datetime.now(UTC), current_a=current)
            self.devices.publish(subjects.reading(site, "p1"), event)

    async def served(self) -> list[str]:
        """Return who had a turn, in order, until all had one."""
        async with asyncio.timeout(5):
            while len(set(self.turns.served)) < len(SITES):
                await asyncio.sleep(0)
        return self.turns.served


async def test_an_overload_comes_before_all_that_asked_earlier_but_the_first() -> None:
    street = Street()
    await street.begin()
    try:
        over = BREAKER_A + 2.0
        street.readings(dict.fromkeys(SITES, HOUSE_A + CAR_A) | {LAST: over})
        served = await street.served()
        assert served[:2] == [SITES[0], LAST]
        assert street.lowered == [LAST]
    finally:
        await street.end()


async def test_a_word_from_outside_comes_first_too_and_without_either_the_order_is_that_of_asking() -> None:
    street = Street()
    await street.begin()
    try:
        street.readings(dict.fromkeys(SITES, HOUSE_A + CAR_A))
        assert await street.served() == SITES
        street.turns.served.clear()
        street.readings(dict.fromkeys(SITES, HOUSE_A + CAR_A))
        limit = SiteLimit(
            site=LAST, source="dso", scope="import", issued_at=datetime.now(UTC), limit_w=0.0, valid_s=60.0
        )
        street.devices.publish(subjects.limit(LAST, "dso"), limit)
        assert (await street.served())[:2] == [SITES[0], LAST]
    finally:
        await street.end()
