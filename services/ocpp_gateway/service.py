"""The shell of the gateway: starts what `gateway.py` needs, listens, and drains.

Ready when the records and the site files are read, setpoints are subscribed and the port is open, in this order: a
station that dials a restarted gateway must meet the transactions that it had before.
"""

import asyncio
import contextlib
import resource
from functools import partial
from pathlib import Path
from typing import Final

from evenload.contracts import subjects
from evenload.runtime.service import Context
from evenload.runtime.settings import Settings
from evenload.runtime.site_config import watch_sites
from services.ocpp_gateway.drivers import tls
from services.ocpp_gateway.drivers.drain import let_go
from services.ocpp_gateway.drivers.gateway import Gateway
from services.ocpp_gateway.drivers.records import StationRecords, TransactionIds, tag_key
from services.ocpp_gateway.drivers.sockets import StationServer
from services.ocpp_gateway.drivers.store import TransactionStore
from services.ocpp_gateway.drivers.tls import TlsFiles
from services.ocpp_gateway.drivers.world import World
from services.ocpp_gateway.metrics import GatewayMetrics
from services.ocpp_gateway.pacing import Pace

MOST_FILES: Final = 1_048_576
SITES_S: Final = 10.0
"""How long the port stays closed for site files that do not come."""


class PortTaken(Exception):
    """The OCPP port cannot be opened; the operator must act."""

    def __init__(self, host: str, port: int, why: str) -> None:
        self.host, self.port, self.why = host, port, why

    def __str__(self) -> str:
        return (
            f"cannot listen for stations on {self.host}:{self.port}: {self.why}; "
            "end what uses it, or set EVENLOAD_OCPP_PORT"
        )


async def run(ctx: Context) -> None:
    """Start the gateway; return when stations can connect. Raises `BusError`, `PortTaken`."""
    await start(ctx, Pace())


async def start(ctx: Context, pace: Pace) -> tuple[Gateway, int]:
    """Start the gateway with this pace for each station; return it and its port. Raises `BusError`, `PortTaken`."""
    records = StationRecords(ctx.bus, lambda key, now, before: gateway.on_record(key, now, before))
    metrics = GatewayMetrics(ctx.metrics.registry)
    store = TransactionStore(ctx.bus, metrics)
    world = World(
        bus=ctx.bus,
        clock=ctx.clock,
        records=records,
        ids=TransactionIds(ctx.bus, store),
        metrics=metrics,
        store=store,
        complain=ctx.complain,
        tag_key=await tag_key(ctx.bus),
        pace=pace,
    )
    files = tls_files(ctx.settings)
    by_certificate = files is not None and files.client_ca is not None
    gateway = Gateway(world, is_open=ctx.settings.ocpp_open, by_certificate=by_certificate)
    await records.load()
    ctx.spawn("stations", records.watch)
    ctx.spawn("store", store.watch)
    seen = asyncio.Event()
    ctx.spawn("sites", lambda: watch_sites(ctx, gateway.on_site, seen))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(seen.wait(), SITES_S)
    await ctx.bus.subscribe(subjects.setpoint(), gateway.on_setpoint)
    return gateway, await _listen(ctx, gateway, files, metrics)


def tls_files(settings: Settings) -> TlsFiles | None:
    """Return the certificate files that the settings name; None = plain WebSockets. Raises `TlsFault`."""
    if not settings.ocpp_tls_cert:
        return None
    key = settings.ocpp_tls_key or settings.ocpp_tls_cert
    authority = Path(settings.ocpp_tls_ca) if settings.ocpp_tls_ca else None
    return TlsFiles(Path(settings.ocpp_tls_cert), Path(key), authority)


def raise_file_limit() -> int:
    """Let this process have as many sockets as the system allows; return how many. Many systems begin with 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else hard
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


async def _listen(ctx: Context, gateway: Gateway, files: TlsFiles | None, metrics: GatewayMetrics) -> int:
    context = None if files is None else tls.make_context(files)
    host, port = ctx.settings.ocpp_host, ctx.settings.ocpp_port
    server = StationServer()
    try:
        await server.listen(host, port, gateway.admit, gateway.serve, context=context)
    except OSError as fault:
        raise PortTaken(host, port, fault.strerror or str(fault)) from fault
    scheme = "ws" if context is None else "wss"
    ctx.log.info("stations connect to %s://%s:%d/<station id>", scheme, host, server.port)
    ctx.log.info("room for %d connections", raise_file_limit())
    if files is not None and context is not None:
        ctx.spawn("certificates", partial(tls.watch, context, files, ctx.log.warning, metrics.certificates))

    async def drain() -> None:
        await ctx.stopping.wait()
        await gateway.release()
        gateway.close()
        with contextlib.suppress(TimeoutError):
            await server.close(1001, "restarting")

    ctx.spawn("stations' server", drain, drains=True)
    pct = ctx.settings.ocpp_drain_pct
    if pct > 0:
        ctx.leave_slowly(partial(let_go, gateway, pct, ctx.log.info))
    return server.port
