"""The planner beside the allocator on the bus: asked for by command, met in the allocator's setpoints, kept."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web

from evenload.contracts import subjects
from evenload.contracts.commands import ClearPlan, CommandAccepted, SetPlan
from evenload.contracts.events import Alert, LoadState
from evenload.contracts.plan_events import Forecast, LoadPlan
from evenload.contracts.plans import Need
from evenload.contracts.records import LearnedRecord, LearnedRow, PlanRecord
from evenload.contracts.wire import decode_as, encode
from evenload.runtime.apply import apply_site
from evenload.runtime.clock import SystemClock
from evenload.runtime.memory_bus import MemoryBus
from evenload.runtime.service import Context
from evenload.runtime.settings import Settings
from evenload.thermal.model import Around, Model, temperature_after
from services.planner.service import run
from tests.integration.allocator.world import SITE, ShiftedClock, World, world

TANK = Model(capacity_wh_per_k=200.0, loss_w_per_k=2.0)
EVENING = datetime(2026, 6, 22, 20, 0, tzinfo=UTC)


class Heard:
    """Everything that the planner tells."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.plans: dict[str, LoadPlan] = {}
        self.alerts: list[Alert] = []
        self.forecasts: list[Forecast] = []
        self.news = asyncio.Event()

    async def listen(self) -> None:
        await self.here.bus.subscribe(subjects.load_plan("home"), self.on_plan)
        await self.here.bus.subscribe(subjects.alerts("home"), self.on_alert)
        await self.here.bus.subscribe(subjects.forecast("home"), self.on_forecast)

    def on_plan(self, subject: str, data: bytes) -> None:
        plan = decode_as(LoadPlan, data, subject)
        self.plans[plan.load] = plan
        self.news.set()

    def on_alert(self, subject: str, data: bytes) -> None:
        alert = decode_as(Alert, data, subject)
        self.alerts += [alert] if alert.kind == "plan_short" else []
        self.news.set()

    def on_forecast(self, subject: str, data: bytes) -> None:
        self.forecasts.append(decode_as(Forecast, data, subject))
        self.news.set()

    async def plan(self, load: str, need: str) -> LoadPlan:
        """Return the load's plan once it is for this need (a part of its words; empty = none)."""
        async with asyncio.timeout(15.0):
            while not (load in self.plans and (need in self.plans[load].need if need else not self.plans[load].need)):
                self.news.clear()
                await self.news.wait()
        return self.plans[load]


@pytest.fixture
async def here() -> AsyncIterator[World]:
    async with world() as living:
        yield living


@asynccontextmanager
async def planner(here: World, clock: SystemClock) -> AsyncIterator[Heard]:
    """Run a planner; it shares the allocator's wall clock."""
    heard = Heard(here)
    await heard.listen()
    ctx = Context("planner", MemoryBus("planner", here.network, SystemClock()), clock, Settings())
    await run(ctx)
    try:
        yield heard
    finally:
        await ctx.drain()


async def test_what_was_asked_for_is_planned_said_and_obeyed(here: World) -> None:
    clock = ShiftedClock(EVENING)
    without_grace = SITE.replace("max_a: 16}", "max_a: 16, grace_s: 0}", 1)
    await apply_site(here.bus, without_grace, "home.yaml", datetime.now(UTC))
    async with here.allocator("one", clock), planner(here, clock) as heard:
        await here.until(lambda: here.held_a.get("car", 0.0) >= 6.0)
        need = Need(by="2026-06-23T07:00", energy_wh=10_000.0)
        reply = await here.command(SetPlan(site="home", load="car", needs=(need,)))
        assert isinstance(reply, CommandAccepted)
        assert reply.text == "car: plan 10 kWh by 2026-06-23T07:00, until then"
        plan = await heard.plan("car", "10 kWh")
        assert (plan.short_wh, plan.asked_at is not None, plan.slots[0].guaranteed_a) == (0.0, True, 0.0)
        await here.until(lambda: here.held_a["car"] == 0.0, 15.0)  # there is time: it waits for the sun
        soon = Need(by="2026-06-22T20:30", energy_wh=200_000.0)
        await here.command(SetPlan(site="home", load="car", needs=(soon,)))
        plan = await heard.plan("car", "200 kWh")
        assert plan.short_wh > 190_000.0
        assert [alert.active for alert in heard.alerts] == [True]
        await here.until(lambda: here.held_a["car"] >= 6.0, 15.0)
        await here.command(ClearPlan(site="home", load="car"))
        await heard.plan("car", "")
        assert [alert.active for alert in heard.alerts] == [True, False]


async def test_what_was_counted_is_kept(here: World) -> None:
    await apply_site(
        here.bus, f"{SITE}plans: {{car: [{{by: 07:00, energy_wh: 5000}}]}}\n", "home.yaml", datetime.now(UTC)
    )
    async with planner(here, ShiftedClock(EVENING)) as heard:
        first = await heard.plan("car", "5 kWh by 07:00")
    entry = await (await here.bus.bucket(subjects.PLANS)).get("home")
    assert entry is not None
    assert decode_as(PlanRecord, entry.value).counted["car"].goal.startswith("5 kWh by 07:00")
    assert first.asked_at is None


async def test_what_was_learned_goes_on_with_the_next_process(here: World) -> None:
    tank = "boiler: {type: plug, driver: shelly, host: 127.0.0.1, power_w: 2000, phases: [L1]}"
    plans = "plans: {boiler: [{by: '06:30', target_c: 55}]}"
    await apply_site(here.bus, f"{SITE}  {tank}\n{plans}\n", "home.yaml", datetime.now(UTC))
    bucket = await here.bus.bucket(subjects.PLANS)
    await bucket.put("home.boiler", encode(LearnedRecord(site="home", load="boiler", rows=tuple(_rows()))))
    async with planner(here, ShiftedClock(EVENING)) as heard:
        await heard.plan("boiler", "55 °C")
        cold = LoadState(
            site="home", load="boiler", measured_at=EVENING, status="suspended_evse", temperature_c=45.0, power_w=0.0
        )
        here.bus.publish(subjects.load_state("home", "boiler"), cold)
        async with asyncio.timeout(10.0):
            while "Wh/K" not in heard.plans["boiler"].why:
                heard.news.clear()
                await heard.news.wait()
    assert 1_500.0 < (heard.plans["boiler"].missing_wh or 0.0) < 4_000.0


def _rows() -> Iterator[LearnedRow]:
    """Yield a week of a tank of 200 Wh/K and 2 W/K, without noise: half an hour on, five and a half off."""
    temperature_c = 45.0
    for number in range(336):
        power_w = 2000.0 if number % 12 == 0 else 0.0
        end_c = temperature_after(TANK, temperature_c, Around(power_w=power_w, ambient_c=20.0), 1800.0)
        above = (temperature_c + end_c) / 2 - 20.0
        yield LearnedRow(end_c - temperature_c, power_w / 2, above / 2, 0.5, number > 0)
        temperature_c = end_c


async def test_a_feed_becomes_a_forecast(here: World) -> None:
    async def answer(request: web.Request) -> web.Response:
        del request
        return web.json_response({"data": [{"start": "2026-06-22T20:00Z", "price": 250.0}]})

    app = web.Application()
    app.router.add_get("/day", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    where = "slots: data, starts_at: start, value: price, scale: 0.001"
    feed = f'{{kind: price, url: "http://127.0.0.1:{port}/day", {where}}}'
    await apply_site(here.bus, f"{SITE}forecasts: {{day: {feed}}}\n", "home.yaml", datetime.now(UTC))
    try:
        async with planner(here, ShiftedClock(EVENING)) as heard, asyncio.timeout(10.0):
            while not heard.forecasts:
                heard.news.clear()
                await heard.news.wait()
    finally:
        await runner.cleanup()
    assert [(slot.starts_at, slot.value) for slot in heard.forecasts[0].slots] == [(EVENING, 0.25)]
