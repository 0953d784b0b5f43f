"""A home as its owner has it: `evenload up`, a HomeWizard meter and socket, an OCPP station: processes of their own."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from evenload.runtime.ports import free_port
from tests.integration.system.house import House
from tests.integration.system.listener import Listener
from tests.integration.system.processes import EVENLOAD, ROOT, Running, children, evenload, until

EXAMPLE = ROOT / "deploy" / "examples" / "home.yaml"
SERVICES = ("allocator", "meter_ingest", "ocpp_gateway", "plug_control", "planner")
SITE = "evenload.site.home"
LOAD = f"{SITE}.load.wallbox"
FAILSAFE_A = 6.0
START_S = 20.0


class Up:
    """`evenload up` with free ports and its own data folder."""

    def __init__(self, running: Running, data_dir: Path, nats_port: int, ocpp_port: int) -> None:
        self.running, self.data_dir = running, data_dir
        self.nats_url = f"nats://127.0.0.1:{nats_port}"
        self.ocpp_url = f"ws://127.0.0.1:{ocpp_port}"

    @classmethod
    async def start(cls, site: Path, data_dir: Path, *more: str) -> "Up":
        """Start it; it may still be starting when this returns."""
        nats_port, ocpp_port = free_port(), free_port()
        ports = ("--port", str(nats_port), "--ocpp-port", str(ocpp_port))
        running = await Running.start(EVENLOAD, "up", str(site), "--data-dir", str(data_dir), *ports, *more)
        return cls(running, data_dir, nats_port, ocpp_port)

    @property
    def told(self) -> dict[str, Any]:
        """What it tells other commands in its data folder; empty until it runs."""
        with contextlib.suppress(OSError, ValueError):
            return dict(json.loads((self.data_dir / "up.json").read_text(encoding="utf-8")))
        return {}

    async def ready(self, within_s: float = START_S) -> None:
        """Return when all services are ready."""
        try:
            await until(lambda: self.told, within_s)
        except AssertionError:
            status = self.running.process.returncode
            await self.running.end()
            raise AssertionError(f"evenload up is not there (status {status}):\n{self.running.text}") from None
        for service in SERVICES:
            await self.answers(service, "/readyz", 200, within_s=within_s)

    async def get(self, service: str, path: str) -> tuple[int, str]:
        """Return status and body of a service's health server; status 0 while there is none."""
        try:
            async with aiohttp.ClientSession() as session, session.get(self.told["http"][service] + path) as reply:
                return reply.status, await reply.text()
        except (aiohttp.ClientError, OSError, KeyError):
            return 0, ""

    async def answers(self, service: str, path: str, status: int, within_s: float = 10.0) -> str:
        """Return the body as soon as the health server answers with `status`."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + within_s
        while (found := await self.get(service, path))[0] != status:
            assert loop.time() < end_s, f"{service}{path} did not become {status}: {found}\n{self.running.text}"
            await asyncio.sleep(0.02)
        return found[1]

    async def run(self, *arguments: str) -> str:
        """Run an `evenload` command against it; it must succeed."""
        status, out, err = await evenload(*arguments, "--data-dir", str(self.data_dir))
        assert status == 0, f"evenload {arguments}: {status}\n{out}\n{err}"
        return out

    def pid_of(self, service: str) -> int:
        """Return the process id of a service, or of nats-server."""
        return children(self.running.pid)[service]


class Home:
    """All of it, and what the tests look at."""

    def __init__(self, up: Up, site: Path, listener: Listener) -> None:
        self.up, self.site, self.listener = up, site, listener
        self.meter: Running
        self.station: Running
        self.house: House

    def draws_a(self) -> tuple[float, float, float]:
        """Return what the station's vehicle draws per site phase."""
        told = self.station.events("draws") if hasattr(self, "station") else []
        drawn_a = float(told[-1]["current_a"]) if told else 0.0
        return (drawn_a, drawn_a, drawn_a)

    @property
    def limit_a(self) -> float:
        """What the station lets its vehicle draw now, A per line."""
        return float(self.station.events("limit")[-1]["limit_a"])

    @property
    def setpoint_a(self) -> float:
        """The newest setpoint of the wallbox."""
        newest = self.listener.last(f"{LOAD}.setpoint")
        assert newest is not None
        return float(newest["setpoint_a"])

    @property
    def transaction(self) -> int:
        """The id of the station's transaction."""
        return int(self.station.events("started")[-1]["transaction"])

    async def limit(self, low_a: float, high_a: float, within_s: float) -> float:
        """Return the station's limit once it is within [low, high]."""
        await until(lambda: low_a <= self.limit_a <= high_a, within_s, f"limit {low_a} to {high_a} A")
        return self.limit_a

    def kill(self, pid: int, number: int = signal.SIGKILL) -> None:
        """Send a signal to a process of this home; never to another."""
        assert pid in children(self.up.running.pid).values()
        os.kill(pid, number)

    async def whole(self, within_s: float = 20.0) -> None:
        """Return when all services are ready, the station charges, and the allocator's renewals reach it again."""
        since = self.listener.now()
        for service in SERVICES:
            await self.up.answers(service, "/readyz", 200, within_s=within_s)
        await self.listener.wait(
            f"{LOAD}.state", lambda state: state["reachable"] and state["status"] == "charging", within_s, since
        )
        renewed = await self.listener.wait(f"{LOAD}.setpoint", lambda event: event["setpoint_a"] >= 6, within_s, since)
        await self.listener.wait(f"{LOAD}.state", lambda state: state["epoch"] == renewed["epoch"], within_s, since)
        await until(lambda: self.limit_a >= 6, within_s, "the station charges")


def site_text(meter: str, socket: str) -> str:
    """Return the example with our addresses, a low failsafe current, a heater, and more frequent meter values."""
    text = EXAMPLE.read_text(encoding="utf-8")
    own_failsafe = f"failsafe_a: {FAILSAFE_A}\n    station: CP001 "
    for before, after in {"host: 192.168.1.20": f"host: {meter}", "station: CP001 ": own_failsafe}.items():
        assert before in text
        text = text.replace(before, after)
    return text + MORE.format(socket=socket)


MORE = """
  heater:
    type: plug
    driver: homewizard
    host: {socket}
    power_w: 460
    phases: [L1]
    priority: 3
    min_off_s: 0
    cycles_per_h: 60

stations:
  CP001: {{overrides: {{interval_s: 2}}}}
"""


@asynccontextmanager
async def device(kind: str, watts: int, host: str = "127.0.0.1") -> AsyncIterator[tuple[Running, str]]:
    """An emulated device as a process; yields it and its host:port."""
    module, where = "evenload.simulation.devices", ("--host", host, "--port", "0")
    running = await Running.start(sys.executable, "-m", module, kind, *where, "--watts", str(watts))
    try:
        await until(lambda: running.lines, START_S, "the device's address")
        yield running, json.loads(running.lines[0])["address"]
    finally:
        await running.end()


@asynccontextmanager
async def home(folder: Path) -> AsyncIterator[Home]:
    """Start a home: its car is plugged and charges."""
    async with AsyncExitStack() as stack:
        meter, address = await stack.enter_async_context(device("homewizard", 1380))
        _, socket = await stack.enter_async_context(device("homewizard-socket", 460))
        site = folder / "home.yaml"
        site.write_text(site_text(address, socket), encoding="utf-8")
        up = await Up.start(site, folder / "data", "--no-table")
        stack.push_async_callback(up.running.end)
        await up.ready()
        listener = Listener()
        await listener.start(up.nats_url)
        stack.push_async_callback(listener.client.close)
        found = Home(up, site, listener)
        found.meter = meter
        found.station = await station(up)
        stack.push_async_callback(found.station.end)
        found.house = House(address, socket, found.draws_a)
        living = asyncio.create_task(found.house.live())
        stack.callback(living.cancel)
        await listener.wait(f"{LOAD}.setpoint", within_s=START_S, since=0)
        await until(lambda: found.draws_a()[0] >= FAILSAFE_A, START_S, f"the car charges:\n{found.station.text}")
        yield found


async def station(up: Up) -> Running:
    """Let CP001 in as its owner does, and start it with its password."""
    said = await up.run("station", "add", "CP001")
    password = said.partition("password (AuthorizationKey)")[2].split()[0]
    module = "tests.integration.system.foreign_station"
    return await Running.start(
        sys.executable, "-m", module, "--url", up.ocpp_url, "--id", "CP001", "--password", password
    )
