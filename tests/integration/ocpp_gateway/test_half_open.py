"""A link that is cut half-open amid transactions, with a gateway, stations and time-outs on a clock that runs fast.

`make half-open` shows the same in real time, over a real nats-server.
"""

import asyncio

import pytest

from evenload.runtime.apply import apply_site
from evenload.runtime.declared import ensure
from evenload.runtime.memory_bus import MemoryBus, MemoryNetwork
from evenload.runtime.service import Context
from evenload.runtime.settings import Settings
from evenload.simulation.link import Link
from services.ocpp_gateway.pacing import Pace
from services.ocpp_gateway.service import start
from tests.integration.ocpp_gateway.fast_loop import FastClock, FastLoop
from tests.kill.half_open import LIMIT_A, Found, HalfOpen, site_text

SPEED = 25.0


def cut(cut_s: float, *, forgets: bool) -> Found:
    async def run() -> Found:
        network, clock = MemoryNetwork(), FastClock(asyncio.get_running_loop())
        bus = MemoryBus("test", network, clock)
        await ensure(bus)
        await apply_site(bus, site_text(3, 3), "half.yaml", clock.utc())
        settings = Settings(ocpp_port=0, ocpp_open=True)
        ctx = Context("ocpp_gateway", MemoryBus("gateway", network, clock), clock, settings)
        _, port = await start(ctx, Pace())
        link = Link(port)
        await link.start()
        try:
            return await HalfOpen(bus, link, clock.utc, holders=3, makers=3).run(cut_s, forgets=forgets)
        finally:
            await link.stop()
            await ctx.drain()

    with asyncio.Runner(loop_factory=lambda: FastLoop(SPEED)) as runner:
        return runner.run(run())


@pytest.mark.parametrize("forgets", [False, True], ids=["what was sent arrives late", "the router has forgotten"])
def test_after_a_minute_half_open_all_is_whole_and_nothing_lost(forgets: bool) -> None:
    found = cut(60.0, forgets=forgets)
    assert not found.faults, str(found)
    assert found.transactions > 3
    assert found.most_a == LIMIT_A


def test_a_station_that_is_cut_off_for_longer_steps_down_by_itself() -> None:
    found = cut(125.0, forgets=False)
    assert not found.faults, str(found)
    assert len(found.failsafe_s) == found.held
