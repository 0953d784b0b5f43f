"""A link that is cut half-open amid transactions: python -m tests.kill.half_open --cut 60.

Between stations and gateway lies a link that loses every byte for a while and closes nothing. Some stations hold one
transaction under a setpoint that is renewed on the bus, others make one after the other and repeat each message until
it is answered. Afterwards every station must be served again with its setpoint, and the stream must hold each start and
stop once. Exit status 0 when it does, and everything was whole within 15 s.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from evenload.contracts import subjects
from evenload.contracts.events import Setpoint
from evenload.runtime.apply import apply_site
from evenload.runtime.bus import Bus
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import connect_nats
from evenload.runtime.ports import free_port
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings
from evenload.simulation.link import Link
from evenload.simulation.station import StationClient
from evenload.simulation.station_core import Station
from tests.integration.system.processes import Running, until
from tests.kill.rounds import faults_of
from tests.kill.stations import KillStation, Log

LIMIT_A = 11.0
RENEW_S, LOOK_S = 4.0, 0.25
SETTLE_S, BACK_S, AIM_S = 60.0, 120.0, 15.0
PATIENCE = 8
Utc = Callable[[], datetime]


def site_text(holders: int, makers: int) -> str:
    """Return a site with a load for each station; with no household known, every failsafe is 0 A."""
    names = [f"H{n}" for n in range(holders)] + [f"K{n}" for n in range(makers)]
    loads = "\n".join(f"  {name.lower()}: {{type: evse, station: {name}}}" for name in names)
    meters = "meters: {p1: {role: grid, driver: homewizard, host: 127.0.0.1}}"
    return f"site: half\ngrid: {{breaker_a: 2000}}\n{meters}\nloads:\n{loads}\n"


@dataclass
class Found:
    """What one cut gave; times are seconds after the link was back."""

    cut_s: float
    most_a: float = 0.0
    """The most that a station allowed while it was cut off."""
    failsafe_s: list[float] = field(default_factory=list)
    """After how many seconds of the cut stations stepped down to their failsafe by themselves."""
    held: int = 0
    back_s: float = 0.0
    told_s: float = 0.0
    transactions: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        down = f"{len(self.failsafe_s)} of {self.held} stepped down to their failsafe by themselves"
        if self.failsafe_s:
            down += f" ({min(self.failsafe_s):.0f} to {max(self.failsafe_s):.0f} s after the cut)"
        lines = [
            f"link cut half-open for {self.cut_s:.0f} s: meanwhile at most {self.most_a:g} A allowed, {down}",
            f"  after it was back: all served after {self.back_s:.1f} s, setpoints in force again after "
            f"{self.told_s:.1f} s (aim {AIM_S:.0f})",
            f"  {self.transactions} transactions: {len(self.faults)} lost, doubled or clashing",
        ]
        return "\n".join(lines + self.faults[:20])


class Holder:
    """A simulated station that charges under a setpoint."""

    def __init__(self, name: str, url: str, utc: Utc) -> None:
        self.name, self._utc = name, utc
        self.station = Station(identity=name)
        self.connects = self.profiles = 0
        """Profiles that it accepted over its newest connection."""
        self.stopped = asyncio.Event()
        self.started: list[int] = []
        self.client = StationClient(self.station, url, None, self._on_event, utc=utc)
        self.client.plug(16.0, 3)

    def _on_event(self, event: dict[str, Any]) -> None:
        if event["event"] == "connected":
            self.connects, self.profiles = self.connects + 1, 0
        elif event["event"] == "call" and event["action"] == "SetChargingProfile":
            self.profiles += event["answer"] == {"status": "Accepted"}
        elif event["event"] == "started":
            self.started.append(event["transaction"])
        elif event["event"] == "stopped":
            self.stopped.set()

    def allowed_a(self) -> float:
        """Return the current in force at the station."""
        return self.station.allowed_a(self._utc())

    def holds(self) -> bool:
        """Tell whether it charges under the setpoint."""
        return self.station.transaction is not None and self.allowed_a() == LIMIT_A


async def renew(bus: Bus, holders: list[Holder], utc: Utc) -> None:
    """Publish the holders' setpoints each 4 s, as an allocator does."""
    while True:
        for holder in holders:
            load = holder.name.lower()
            setpoint = Setpoint(site="half", load=load, setpoint_a=LIMIT_A, issued_at=utc(), epoch=1)
            bus.publish(subjects.setpoint("half", load), setpoint)
        await asyncio.sleep(RENEW_S)


async def faults_in(bus: Bus, log: Log, holders: list[Holder]) -> list[str]:
    """Return what the stream of transactions lacks, or has twice."""
    pattern = subjects.transactions("half")
    events = [msgspec.json.decode(data) async for _, data in bus.read("transactions", pattern)]
    faults = faults_of([each for each in events if each["station"].startswith("K")], log)
    kept = Counter((each["type"], each["station"], each["transaction"]) for each in events)
    for holder in holders:
        transaction = str(holder.started[0]) if len(holder.started) == 1 else "?"
        for kind in ("TransactionStarted", "TransactionEnded"):
            if kept[kind, holder.name, transaction] != 1:
                faults.append(f"{holder.name}: {kind} of {holder.started} is there {kept}")
    return faults


class HalfOpen:
    """The stations on both sides of the cut."""

    def __init__(self, bus: Bus, link: Link, utc: Utc, *, holders: int, makers: int) -> None:
        self._bus, self._link, self._utc = bus, link, utc
        self.log, self._stopping = Log(), asyncio.Event()
        url = f"ws://127.0.0.1:{link.port}"
        self.holders = [Holder(f"H{n}", url, utc) for n in range(holders)]
        versions = ("1.6", "2.0.1")
        self.makers = [
            KillStation(f"K{n}", versions[n % 2], lambda: url, self.log, pause_s=1.0, patience=PATIENCE)
            for n in range(makers)
        ]
        self._reachable: dict[str, bool] = {}
        self._loop = asyncio.get_running_loop()

    async def run(self, cut_s: float, *, forgets: bool = False) -> Found:
        """Cut the link for so long and return what came of it; `forgets`: the old connections are reset then."""
        await self._bus.subscribe(subjects.load_state("half"), self._on_state)
        holding = [asyncio.create_task(each.client.run(self._stopping)) for each in self.holders]
        making = [asyncio.create_task(each.live()) for each in self.makers]
        renewing = asyncio.create_task(renew(self._bus, self.holders, self._utc))
        found = Found(cut_s=cut_s, held=len(self.holders))
        try:
            await until(self._settled, SETTLE_S, "every station charges under its setpoint")
            await self._cut(found, forgets)
            await self._back(found)
            await self._finish(making)
            found.transactions = len(self.log.made) + len(self.holders)
            found.faults += await faults_in(self._bus, self.log, self.holders)
        finally:
            self._stopping.set()
            for task in (*making, renewing):
                task.cancel()
            await asyncio.gather(*holding, *making, renewing, return_exceptions=True)
        return found

    def _on_state(self, subject: str, data: bytes) -> None:
        state = msgspec.json.decode(data)
        self._reachable[state["load"]] = state["reachable"]

    def _settled(self) -> bool:
        return all(each.holds() and each.station.drawn_a == LIMIT_A for each in self.holders) and bool(self.log.made)

    async def _cut(self, found: Found, forgets: bool) -> None:
        """Lose every byte; look at what the stations allow, and that the gateway takes them for gone."""
        self._link.cut()
        began_s, down = self._loop.time(), set[str]()

        def over() -> bool:
            for holder in self.holders:
                allowed_a = holder.allowed_a()
                found.most_a = max(found.most_a, allowed_a)
                if allowed_a < LIMIT_A and holder.name not in down:
                    down.add(holder.name)
                    found.failsafe_s.append(self._loop.time() - began_s)
            return self._loop.time() - began_s >= found.cut_s

        await until(over, found.cut_s + SETTLE_S)
        found.faults += [f"{load} is reachable amid the cut" for load, is_there in self._reachable.items() if is_there]
        if forgets:
            self._link.forget()
        self._link.mend()

    async def _back(self, found: Found) -> None:
        began_s, made = self._loop.time(), Counter(each.station for each in self.log.made)
        connects = {each.name: each.connects for each in self.holders}

        def served() -> bool:
            now = Counter(each.station for each in self.log.made)
            return all(self._reachable.values()) and all(now[each.name] > made[each.name] for each in self.makers)

        def told() -> bool:
            return all(each.holds() and each.profiles and each.connects > connects[each.name] for each in self.holders)

        async def since(holds: Callable[[], bool]) -> float:
            await until(holds, BACK_S, f"{holds.__name__} again; reachable: {self._reachable}")
            return self._loop.time() - began_s

        found.back_s, found.told_s = await asyncio.gather(since(served), since(told))

    async def _finish(self, making: list[asyncio.Task[None]]) -> None:
        """Bring every transaction to its end."""
        for maker in self.makers:
            maker.stopping = True
        for holder in self.holders:
            holder.client.unplug()
        await asyncio.wait_for(asyncio.gather(*making, *(each.stopped.wait() for each in self.holders)), SETTLE_S)


async def real(folder: Path, cut_s: float, *, holders: int, makers: int) -> Found:
    """Cut the link between stations and a gateway's process over a real nats-server."""
    server = EmbeddedServer(folder / "nats")
    await server.start()
    bus = await connect_nats(Settings(nats_url=server.url), "half", "half", SystemClock(), wait_s=5)
    await ensure(bus)
    await apply_site(bus, site_text(holders, makers), "half.yaml", datetime.now(UTC))
    port = free_port()
    gateway = await Running.start(
        sys.executable, "-m", "services.ocpp_gateway", EVENLOAD_NATS_URL=server.url,
        EVENLOAD_OCPP_PORT=str(port), EVENLOAD_OCPP_OPEN="1", EVENLOAD_HTTP_PORT="0",
    )  # fmt: skip
    link = Link(port)
    await link.start()
    try:
        await until(lambda: "stations connect to" in gateway.text, SETTLE_S, "the gateway listens")
        stations = HalfOpen(bus, link, lambda: datetime.now(UTC), holders=holders, makers=makers)
        return await stations.run(cut_s)
    finally:
        await link.stop()
        await gateway.end()
        await bus.close()
        await server.stop()


def main() -> int:
    """Cut once for each time that is asked for; print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cut", type=float, nargs="+", default=[60.0], help="s; 30 or more")
    parser.add_argument("--holders", type=int, default=20)
    parser.add_argument("--makers", type=int, default=10)
    wanted = parser.parse_args()
    good = True
    for cut_s in wanted.cut:
        with tempfile.TemporaryDirectory(prefix="evenload-half-") as folder:
            found = asyncio.run(real(Path(folder), cut_s, holders=wanted.holders, makers=wanted.makers))
        print(found, flush=True)
        good = good and not found.faults and max(found.back_s, found.told_s) <= AIM_S
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
