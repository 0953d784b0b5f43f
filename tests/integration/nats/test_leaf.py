"""A home that reports to a cloud: the cloud sees its telemetry and controls nothing, unless that was asked for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from nats.aio.msg import Msg
from nats.errors import NoRespondersError

from evenload.contracts import subjects
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import connect_nats
from evenload.runtime.nats_files import Leaf
from evenload.runtime.ports import free_port
from evenload.runtime.settings import Settings
from tests.integration.nats.server import Guest, Server, guest, plan_in, server

READING, COMMAND = subjects.reading("home", "p1"), subjects.command("home", "set")
SETPOINT, LIMIT = subjects.setpoint("home", "wallbox"), subjects.limit("home", "grid")
FAR_S, QUIET_S = 10.0, 0.3


@asynccontextmanager
async def two(folder: Path, *, controlled: bool) -> AsyncIterator[tuple[Server, Server]]:
    """A cloud and a home that is connected to it."""
    async with AsyncExitStack() as stack:
        leaf_port = free_port()
        above = plan_in(
            folder / "cloud", leaf_listen=f"127.0.0.1:{leaf_port}", homes=("home",), limit_sources=("grid",)
        )
        cloud = await stack.enter_async_context(server(folder / "cloud", above))
        leaf = Leaf(
            url=f"nats-leaf://home_home:{cloud.password('home_home')}@127.0.0.1:{leaf_port}",
            site="home",
            controlled=controlled,
        )
        home = await stack.enter_async_context(server(folder / "home", plan_in(folder / "home", leaf=leaf)))
        settings = Settings(nats_url=home.url, nats_creds=home.creds("provisioner"))
        bus = await connect_nats(settings, "boot", "provisioner", SystemClock(), wait_s=5)
        await ensure(bus)
        await bus.close()
        yield cloud, home


async def heard(listener: Guest, subject: str, say: Guest, said: str) -> bool:
    """Tell whether what `say` publishes on `said` reaches `listener`; repeated while the links are still young."""
    messages: asyncio.Queue[Msg] = asyncio.Queue()
    subscription = await listener.client.subscribe(subject, cb=messages.put)
    await listener.sync()
    try:
        async with asyncio.timeout(FAR_S):
            while messages.empty():
                await say.client.publish(said, b"{}")
                await asyncio.sleep(0.05)
        return True
    except TimeoutError:
        return False
    finally:
        await subscription.unsubscribe()


async def silent(listener: Guest, subject: str, say: Guest, said: str) -> bool:
    """Tell whether nothing that `say` publishes on `said` reaches `listener`, on links that carry other things."""
    messages: asyncio.Queue[Msg] = asyncio.Queue()
    subscription = await listener.client.subscribe(subject, cb=messages.put)
    await listener.sync()
    for _ in range(10):
        await say.client.publish(said, b"{}")
        await say.sync()
        await asyncio.sleep(QUIET_S / 10)
    await subscription.unsubscribe()
    return messages.empty()


async def test_a_cloud_sees_and_controls_nothing(tmp_path: Path) -> None:
    async with (
        two(tmp_path, controlled=False) as (cloud, home),
        guest(cloud, "operator") as above,
        guest(cloud, "allocator") as foreign,
        guest(cloud, "limit_grid") as grid,
        guest(home, "meter_ingest") as meter,
        guest(home, "allocator") as allocator,
        guest(home, "ocpp_gateway") as gateway,
    ):
        assert await heard(above, subjects.reading(), meter, READING)
        assert await silent(allocator, subjects.command(), above, COMMAND)
        assert await silent(allocator, subjects.limit(), grid, LIMIT)
        assert await silent(gateway, subjects.setpoint(), foreign, SETPOINT)
        assert await silent(above, subjects.setpoint(), allocator, SETPOINT)


async def test_a_cloud_may_command_where_that_was_asked_for(tmp_path: Path) -> None:
    async with (
        two(tmp_path, controlled=True) as (cloud, home),
        guest(cloud, "operator") as above,
        guest(cloud, "allocator") as foreign,
        guest(cloud, "limit_grid") as grid,
        guest(home, "allocator") as allocator,
        guest(home, "ocpp_gateway") as gateway,
    ):

        async def answer(message: Msg) -> None:
            await message.respond(b"done")

        await allocator.client.subscribe(subjects.command(), cb=answer)
        await allocator.sync()
        async with asyncio.timeout(FAR_S):
            reply = b""
            while not reply:
                with contextlib.suppress(NoRespondersError, TimeoutError):  # until the link is there
                    reply = (await above.client.request(COMMAND, b"{}", timeout=0.5)).data
                await asyncio.sleep(0.05)
        assert reply == b"done"
        assert await heard(allocator, subjects.limit("home"), grid, LIMIT)
        assert await silent(gateway, subjects.setpoint(), foreign, SETPOINT)


async def test_a_cloud_cannot_write_into_a_homes_buckets(tmp_path: Path) -> None:
    async with (
        two(tmp_path, controlled=True) as (cloud, home),
        guest(cloud, "operator") as above,
        guest(home, "meter_ingest") as meter,
        guest(home, "operator") as owner,
    ):
        assert await heard(above, subjects.reading(), meter, READING)
        for _ in range(5):
            await above.client.publish("$KV.sites.home", b"foreign")
            await above.sync()
        found = await owner.client.request("$JS.API.DIRECT.GET.KV_sites.$KV.sites.home", b"", timeout=3)
        assert (found.headers or {}).get("Status") == "404"


async def test_a_home_goes_on_without_its_cloud(tmp_path: Path) -> None:
    async with (
        two(tmp_path, controlled=True) as (cloud, home),
        guest(home, "meter_ingest") as meter,
        guest(home, "allocator") as allocator,
    ):
        async with guest(cloud, "operator") as above:
            assert await heard(above, subjects.reading(), meter, READING)
        await cloud.stop()
        assert await heard(allocator, subjects.reading(), meter, READING)
        await cloud.start()
        async with guest(cloud, "operator") as above:
            assert await heard(above, subjects.reading(), meter, READING)
