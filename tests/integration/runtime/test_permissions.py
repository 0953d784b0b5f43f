"""Credentials and the permissions of one service (a reader of `sites` that publishes readings), on a real server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evenload.contracts import subjects
from evenload.contracts.events import Alert, MeterReading
from evenload.runtime.bus import BusDown, BusTimeout
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import NatsBus, connect_nats
from evenload.runtime.ports import free_port
from evenload.runtime.server import find_binary
from evenload.runtime.settings import Settings
from tests.integration.runtime.conftest import until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
READING = MeterReading(site="home", meter="p1", role="grid", measured_at=NOW)
ALERT = Alert(site="home", kind="test", about="x", active=True, at=NOW)
CONFIG = """
listen: "127.0.0.1:{port}"
jetstream {{ store_dir: "{folder}" }}
authorization {{ users: [
  {{user: admin, password: all}}
  {{user: meter_ingest, password: some, permissions: {{
    publish: ["evenload.site.*.reading.>", "evenload.site.*.alert.>", "$JS.API.INFO", "$JS.API.STREAM.INFO.KV_sites",
      "$JS.API.DIRECT.GET.KV_sites.>", "$JS.API.STREAM.MSG.GET.KV_sites", "$JS.API.CONSUMER.CREATE.KV_sites",
      "$JS.API.CONSUMER.CREATE.KV_sites.>", "$JS.API.CONSUMER.DELETE.KV_sites.>", "$JS.FC.>"]
    subscribe: ["$SRV.>", "_INBOX_meter_ingest.>"]
    allow_responses: true
  }}}}
] }}
"""


@pytest.fixture
async def settings(tmp_path: Path) -> AsyncIterator[Settings]:
    """A server with users; its address and the credentials file of meter_ingest."""
    port, config, creds = free_port(), tmp_path / "server.conf", tmp_path / "meter_ingest.key"
    config.write_text(CONFIG.format(port=port, folder=tmp_path / "store"))
    creds.write_text("meter_ingest:some\n")
    process = await asyncio.create_subprocess_exec(str(find_binary()), "-c", str(config), stderr=-3)
    yield Settings(nats_url=f"nats://127.0.0.1:{port}", nats_creds=str(creds))
    process.terminate()
    await process.wait()


@pytest.fixture
async def admin(settings: Settings) -> AsyncIterator[NatsBus]:
    url = settings.nats_url.replace("nats://", "nats://admin:all@")
    bus = await connect_nats(Settings(nats_url=url), "admin", "admin", SystemClock(), wait_s=5)
    await ensure(bus)
    yield bus
    await bus.close()


@pytest.fixture
async def reader(settings: Settings, admin: NatsBus) -> AsyncIterator[NatsBus]:
    bus = await connect_nats(settings, "reader", "meter_ingest", SystemClock(), wait_s=5)
    yield bus
    await bus.close()


async def test_what_a_service_needs_is_allowed(admin: NatsBus, reader: NatsBus) -> None:
    heard: list[str] = []
    await admin.subscribe("evenload.>", lambda subject, data: heard.append(subject))
    await (await admin.bucket("sites")).put("home", b"1")
    await admin.request("$JS.API.INFO", b"")
    reader.publish(subjects.reading("home", "p1"), READING)
    bucket = await reader.bucket("sites")
    entry = await bucket.get("home")
    assert entry is not None
    assert await bucket.keys() == ["home"]
    async with bucket.watch() as changes:
        assert (await asyncio.wait_for(anext(changes), 5)).value == b"1"
        await (await admin.bucket("sites")).put("home", b"2")
        assert (await asyncio.wait_for(anext(changes), 5)).value == b"2"
    await reader.announce("evenload-meter_ingest", "1.0.0", "meters")
    await reader.bucket("sites")
    assert b"ping_response" in await admin.request("$SRV.PING.evenload-meter_ingest", b"")
    await until(lambda: heard == [subjects.reading("home", "p1")])


async def test_what_is_denied_reaches_the_hook_and_disturbs_nothing(admin: NatsBus, reader: NatsBus) -> None:
    faults: list[tuple[str, str]] = []
    reader.on_fault(lambda kind, text: faults.append((kind, text)))
    reader.publish(subjects.setpoint("home", "wallbox"), ALERT)
    await until(lambda: len(faults) == 1)
    assert faults[0][0] == "permission"
    assert "evenload.site.home.load.wallbox.setpoint" in faults[0][1]
    with pytest.raises(BusTimeout):
        await reader.request("$JS.API.STREAM.DELETE.transactions", b"", 0.3)
    assert reader.connected


async def test_a_wrong_password_is_told_as_such_and_never_shown(settings: Settings, admin: NatsBus) -> None:
    url = settings.nats_url.replace("nats://", "nats://admin:wrong-one@")
    with pytest.raises(BusDown, match=r"(?i)authorization") as refused:
        await connect_nats(Settings(nats_url=url), "b", "admin", SystemClock(), wait_s=0.5)
    assert "wrong-one" not in str(refused.value)
