"""A gateway that is replaced: its stations go to the other one, a few at a time, and nothing is lost or doubled."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from evenload.contracts import subjects
from evenload.runtime.apply import apply_site
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import NatsBus, connect_nats
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings
from evenload.simulation.link import Link
from services.ocpp_gateway.pacing import drain_pause_s
from tests.integration.system.processes import Running, free_port, until
from tests.kill.half_open import Holder, faults_in, renew, site_text
from tests.kill.stations import KillStation, Log

HOLDERS = MAKERS = 30
DRAIN_PCT = 600.0
SLACK_S = 1.0
"""A closed socket may be noticed this much later than another."""


def now() -> datetime:
    return datetime.now(UTC)


class Fleet:
    """Two gateways, a balancer that new connections go through, stations, and what is told of their loads."""

    def __init__(self, bus: NatsBus, gateways: list[Running], ports: list[int], link: Link) -> None:
        self.bus, self.gateways, self.ports, self.link = bus, gateways, ports, link
        self.log, self.boots = Log(), dict[str, tuple[str, bool]]()
        url, versions = f"ws://127.0.0.1:{link.port}", ("1.6", "2.0.1")
        self.holders = [Holder(f"H{n}", url, now) for n in range(HOLDERS)]
        self.makers = [KillStation(f"K{n}", versions[n % 2], lambda: url, self.log, pause_s=1.0) for n in range(MAKERS)]

    def on_state(self, subject: str, data: bytes) -> None:
        state = msgspec.json.decode(data)
        self.boots[state["load"]] = (state["boot"], state["reachable"])

    def connected(self, holders: list[Holder], makers: list[KillStation]) -> bool:
        return all(each.holds() and each.profiles for each in holders) and all(
            each.connected.is_set() for each in makers
        )


@asynccontextmanager
async def fleet(folder: Path) -> AsyncIterator[Fleet]:
    server = EmbeddedServer(folder / "nats")
    await server.start()
    bus = await connect_nats(Settings(nats_url=server.url), "fleet", "fleet", SystemClock(), wait_s=5)
    await ensure(bus)
    await apply_site(bus, site_text(HOLDERS, MAKERS), "half.yaml", now())
    ports = [free_port(), free_port()]
    gateways = [
        await Running.start(
            sys.executable, "-m", "services.ocpp_gateway", EVENLOAD_NATS_URL=server.url,
            EVENLOAD_OCPP_PORT=str(port), EVENLOAD_OCPP_OPEN="1", EVENLOAD_HTTP_PORT="0",
            EVENLOAD_OCPP_DRAIN_PCT=f"{DRAIN_PCT:g}",
        )
        for port in ports
    ]  # fmt: skip
    link = Link(ports[0])
    await link.start()
    try:
        for gateway in gateways:
            await until(lambda gateway=gateway: "stations connect to" in gateway.text, 20, "a gateway listens")
        yield Fleet(bus, gateways, ports, link)
    finally:
        await link.stop()
        for gateway in gateways:
            gateway.give(signal.SIGTERM)
            await gateway.end()
        await bus.close()
        await server.stop()


async def test_a_gateway_that_is_replaced_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with fleet(tmp_path) as found:
        await found.bus.subscribe(subjects.load_state("half"), found.on_state)
        stopping = asyncio.Event()
        renewing = asyncio.create_task(renew(found.bus, found.holders, now))
        first, second = found.holders[::2], found.holders[1::2]
        one, two = found.makers[::2], found.makers[1::2]
        living = [asyncio.create_task(each.client.run(stopping)) for each in first]
        making = [asyncio.create_task(each.live()) for each in one]
        await until(lambda: found.connected(first, one), 20, "the first gateway serves its stations")
        found.link.to_port = found.ports[1]
        living += [asyncio.create_task(each.client.run(stopping)) for each in second]
        making += [asyncio.create_task(each.live()) for each in two]
        await until(lambda: found.connected(second, two), 20, "the second gateway serves its stations")
        old, new = (found.boots[holders[0].name.lower()][0] for holders in (first, second))
        assert old != new
        connects = {each.name: each.connects for each in first}
        found.gateways[0].give(signal.SIGTERM)
        left_s = await asyncio.gather(*(gone(each, connects[each.name]) for each in first))
        assert await asyncio.wait_for(found.gateways[0].process.wait(), 60) == 0
        pause_s = drain_pause_s(HOLDERS + MAKERS, DRAIN_PCT)
        assert max(left_s) - min(left_s) > (len(first) - 1) * pause_s - SLACK_S

        def served() -> bool:
            told = [found.boots[name.lower()] for name in (*(each.name for each in (*found.holders, *found.makers)),)]
            return found.connected(found.holders, found.makers) and set(told) == {(new, True)}

        await until(served, 20, f"the second gateway serves all stations\n{found.gateways[1].text[-2000:]}")
        for maker in found.makers:
            maker.stopping = True
        for holder in found.holders:
            holder.client.unplug()
        await asyncio.wait_for(asyncio.gather(*making, *(each.stopped.wait() for each in found.holders)), 30)
        assert await faults_in(found.bus, found.log, found.holders) == []
        assert all(len(holder.started) == 1 for holder in found.holders)
        stopping.set()
        renewing.cancel()
        await asyncio.gather(*living, renewing, return_exceptions=True)


async def gone(holder: Holder, connects: int) -> float:
    """Return when the station has dialled anew, s."""
    await until(lambda: holder.connects > connects, 60, f"{holder.name} has gone to the other gateway")
    return asyncio.get_running_loop().time()


async def test_told_again_it_ends_at_once(tmp_path: Path) -> None:
    async with fleet(tmp_path) as found:
        stopping = asyncio.Event()
        living = asyncio.create_task(found.holders[0].client.run(stopping))
        gateway = found.gateways[0]
        await until(lambda: found.holders[0].connects, 20, "a station is connected")
        gateway.give(signal.SIGTERM)
        await until(lambda: "are let go" in gateway.text, 5, "the gateway lets stations go")
        gateway.give(signal.SIGTERM)
        assert await asyncio.wait_for(gateway.process.wait(), 5) == 0
        stopping.set()
        await living


@pytest.mark.parametrize(
    ("fleet_number", "pct", "pause_s"), [(60, 10, 10.2), (10_000, 10, 0.0612), (3, 10, 60), (0, 10, 60)]
)
def test_the_pace_is_a_share_of_the_fleet_and_one_a_minute_at_least(
    fleet_number: int, pct: float, pause_s: float
) -> None:
    assert drain_pause_s(fleet_number, pct) == pytest.approx(pause_s)
