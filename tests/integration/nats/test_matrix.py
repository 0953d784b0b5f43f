"""faults.md section 4, subject by subject: what each user may say and hear on a real server, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from tests.integration.nats.server import Server, guest, plan_in, server

pytestmark = pytest.mark.asyncio(loop_scope="module")
SAID = {
    "reading": "evenload.site.home.reading.p1",
    "state": "evenload.site.home.load.wallbox.state",
    "setpoint": "evenload.site.home.load.wallbox.setpoint",
    "result": "evenload.site.home.load.wallbox.result",
    "decision": "evenload.site.home.decision",
    "basis": "evenload.site.home.basis",
    "load plan": "evenload.site.home.load.wallbox.plan",
    "forecast": "evenload.site.home.forecast.price",
    "limit grid": "evenload.site.home.limit.grid",
    "limit other": "evenload.site.home.limit.other",
    "limit record": "evenload.site.home.limit_record.grid",
    "alert": "evenload.site.home.alert.meter_silent.p1",
    "transaction": "evenload.site.home.transaction.CP001",
    "command": "evenload.site.home.command.set",
    "call": "evenload.station.cp001.call",
    "kv sites": "$KV.sites.home",
    "kv overrides": "$KV.overrides.home",
    "kv stations": "$KV.stations.cp001",
    "kv owners": "$KV.owners.one",
    "kv epochs": "$KV.epochs.home",
    "kv memory": "$KV.memory.home",
    "kv plans": "$KV.plans.home",
    "kv tags": "$KV.tags.one",
    "read sites": "$JS.API.DIRECT.GET.KV_sites.$KV.sites.home",
    "read stations": "$JS.API.DIRECT.GET.KV_stations.$KV.stations.cp001",
    "watch memory": "$JS.API.CONSUMER.CREATE.KV_memory.one.$KV.memory.>",
    "create stream": "$JS.API.STREAM.CREATE.extra",
    "delete stream": "$JS.API.STREAM.DELETE.transactions",
    "purge stream": "$JS.API.STREAM.PURGE.transactions",
    "delete event": "$JS.API.STREAM.MSG.DELETE.transactions",
    "discovery": "$SRV.PING",
    "inbox of another": "_INBOX_somebody.x",
    "server": "$SYS.REQ.SERVER.PING",
    "elsewhere": "elsewhere.x",
}
MAY_SAY = {
    "meter_ingest": {"reading", "limit grid", "limit other", "alert", "read sites"},
    "ocpp_gateway": {"state", "result", "transaction", "alert", "kv stations", "read sites", "read stations"},
    "allocator": {
        *("setpoint", "decision", "basis", "limit record", "alert", "read sites"),
        *("kv owners", "kv epochs", "kv memory", "kv overrides", "watch memory"),
    },
    "plug_control": {"state", "result", "alert", "read sites"},
    "planner": {"load plan", "forecast", "alert", "kv plans", "read sites"},
    "home_assistant": {"command", "alert", "read sites"},
    "limit_grid": {"limit grid"},
    "operator": {
        *("command", "call", "kv sites", "kv stations", "kv tags", "discovery"),
        *("read sites", "read stations", "watch memory"),
    },
    "provisioner": {"create stream", "read sites", "read stations", "watch memory"},
}
HEARD = {
    "readings": "evenload.site.*.reading.*",
    "states": "evenload.site.*.load.*.state",
    "setpoints": "evenload.site.*.load.*.setpoint",
    "results": "evenload.site.*.load.*.result",
    "decisions": "evenload.site.*.decision",
    "limits": "evenload.site.*.limit.*",
    "limit records": "evenload.site.*.limit_record.*",
    "alerts": "evenload.site.*.alert.>",
    "transactions": "evenload.site.*.transaction.>",
    "commands": "evenload.site.*.command.*",
    "calls": "evenload.station.*.call",
    "plans": "evenload.site.*.load.*.plan",
    "forecasts": "evenload.site.*.forecast.*",
    "all": "evenload.>",
    "all at all": ">",
    "discovery": "$SRV.>",
    "bucket": "$KV.stations.>",
    "inbox of another": "_INBOX_somebody.>",
    "all inboxes": "_INBOX.>",
    "server": "$SYS.>",
}
MAY_HEAR = {
    "meter_ingest": {"discovery"},
    "ocpp_gateway": {"setpoints", "calls", "discovery"},
    "allocator": {"readings", "states", "results", "limits", "commands", "plans", "discovery"},
    "plug_control": {"setpoints", "readings", "discovery"},
    "planner": {"readings", "states", "decisions", "forecasts", "discovery"},
    "home_assistant": {"decisions", "alerts", "discovery"},
    "limit_grid": set[str](),
    "operator": {
        *("readings", "states", "setpoints", "results", "decisions", "limits", "alerts", "transactions"),
        *("commands", "calls", "plans", "forecasts", "limit records", "all", "discovery", "bucket"),
    },
    "provisioner": set[str](),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strict(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server with the permissions of all, one limit source included."""
    folder: Path = tmp_path_factory.mktemp("nats")
    async with server(folder, plan_in(folder, limit_sources=("grid",))) as found:
        yield found


@pytest.mark.parametrize("user", MAY_SAY)
async def test_a_user_says_its_own_and_nothing_else(strict: Server, user: str) -> None:
    async with guest(strict, user) as found:
        for subject in SAID.values():
            await found.client.publish(subject, b"{}")
        await found.sync()
        denied = found.denied(SAID)
    assert set(SAID) - denied == MAY_SAY[user]


@pytest.mark.parametrize("user", MAY_HEAR)
async def test_a_user_hears_its_own_and_nothing_else(strict: Server, user: str) -> None:
    async with guest(strict, user) as found:
        for subject in HEARD.values():
            await found.client.subscribe(subject)
        await found.sync()
        denied = found.denied(HEARD)
    assert set(HEARD) - denied == MAY_HEAR[user]


async def test_an_own_inbox_is_heard(strict: Server) -> None:
    async with guest(strict, "meter_ingest") as found:
        await found.client.subscribe("_INBOX_meter_ingest.abc.*")
        await found.sync()
        assert found.refused == []


async def test_only_requests_are_answered_outside_ones_own_subjects(strict: Server) -> None:
    async with guest(strict, "allocator") as served, guest(strict, "operator") as asks:

        async def answer(message: Msg) -> None:
            await message.respond(b"yes")

        await served.client.subscribe("evenload.site.home.command.set", cb=answer)
        await served.sync()
        reply = await asks.client.request("evenload.site.home.command.set", b"{}", timeout=3)
        assert reply.data == b"yes"
        await served.client.publish(f"{reply.subject}.more", b"unasked")
        await asyncio.sleep(0)
        await served.sync()
        assert any("permissions violation" in text.lower() for text in served.refused)
