"""From a reading to the profile on a charging station's socket, with real processes.

1. Reading on the bus → SetChargingProfile on the socket: 10 stations, 10 readings a second, some 0.5 A over the
   breaker. NATS, allocator and gateway as they run in production, beside a toy chain of three processes (publisher →
   decide → WebSocket writer); readings alternate between the two, so that both see the same machine.
2. A +20 A step of the house on one phase at a HomeWizard meter → a lower profile on the socket, `evenload up` with a
   home for each step (a second one would wait for the hold), with meters asked every 0.2 s, and every second.

The stations are the `ocpp` package's client class; a frame's time is taken as it leaves their socket. Figures drift by
two between runs and machines, the ratios less. Run: python -m bench.latency [--json]
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import nats

from evenload.contracts import subjects
from evenload.contracts.events import MeterReading
from evenload.contracts.phases import PerPhase
from evenload.contracts.wire import Codec, ContractError
from evenload.runtime.apply import apply_site
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import NatsBus, connect_nats
from evenload.runtime.ports import free_port
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings
from tests.integration.system.processes import EVENLOAD, Running, until

STATIONS, TURNS, TURN_S = 10, 84, 1.0
STEPS, STEP_A, VOLTAGE_V = 20, 20.0, 230.0
HOUSE_A, CAR_A, LIMIT_A, OVER_A = 8.0, 16.0, 24.5, 0.5
START_S = 40.0
PERIODS_S = (0.2, 1.0)
SITE = """
site: {site}
grid: {{breaker_a: 25, household_max_a: 8.5}}
meters: {{p1: {{role: grid, driver: homewizard, host: "{host}", period_s: {period_s}}}}}
stations: {{{station}: {{overrides: {{interval_s: 1}}}}}}
loads: {{car: {{type: evse, station: {station}, max_a: {max_a}}}}}
"""
_READING = Codec(MeterReading, "MeterReading")


class Stations:
    """Foreign stations in one process, and what came on their sockets."""

    def __init__(self, running: Running) -> None:
        self.running = running

    @classmethod
    async def start(cls, url: str, names: list[str]) -> "Stations":
        """Connect all; return once each draws."""
        identities = [part for name in names for part in ("--id", name)]
        module = "tests.integration.system.foreign_station"
        return cls(await Running.start(sys.executable, "-m", module, "--url", url, *identities, "--lag-s", "0"))

    async def draw(self, names: list[str]) -> None:
        """Return once all vehicles draw."""
        try:
            await until(lambda: all(self.drawn_a(name) >= 6 for name in names), START_S)
        except AssertionError:
            raise AssertionError("not all stations draw:\n" + "\n".join(self.running.lines[-40:])) from None

    def drawn_a(self, name: str) -> float:
        """Return what a vehicle draws, A per line."""
        return next((each["current_a"] for each in self._back("draws", name)), 0.0)

    def lowered_s(self, name: str, since_s: float, below_a: float) -> float | None:
        """Return when the first profile below `below_a` came since then, None while there is none."""
        found = None
        for profile in self._back("profile", name):
            if profile["frame_s"] < since_s:
                break
            found = profile["frame_s"] if profile["limit_a"] < below_a else found
        return found

    def _back(self, event: str, name: str) -> Iterator[dict[str, Any]]:
        """Yield its events, newest first."""
        wanted = f'"event": "{event}", "station": "{name}"'
        return (json.loads(line) for line in reversed(self.running.lines) if wanted in line)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Chain:
    """One of the two chains: how a reading is sent into it, its stations, the processes that are measured."""

    def __init__(self, stations: Stations, send: Callable[[int, float, float], Any], pids: list[int]) -> None:
        self.stations, self.send, self.pids = stations, send, pids
        self.sent: list[tuple[str, float, float]] = []
        self.readings = 0
        self._began_cpu_s = self._cpu_s()

    def _cpu_s(self) -> float:
        return sum(cpu_s(pid) for pid in self.pids)

    def begin(self) -> None:
        """Start counting."""
        self.sent, self.readings, self._began_cpu_s = [], 0, self._cpu_s()

    async def read(self, number: int, *, over_a: float) -> None:
        """Send a reading of one station's site: at the breaker's limit, and `over_a` more."""
        name = f"S{number}"
        drawn_a = self.stations.drawn_a(name)
        self.readings += 1
        if over_a:
            self.sent.append((name, time.monotonic(), drawn_a))
        sending = self.send(number, LIMIT_A + over_a - drawn_a, drawn_a)
        if asyncio.iscoroutine(sending):
            await sending

    def figures(self) -> dict[str, float]:
        """Return p50 and p99 in ms, CPU µs a reading, and how many overloads led to a profile and to none."""
        came = [(self.stations.lowered_s(name, sent_s, drawn_a), sent_s) for name, sent_s, drawn_a in self.sent]
        took_s = sorted(at_s - sent_s for at_s, sent_s in came if at_s is not None and at_s - sent_s < TURN_S)
        return {
            "p50_ms": statistics.median(took_s) * 1e3,
            "p99_ms": took_s[min(len(took_s) - 1, round(len(took_s) * 0.99))] * 1e3,
            "cpu_us": (self._cpu_s() - self._began_cpu_s) * 1e6 / self.readings,
            "measured": len(took_s),
            "without": len(self.sent) - len(took_s),
        }


@asynccontextmanager
async def broker(folder: Path) -> AsyncIterator[tuple[str, NatsBus]]:
    """A nats-server as `up` runs it, and a connection."""
    server = EmbeddedServer(folder / "nats", free_port())
    await server.start()
    bus = await connect_nats(Settings(nats_url=server.url), f"bench{os.getpid()}", "bench", SystemClock(), wait_s=10)
    try:
        await ensure(bus)
        yield server.url, bus
    finally:
        await bus.close()
        await server.stop()


@asynccontextmanager
async def processes() -> AsyncIterator[list[Running]]:
    """Processes that are ended at the end, newest first."""
    found: list[Running] = []
    try:
        yield found
    finally:
        for running in reversed(found):
            await running.end()


async def ours(url: str, bus: NatsBus, running: list[Running]) -> Chain:
    """Start allocator and gateway with a site for each station, and the stations."""
    port = free_port()
    for number in range(STATIONS):
        text = SITE.format(site=f"s{number}", host="127.0.0.1:9", period_s=1, station=f"S{number}", max_a=16)
        await apply_site(bus, text, f"s{number}.yaml", datetime.now(UTC))
    environment = {"EVENLOAD_NATS_URL": url, "EVENLOAD_HTTP_PORT": "0", "EVENLOAD_OCPP_OPEN": "1"}
    environment |= {"EVENLOAD_OCPP_PORT": str(port)}
    gateway = await _service("ocpp_gateway", environment, running)
    # The cars charge at their failsafe current before anybody allocates: the allocator takes over what is in force.
    stations = await _stations(f"ws://127.0.0.1:{port}", running)
    allocator = await _service("allocator", environment, running)

    def send(number: int, house_a: float, drawn_a: float) -> None:
        grid_a = house_a + drawn_a
        current = PerPhase(l1=grid_a, l2=grid_a, l3=grid_a)
        site, now = f"s{number}", datetime.now(UTC)
        bus.publish(
            subjects.reading(site, "p1"),
            MeterReading(site=site, meter="p1", role="grid", measured_at=now, current_a=current),
        )

    return Chain(stations, send, [gateway.pid, allocator.pid])


async def _service(name: str, environment: dict[str, str], running: list[Running]) -> Running:
    found = await Running.start(sys.executable, "-m", f"services.{name}", **environment)
    running.append(found)
    await until(lambda: any("ready" in line for line in found.lines), START_S, f"{name} is ready")
    return found


async def toy(url: str, bus: NatsBus, running: list[Running]) -> Chain:
    """Start the toy's two processes and its stations."""
    port = free_port()
    for what in ("decide", "write"):
        command = (sys.executable, "-m", "bench.toy_chain", what, "--nats", url, "--port", str(port))
        running.append(await Running.start(*command))
        await until(lambda: "ready" in running[-1].lines, START_S, f"the toy's {what} is ready")
    stations = await _stations(f"ws://127.0.0.1:{port}", running)
    client = await nats.connect(url, error_cb=_quiet)

    async def send(number: int, house_a: float, drawn_a: float) -> None:
        body = json.dumps({"grid_a": house_a + drawn_a, "drawn_a": drawn_a})
        await client.publish(f"toy.reading.S{number}", body.encode())

    return Chain(stations, send, [each.pid for each in running[-3:-1]])


async def _quiet(fault: Exception) -> None:
    """The server ends before its clients."""


async def _stations(url: str, running: list[Running]) -> Stations:
    names = [f"S{number}" for number in range(STATIONS)]
    stations = await Stations.start(url, names)
    running.append(stations.running)
    await stations.draw(names)
    return stations


async def reading_to_socket(folder: Path) -> dict[str, dict[str, float]]:
    """Return the figures of both chains."""
    async with broker(folder) as (url, bus), processes() as running:
        chains = {"toy chain": await toy(url, bus, running), "evenload": await ours(url, bus, running)}
        await _calm(chains["evenload"])
        for chain in chains.values():
            chain.begin()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for tick in range(TURNS * STATIONS):
            turn, number = divmod(tick, STATIONS)
            # what is lowered counts as lowered for its settle time of 6 s: a site is overloaded every 7th turn
            over_a = OVER_A if (turn + number) % 7 == 0 else 0.0
            for chain in chains.values():
                await chain.read(number, over_a=over_a)
                await asyncio.sleep(TURN_S / STATIONS / 2)
            await asyncio.sleep(max(0.0, began_s + (tick + 1) * TURN_S / STATIONS - loop.time()))
        return {name: chain.figures() for name, chain in chains.items()}


async def _calm(chain: Chain) -> None:
    """Let the allocator hear everybody: readings within all limits for as long as it listens at its start."""
    for _ in range(12):
        for number in range(STATIONS):
            chain.send(number, HOUSE_A, chain.stations.drawn_a(f"S{number}"))
        await asyncio.sleep(1.0)


async def house_steps(folder: Path, period_s: float) -> dict[str, float]:
    """Return ms from the step to the frame, to the reading on the bus, and from there to the frame, medians."""
    names = [f"H{number}" for number in range(STEPS)]
    async with processes() as running:
        running.append(await Running.start(sys.executable, "-m", "bench.meters", "--count", str(STEPS)))
        await until(lambda: running[0].lines, START_S, "meters")
        addresses: list[str] = json.loads(running[0].lines[0])
        files = [folder / f"h{number}.yaml" for number in range(STEPS)]
        for number, path in enumerate(files):
            # a car that can only have its minimum stands still until the step: nothing else moves the meter
            facts = {"site": f"h{number}", "host": addresses[number], "station": f"H{number}"}
            text = SITE.format(**facts, period_s=period_s, max_a=6)
            path.write_text(text, encoding="utf-8")
        nats_port, ocpp_port = free_port(), free_port()
        ports = ("--port", str(nats_port), "--ocpp-port", str(ocpp_port), "--open-stations", "--no-table")
        up = await Running.start(EVENLOAD, "up", *map(str, files), "--data-dir", str(folder / "up"), *ports)
        running.append(up)
        await until(lambda: (folder / "up" / "up.json").exists(), START_S, f"evenload up:\n{up.text}")
        stations = await Stations.start(f"ws://127.0.0.1:{ocpp_port}", names)
        running.append(stations.running)
        await stations.draw(names)
        settings = Settings(nats_url=f"nats://127.0.0.1:{nats_port}")
        bus = await connect_nats(settings, f"bench{os.getpid()}", "bench", SystemClock(), wait_s=10)
        try:
            return await _steps(bus, stations, addresses)
        finally:
            await bus.close()


async def _steps(bus: NatsBus, stations: Stations, addresses: list[str]) -> dict[str, float]:
    heard_s: dict[str, float] = {}
    decided: set[str] = set()

    def on_reading(subject: str, data: bytes) -> None:
        try:
            reading: MeterReading = _READING.decode(data, subject)
        except ContractError:
            return
        if reading.current_a is not None and (reading.current_a.l1 or 0.0) > LIMIT_A:
            heard_s.setdefault(reading.site, time.monotonic())

    await bus.subscribe(subjects.reading(), on_reading)
    await bus.subscribe(subjects.setpoint(), lambda subject, data: decided.add(subject.split(".")[2]))
    whole: list[float] = []
    own: list[float] = []
    async with aiohttp.ClientSession() as session:
        await _draws(session, stations, addresses)
        await until(lambda: len(decided) == STEPS, START_S, "all sites are decided on")
        for number, address in enumerate(addresses):
            name, site = f"H{number}", f"h{number}"
            await stations.draw([name])
            drawn_a = stations.drawn_a(name)
            net_w = (HOUSE_A + drawn_a) * VOLTAGE_V
            heard_s.pop(site, None)
            # a fixed share of a meter's period later each time, so that all moments of it are met
            await asyncio.sleep(0.137 * (1 + number % 7))
            stepped_s = time.monotonic()
            async with session.put(f"http://{address}/_control", json={"l1_w": net_w + STEP_A * VOLTAGE_V}):
                pass
            came_s = await until(
                lambda name=name, since_s=stepped_s, below_a=drawn_a: stations.lowered_s(name, since_s, below_a),
                5.0,
                f"a lower profile for {name}",
            )
            whole.append(came_s - stepped_s)
            own.append(came_s - heard_s[site])
    return {
        "step_to_socket_ms": statistics.median(whole) * 1e3,
        "worst_ms": max(whole) * 1e3,
        "bus_to_socket_ms": statistics.median(own) * 1e3,
        "steps": len(whole),
    }


async def _draws(session: aiohttp.ClientSession, stations: Stations, addresses: list[str]) -> None:
    """Let each meter see its house and its car."""
    for number, address in enumerate(addresses):
        watts = (HOUSE_A + stations.drawn_a(f"H{number}")) * VOLTAGE_V
        async with session.put(f"http://{address}/_control", json={f"l{line}_w": watts for line in (1, 2, 3)}):
            pass


async def measure(folder: Path) -> dict[str, Any]:
    """Return all figures."""
    found: dict[str, Any] = {"chains": await reading_to_socket(folder)}
    for period_s in PERIODS_S:
        own = folder / f"steps{period_s:g}"
        own.mkdir()
        found[f"steps {period_s:g} s"] = await house_steps(own, period_s)
    return found


def show(found: dict[str, Any]) -> None:
    """Print the tables."""
    chains = found["chains"]
    print(f"reading on the bus → profile on the socket, {STATIONS} stations, 10 readings/s, real processes")
    print(f"{'':12}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs/reading':>16}{'overloads':>10}{'led to none':>13}")
    for name, row in chains.items():
        print(
            f"{name:12}{row['p50_ms']:9.2f}{row['p99_ms']:9.2f}{row['cpu_us']:16.0f}"
            f"{row['measured']:10.0f}{row['without']:13.0f}"
        )
    ratios = {key: chains["evenload"][key] / chains["toy chain"][key] for key in ("p50_ms", "p99_ms", "cpu_us")}
    print(f"{'ratio':12}{ratios['p50_ms']:9.2f}{ratios['p99_ms']:9.2f}{ratios['cpu_us']:16.2f}")
    print(f"+{STEP_A:g} A house step at the meter → lower profile on the socket, median of {STEPS}, ms")
    for period_s in PERIODS_S:
        row = found[f"steps {period_s:g} s"]
        print(
            f"  meter asked every {period_s:g} s: {row['step_to_socket_ms']:.0f} (worst {row['worst_ms']:.0f}); "
            f"of that from the bus to the socket {row['bus_to_socket_ms']:.1f}"
        )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="evenload-bench-"))
    try:
        found = asyncio.run(measure(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if asked.json:
        print(json.dumps(found))
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
