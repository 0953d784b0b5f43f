"""The gateway beside other OCPP servers, in one run: a message, calls a second, latency, connects, memory.

Servers run in a process of their own on the second core, the stations in this one on the first. What is compared is the
CPU time of the server's process, so that the figure does not depend on what else the machine does. The peers: a server
as the `ocpp` package's README shows, the bare minimum (websockets, msgspec, uvloop), with --node npm's ocpp-rpc in
strict mode, which is fetched into a temporary folder. Run: python -m bench.gateway [--stations 1000] [--node]
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from bench.light_station import LightStation
from bench.ocpp_servers import NODE
from evenload.runtime.ports import free_port

IDLE = 10_000
CONNECTS = 1_000
ROUNDS = 3
AT_ONCE = 200
SECONDS = 4.0
CALLS_HZ = 200
LATENCY_S = 5.0
SETTLED_S = 20.0
TITLES = {
    "readme": "ocpp package, as its README",
    "bare": "bare websockets + msgspec",
    "node": "ocpp-rpc of npm, strict",
    "ours": "evenload gateway",
}


def meter_values(current_a: float) -> dict[str, Any]:
    """Return a realistic MeterValues of 10 samples."""
    stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    parts = [("Current.Import", "A", current_a), ("Voltage", "V", 230.1), ("Power.Active.Import", "W", 2300.0)]
    samples: list[dict[str, str]] = [
        {
            "value": f"{value + line:.2f}",
            "context": "Sample.Periodic",
            "format": "Raw",
            "measurand": name,
            "phase": f"L{line}",
            "location": "Outlet",
            "unit": unit,
        }
        for name, unit, value in parts
        for line in (1, 2, 3)
    ]
    samples.append({"value": "123456", "measurand": "Energy.Active.Import.Register", "unit": "Wh"})
    return {"connectorId": 1, "transactionId": 7, "meterValue": [{"timestamp": stamp, "sampledValue": samples}]}


# --- one message ---


def message_us() -> dict[str, float]:
    """Return µs for decoding, checking and answering one MeterValues: the package, our core, msgspec alone."""
    frame = json.dumps([2, "19223201", "MeterValues", meter_values(10.0)]).encode()
    return {"readme": _readme_us(frame), "ours": _ours_us(frame), "bare": _bare_us(frame)}


def _each_us(number: int, began_s: float) -> float:
    return (time.process_time() - began_s) / number * 1e6


def _readme_us(frame: bytes) -> float:
    from ocpp.routing import on
    from ocpp.v16 import ChargePoint, call_result
    from ocpp.v16.enums import Action

    class Sink:
        async def send(self, message: str) -> None:
            """Take an answer."""

    class Peer(ChargePoint):  # type: ignore[misc]  # the package has no types
        @on(Action.meter_values)
        def on_meter_values(self, **_: Any) -> Any:
            return call_result.MeterValues()

    async def run(number: int) -> float:
        peer = Peer("x", Sink())
        await peer.route_message(frame.decode())
        began_s = time.process_time()
        for _ in range(number):
            await peer.route_message(frame.decode())
        return _each_us(number, began_s)

    return asyncio.run(run(300))


def _ours_us(frame: bytes) -> float:
    from services.ocpp_gateway.frames import Call, parse, write_result
    from services.ocpp_gateway.messages16 import MeterValues, QuickMeterValues, Reader

    reader, number = Reader(MeterValues, QuickMeterValues), 20_000
    began_s = time.process_time()
    for _ in range(number):
        call = parse(frame)
        assert isinstance(call, Call)
        reader.read_quickly(call.payload)
        write_result(call.message_id, {})
    return _each_us(number, began_s)


def _bare_us(frame: bytes) -> float:
    from bench.ocpp_servers import answer_bare

    number = 20_000
    began_s = time.process_time()
    for _ in range(number):
        answer_bare(frame)
    return _each_us(number, began_s)


# --- a server's process ---


class Server(NamedTuple):
    """A running server."""

    pid: int
    port: int

    def cpu_s(self) -> float:
        """Return the CPU time that its process has used, s."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_kib(self) -> int:
        """Return its memory, KiB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() // 1024


@contextlib.contextmanager
def serving(which: str, stations: int, node_folder: str = "") -> Iterator[Server]:
    """A server in a process of its own, ended when its standard input is closed."""
    port = free_port()
    command = [sys.executable, "-m", "bench.ocpp_servers", which, str(port), str(stations)]
    if which == "node":
        command = ["taskset", "-c", str(cores()[-1]), "node", "-e", NODE.format(port=port)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=node_folder or None, text=True, env=os.environ
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == "ready"
        yield Server(process.pid, port)
    finally:
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


def cores() -> list[int]:
    """Return the cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


async def gathered(
    port: int, numbers: range, *, muted: bool = False, context: ssl.SSLContext | None = None
) -> list[LightStation]:
    """Return these stations, connected and booted, a few hundred at a time; `muted` ones leave calls waiting."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(place: int) -> LightStation:
        async with places:
            station = await LightStation.connect(f"S{place}", port, context=context)
            if muted:
                station.mute()
            await station.boot()
            return station

    return list(await asyncio.gather(*(one(place) for place in numbers)))


async def settled(stations: list[LightStation]) -> None:
    """Return when the server has stopped calling the stations: their setup is done."""
    before, quiet_s, began_s = -1, 0.0, time.monotonic()
    while quiet_s < 1.0 and time.monotonic() - began_s < SETTLED_S:
        now = sum(station.calls for station in stations)
        quiet_s = quiet_s + 0.25 if now == before else 0.0
        before = now
        await asyncio.sleep(0.25)


# --- what is measured ---


class Figures(NamedTuple):
    """Of one round with one server."""

    calls_hz: float
    calls_per_cpu_s: float
    p99_ms: float
    grown_pct: float


async def _stay_awake() -> None:
    """Never let the clients' process sleep: waking it would be charged to the server that sends."""
    while True:  # noqa: ASYNC110  # spinning is what it is for
        await asyncio.sleep(0)


async def _call_on(station: LightStation, values: bytes, until_s: float) -> int:
    """Call as fast as answers come, four MeterValues to one Heartbeat; return how many were answered."""
    answered = 0
    while time.monotonic() < until_s:
        if answered % 5 == 4:
            await station.ask("Heartbeat", b"{}")
        else:
            await station.ask("MeterValues", values)
        answered += 1
    return answered


async def _slow_calls(stations: list[LightStation], values: bytes) -> list[float]:
    """Return how long each of 200 calls a second took, s."""
    took_s: list[float] = []
    asking: set[asyncio.Task[None]] = set()

    async def one(station: LightStation) -> None:
        began_s = time.perf_counter()
        await station.ask("MeterValues", values)
        took_s.append(time.perf_counter() - began_s)

    begin_s = time.perf_counter()
    for place in range(int(CALLS_HZ * LATENCY_S)):
        while time.perf_counter() < begin_s + place / CALLS_HZ:  # noqa: ASYNC110  # spinning keeps the pace exact
            await asyncio.sleep(0)
        task = asyncio.create_task(one(stations[place % len(stations)]))
        asking.add(task)
        task.add_done_callback(asking.discard)
    await asyncio.gather(*asking)
    return took_s


async def _round(server: Server, number: int) -> Figures:
    stations = await gathered(server.port, range(number))
    await settled(stations)
    values = json.dumps(meter_values(10.0)).encode()
    took_s = await _slow_calls(stations, values)
    awake = asyncio.create_task(_stay_awake())
    before_s, before_kib = server.cpu_s(), server.resident_kib()
    until_s = time.monotonic() + SECONDS
    answered = sum(await asyncio.gather(*(_call_on(station, values, until_s) for station in stations)))
    used_s, grown_kib = server.cpu_s() - before_s, server.resident_kib() - before_kib
    awake.cancel()
    for station in stations:
        station.abort()
    p99_ms = statistics.quantiles(took_s, n=100)[98] * 1000
    return Figures(answered / SECONDS, answered / used_s, p99_ms, 100.0 * grown_kib / before_kib)


async def _idle(server: Server, number: int, base_kib: int) -> tuple[float, float]:
    """Return connects (handshake and boot) per CPU second, and KiB for each idle session, set up and with its state.

    `base_kib` is the memory of a server that knows one station.
    """
    first = min(number, CONNECTS)
    before_s, awake = server.cpu_s(), asyncio.create_task(_stay_awake())
    stations = await gathered(server.port, range(first), muted=True)
    connected_s = server.cpu_s() - before_s
    awake.cancel()
    for station in stations:
        station.unmute()
    stations += await gathered(server.port, range(first, number))
    await settled(stations)
    kib = (server.resident_kib() - base_kib) / number
    for station in stations:
        station.abort()
    return first / connected_s, kib


def run(work: Any) -> Any:
    """Run a coroutine of ours on uvloop."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def middle(found: list[Figures]) -> Figures:
    """Return the median of each figure."""
    return Figures(*(statistics.median(column) for column in zip(*found, strict=True)))


def show_message(each_us: dict[str, float]) -> None:
    """Print what one MeterValues costs."""
    figures = ", ".join(f"{TITLES[name]} {value:.1f}" for name, value in each_us.items())
    print(f"one MeterValues of 10 samples, decode + check + answer, µs: {figures}")
    readme, bare = each_us["readme"] / each_us["ours"], each_us["ours"] / each_us["bare"]
    print(f"  package / ours {readme:.0f} (aim 100), ours / bare {bare:.2f} (aim 2)")


def fetch_node(folder: str) -> bool:
    """Return whether npm's ocpp-rpc could be put into `folder`."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return False
    done = subprocess.run([npm, "install", "--silent", "--prefix", folder, "ocpp-rpc@2"], check=False)
    return done.returncode == 0


def main() -> int:
    """Print each row of the gateway beside its peers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=1_000)
    parser.add_argument("--idle", type=int, default=IDLE)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--node", action="store_true")
    wanted = parser.parse_args()
    show_message(message_us())
    with tempfile.TemporaryDirectory(prefix="bench-node-") as folder:
        with_node = wanted.node and fetch_node(folder)
        which = [name for name in TITLES if name != "node" or with_node]
        found: dict[str, list[Figures]] = {name: [] for name in which}
        for _ in range(wanted.rounds):
            for name, figures in found.items():
                with serving(name, wanted.stations, folder if name == "node" else "") as server:
                    figures.append(run(_round(server, wanted.stations)))
        idle = {}
        for name in which:
            with serving(name, 1, folder if name == "node" else "") as server:
                base_kib = server.resident_kib()
            with serving(name, wanted.idle, folder if name == "node" else "") as server:
                idle[name] = run(_idle(server, wanted.idle, base_kib))
    show({name: middle(figures) for name, figures in found.items()}, idle, wanted)
    return 0


HEAD = ("server", "calls/s", "calls/CPU s", "p99 ms", "grows %", "connects/CPU s", "KiB/session")
WIDTHS = (28, 8, 12, 7, 8, 15, 12)


def show(found: dict[str, Figures], idle: dict[str, tuple[float, float]], wanted: argparse.Namespace) -> None:
    """Print the table and the ratios that are aimed at."""
    print(f"{wanted.stations} stations, 4 MeterValues : 1 Heartbeat, median of {wanted.rounds}")
    print(f"{wanted.idle} idle sessions; p99 at {CALLS_HZ} calls/s")
    _line(HEAD)
    for name, each in found.items():
        connects, kib = idle[name]
        numbers = (f"{each.calls_hz:.0f}", f"{each.calls_per_cpu_s:.0f}", f"{each.p99_ms:.2f}", f"{each.grown_pct:.1f}")
        _line((TITLES[name], *numbers, f"{connects:.0f}", f"{kib:.1f}"))
    ours, bare = found["ours"], found["bare"]
    print(f"calls by CPU: {ours.calls_per_cpu_s / found['readme'].calls_per_cpu_s:.1f} × the package (aim 12)")
    if "node" in found:
        print(f"calls by CPU: {ours.calls_per_cpu_s / found['node'].calls_per_cpu_s:.2f} × ocpp-rpc (aim 0.9)")
    print(f"p99: {ours.p99_ms / bare.p99_ms:.1f} × bare (aim 2)")
    print(f"connects by CPU: {idle['ours'][0] / idle['bare'][0]:.2f} × bare (aim 0.6); memory: aim 28 KiB")


def _line(cells: tuple[str, ...]) -> None:
    first, *rest = zip(cells, WIDTHS, strict=True)
    print(f"{first[0]:{first[1]}}", *(f"{cell:>{width}}" for cell, width in rest))


if __name__ == "__main__":
    sys.exit(main())
