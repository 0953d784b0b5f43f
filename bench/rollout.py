"""A gateway is replaced under load: one more joins, one is told to end and lets its stations go, as a rollout does it.

STATIONS stations behind a balancer that sends new connections to gateways that are ready: half of them hold one
transaction under a setpoint that is renewed each 4 s, half make one transaction after the other and repeat each message
until it is answered. When all are served by two gateways, a third one starts; once it is ready the first is told to
end. Shown: how many stations dialled anew in the busiest minute, after how long each had its setpoint in force again,
and what the stream of transactions lacks or has twice. Exit status 0 when nothing is, and the pace was kept.

Run: python -m bench.rollout --stations 100 --pct 10
"""

import argparse
import asyncio
import itertools
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from bench.latency import broker
from evenload.runtime.apply import apply_site
from evenload.simulation.link import Link
from tests.integration.system.processes import Running, free_port, until
from tests.kill.half_open import Holder, faults_in, renew, site_text
from tests.kill.stations import KillStation, Log

SERVED_S, LOOK_S = 120.0, 0.05
MINUTE_S, MARGIN_S = 60.0, 60.0
READY_S = 1.0
"""The balancer looks this often which gateways are ready."""
HTTP_OK = 200


class Balancer(Link):
    """Sends each new connection to the next gateway that is ready."""

    def __init__(self) -> None:
        super().__init__(0)
        self.ready: list[int] = []
        self.dials_s: list[float] = []
        """When each connection was made."""
        self._places = itertools.count()

    @property
    def to_port(self) -> int:
        """The port of the gateway whose turn it is."""
        self.dials_s.append(asyncio.get_running_loop().time())
        return self.ready[next(self._places) % len(self.ready)] if self.ready else 0

    @to_port.setter
    def to_port(self, port: int) -> None:
        """A balancer has no fixed one."""


@dataclass
class Gateway:
    """A gateway's process and ports."""

    running: Running
    ocpp_port: int
    http_port: int


@dataclass
class Found:
    """What the rollout gave."""

    stations: int
    moved: int = 0
    took_s: float = 0.0
    busiest_minute: int = 0
    told_s: list[float] = field(default_factory=list)
    """From a holder's new connection until its setpoint was in force again."""
    transactions: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told_s = sorted(self.told_s) or [float("nan")]
        share_pct = 100 * self.busiest_minute / self.stations
        lines = [
            f"{self.stations} stations, one of two gateways replaced: {self.moved} let go in {self.took_s:.0f} s,"
            f" {self.busiest_minute} of them ({share_pct:.0f} %) in the busiest minute",
            f"  setpoint told again after {told_s[len(told_s) // 2]:.2f} s, at most {told_s[-1]:.2f} s",
            f"  {self.transactions} transactions: {len(self.faults)} lost, doubled or clashing",
        ]
        return "\n".join(lines + self.faults[:20])


class Yard:
    """Gateways, balancer and stations."""

    def __init__(self, url: str, balancer: Balancer, stations: int, pct: float) -> None:
        self._url, self._balancer, self._pct = url, balancer, pct
        self.gateways: list[Gateway] = []
        self.log, dial = Log(), f"ws://127.0.0.1:{balancer.port}"
        half = stations // 2
        self.holders = [Holder(f"H{n}", dial, now) for n in range(half)]
        versions = itertools.cycle(("1.6", "2.0.1"))
        self.makers = [
            KillStation(f"K{n}", next(versions), lambda: dial, self.log, pause_s=2.0) for n in range(stations - half)
        ]

    async def add(self) -> Gateway:
        """Start a gateway; return it once it is ready."""
        ocpp_port, http_port = free_port(), free_port()
        running = await Running.start(
            sys.executable, "-m", "services.ocpp_gateway", EVENLOAD_NATS_URL=self._url, EVENLOAD_OCPP_OPEN="1",
            EVENLOAD_OCPP_PORT=str(ocpp_port), EVENLOAD_HTTP_PORT=str(http_port),
            EVENLOAD_OCPP_DRAIN_PCT=f"{self._pct:g}",
        )  # fmt: skip
        self.gateways.append(gateway := Gateway(running, ocpp_port, http_port))
        await until(lambda: ocpp_port in self._balancer.ready, SERVED_S, "a gateway is ready")
        return gateway

    async def balance(self) -> None:
        """Keep the balancer informed, until cancelled."""
        async with aiohttp.ClientSession() as session:
            while True:
                ready = [each for each in self.gateways if await _is_ready(session, each.http_port)]
                self._balancer.ready = [each.ocpp_port for each in ready]
                await asyncio.sleep(READY_S)

    def served(self) -> bool:
        """Tell whether every station is connected and every holder has its setpoint."""
        return all(each.holds() and each.profiles for each in self.holders) and all(
            each.connected.is_set() for each in self.makers
        )

    async def watch(self, found: Found) -> None:
        """Note after how long each holder that dialled anew has its setpoint again, until cancelled."""
        loop, connects = asyncio.get_running_loop(), {each.name: each.connects for each in self.holders}
        dialled_s: dict[str, float] = {}
        while True:
            for holder in self.holders:
                if holder.connects > connects[holder.name]:
                    connects[holder.name] = holder.connects
                    dialled_s[holder.name] = loop.time()
                if holder.name in dialled_s and holder.profiles and holder.holds():
                    found.told_s.append(loop.time() - dialled_s.pop(holder.name))
            await asyncio.sleep(LOOK_S)


async def _is_ready(session: aiohttp.ClientSession, port: int) -> bool:
    with suppress(aiohttp.ClientError):
        async with session.get(f"http://127.0.0.1:{port}/readyz") as reply:
            return reply.status == HTTP_OK
    return False


def now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)


@asynccontextmanager
async def background(*works: asyncio.Task[None]) -> AsyncIterator[None]:
    """Tasks that are cancelled at the end."""
    try:
        yield
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)


async def measure(folder: Path, stations: int, pct: float) -> Found:
    """Replace one of two gateways; return what came of it."""
    found, stopping = Found(stations), asyncio.Event()
    async with AsyncExitStack() as stack:
        url, bus = await stack.enter_async_context(broker(folder))
        await apply_site(bus, site_text(stations // 2, stations - stations // 2), "half.yaml", now())
        balancer = Balancer()
        await balancer.start()
        stack.push_async_callback(balancer.stop)
        yard = Yard(url, balancer, stations, pct)
        balancing, renewing = asyncio.create_task(yard.balance()), asyncio.create_task(renew(bus, yard.holders, now))
        await stack.enter_async_context(background(balancing, renewing))
        for _ in range(2):
            gateway = await yard.add()
            stack.push_async_callback(_end, gateway)
        living = [asyncio.create_task(each.client.run(stopping)) for each in yard.holders]
        making = [asyncio.create_task(each.live()) for each in yard.makers]
        await stack.enter_async_context(background(*living, *making))
        await until(yard.served, SERVED_S, "all stations are served")
        print(f"{stations} stations are served by two gateways; one more starts", file=sys.stderr)
        stack.push_async_callback(_end, await yard.add())
        async with background(asyncio.create_task(yard.watch(found))):
            await _replaced(yard, balancer, found, pct)
        for maker in yard.makers:
            maker.stopping = True
        for holder in yard.holders:
            holder.client.unplug()
        await asyncio.wait_for(asyncio.gather(*making, *(each.stopped.wait() for each in yard.holders)), SERVED_S)
        stopping.set()
        found.transactions = len(yard.log.made) + len(yard.holders)
        found.faults = await faults_in(bus, yard.log, yard.holders)
    return found


async def _replaced(yard: Yard, balancer: Balancer, found: Found, pct: float) -> None:
    """Tell the first gateway to end and return once it has, and all are served again."""
    loop = asyncio.get_running_loop()
    dialled, began_s = len(balancer.dials_s), loop.time()
    yard.gateways[0].running.give(signal.SIGTERM)
    most_s = MINUTE_S * 100 / pct + MARGIN_S
    await asyncio.wait_for(yard.gateways[0].running.process.wait(), most_s)
    found.took_s = loop.time() - began_s
    await until(yard.served, SERVED_S, "all stations are served again")
    dials_s = balancer.dials_s[dialled:]
    found.moved = len(dials_s)
    found.busiest_minute = max((_within_a_minute(dials_s, at_s) for at_s in dials_s), default=0)


def _within_a_minute(dials_s: list[float], from_s: float) -> int:
    return sum(from_s <= each < from_s + MINUTE_S for each in dials_s)


async def _end(gateway: Gateway) -> None:
    """End it now: told twice, it does not wait for its stations."""
    gateway.running.give(signal.SIGTERM)
    await gateway.running.end()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--stations", type=int, default=100)
    parser.add_argument("--pct", type=float, default=10.0, help="of all stations, let go in a minute")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="evenload-rollout-"))
    try:
        found = asyncio.run(measure(folder, asked.stations, asked.pct))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(found)
    kept = found.busiest_minute <= max(1.0, asked.stations * asked.pct / 100) + 1
    return 0 if kept and not found.faults and found.told_s else 1


if __name__ == "__main__":
    sys.exit(main())
