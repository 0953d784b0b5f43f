"""Making what is kept on a NATS server, once or for as long as the server runs.

What a server keeps in its memory, leases above all, goes with each restart of it, and only the provisioner may make it
again. So where nobody starts the server by hand, a provisioner stays beside it: it makes all again each time the server
is back.
"""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from evenload.cli.connection import connected
from evenload.runtime.bus import BusError, Declared
from evenload.runtime.declared import ensure
from evenload.runtime.ending import run_until
from evenload.runtime.nats_bus import NatsBus

RETRY_S = 1.0
Tell = Callable[[Declared], None]


async def provisioned(replicas: int, nats: str | None, data_dir: Path | None) -> Declared:
    """Make what is missing and adapt what differs, once."""
    async with connected(nats, data_dir) as bus:
        return await ensure(bus, replicas)


async def stay(replicas: int, nats: str | None, data_dir: Path | None, *, ready: Path, tell: Tell) -> None:
    """Make all now and after each restart of the server, until SIGTERM; the file `ready` is there while all is made.

    `tell` hears of each time; what it raises ends this.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    ready.unlink(missing_ok=True)
    async with connected(nats, data_dir) as bus:
        await run_until(_again_and_again(bus, replicas, ready, tell), stopping)


async def _again_and_again(bus: NatsBus, replicas: int, ready: Path, tell: Tell) -> None:
    changed = asyncio.Event()

    def on_connection(up: bool) -> None:
        if not up:
            ready.unlink(missing_ok=True)
        changed.set()

    bus.on_connection(on_connection)
    while True:
        changed.clear()
        if await _made(bus, replicas, tell) and bus.connected:
            ready.touch()
            await changed.wait()
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), RETRY_S)


async def _made(bus: NatsBus, replicas: int, tell: Tell) -> bool:
    """Tell whether all was made; a server that goes meanwhile comes back."""
    try:
        found = await ensure(bus, replicas)
    except BusError:
        return False
    tell(found)
    return True
