"""Everything that is kept, written to a file and made again on another server: the same bytes, and services go on."""

import asyncio
from pathlib import Path
from typing import cast

import pytest

from evenload.contracts import subjects
from evenload.contracts.events import Event
from evenload.runtime.bus import BusTimeout
from evenload.runtime.declared import ensure
from tests.golden.samples import SAMPLES
from tests.integration.nats.server import Server, connect_as, plan_in, server
from tests.integration.system.processes import EVENLOAD, Running

STARTED = "evenload.site.home.transaction.CP001"
EVENTS = 500


async def command(where: Server, *arguments: str) -> tuple[int, str]:
    """Run an `evenload` command as the provisioner."""
    environment = {"EVENLOAD_NATS_URL": where.url, "EVENLOAD_NATS_CREDS": where.creds("provisioner")}
    running = await Running.start(EVENLOAD, *arguments, **environment)
    status = await asyncio.wait_for(running.process.wait(), 30)
    await running.end()
    return status, running.text


async def filled(where: Server) -> None:
    """Let every kind of thing be kept."""
    provisioner = await connect_as(where, "provisioner")
    operator, gateway = await connect_as(where, "operator"), await connect_as(where, "ocpp_gateway")
    await ensure(provisioner)
    await (await operator.bucket("sites")).put("home", b"a site")
    await (await operator.bucket("stations")).put("cp001", b"a station")
    for number in range(EVENTS):
        await gateway.store(STARTED, cast(Event, SAMPLES["TransactionStarted"]), f"id {number}")
    for bus in (provisioner, operator, gateway):
        await bus.close()


async def kept(where: Server) -> list[bytes]:
    """Return what is read back: two buckets, the first and the last transaction event."""
    operator = await connect_as(where, "operator")
    entries = [await (await operator.bucket(name)).get(key) for name, key in (("sites", "home"), ("stations", "cp001"))]
    ask = "$JS.API.DIRECT.GET.transactions"
    found = [entry.value for entry in entries if entry is not None]
    found += [await operator.request(ask, b'{"seq": %d}' % seq) for seq in (1, EVENTS)]
    await operator.close()
    return found


async def test_a_backup_is_the_same_on_another_server(tmp_path: Path) -> None:
    file = tmp_path / "evenload.tar"
    async with server(tmp_path / "one", plan_in(tmp_path / "one")) as one:
        await filled(one)
        before = await kept(one)
        status, said = await command(one, "backup", str(file))
        assert status == 0, said
        status, said = await command(one, "restore", str(file))
        assert status == 1
        assert "there are already" in said
        status, said = await command(one, "restore", str(file), "--replace")
        assert status == 1
        assert "move its store folder away" in said
    assert file.stat().st_mode & 0o777 == 0o600
    async with server(tmp_path / "two", plan_in(tmp_path / "two")) as two:
        status, said = await command(two, "restore", str(file))
        assert status == 0, said
        assert await kept(two) == before
        status, said = await command(two, "nats", "provision")
        assert status == 0, said
        gateway = await connect_as(two, "ocpp_gateway")
        await gateway.store(STARTED, cast(Event, SAMPLES["TransactionEnded"]), "after the restore")
        assert await gateway.request(
            f"$JS.API.DIRECT.GET.KV_stations.$KV.stations.{subjects.station_key('CP001')}", b""
        )
        with pytest.raises(BusTimeout):
            await gateway.request("$JS.API.STREAM.DELETE.transactions", b"", 0.3)
        await gateway.close()


async def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "evenload.tar"
    file.write_text("not a tar")
    async with server(tmp_path, plan_in(tmp_path)) as one:
        status, said = await command(one, "restore", str(file))
    assert status == 1
    assert "is no backup" in said
