"""`evenload transactions` and `tag` against a real server, as an operator uses them."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evenload.contracts import subjects
from evenload.contracts.events import Decision, LoadDecision, TransactionEnded, TransactionEvent, TransactionStarted
from evenload.contracts.phases import PerPhase
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import NatsBus, connect_nats
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings
from evenload.transactions.tags import tag_hash
from services.ocpp_gateway.drivers.records import tag_key
from tests.integration.system.processes import evenload

ENDED = datetime.now(UTC).replace(microsecond=0)
BEGAN = ENDED - timedelta(seconds=60)
OF_IT: dict[str, Any] = {"site": "home", "station": "CP001", "evse": 1, "load": "wallbox", "received_at": ENDED}


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[NatsBus]:
    server = EmbeddedServer(tmp_path / "nats")
    await server.start()
    bus = await connect_nats(Settings(nats_url=server.url), "test", "test", SystemClock(), wait_s=5)
    await ensure(bus)
    yield bus
    await bus.close()
    await server.stop()


async def fill(bus: NatsBus) -> None:
    """Store one transaction of 2 kWh by a card, on sun for the first half, and one of last year."""
    hashed = tag_hash("04a1b2", await tag_key(bus))
    old = BEGAN - timedelta(days=400)
    events: list[TransactionEvent] = [
        TransactionStarted(**OF_IT, transaction="1", started_at=old, meter_start_wh=0),
        TransactionEnded(**OF_IT, transaction="1", ended_at=old + timedelta(hours=1), meter_stop_wh=1000),
        TransactionStarted(**OF_IT, transaction="2", started_at=BEGAN, meter_start_wh=1000, id_tag_hash=hashed),
        TransactionEnded(**OF_IT, transaction="2", ended_at=ENDED, meter_stop_wh=3000, why="Local"),
    ]
    for number, event in enumerate(events):
        await bus.store(subjects.transaction("home", "CP001"), event, f"id-{number}")
    for at, sun in ((BEGAN, 1.0), (BEGAN + timedelta(seconds=30), 0.0), (ENDED, 0.0)):
        bus.publish(subjects.decision("home"), decided(at, sun))
    await bus.request("$JS.API.INFO", b"")  # what was published before it has arrived


def decided(at: datetime, sun: float) -> Decision:
    load = LoadDecision(
        load="wallbox", mode="standard", measured_a=PerPhase(10.0), setpoint_a=16, target_a=16, could_get_a=16
    )
    return Decision(
        site="home", decided_at=at, breaker_a=25, solar_w=2300 * sun, import_w=2300 * (1 - sun), loads=(load,)
    )


async def run(bus: NatsBus, *arguments: str) -> str:
    url = bus._endpoint.urls[0]
    status, out, err = await evenload(*arguments, "--nats", url)
    assert status == 0, err
    return out


async def test_a_months_transactions_with_names_and_sources(bus: NatsBus) -> None:
    await fill(bus)
    assert "Anna" not in await run(bus, "transactions")
    await run(bus, "tag", "add", "04A1B2", "Anna")
    assert "Anna" in await run(bus, "tag", "list")
    (row,) = csv.DictReader(io.StringIO(await run(bus, "transactions", "--csv")))
    assert (row["transaction"], row["energy_kwh"], row["tag"], row["why"]) == ("2", "2.000", "Anna", "Local")
    assert (row["sun_kwh"], row["grid_kwh"], row["unknown_kwh"]) == ("1.000", "1.000", "0.000")
    assert "50 %" in await run(bus, "transactions")
    every = list(csv.DictReader(io.StringIO(await run(bus, "transactions", "--csv", "--since", "500d"))))
    assert [(each["transaction"], each["unknown_kwh"]) for each in every] == [("1", "1.000"), ("2", "0.000")]
    assert "no transactions" in await run(bus, "transactions", "--station", "CP002")
    await run(bus, "tag", "remove", "Anna")
    assert "Anna" not in await run(bus, "transactions")


async def test_a_name_that_is_not_there_cannot_be_removed(bus: NatsBus) -> None:
    status, _, err = await evenload("tag", "remove", "Nobody", "--nats", bus._endpoint.urls[0])
    assert (status, "no tag is named Nobody" in err) == (1, True)
