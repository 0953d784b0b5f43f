"""The shell every service runs in: start, supervised parts, readiness, draining, exit.

`main(name, run)` starts the health server, connects to the bus, declares what is kept, announces the service and calls
`run(ctx)`, which subscribes, spawns parts and returns when the service is ready. SIGTERM or SIGINT sets `ctx.stopping`;
parts that drain end by themselves, the others are cancelled, and the process is gone within 5 s. A service that asked
for it (`leave_slowly`) first lets go what it holds, no longer ready; a second signal ends that. Exit status: 0 stopped
as asked, 1 failed (a supervisor restarts it), 2 the operator must act. The only place with `except Exception`.
"""

import asyncio
import logging
import os
import secrets
import signal
from collections.abc import Awaitable, Callable, Coroutine
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from evenload.contracts import subjects
from evenload.contracts.events import Alert
from evenload.runtime import logs
from evenload.runtime.backoff import PROVEN_S, Attempts, failed
from evenload.runtime.bus import Bus, BusDown, BusError, Declared
from evenload.runtime.clock import Clock, SystemClock
from evenload.runtime.credentials import CredentialsError
from evenload.runtime.declared import ensure, lost_names
from evenload.runtime.health import Health, HealthError, HealthServer
from evenload.runtime.metrics import Metrics, watch_lag
from evenload.runtime.nats_bus import NatsBus, new_bus
from evenload.runtime.nats_monitor import NatsMetrics, watch_servers
from evenload.runtime.settings import Settings, SettingsError

DRAIN_S, GRACE_S, CANCEL_S, CLOSE_S = 3.0, 0.5, 0.5, 0.8
DECLARE_RETRY_S = 1.0
SYSTEM = "_system"
STOPPED, FAILED, OPERATOR = 0, 1, 2

Run = Callable[["Context"], Awaitable[None]]
PartFactory = Callable[[], Coroutine[Any, Any, None]]


class Context:
    """What a service works with."""

    def __init__(self, name: str, bus: Bus, clock: Clock, settings: Settings) -> None:
        self.name, self.bus, self.clock, self.settings = name, bus, clock, settings
        self.health, self.metrics = Health(), Metrics(name)
        self.log = logging.getLogger(f"evenload.{name}")
        self.stopping = asyncio.Event()
        self._leave: PartFactory | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._parts: dict[asyncio.Task[None], bool] = {}
        self._repeats = logs.Repeats()

    def leave_slowly(self, factory: PartFactory) -> None:
        """Run `factory()` when the process is told to stop, and stop when it is done; told again, stop at once."""
        self._leave = factory

    def tell_to_stop(self) -> None:
        """Stop: at once, or after what was asked for by `leave_slowly`."""
        if self._leave is None or self._leaving is not None:
            self.stopping.set()
            return
        self.health.set("staying", False)
        self._leaving = asyncio.create_task(self._leave_then_stop(self._leave), name=f"{self.name}: leave")

    async def _leave_then_stop(self, leave: PartFactory) -> None:
        try:
            await leave()
        finally:
            self.stopping.set()

    def spawn(self, part: str, factory: PartFactory, *, drains: bool = False) -> None:
        """Run `factory()` supervised: a part that raises is restarted after a growing pause, one that returns is done.

        `drains`: after `stopping` it ends by itself and gets up to 3 s for that; the others get 0.5 s.
        """
        task = asyncio.create_task(self._supervise(part, factory), name=f"{self.name}: {part}")
        self._parts[task] = drains
        task.add_done_callback(lambda done: self._parts.pop(done, None))

    async def _supervise(self, part: str, factory: PartFactory) -> None:
        attempts, loop = Attempts(), asyncio.get_running_loop()
        healing: asyncio.TimerHandle | None = None
        while not self.stopping.is_set():
            started_s = self.clock.monotonic()
            try:
                await factory()
                break
            except Exception as fault:  # noqa: BLE001 (a part may fail in any way and must not end the others)
                attempts = failed(attempts, self.clock.monotonic() - started_s)
                self._tell_failure(part, fault, attempts)
            if healing is not None:
                healing.cancel()
            healing = loop.call_later(attempts.pause_s + PROVEN_S, self._tell_recovery, part)
            await asyncio.sleep(attempts.pause_s)
        if healing is not None:
            healing.cancel()
            self._tell_recovery(part)

    def _tell_failure(self, part: str, fault: Exception, attempts: Attempts) -> None:
        self.metrics.failures.labels(part).inc()
        again = f"again in {attempts.pause_s:.1f} s"
        if isinstance(fault, BusError):
            self.complain(f"part {part}: {fault.why}", f"part {part}: {fault}; {again}")
            return
        self.log.error("part %s failed, %s", part, again, exc_info=fault)
        self._alert("part_failed", part, f"{type(fault).__name__}: {fault}")
        if attempts.hopeless:
            self.health.give_up(part, f"{type(fault).__name__}, {attempts.failures} times in a row")

    def _tell_recovery(self, part: str) -> None:
        self.health.recovered(part)
        self._alert("part_failed", part, "runs again", active=False)

    def alert_system(self, kind: str, about: str, text: str) -> None:
        """Raise an alert about this process itself, under the site `_system`."""
        self._alert(kind, about, text)

    def _alert(self, kind: str, about: str, text: str, *, active: bool = True) -> None:
        about = f"{self.name}/{about}"
        alert = Alert(
            site=SYSTEM,
            kind=kind,
            about=about,
            active=active,
            at=self.clock.utc(),
            severity="critical",
            text=logs.masked(text)[:500],
            remedy=f"see the log of {self.name}" if active else "",
        )
        try:
            self.bus.publish(subjects.alert(SYSTEM, kind, about), alert)
        except BusDown:
            return  # the log has it

    def complain(self, key: str, text: str, every_s: float = 60.0) -> None:
        """Log a warning that may repeat: once for `key` within `every_s`, with the count of those held back."""
        self._repeats, held = logs.thin(self._repeats, key, self.clock.monotonic(), every_s)
        if held is not None:
            self.log.warning("%s%s", text, f" ({held} more since the last)" if held else "")

    async def drain(self) -> None:
        """Set `stopping`, let parts end, cancel what is left; within 4 s."""
        self.stopping.set()
        if self._leaving is not None:
            self._leaving.cancel()
        draining = [task for task, drains in self._parts.items() if drains]
        if draining:
            await asyncio.wait(draining, timeout=DRAIN_S)
        if self._parts:
            await asyncio.wait(list(self._parts), timeout=GRACE_S)
        left = list(self._parts)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=CANCEL_S)


def main(name: str, run: Run) -> int:
    """Run the service `name` until it is told to stop; return the exit status."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as fault:
        logs.set_up(name, Settings())
        logging.getLogger("evenload").critical("%s", fault)
        return OPERATOR
    logs.set_up(name, settings)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_life(name, run, settings))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if find_spec("uvloop") is None:
        return None
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _life(name: str, run: Run, settings: Settings) -> int:
    clock = SystemClock()
    try:
        bus = new_bus(settings, secrets.token_hex(8), name, clock)
    except CredentialsError as fault:
        logging.getLogger("evenload").critical("%s", fault)
        return OPERATOR
    ctx = Context(name, bus, clock, settings)
    health = HealthServer(ctx.health, ctx.metrics.registry)
    _wire(ctx, bus)
    try:
        await health.start(settings)
        ctx.log.info("starting; health on http://%s:%d", settings.http_host, health.port)
        await _serve(ctx, bus, run)
    except HealthError as fault:
        ctx.log.critical("%s", fault)
        return OPERATOR
    except Exception as fault:  # noqa: BLE001 (whatever it was, the process ends in order and says why)
        ctx.log.critical("cannot go on: %s", fault, exc_info=None if isinstance(fault, BusError) else fault)
        return FAILED
    finally:
        await ctx.drain()
        await asyncio.wait([asyncio.ensure_future(bus.close()), asyncio.ensure_future(health.stop())], timeout=CLOSE_S)
    ctx.log.info("stopped")
    return STOPPED


async def _serve(ctx: Context, bus: NatsBus, run: Run) -> None:
    """Start and wait until the service is told to stop; raise when it cannot start."""
    bus.start()
    starting = asyncio.create_task(_start(ctx, bus, run), name=f"{ctx.name}: start")
    stop = asyncio.create_task(ctx.stopping.wait())
    try:
        await asyncio.wait((starting, stop), return_when=asyncio.FIRST_COMPLETED)
        if not ctx.stopping.is_set():
            starting.result()
            await stop
    finally:
        starting.cancel()
        stop.cancel()


async def _start(ctx: Context, bus: NatsBus, run: Run) -> None:
    while not await bus.wait_connected(10.0):
        ctx.complain("connect", f"still no connection: {logs.masked(bus.last_fault)}")
    await _declare(ctx, bus)
    await bus.announce(f"evenload-{ctx.name}", _version(), f"Evenload {ctx.name.replace('_', ' ')}")
    reconnected = asyncio.Event()
    bus.on_connection(lambda up: reconnected.set() if up else None)
    ctx.spawn("declared", lambda: _declare_again(ctx, bus, reconnected))
    await run(ctx)
    ctx.health.set("started", True)
    ctx.log.info("ready")


def _version() -> str:
    try:
        return version("evenload")
    except PackageNotFoundError:  # run from a source tree that was not installed
        return "0.0.0"


def _wire(ctx: Context, bus: NatsBus) -> None:
    """Connect signals, connection changes, faults and stray exceptions with the context."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ctx.tell_to_stop)
    ctx.health.need("bus", "started")

    def on_connection(up: bool) -> None:
        ctx.health.set("bus", up)
        ctx.metrics.connected.set(up)

    def on_fault(kind: str, text: str) -> None:
        ctx.metrics.faults.labels(kind).inc()
        if kind != "connection":
            ctx.complain(f"bus {kind} {text}", f"bus: {kind}: {text}")
        if kind == "permission":
            ctx.alert_system("bus_permission", "bus", text)

    def on_stray(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        ctx.metrics.handler_failures.inc()
        ctx.log.error("%s", context.get("message", "unhandled"), exc_info=context.get("exception"))

    bus.on_connection(on_connection)
    bus.on_fault(on_fault)
    loop.set_exception_handler(on_stray)
    ctx.spawn("loop lag", lambda: watch_lag(ctx.metrics))
    if ctx.settings.nats_monitor:
        metrics = NatsMetrics(ctx.metrics.registry)
        ctx.spawn("nats monitor", lambda: watch_servers(ctx.settings.nats_monitor, metrics))


async def _declare_again(ctx: Context, bus: NatsBus, reconnected: asyncio.Event) -> None:
    """After each reconnect: a restarted server has lost what it kept in memory."""
    while True:
        await reconnected.wait()
        reconnected.clear()
        await _declare(ctx, bus)


async def _declare(ctx: Context, bus: NatsBus) -> None:
    """Verify all streams and buckets, repeating until it worked; a service that may not manage them goes on."""
    while not ctx.settings.nats_provisioned:
        try:
            found = await ensure(bus)
        except BusError as fault:
            if "permission" in bus.last_fault.lower():
                ctx.complain("declare", f"streams are left to the provisioner: {bus.last_fault}")
                return
            ctx.complain("declare", f"streams and buckets: {fault}")
            await asyncio.sleep(DECLARE_RETRY_S)
        else:
            _tell_declared(ctx, found)
            return


def _tell_declared(ctx: Context, found: Declared) -> None:
    for difference in found.differing:
        ctx.complain(f"differs {difference}", f"a stream is not as declared: {difference}")
    lost = lost_names(found)
    if lost:
        text = f"{', '.join(lost)} had been lost and was made again, empty"
        ctx.log.error("%s", text)
        ctx.alert_system("stream_lost", "+".join(lost), text)
