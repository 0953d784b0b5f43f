"""Servers that are compared, each in a process of its own: python -m bench.ocpp_servers WHICH PORT STATIONS.

`ours` is the gateway over a real NATS server, publishing included; `readme` a server as the `ocpp` package's README
shows; `bare` the least that answers: websockets, msgspec structs, uvloop; `ours-tls` and `bare-tls` are the same with
TLS. It prints `ready` and serves until killed.
"""

import asyncio
import contextlib
import os
import ssl
import sys
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import websockets

CERTIFICATE = str(Path(__file__).parents[1] / "tests" / "integration" / "ocpp_gateway" / "pem" / "server.pem")


def site_text(stations: int) -> str:
    """Return a site with one load for each station."""
    loads = "\n".join(f"  load{n}: {{type: evse, station: S{n}}}" for n in range(stations))
    meters = "meters: {p1: {role: grid, driver: homewizard, host: 127.0.0.1}}"
    return f"site: bench\ngrid: {{breaker_a: 100}}\n{meters}\nloads:\n{loads}\n"


async def run_ours(port: int, stations: int, certificate: str = "") -> None:
    """Serve with the gateway over a real NATS server; publishing is part of the work."""
    from evenload.runtime.apply import apply_site
    from evenload.runtime.clock import SystemClock
    from evenload.runtime.declared import ensure
    from evenload.runtime.nats_bus import connect_nats
    from evenload.runtime.server import EmbeddedServer
    from evenload.runtime.service import Context
    from evenload.runtime.settings import Settings
    from services.ocpp_gateway.pacing import Pace
    from services.ocpp_gateway.service import start

    with tempfile.TemporaryDirectory(prefix="bench-nats-") as folder:
        server = EmbeddedServer(Path(folder))
        await server.start()
        bus = await connect_nats(Settings(nats_url=server.url), "bench", "gateway", SystemClock(), wait_s=5)
        await ensure(bus)
        await apply_site(bus, site_text(stations), "bench.yaml", datetime.now(UTC))
        settings = Settings(ocpp_port=port, ocpp_open=True, ocpp_tls_cert=certificate)
        ctx = Context("ocpp_gateway", bus, SystemClock(), settings)
        await start(ctx, Pace(rate_hz=1e9, burst=1_000_000_000))
        await _until_told()


async def run_readme(port: int, stations: int) -> None:
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

    async with websockets.serve(on_connect, "127.0.0.1", port, subprotocols=[_subprotocol()]):
        await _until_told()


class Sample(msgspec.Struct):
    """A sampled value of 1.6."""

    value: str
    measurand: str = "Energy.Active.Import.Register"
    phase: str | None = None
    unit: str | None = None
    context: str | None = None
    format: str | None = None
    location: str | None = None


class Group(msgspec.Struct):
    """A meter value of 1.6."""

    timestamp: datetime
    sampled_value: list[Sample] = msgspec.field(name="sampledValue")


class Values(msgspec.Struct):
    """A MeterValues of 1.6, strictly."""

    connector_id: int = msgspec.field(name="connectorId")
    meter_value: list[Group] = msgspec.field(name="meterValue")
    transaction_id: int | None = msgspec.field(name="transactionId", default=None)


FRAME = msgspec.json.Decoder(tuple[int, str, str, msgspec.Raw])
VALUES = msgspec.json.Decoder(Values)
ENCODER = msgspec.json.Encoder()


def answer_bare(data: bytes) -> bytes:
    """Return the answer to a call: decode the frame, the payload strictly, encode."""
    _, message_id, action, payload = FRAME.decode(data)
    if action == "MeterValues":
        VALUES.decode(payload)
        return ENCODER.encode((3, message_id, {}))
    told = {"status": "Accepted", "currentTime": datetime.now(UTC), "interval": 60}
    return ENCODER.encode(
        (3, message_id, told if action == "BootNotification" else {"currentTime": told["currentTime"]})
    )


async def run_bare(port: int, stations: int, certificate: str = "") -> None:
    """Serve with websockets and msgspec alone."""
    del stations
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
    if context is not None:
        context.load_cert_chain(certificate)

    async def on_connect(connection: Any) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in connection:
                await connection.send(answer_bare(message.encode()).decode())

    async with websockets.serve(
        on_connect, "127.0.0.1", port, subprotocols=[_subprotocol()], compression=None, ping_interval=None, ssl=context
    ):
        await _until_told()


def _subprotocol() -> Any:
    return "ocpp1.6"


async def _until_told() -> None:
    """Say that we listen and serve until standard input ends."""
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


SERVERS = {
    "ours": run_ours,
    "readme": run_readme,
    "bare": run_bare,
    "ours-tls": partial(run_ours, certificate=CERTIFICATE),
    "bare-tls": partial(run_bare, certificate=CERTIFICATE),
}
NODE = """
const {{ RPCServer }} = require('ocpp-rpc');
const server = new RPCServer({{ protocols: ['ocpp1.6'], strictMode: true }});
server.auth((accept) => accept({{}}));
server.on('client', (client) => {{
  const now = () => new Date().toISOString();
  client.handle('BootNotification', () => ({{ status: 'Accepted', interval: 60, currentTime: now() }}));
  client.handle('Heartbeat', () => ({{ currentTime: now() }}));
  client.handle('MeterValues', () => ({{}}));
}});
server.listen({port}).then(() => console.log('ready'));
process.stdin.on('end', () => process.exit(0)).resume();
"""
"""The strict server of npm's ocpp-rpc."""


def main() -> None:
    """Serve on the second core."""
    which, port, stations = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[1 % len(cores)]})
    import uvloop

    loop_factory = None if which == "readme" else uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(SERVERS[which](port, stations))
    os._exit(0)


if __name__ == "__main__":
    main()
