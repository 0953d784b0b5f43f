"""A real server with the files that `evenload nats init` wrote, and raw clients on it."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
from msgspec.structs import replace
from nats.aio.client import Client

from evenload.cli.nats import write
from evenload.runtime.clock import SystemClock
from evenload.runtime.nats_bus import NatsBus, connect_nats
from evenload.runtime.nats_files import CONFIG, Plan
from evenload.runtime.ports import free_port
from evenload.runtime.server import find_binary
from evenload.runtime.settings import Settings
from tests.integration.system.processes import Running, until

READY = "Server is ready"


class Server:
    """A running server."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan
        self.url = f"nats://{plan.listen}"
        self.running: Running

    @property
    def monitor(self) -> str:
        """Its monitoring address."""
        return f"http://{self.plan.monitor}"

    def creds(self, user: str) -> str:
        """Return the path of a user's credentials."""
        return str(self.folder / f"{user}.key")

    def password(self, user: str) -> str:
        """Return a user's password."""
        return Path(self.creds(user)).read_text(encoding="utf-8").strip().partition(":")[2]

    async def start(self) -> None:
        """Return when it serves."""
        self.running = await Running.start(str(find_binary()), "-c", str(self.folder / CONFIG))
        await until(lambda: READY in self.running.text, 10, f"the server starts:\n{self.running.text}")

    async def stop(self) -> None:
        """End it."""
        await self.running.end(signal.SIGTERM)


def plan_in(folder: Path, **more: object) -> Plan:
    """Return a plan with free ports and its data below `folder`."""
    plain = Plan(listen=f"127.0.0.1:{free_port()}", store_dir=str(folder / "store"), tenants=("evenload",))
    return replace(plain, **more)


@asynccontextmanager
async def server(folder: Path, plan: Plan) -> AsyncIterator[Server]:
    """A server between its start and its stop."""
    write(folder / "nats", plan)
    found = Server(folder / "nats", plan)
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


async def connect_as(where: Server, user: str) -> NatsBus:
    """Return a bus of `user` on that server."""
    settings = Settings(nats_url=where.url, nats_creds=where.creds(user))
    return await connect_nats(settings, f"boot-{user}", user, SystemClock(), wait_s=5)


class Guest:
    """A client, and what the server refused it."""

    def __init__(self, client: Client, refused: list[str]) -> None:
        self.client, self.refused = client, refused

    def denied(self, subjects: dict[str, str]) -> set[str]:
        """Return the names of the `subjects` that were refused; the client tells refusals in small letters."""
        said = "\n".join(self.refused).lower()
        return {name for name, subject in subjects.items() if f'"{subject.lower()}"' in said}

    async def sync(self) -> None:
        """Return when the server has seen all and its refusals are here: they come before the answer to a ping.

        The client may write its ping before what waits to be written, so only the second one is behind all.
        """
        await self.client.flush(5)
        await self.client.flush(5)


@asynccontextmanager
async def guest(server: Server, user: str) -> AsyncIterator[Guest]:
    """Connect as `user`."""
    refused: list[str] = []

    async def on_error(fault: Exception) -> None:
        refused.append(str(fault))

    client = await nats.connect(
        server.url,
        user=user,
        password=server.password(user),
        inbox_prefix=f"_INBOX_{user}".encode(),
        error_cb=on_error,
        allow_reconnect=False,
    )
    try:
        yield Guest(client, refused)
    finally:
        await client.close()
