"""Calls a second on one core: our gateway beside a server as the `ocpp` package's README shows it.

200 stations, four MeterValues (10 samples) to one Heartbeat, over loopback. Both servers run in a process of their own
on one core; the clients run in this one on another. CPU time of the server's process is what is compared, so that the
figure does not depend on what else the machine does: calls per second of one core's CPU. Then 2,000 stations connect,
boot, are set up and stay idle: CPU for each, and memory for each. Run: python -m bench.gateway [--stations 1000]
"""

import argparse
import asyncio
import contextlib
import gc
import itertools
import json
import os
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import websockets

IDLE = 2_000
ROUNDS = 3
AT_ONCE = 200
SECONDS = 4.0


def site_text(stations: int) -> str:
    """Return a site with one load for each station."""
    loads = "\n".join(f"  load{n}: {{type: evse, station: S{n}}}" for n in range(stations))
    meters = "meters: {p1: {role: grid, driver: homewizard, host: 127.0.0.1}}"
    return f"site: bench\ngrid: {{breaker_a: 100}}\n{meters}\nloads:\n{loads}\n"


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


async def run_ours(port: int, ready: Connection, stations: int) -> None:
    """Serve with the gateway over a real NATS server; publishing is part of the work."""
    import tempfile

    from evenload.runtime.apply import apply_site
    from evenload.runtime.clock import SystemClock
    from evenload.runtime.declared import ensure
    from evenload.runtime.nats_bus import connect_nats
    from evenload.runtime.server import EmbeddedServer
    from evenload.runtime.service import Context
    from evenload.runtime.settings import Settings
    from services.ocpp_gateway.pacing import Pace
    from services.ocpp_gateway.service import start

    server = EmbeddedServer(Path(tempfile.mkdtemp(prefix="bench-nats-")))
    await server.start()
    bus = await connect_nats(Settings(nats_url=server.url), "bench", "gateway", SystemClock(), wait_s=5)
    await ensure(bus)
    await apply_site(bus, site_text(stations), "bench.yaml", datetime.now(UTC))
    ctx = Context("ocpp_gateway", bus, SystemClock(), Settings(ocpp_port=port, ocpp_open=True))
    gateway, _ = await start(ctx, Pace(rate_hz=1e9, burst=1_000_000_000))
    while len(gateway.sessions) < stations:  # noqa: ASYNC110  # the site is read within a few turns of the loop
        await asyncio.sleep(0)
    await _report(ready)


async def run_readme(port: int, ready: Connection, stations: int) -> None:
    """Serve as the README of the `ocpp` package shows."""
    del stations
    from ocpp.routing import on
    from ocpp.v16 import ChargePoint, call_result
    from ocpp.v16.enums import Action, RegistrationStatus

    def now() -> str:
        return datetime.now(UTC).isoformat()

    class Peer(ChargePoint):  # type: ignore[misc]  # the package has no types
        @on(Action.boot_notification)
        def on_boot(self, **_: Any) -> Any:
            return call_result.BootNotification(current_time=now(), interval=60, status=RegistrationStatus.accepted)

        @on(Action.heartbeat)
        def on_heartbeat(self) -> Any:
            return call_result.Heartbeat(current_time=now())

        @on(Action.meter_values)
        def on_meter_values(self, **_: Any) -> Any:
            return call_result.MeterValues()

    async def on_connect(connection: Any) -> None:
        peer = Peer(connection.request.path.strip("/"), connection)
        with contextlib.suppress(websockets.ConnectionClosed):
            await peer.start()

    async with websockets.serve(on_connect, "127.0.0.1", port, subprotocols=["ocpp1.6"]):
        await _report(ready)


async def _report(ready: Connection) -> None:
    """Say that we listen; then answer each question with CPU seconds and memory in KiB, until told to stop."""
    loop = asyncio.get_running_loop()
    ready.send("ready")
    while await loop.run_in_executor(None, ready.recv) != "stop":
        used = resource.getrusage(resource.RUSAGE_SELF)
        ready.send((used.ru_utime + used.ru_stime, resident_kib()))


def resident_kib() -> int:
    """Return the memory of this process, KiB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def serve(which: str, port: int, ready: Connection, stations: int) -> None:
    """The server's process, on one core."""
    _pin(1)
    import uvloop

    server = {"ours": run_ours, "readme": run_readme}[which]
    loop_factory = uvloop.new_event_loop if which == "ours" else None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(server(port, ready, stations))
    os._exit(0)


def _pin(core: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})


class Go(NamedTuple):
    """When calling may begin, and whom to tell that a station is ready for it."""

    until_s: asyncio.Future[float]
    connected: Callable[[], None]


async def station(port: int, number: int, places: asyncio.Semaphore, go: Go) -> int:
    """Connect, boot, be set up; after `go` call as fast as answers come. Return how many were answered."""
    values = json.dumps(meter_values(10.0))
    answered = 0
    socket = await _idle(port, number, places)
    go.connected()
    until_s = await go.until_s
    while time.monotonic() < until_s:
        is_heartbeat = answered % 5 == 4
        payload = "{}" if is_heartbeat else values
        action = "Heartbeat" if is_heartbeat else "MeterValues"
        await socket.send(f'[2,"{answered}","{action}",{payload}]')
        answered += await _until_answered(socket)
    await socket.close()
    return answered


async def _until_answered(socket: Any) -> int:
    """Answer what the gateway asks meanwhile; return 1 when a call of ours was answered."""
    while True:
        frame = await socket.recv()
        if frame.startswith(("[3", "[4")):
            return 1
        await socket.send(f'[3,"{json.loads(frame)[1]}",{{"status":"Accepted"}}]')


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _stay_awake() -> None:
    """Never let the clients' process sleep: waking it would be charged to the server that sends."""
    while True:  # noqa: ASYNC110  # spinning is what it is for
        await asyncio.sleep(0)


async def _drive(port: int, stations: int, ours: Connection) -> tuple[int, float]:
    """Return how many calls were answered, and the server's CPU seconds for them; connecting is not counted."""
    awake = asyncio.create_task(_stay_awake())
    go: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    places, all_set = asyncio.Semaphore(AT_ONCE), asyncio.Event()
    left = itertools.count(stations - 1, -1)

    def connected() -> None:
        if next(left) == 0:
            all_set.set()

    calling = [asyncio.create_task(station(port, number, places, Go(go, connected))) for number in range(stations)]
    await all_set.wait()
    before_s, _ = _ask(ours)
    go.set_result(time.monotonic() + SECONDS)
    answered = sum(await asyncio.gather(*calling))
    used_s = _ask(ours)[0] - before_s
    awake.cancel()
    return answered, used_s


async def _idle(port: int, number: int, places: asyncio.Semaphore) -> Any:
    """Connect, boot, and answer the setup; return the socket that stays open."""
    async with places:
        socket = await websockets.connect(
            f"ws://127.0.0.1:{port}/S{number}", subprotocols=["ocpp1.6"], compression=None, ping_interval=None
        )
        await socket.send('[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
        with contextlib.suppress(TimeoutError):
            while True:
                frame = await asyncio.wait_for(socket.recv(), 1.0)
                if frame.startswith("[2"):
                    await socket.send(f'[3,"{json.loads(frame)[1]}",{{"status":"Accepted"}}]')
    return socket


def measure_idle(which: str) -> tuple[float, float]:
    """Return connects per CPU second (handshake, boot and setup), and KiB for each idle session."""
    with running(which, IDLE) as (port, ours):
        before_s, before_kib = _ask(ours)

        async def connect() -> tuple[float, int]:
            places = asyncio.Semaphore(AT_ONCE)
            sockets = await asyncio.gather(*(_idle(port, number, places) for number in range(IDLE)))
            found = _ask(ours)
            await asyncio.gather(*(socket.close() for socket in sockets))
            return found

        after_s, after_kib = asyncio.run(connect())
        return IDLE / (after_s - before_s), (after_kib - before_kib) / IDLE


def _ask(ours: Connection) -> tuple[float, int]:
    ours.send("cpu")
    found: tuple[float, int] = ours.recv()
    return found


@contextlib.contextmanager
def running(which: str, stations: int) -> Iterator[tuple[int, Connection]]:
    """A server in a process of its own."""
    ours, theirs = get_context("spawn").Pipe()
    port = free_port()
    process = get_context("spawn").Process(target=serve, args=(which, port, theirs, stations), daemon=True)
    process.start()
    assert ours.recv() == "ready"
    yield port, ours
    ours.send("stop")
    process.join(5)


def measure(which: str, stations: int) -> tuple[float, float]:
    """Return calls per second of wall time, and per second of the server's CPU."""
    with running(which, stations) as (port, ours):
        answered, used_s = asyncio.run(_drive(port, stations, ours))
    return answered / SECONDS, answered / used_s


def main() -> int:
    """Print the medians of the rounds, taken in turn, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=200)
    stations = parser.parse_args().stations
    _pin(0)
    found: dict[str, list[tuple[float, float]]] = {"readme": [], "ours": []}
    for _ in range(ROUNDS):
        for which, figures in found.items():
            figures.append(measure(which, stations))
    middle = {which: sorted(figures, key=lambda pair: pair[1])[ROUNDS // 2] for which, figures in found.items()}
    titles = {"readme": "ocpp package, as its README", "ours": "evenload gateway"}
    print(f"gateway, {stations} stations, 4 MeterValues : 1 Heartbeat, median of {ROUNDS}; idle: {IDLE} sessions")
    print(f"{'server':28} {'calls/s':>8} {'calls/CPU s':>12} {'connects/CPU s':>15} {'KiB/session':>12}")
    for which, title in titles.items():
        connects, kib = measure_idle(which)
        print(f"{title:28} {middle[which][0]:8.0f} {middle[which][1]:12.0f} {connects:15.0f} {kib:12.1f}")
    print(f"ratio by CPU: {middle['ours'][1] / middle['readme'][1]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
