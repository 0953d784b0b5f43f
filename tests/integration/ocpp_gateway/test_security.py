"""Security profiles: passwords, TLS, certificates of stations, files that change."""

import asyncio
import shutil
import ssl
from pathlib import Path

import pytest
import websockets
from websockets.exceptions import InvalidHandshake, InvalidStatus

from evenload.runtime.clock import SystemClock
from evenload.runtime.memory_bus import MemoryBus, MemoryNetwork
from evenload.runtime.service import Context
from evenload.runtime.settings import Settings
from services.ocpp_gateway.drivers import tls
from services.ocpp_gateway.drivers.tls import TlsFault, TlsFiles
from services.ocpp_gateway.pacing import Pace
from services.ocpp_gateway.service import start
from tests.integration.ocpp_gateway.world import PASSWORD, basic, give_password, prepare, raw, running

PEM = Path(__file__).parent / "pem"


def client(name: str | None = None) -> ssl.SSLContext:
    """Return a station's side; with the certificate `name` where it has one."""
    context = ssl.create_default_context(cafile=PEM / "ca.pem")
    if name is not None:
        context.load_cert_chain(PEM / f"{name}.pem")
    return context


async def secure(folder: Path, **more: str) -> tuple[Context, str]:
    """Start a gateway with TLS; return it and its address."""
    shutil.copy(PEM / "server.pem", folder / "server.pem")
    bus = MemoryBus("secure", MemoryNetwork(), SystemClock())
    await prepare(bus)
    settings = Settings(ocpp_port=0, ocpp_tls_cert=str(folder / "server.pem"), **more)
    ctx = Context("ocpp_gateway", bus, SystemClock(), settings)
    gateway, port = await start(ctx, Pace())
    async with asyncio.timeout(5):
        while not gateway.sessions:
            await asyncio.sleep(0)
    return ctx, f"wss://localhost:{port}"


async def boots(url: str, context: ssl.SSLContext, headers: dict[str, str]) -> bool:
    """Tell whether a station gets in and is answered."""
    async with websockets.connect(
        url, ssl=context, additional_headers=headers, subprotocols=["ocpp1.6"], compression=None
    ) as socket:
        await socket.send('[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
        return str(await asyncio.wait_for(socket.recv(), 5)).startswith('[3,"1",{"status":"Accepted"')


async def test_profile_2_wants_tls_and_the_password(tmp_path: Path) -> None:
    ctx, url = await secure(tmp_path)
    assert await boots(f"{url}/CP001", client(), basic("CP001", PASSWORD))
    with pytest.raises(InvalidStatus):
        await boots(f"{url}/CP001", client(), basic("CP001", "wrong"))
    with pytest.raises((InvalidHandshake, OSError, EOFError)):
        await websockets.connect(url.replace("wss", "ws"), additional_headers=basic("CP001", PASSWORD), open_timeout=3)
    await ctx.drain()


async def test_profile_3_wants_a_certificate_with_the_stations_id(tmp_path: Path) -> None:
    ctx, url = await secure(tmp_path, ocpp_tls_ca=str(PEM / "ca.pem"))
    assert await boots(f"{url}/CP001", client("CP001"), {})
    with pytest.raises(InvalidStatus):
        await boots(f"{url}/CP001", client("CP002"), basic("CP001", PASSWORD))
    for wrong in (client(), client("stranger")):
        with pytest.raises((ssl.SSLError, InvalidHandshake, OSError, EOFError, websockets.ConnectionClosed)):
            await boots(f"{url}/CP001", wrong, basic("CP001", PASSWORD))
    await ctx.drain()


async def test_a_changed_certificate_is_put_in_force_and_a_bad_one_is_told(tmp_path: Path) -> None:
    shutil.copy(PEM / "server.pem", tmp_path / "server.pem")
    files = TlsFiles(tmp_path / "server.pem", tmp_path / "server.pem")
    context, told, news = tls.make_context(files), [], asyncio.Event()
    shown_ends: list[dict[str, float]] = []

    def tell(line: str) -> None:
        told.append(line)
        news.set()

    watching = asyncio.create_task(tls.watch(context, files, tell, shown_ends.append, every_s=0.02))
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]

    async def shown() -> bytes:
        _, writer = await asyncio.open_connection("localhost", port, ssl=client())
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return bytes(found)

    before = await shown()
    (tmp_path / "server.pem").write_text("no certificate")
    await asyncio.wait_for(news.wait(), 5)
    assert "check" in told[-1]
    assert await shown() == before
    news.clear()
    shutil.copy(PEM / "server2.pem", tmp_path / "server.pem")
    await asyncio.wait_for(news.wait(), 5)
    assert await shown() != before
    assert len(shown_ends) == 2
    watching.cancel()
    server.close()


def test_files_that_cannot_be_used_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    with pytest.raises(TlsFault, match="EVENLOAD_OCPP_TLS_CERT"):
        tls.make_context(TlsFiles(tmp_path / "x.pem", tmp_path / "x.pem"))


async def test_a_chosen_password_works_and_an_open_station_needs_the_switch() -> None:
    async with running(is_open=True) as world:
        await give_password(world.bus, "CP001", "correct horse battery")
        async with asyncio.timeout(5):
            while not world.gateway._world.records.by_key["cp001"].credential.startswith("scrypt"):
                await asyncio.sleep(0.01)
        async with raw(world, "CP001", headers=basic("CP001", "correct horse battery")):
            pass
        with pytest.raises(InvalidStatus):
            async with raw(world, "CP001", headers={}):
                pass
        async with raw(world, "FREE", headers={}):
            pass
    async with running() as world:
        with pytest.raises(InvalidStatus):
            async with raw(world, "FREE", headers={}):
                pass


async def test_ten_thousand_guesses_open_nothing_and_displace_nobody() -> None:
    """In process: the handshake's own judge, without sockets."""
    async with running() as world, raw(world, "CP001") as socket:
        await socket.send('[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
        passwords = world.gateway._passwords
        record = world.gateway._world.records.by_key["cp001"].credential
        for number in range(10_000):
            assert not await passwords.fits(record, f"guess-{number}".encode())
        assert world.gateway.sessions["cp001"].carrier is not None
        assert socket.close_code is None
