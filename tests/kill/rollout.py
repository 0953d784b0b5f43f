"""A gateway joins and another is replaced amid transactions: python -m tests.kill.rollout --stations 100 --pct 10.

Half of the stations hold one transaction under a setpoint that is renewed on the bus, the others make one after the
other and repeat each message until it is answered. All dial a balancer. A second gateway joins, and takes every other
station; then the first one is told to end and lets its stations go. Afterwards every station must be served by the
second, and the stream must hold each start and stop once. Exit status 0 when it does and no more than the percentage
of the fleet has left in any minute.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

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

SERVED_S, FINISH_S, SLACK_S = 60.0, 60.0, 30.0
MINUTE_S = 60.0


def now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)


@dataclass
class Found:
    """What a rollout gave."""

    stations: int
    pct: float
    left_s: list[float] = field(default_factory=list)
    """When each station of the first gateway dialled the second, s after the first was told to end."""
    ended_s: float = 0.0
    transactions: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def most_pct(self) -> float:
        """The largest share of the fleet that went within a minute, %."""
        return 100.0 * most_within(self.left_s, MINUTE_S) / self.stations

    def __str__(self) -> str:
        lines = [
            f"{self.stations} stations on two gateways, one is told to end at {self.pct:g} % a minute: it ended after "
            f"{self.ended_s:.0f} s; at most {self.most_pct:.0f} % of the fleet went within a minute",
            f"  {self.transactions} transactions meanwhile: {len(self.faults)} lost, doubled or clashing",
        ]
        return "\n".join(lines + self.faults[:20])


def most_within(times_s: Sequence[float], span_s: float) -> int:
    """Return how many of `times_s` lie within one span at most."""
    return max((sum(begin <= other < begin + span_s for other in times_s) for begin in times_s), default=0)


class Fleet:
    """Gateways, a balancer that new connections go through, stations, and what is told of their loads."""

    def __init__(self, bus: NatsBus, url: str, link: Link, ports: tuple[int, int], *, stations: int) -> None:
        self.bus, self._nats_url, self.link, self.ports = bus, url, link, ports
        self.gateways: list[Running] = []
        self.log, self.boots = Log(), dict[str, tuple[str, bool]]()
        address, versions = f"ws://127.0.0.1:{link.port}", ("1.6", "2.0.1")
        half = stations // 2
        self.holders = [Holder(f"H{n}", address, now) for n in range(half)]
        self.makers = [
            KillStation(f"K{n}", versions[n % 2], lambda: address, self.log, pause_s=1.0) for n in range(half)
        ]

    async def join(self, pct: float) -> None:
        """Start one more gateway; new connections go to it."""
        port = self.ports[len(self.gateways)]
        gateway = await Running.start(
            sys.executable, "-m", "services.ocpp_gateway", EVENLOAD_NATS_URL=self._nats_url,
            EVENLOAD_OCPP_PORT=str(port), EVENLOAD_OCPP_OPEN="1", EVENLOAD_HTTP_PORT="0",
            EVENLOAD_OCPP_DRAIN_PCT=f"{pct:g}",
        )  # fmt: skip
        self.gateways.append(gateway)
        await until(lambda: "stations connect to" in gateway.text, 20, "a gateway listens")
        self.link.to_port = port

    def on_state(self, subject: str, data: bytes) -> None:
        """Note who serves a load."""
        state = msgspec.json.decode(data)
        self.boots[state["load"]] = (state["boot"], state["reachable"])

    def served(self, holders: Sequence[Holder], makers: Sequence[KillStation]) -> bool:
        """Tell whether these are connected, and the holders charge under their setpoint."""
        return all(each.holds() and each.profiles for each in holders) and all(
            each.connected.is_set() for each in makers
        )

    def served_by(self) -> set[tuple[str, bool]]:
        """Return by which gateways the stations are served, and whether they are reachable."""
        names = [each.name for each in self.holders] + [each.name for each in self.makers]
        return {self.boots[name.lower()] for name in names}


@asynccontextmanager
async def fleet(folder: Path, pct: float, stations: int) -> AsyncIterator[Fleet]:
    """Yield a fleet whose first gateway listens."""
    server = EmbeddedServer(folder / "nats")
    await server.start()
    bus = await connect_nats(Settings(nats_url=server.url), "fleet", "fleet", SystemClock(), wait_s=5)
    await ensure(bus)
    await apply_site(bus, site_text(stations // 2, stations // 2), "half.yaml", now())
    ports = (free_port(), free_port())
    link = Link(ports[0])
    await link.start()
    found = Fleet(bus, server.url, link, ports, stations=stations)
    try:
        await found.join(pct)
        yield found
    finally:
        await link.stop()
        for gateway in found.gateways:
            gateway.give(signal.SIGTERM)
            await gateway.end()
        await bus.close()
        await server.stop()


async def roll_out(found: Fleet, pct: float) -> Found:
    """Let a second gateway join and the first leave amid transactions; return what came of it."""
    await found.bus.subscribe(subjects.load_state("half"), found.on_state)
    result = Found(stations=len(found.holders) + len(found.makers), pct=pct)
    stopping, renewing = asyncio.Event(), asyncio.create_task(renew(found.bus, found.holders, now))
    first, second = found.holders[::2], found.holders[1::2]
    one, two = found.makers[::2], found.makers[1::2]
    living = [asyncio.create_task(each.client.run(stopping)) for each in first]
    making = [asyncio.create_task(each.live()) for each in one]
    try:
        await until(lambda: found.served(first, one), SERVED_S, "the first gateway serves its stations")
        await found.join(pct)
        living += [asyncio.create_task(each.client.run(stopping)) for each in second]
        making += [asyncio.create_task(each.live()) for each in two]
        await until(lambda: found.served(second, two), SERVED_S, "the second gateway serves its stations")
        old, new = (found.boots[holders[0].name.lower()][0] for holders in (first, second))
        assert old != new
        await _leave(found, result, first)
        await until(lambda: _all_by(found, new), SERVED_S, f"the second serves all\n{found.gateways[1].text[-2000:]}")
        for maker in found.makers:
            maker.stopping = True
        for holder in found.holders:
            holder.client.unplug()
        await asyncio.wait_for(asyncio.gather(*making, *(each.stopped.wait() for each in found.holders)), FINISH_S)
        result.transactions = len(found.log.made) + len(found.holders)
        result.faults = await faults_in(found.bus, found.log, found.holders)
    finally:
        stopping.set()
        for task in (*making, renewing):
            task.cancel()
        await asyncio.gather(*living, *making, renewing, return_exceptions=True)
    return result


def _all_by(found: Fleet, boot: str) -> bool:
    return found.served(found.holders, found.makers) and found.served_by() == {(boot, True)}


async def _leave(found: Fleet, result: Found, first: Sequence[Holder]) -> None:
    """Tell the first gateway to end; note when each of its stations has dialled anew, and when it has ended."""
    loop = asyncio.get_running_loop()
    connects, began_s = {each.name: each.connects for each in first}, loop.time()
    most_s = SLACK_S + drain_pause_s(result.stations, result.pct) * result.stations

    async def gone(holder: Holder) -> None:
        await until(lambda: holder.connects > connects[holder.name], most_s, f"{holder.name} has gone")

    found.gateways[0].give(signal.SIGTERM)
    await asyncio.gather(*(gone(each) for each in first))
    status = await asyncio.wait_for(found.gateways[0].process.wait(), most_s)
    result.ended_s = loop.time() - began_s
    result.left_s = [dialled_s - began_s for dialled_s in found.link.dialled_s if dialled_s >= began_s]
    assert status == 0, found.gateways[0].text[-2000:]


async def _run(stations: int, pct: float) -> Found:
    with tempfile.TemporaryDirectory(prefix="evenload-rollout-") as folder:
        async with fleet(Path(folder), pct, stations) as found:
            return await roll_out(found, pct)


def main() -> int:
    """Roll out once and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--stations", type=int, default=100, help="a multiple of 4")
    parser.add_argument("--pct", type=float, default=10.0, help="%% of the fleet a minute")
    asked = parser.parse_args()
    found = asyncio.run(_run(asked.stations, asked.pct))
    print(found)
    return 0 if not found.faults and found.most_pct <= asked.pct else 1


if __name__ == "__main__":
    sys.exit(main())
