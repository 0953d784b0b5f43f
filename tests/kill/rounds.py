"""A real nats-server, a gateway process and stations in full traffic; one of them is killed -9 again and again.

At the end the stream is read and compared with what the stations were answered: every answered start and stop is there
once, ids of 1.6 are unique, and the view that folds the stream has each transaction's energy.
"""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from evenload.cli.transactions import stored_view
from evenload.contracts import subjects
from evenload.runtime.apply import apply_site
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import NatsBus, connect_nats
from evenload.runtime.ports import free_port
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings
from evenload.transactions.view import energy_wh, listed
from tests.integration.system.processes import Running, until
from tests.kill.stations import KillStation, Log

BACK_S = 30.0


@dataclass
class Found:
    """What the rounds gave."""

    rounds: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    transactions: int = 0
    repeats: int = 0
    faults: list[str] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Was nothing lost, doubled or clashing."""
        return not self.faults and self.transactions > 0

    def __str__(self) -> str:
        times = sorted(self.back_s) or [0.0]
        lines = [
            f"{self.rounds} kills -9 ({', '.join(f'{name} {n}' for name, n in sorted(self.kills.items()))}), "
            f"{self.transactions} transactions, {self.repeats} deliberate repeats: {len(self.faults)} faults",
            f"all stations back after a kill: median {times[len(times) // 2]:.1f} s, longest {times[-1]:.1f} s",
            *self.faults[:20],
        ]
        return "\n".join(lines)


def site_text(stations: int) -> str:
    """Return a site with a load for each station; every fourth station talks about a connector that no load names."""
    loads = "\n".join(
        f"  load{n}: {{type: evse, station: K{n}, evse: {2 if n % 4 == 2 else 1}}}" for n in range(stations)
    )
    meters = "meters: {p1: {role: grid, driver: homewizard, host: 127.0.0.1}}"
    return f"site: kill\ngrid: {{breaker_a: 2000}}\n{meters}\nloads:\n{loads}\n"


class Rounds:
    """The processes and the stations."""

    def __init__(self, folder: Path, stations: int, seed: int) -> None:
        self._folder, self._nats_port = folder / "nats", free_port()
        self._server = EmbeddedServer(self._folder, self._nats_port)
        self._chance = random.Random(seed)
        self._count = stations
        self._port = free_port()
        self.gateway: Running
        self.bus: NatsBus
        self.log = Log()
        self.stations = [
            KillStation(f"K{n}", ("1.6", "2.0.1")[n % 2], lambda: f"ws://127.0.0.1:{self._port}", self.log)
            for n in range(stations)
        ]

    async def start(self) -> None:
        """Start server and gateway."""
        await self._server.start()
        settings = Settings(nats_url=self._server.url)
        self.bus = await connect_nats(settings, "kill", "kill", SystemClock(), wait_s=5)
        await ensure(self.bus)
        await apply_site(self.bus, site_text(self._count), "kill.yaml", datetime.now(UTC))
        await self._start_gateway()

    async def _start_gateway(self) -> None:
        self.gateway = await Running.start(
            sys.executable, "-m", "services.ocpp_gateway", EVENLOAD_NATS_URL=self._server.url,
            EVENLOAD_OCPP_PORT=str(self._port), EVENLOAD_OCPP_OPEN="1", EVENLOAD_HTTP_PORT="0",
        )  # fmt: skip

    async def round(self) -> tuple[str, float]:
        """Let some transactions be made, kill one; return which and after how many seconds all stations were back."""
        enough = len(self.log.made) + self._chance.randint(0, 2 * self._count)
        await until(lambda: len(self.log.made) >= enough, BACK_S, f"traffic flows\n{self.gateway.text[-2000:]}")
        victim = self._chance.choice(("gateway", "gateway", "nats-server", "both"))
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        if victim != "gateway":
            await self._kill_server()
        if victim != "nats-server":
            await self.gateway.end(signal.SIGKILL)
            for station in self.stations:
                station.connected.clear()
            await self._start_gateway()
        await until(lambda: all(each.connected.is_set() for each in self.stations), BACK_S, self.gateway.text[-2000:])
        return victim, loop.time() - begin_s

    async def _kill_server(self) -> None:
        """Kill nats-server and start it again on the same folder, without the rest after a failure."""
        assert self._server.pid is not None
        os.kill(self._server.pid, signal.SIGKILL)
        await self._server.stop()
        self._server = EmbeddedServer(self._folder, self._nats_port)
        await self._server.start()

    async def finish(self, living: list[asyncio.Task[None]]) -> None:
        """Bring all transactions to their end."""
        for station in self.stations:
            station.stopping = True
        await asyncio.wait_for(asyncio.gather(*living), 60)

    async def stored(self) -> list[dict[str, Any]]:
        """Return what the stream holds."""
        pattern = subjects.transactions("kill")
        return [msgspec.json.decode(data) async for _, data in self.bus.read("transactions", pattern)]

    async def stop(self) -> None:
        """End all processes."""
        await self.gateway.end()
        await self.bus.close()
        await self._server.stop()


def faults_of(events: list[dict[str, Any]], log: Log) -> list[str]:
    """Return what is lost, doubled or clashing."""
    starts = Counter((each["station"], each["transaction"]) for each in events if each["type"] == "TransactionStarted")
    ends = Counter((each["station"], each["transaction"]) for each in events if each["type"] == "TransactionEnded")
    faults = [f"start of {key} is there {starts[key]} times" for *key, _ in log.started if starts[tuple(key)] != 1]
    for made in log.made:
        if ends[made.station, made.transaction] != 1:
            faults.append(f"stop of {made} is there {ends[made.station, made.transaction]} times")
    faults += [
        f"a start that nobody was answered: {key}" for key in starts.keys() - {(a, b) for a, b, _ in log.started}
    ]
    ours = Counter(transaction for _, transaction, _ in log.started if transaction.isdigit())
    faults += [f"id {transaction} was given {times} times" for transaction, times in ours.items() if times > 1]
    return faults + log.differing


async def kill_rounds(
    folder: Path, *, rounds: int, stations: int, seed: int = 1, tell: Callable[[str], None] = lambda line: None
) -> Found:
    """Run so many rounds and return what they gave."""
    world, found = Rounds(folder, stations, seed), Found()
    await world.start()
    living = [asyncio.create_task(station.live()) for station in world.stations]
    try:
        await until(lambda: all(each.connected.is_set() for each in world.stations), BACK_S, "all stations connect")
        for number in range(1, rounds + 1):
            victim, back_s = await world.round()
            found.rounds, found.kills[victim] = number, found.kills[victim] + 1
            found.back_s.append(back_s)
            if number % 20 == 0:
                tell(f"round {number}: {len(world.log.made)} transactions")
        await world.finish(living)
        events = await world.stored()
        found.transactions, found.repeats = len(world.log.made), world.log.repeats
        found.faults = faults_of(events, world.log)
        view = {(each.station, each.transaction): each for each in listed(await stored_view(world.bus, "kill"))}
        for made in world.log.made:
            each = view.get((made.station, made.transaction))
            if each is None or energy_wh(each) != made.stop_wh - made.start_wh:
                found.faults.append(f"the view has another energy for {made}: {each}")
    finally:
        for task in living:
            task.cancel()
        await world.stop()
    return found
