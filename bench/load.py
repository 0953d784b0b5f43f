"""Many sites at once: how long from a reading to its setpoint, and what the processes need for it.

SITES sites of LOADS one-phase vehicles each, one reading a second and one state of each load every 5 s, on a real
nats-server with ALLOCATORS real allocators; the gateways and meters are this one process. All vehicles draw what they
were told. Every 20 s each site's L1 passes its limit by 0.5 A in one reading and falls back in the next: the first
reading must lead to a lower setpoint, and the time to it is measured from its publishing here to its arrival here.

With --move another allocator joins under this load and is told to end again: how many sites moved, after how long the
last of them was commanded by its new owner, and the longest that any load went without a setpoint (the lease is 15 s).

The figures hold for this machine with the load's own CPU on it, which is shown too; they drift by two between runs.
Run: python -m bench.load --sites 1000 [--loads 10] [--allocators 2] [--seconds 60] [--move] [--json]
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from bench.latency import broker, cpu_s, processes
from evenload.contracts import subjects
from evenload.contracts.events import LoadState, MeterReading, Setpoint
from evenload.contracts.phases import PerPhase
from evenload.contracts.records import SiteRecord
from evenload.contracts.wire import Codec, encode
from evenload.runtime.bus import Bus
from evenload.runtime.ports import free_port
from tests.integration.system.processes import Running

BREAKER_A, MARGIN_A, HOUSE_A, OVER_A = 63.0, 0.5, 20.0, 0.5
READING_S, STATE_S, STEP_S = 1.0, 5.0, 20
TICK_S = 0.02
START_S, WARM_S = 60.0, 40.0
MOVE_S, LEASE_S = 40.0, 15.0
HTTP_OK = 200
_SETPOINT = Codec(Setpoint, "Setpoint")
SITE = """\
site: {site}
grid: {{breaker_a: {breaker_a:g}}}
distribution: shared
meters: {{p1: {{role: grid, driver: homewizard, host: "127.0.0.1:9"}}}}
loads:
{loads}
"""
LOAD = "  l{number}: {{type: evse, station: {station}, max_a: 16, phases: [{phase}]}}"


@dataclass
class House:
    """One site as its devices see it."""

    name: str
    phases: tuple[int, ...]
    """Phase index of each load."""
    setpoint_a: list[float]
    over_since_s: float | None = None
    epoch: int = 0
    heard_s: list[float] = field(default_factory=list)
    """When each load's last setpoint came."""
    commanded_s: float = 0.0
    """When the first setpoint of this epoch came."""


@dataclass
class Seen:
    """What was measured."""

    took_s: list[float] = field(default_factory=list)
    missed: int = 0
    setpoints: int = 0
    sent: int = 0


class Load:
    """The devices of all sites."""

    def __init__(self, bus: Bus, sites: int, loads: int) -> None:
        self.bus, self.seen = bus, Seen()
        phases = tuple(number % 3 for number in range(loads))
        names = [f"s{number}" for number in range(sites)]
        now_s = time.monotonic()
        self.houses = {name: House(name, phases, [0.0] * loads, heard_s=[now_s] * loads) for name in names}
        self.measuring = False
        self.longest_gap_s = 0.0

    def on_setpoint(self, subject: str, data: bytes) -> None:
        """Obey at once; note how long a cut took."""
        setpoint: Setpoint = _SETPOINT.decode(data, subject)
        house, number = self.houses[setpoint.site], int(setpoint.load[1:])
        lowered = setpoint.setpoint_a < house.setpoint_a[number]
        house.setpoint_a[number] = setpoint.setpoint_a
        self._heard(house, number, setpoint.epoch)
        self.seen.setpoints += 1
        if lowered and house.phases[number] == 0 and house.over_since_s is not None:
            if self.measuring:
                self.seen.took_s.append(time.monotonic() - house.over_since_s)
            house.over_since_s = None
        if lowered:
            self.state(house, number)

    def _heard(self, house: House, number: int, epoch: int) -> None:
        now_s = time.monotonic()
        self.longest_gap_s = max(self.longest_gap_s, now_s - house.heard_s[number])
        house.heard_s[number] = now_s
        if epoch > house.epoch:
            house.epoch, house.commanded_s = epoch, now_s

    async def run(self, seconds: float) -> None:
        """Send readings and states, spread evenly over their periods, and fall behind rather than burst."""
        loop = asyncio.get_running_loop()
        began_s, ticks = loop.time(), round(seconds / TICK_S)
        names = list(self.houses)
        for tick in range(ticks):
            for place in _due(tick, len(names), READING_S):
                turn = round(tick * TICK_S // READING_S)
                self.reading(self.houses[names[place]], over=(turn + place) % STEP_S == 0)
            loads = len(next(iter(self.houses.values())).phases)
            for place in _due(tick, len(names) * loads, STATE_S):
                self.state(self.houses[names[place // loads]], place % loads)
            await asyncio.sleep(max(0.0, began_s + (tick + 1) * TICK_S - loop.time()))

    def reading(self, house: House, *, over: bool) -> None:
        """Send a grid reading: house and loads, or on L1 so much that the breaker's limit is passed."""
        if house.over_since_s is not None and self.measuring:
            self.seen.missed += 1
        current_a = [HOUSE_A, HOUSE_A, HOUSE_A]
        for phase, drawn_a in zip(house.phases, house.setpoint_a, strict=True):
            current_a[phase] += drawn_a
        if over:
            current_a[0] = max(current_a[0], BREAKER_A - MARGIN_A + OVER_A)
        drawn_there = any(drawn_a for phase, drawn_a in zip(house.phases, house.setpoint_a, strict=True) if phase == 0)
        house.over_since_s = time.monotonic() if over and drawn_there else None
        current = PerPhase(l1=current_a[0], l2=current_a[1], l3=current_a[2])
        event = MeterReading(site=house.name, meter="p1", role="grid", measured_at=datetime.now(UTC), current_a=current)
        self.bus.publish(subjects.reading(house.name, "p1"), event)
        self.seen.sent += 1

    def state(self, house: House, number: int) -> None:
        """Send a load's state: it draws its setpoint."""
        current_a, name = house.setpoint_a[number], f"l{number}"
        phase = ("l1", "l2", "l3")[house.phases[number]]
        event = LoadState(
            site=house.name,
            load=name,
            measured_at=datetime.now(UTC),
            status="charging",
            measured_a=PerPhase(**{phase: current_a}),
            setpoint_a=current_a,
            epoch=house.epoch,
            transaction="1",
        )
        self.bus.publish(subjects.load_state(house.name, name), event)
        self.seen.sent += 1


def _due(tick: int, count: int, period_s: float) -> range:
    """Return which of `count` things are due in this tick when each is due once a period."""
    in_period = round(period_s / TICK_S)
    slot = tick % in_period
    return range(slot * count // in_period, (slot + 1) * count // in_period)


def site_text(name: str, loads: int) -> str:
    """Return a site file."""
    lines = [
        LOAD.format(number=number, station=f"{name}-{number}", phase=f"L{number % 3 + 1}") for number in range(loads)
    ]
    return SITE.format(site=name, breaker_a=BREAKER_A, loads="\n".join(lines))


async def measure(
    folder: Path, sites: int, loads: int, *, allocators: int, seconds: float, move: bool = False
) -> dict[str, Any]:
    """Return all figures."""
    async with broker(folder) as (url, bus), processes() as running:
        load = Load(bus, sites, loads)
        bucket = await bus.bucket(subjects.SITES)
        for name in load.houses:
            text = site_text(name, loads)
            record = SiteRecord(site=name, text=text, source=f"{name}.yaml", applied_at=datetime.now(UTC), config_rev=1)
            await bucket.put(name, encode(record))
        ports = [free_port() for _ in range(allocators)]
        for port in ports:
            running.append(await allocator(url, port))
        for port in ports:
            await ready(port)
        await bus.subscribe(subjects.setpoint(), load.on_setpoint)
        print(f"{sites} sites × {loads} loads, {allocators} allocators: warming up for {WARM_S:g} s", file=sys.stderr)
        await load.run(WARM_S)
        load.seen, load.measuring = Seen(), True
        pids = {f"allocator {number + 1}": each.pid for number, each in enumerate(running)}
        pids |= {"nats-server": _server_pid(url), "this load": _own_pid()}
        before, began_s = {name: cpu_s(pid) for name, pid in pids.items()}, time.monotonic()
        await load.run(seconds)
        passed_s = time.monotonic() - began_s
        cpu = {name: (cpu_s(pid) - before[name]) / passed_s for name, pid in pids.items()}
        found = {
            **_latency(load.seen),
            "behind_s": passed_s - seconds,
            "cpu": cpu,
            "memory_mb": {name: _memory_mb(pid) for name, pid in pids.items()},
            "messages_per_s": (load.seen.sent + load.seen.setpoints) / passed_s,
            "setpoints_per_s": load.seen.setpoints / passed_s,
            "sites_owned": [await _owned(port) for port in ports],
        }
        return found | {"moves": [await joined(load, url, running), await left(load, running)] if move else []}


async def allocator(url: str, port: int) -> Running:
    """Start an allocator."""
    environment = {"EVENLOAD_NATS_URL": url, "EVENLOAD_HTTP_PORT": str(port)}
    return await Running.start(sys.executable, "-m", "services.allocator", **environment)


async def ready(port: int) -> None:
    """Return when the process is ready: it has read all sites and holds its lease."""
    async with asyncio.timeout(START_S), aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/readyz") as reply:
                    if reply.status == HTTP_OK:
                        return
            await asyncio.sleep(0.05)


async def joined(load: Load, url: str, running: list[Running]) -> dict[str, Any]:
    """Start one more allocator under load; return what moved to it."""

    async def join() -> float:
        port = free_port()
        running.append(await allocator(url, port))
        await ready(port)
        return time.monotonic()

    return {"what": "one more allocator, from its being ready", **await _moved(load, join)}


async def left(load: Load, running: list[Running]) -> dict[str, Any]:
    """Tell the newest allocator to end, under load; return what moved from it."""

    async def leave() -> float:
        told_s = time.monotonic()
        await running.pop().end()
        return told_s

    return {"what": "one allocator less, from its being told to end", **await _moved(load, leave)}


async def _moved(load: Load, change: Callable[[], Awaitable[float]]) -> dict[str, Any]:
    """Change the allocators while all sites go on; return what moved until nothing more did for a lease's length."""
    before = {name: house.epoch for name, house in load.houses.items()}
    load.longest_gap_s = 0.0
    running = asyncio.create_task(load.run(MOVE_S))
    since_s = await change()
    await running
    moved = [house for name, house in load.houses.items() if house.epoch > before[name]]
    now_s = time.monotonic()
    silent = sum(now_s - heard_s > LEASE_S for house in load.houses.values() for heard_s in house.heard_s)
    return {
        "sites": len(moved),
        "last_s": max((house.commanded_s - since_s for house in moved), default=0.0),
        "longest_gap_s": load.longest_gap_s,
        "silent": silent,
    }


def _latency(seen: Seen) -> dict[str, float]:
    took_s = sorted(seen.took_s) or [float("nan")]
    place = min(len(took_s) - 1, round(len(took_s) * 0.99))
    return {
        "p50_ms": took_s[len(took_s) // 2] * 1e3,
        "p99_ms": took_s[place] * 1e3,
        "worst_ms": took_s[-1] * 1e3,
        "steps": len(seen.took_s),
        "missed": seen.missed,
    }


async def _owned(port: int) -> int:
    """Return how many sites an allocator decides on."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as reply:
        text = await reply.text()
    return sum(line.startswith("evenload_site_health{") for line in text.splitlines())


def _own_pid() -> int:
    return int(Path("/proc/self").resolve().name)


def _server_pid(url: str) -> int:
    """Return the nats-server's process: the child of this one that listens there."""
    own = _own_pid()
    children = Path(f"/proc/{own}/task/{own}/children").read_text(encoding="ascii").split()
    port = url.rpartition(":")[2]
    return next(int(pid) for pid in children if _serves(pid, port))


def _serves(pid: str, port: str) -> bool:
    command = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
    if "nats-server" not in command[0]:
        return False
    config = next((word for word in command if word.endswith(".conf")), "")
    return not config or f":{port}" in Path(config).read_text(encoding="utf-8")


def _memory_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def show(found: dict[str, Any], sites: int, loads: int) -> None:
    """Print the table."""
    print(f"{sites} sites × {loads} loads at 1 reading/s")
    print(
        f"reading → setpoint: p50 {found['p50_ms']:.1f} ms, p99 {found['p99_ms']:.1f} ms,"
        f" worst {found['worst_ms']:.0f} ms ({found['steps']:.0f} steps, {found['missed']:.0f} not within a second;"
        f" the load was {found['behind_s']:.1f} s behind)"
    )
    print(f"{found['messages_per_s']:.0f} messages/s on the bus, of them {found['setpoints_per_s']:.0f} setpoints")
    print(f"{'process':14}{'CPU cores':>10}{'MB':>8}")
    for name, cores in found["cpu"].items():
        print(f"{name:14}{cores:10.2f}{found['memory_mb'][name]:8.0f}")
    print(f"sites of each allocator: {', '.join(map(str, found['sites_owned']))}")
    for move in found["moves"]:
        print(
            f"{move['what']}: {move['sites']} sites moved, the last after {move['last_s']:.1f} s; longest time of a"
            f" load without a setpoint {move['longest_gap_s']:.1f} s, loads without one at the end {move['silent']}"
        )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sites", type=int, default=1000)
    parser.add_argument("--loads", type=int, default=10)
    parser.add_argument("--allocators", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--move", action="store_true", help="then let an allocator join and leave under this load")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    asked = parser.parse_args()
    most = {"allocators": asked.allocators, "seconds": asked.seconds, "move": asked.move}
    folder = Path(tempfile.mkdtemp(prefix="evenload-bench-"))
    try:
        found = asyncio.run(measure(folder, asked.sites, asked.loads, **most))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if asked.json:
        print(json.dumps(found))
    else:
        show(found, asked.sites, asked.loads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
