"""What `up` and `demo` do once their site files are known: server, streams, sites, services, until told to stop.

Order at the start: server, streams and buckets, site files, services. Order at the end: services (asked, killed after
4 s), connection, server; all within 5 s. The supervisor decides nothing about loads: when it dies, its children end
with it and every load goes to its failsafe.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

from msgspec import Struct
from rich.console import Console

from evenload.cli import running
from evenload.cli.failures import Failure
from evenload.cli.follow import follow
from evenload.cli.live import Watch, show
from evenload.cli.running import Running
from evenload.cli.site import apply_file, in_force
from evenload.cli.sites import site_records
from evenload.cli.supervisor import Child, Note, Supervisor
from evenload.contracts.records import SiteRecord
from evenload.runtime import logs
from evenload.runtime.apply import apply_site
from evenload.runtime.bus import BusError
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import NatsBus, connect_nats
from evenload.runtime.ports import free_port
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.server_config import ServerError
from evenload.runtime.settings import Settings
from evenload.site.findings import ConfigError
from evenload.site.load import load_text

SERVICES = ("meter_ingest", "plug_control", "ocpp_gateway", "allocator", "planner")
OUTWARD = "home_assistant"
"""Runs beside them as soon as a site says `mqtt: {discovery: true}`."""
WATCHER = "planner"
"""Shows the NATS server's own metrics: the service that no load waits for."""
HTTP_PORTS = {
    "allocator": 9110,
    "meter_ingest": 9111,
    "ocpp_gateway": 9112,
    "plug_control": 9113,
    OUTWARD: 9114,
    "planner": 9115,
}
CONNECT_S = 15.0
LAST_S = 0.8
"""What is left of the 5 s for connection and server once the services have ended."""

log = logging.getLogger("evenload.cli")


class Launch(Struct, frozen=True, kw_only=True):
    """What to run and where."""

    kind: str
    data_dir: Path
    run_dir: Path
    site_files: tuple[Path, ...]
    nats_port: int | None
    ocpp_host: str
    ocpp_port: int
    http_ports: dict[str, int]
    open_stations: bool
    table: bool
    world: Child | None = None


async def keep_running(launch: Launch, console: Console) -> None:
    """Run everything until SIGINT, SIGTERM or SIGHUP; ends the command when it cannot start."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    life = asyncio.create_task(_live(launch, console), name="life")
    stop = asyncio.create_task(stopping.wait(), name="stop")
    await asyncio.wait([life, stop], return_when=asyncio.FIRST_COMPLETED)
    for task in (life, stop):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await life


async def _live(launch: Launch, console: Console) -> None:
    """Start all in order and go on until cancelled; what was started ends in the opposite order."""
    clock, say = SystemClock(), _sayer(launch, console)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(_own_log(launch))
        say(f"starting NATS in {launch.data_dir}")
        server = await stack.enter_async_context(_server(launch))
        bus = await stack.enter_async_context(_bus(server.url))
        watch = Watch(bus, clock)
        note = _noter(watch)
        supervisor = Supervisor(note)
        stack.push_async_callback(supervisor.stop)
        stack.callback(say, "stopping")
        await _set_up(launch, bus, supervisor, say=say)
        services = Services(launch, server, supervisor)
        for service in SERVICES:
            services.start(service)
        for record in (await site_records(bus)).values():
            services.serve(record)
        stack.callback(_tell_where(launch, server.url, services.names, say=say))
        await watch.start()
        table = [show(watch, clock, console)] if launch.table else []
        await asyncio.gather(follow(launch.site_files, _applier(bus, note, services.serve)), *table)


async def _set_up(launch: Launch, bus: NatsBus, supervisor: Supervisor, *, say: Note) -> None:
    """Make streams and buckets, start the simulated world if there is one, put the site files in force."""
    await ensure(bus)
    if launch.world is not None:
        say("starting the simulated home")
        supervisor.start(launch.world)
        await _ready(launch.world)
    for path in launch.site_files:
        say(in_force(await apply_file(bus, path)))
    applied = {path.name for path in launch.site_files}
    for name, record in (await site_records(bus)).items():
        if Path(record.source).name not in applied:
            say(f"site {name} is still in force from before; evenload site remove {name} ends it")


@contextlib.asynccontextmanager
async def _server(launch: Launch) -> AsyncIterator[EmbeddedServer]:
    server = EmbeddedServer(launch.data_dir / "nats", launch.nats_port, http_port=free_port())
    try:
        await server.start()
    except ServerError as fault:
        raise Failure(f"embedded NATS server: {fault.why}", fault.remedy) from fault
    try:
        yield server
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.stop(), LAST_S)


@contextlib.asynccontextmanager
async def _bus(url: str) -> AsyncIterator[NatsBus]:
    settings = Settings(nats_url=url)
    try:
        bus = await connect_nats(
            settings, f"cli-{secrets.token_hex(4)}", "evenload-up", SystemClock(), wait_s=CONNECT_S
        )
    except BusError as fault:
        raise Failure(
            f"the embedded NATS server does not answer: {fault}", "look into its log in the data folder"
        ) from fault
    try:
        yield bus
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(bus.close(), LAST_S)


@contextlib.contextmanager
def _own_log(launch: Launch) -> Iterator[None]:
    """Send our own log to a file while the live table has the terminal."""
    if not launch.table:
        logs.set_up(launch.kind, Settings())
        yield
        return
    path = log_of(launch.data_dir, launch.kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        logs.set_up(launch.kind, Settings(log="text"), file)
        yield


class Services:
    """The services that run; each is started once."""

    def __init__(self, launch: Launch, server: EmbeddedServer, supervisor: Supervisor) -> None:
        self._launch, self._server, self._supervisor = launch, server, supervisor
        self.names: list[str] = []

    def start(self, name: str) -> None:
        """Start a service that does not run yet."""
        if name not in self.names:
            self.names.append(name)
            self._supervisor.start(_service(name, self._launch, self._server))

    def serve(self, record: SiteRecord) -> None:
        """Start what this site needs beside the others."""
        site = load_text(record.text, record.source).site
        if site is not None and site.mqtt is not None and site.mqtt.discovery:
            self.start(OUTWARD)


def _service(name: str, launch: Launch, server: EmbeddedServer) -> Child:
    return Child(
        name=name,
        module=f"services.{name}",
        environment={
            "EVENLOAD_NATS_URL": server.url,
            "EVENLOAD_NATS_MONITOR": server.monitor_url if name == WATCHER else "",
            "EVENLOAD_HTTP_PORT": str(launch.http_ports[name]),
            "EVENLOAD_DATA_DIR": str(launch.data_dir),
            "EVENLOAD_OCPP_HOST": launch.ocpp_host,
            "EVENLOAD_OCPP_PORT": str(launch.ocpp_port),
            "EVENLOAD_OCPP_OPEN": "1" if launch.open_stations else "0",
            "EVENLOAD_OCPP_DRAIN_PCT": "0",
        },
        log=log_of(launch.data_dir, name) if launch.table else None,
    )


def log_of(data_dir: Path, name: str) -> Path:
    """Return the file that a child's output goes to while the live table has the terminal."""
    return data_dir / "logs" / f"{name}.log"


async def _ready(world: Child, within_s: float = 30.0) -> None:
    """Return when the world said that it is ready."""
    assert world.log is not None
    for _ in range(round(within_s / 0.05)):
        if world.log.exists() and '"ready"' in world.log.read_text(encoding="utf-8", errors="replace"):
            return
        await asyncio.sleep(0.05)
    raise Failure(f"the simulated home did not start within {within_s:g} s", f"see {world.log}")


def _sayer(launch: Launch, console: Console) -> Note:
    """Return who tells the operator what happens: dim lines before and after the live table, else our log."""
    if launch.table:
        return lambda text: console.print(text, style="dim", highlight=False, soft_wrap=True)
    return log.info


def _noter(watch: Watch) -> Note:
    """Return who notes what the operator should see while all runs: below the live table, and in our log."""

    def note(text: str) -> None:
        watch.note(text)
        log.warning("%s", text)

    return note


def _applier(bus: NatsBus, note: Note, serve: Callable[[SiteRecord], None]) -> Callable[[Path], Awaitable[None]]:
    async def apply(path: Path) -> None:
        try:
            record = await apply_site(bus, path.read_text(encoding="utf-8-sig"), str(path), SystemClock().utc())
        except ConfigError as fault:
            for finding in fault.findings:
                note(str(finding))
            note(f"{path} is refused; the last good version stays in force")
        except (BusError, OSError, UnicodeDecodeError) as fault:
            note(f"{path} could not be applied: {fault}; save it again")
        else:
            note(in_force(record))
            serve(record)

    return apply


def _tell_where(launch: Launch, nats_url: str, services: list[str], *, say: Note) -> Callable[[], None]:
    """Write the file by which other commands find us; return what removes it."""
    name, pid = f"{launch.kind}.json", os.getpid()
    found = Running(
        pid=pid,
        nats_url=nats_url,
        ocpp_url=f"ws://{launch.ocpp_host}:{launch.ocpp_port}",
        data_dir=str(launch.data_dir),
        http={service: f"http://127.0.0.1:{launch.http_ports[service]}" for service in services},
    )
    try:
        running.write(launch.run_dir, name, found)
    except OSError as fault:
        say(f"{launch.run_dir}: {fault.strerror}; other commands need --nats {nats_url}")
    metrics = ", ".join(f"{service} {url}" for service, url in found.http.items())
    say(f"NATS {nats_url}, OCPP {found.ocpp_url}, health and metrics: {metrics}")
    return lambda: running.remove(launch.run_dir, name, pid)
