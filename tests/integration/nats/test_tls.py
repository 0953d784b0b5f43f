"""A server that speaks TLS: who it is is checked against the authority that was named."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from evenload.cli.doctor_asks import certificates
from evenload.runtime.bus import BusDown
from evenload.runtime.clock import SystemClock
from evenload.runtime.credentials import CredentialsError
from evenload.runtime.nats_bus import connect_nats
from evenload.runtime.nats_files import Tls
from evenload.runtime.settings import Settings
from tests.integration.nats.server import plan_in, server

PEM = Path(__file__).parents[1] / "ocpp_gateway" / "pem"
SERVER = Tls(cert=str(PEM / "server.pem"), key=str(PEM / "server.pem"))


async def test_the_authority_that_was_named_is_believed_and_no_other(tmp_path: Path) -> None:
    async with server(tmp_path, plan_in(tmp_path, tls=SERVER)) as found:
        url, creds = found.url.replace("nats://", "tls://"), found.creds("operator")
        good = Settings(nats_url=url, nats_creds=creds, nats_ca=str(PEM / "ca.pem"))
        bus = await connect_nats(good, "boot", "operator", SystemClock(), wait_s=5)
        assert bus.connected
        await bus.close()
        (ends_at,) = (await certificates(replace(good, nats_ca=""), None)).values()
        assert ends_at == datetime(2126, 10, 30, 8, 57, 17, tzinfo=UTC)
        with pytest.raises(BusDown, match=r"(?i)certificate"):
            await connect_nats(Settings(nats_url=url, nats_creds=creds), "boot", "operator", SystemClock(), wait_s=1)


async def test_an_authority_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing")
    with pytest.raises(CredentialsError, match="EVENLOAD_NATS_CA"):
        await connect_nats(Settings(nats_ca=str(empty)), "boot", "operator", SystemClock(), wait_s=1)
