"""What an older version kept: today's services come up on it, and nothing is lost.

`older.tar.gz` is what `evenload backup` of revision 7b03368 wrote: the first that could, before planner, tags, devices
and plans. It holds a site, two values set by hand, a station with its password's digest, one transaction that was ended
and one that was not, the allocator's memory and epoch.
"""

import asyncio
import csv
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from evenload.cli.backup import read
from evenload.contracts import subjects
from evenload.contracts.records import EpochRecord
from evenload.contracts.wire import decode_as
from evenload.runtime.declared import ensure
from evenload.runtime.snapshots import put_back
from tests.integration.nats.server import Server, connect_as, plan_in, server
from tests.integration.nats.test_whole import Fleet
from tests.integration.system.processes import Running, until
from tests.integration.system.system import SERVICES, START_S

OLDER = Path(__file__).with_name("older.tar.gz")
PASSWORD = "5280f416f6c39635f1f2798a1080c1befe91f379"
BY_HAND = {"wallbox": ("solar_only", True), "guest": ("standard", True)}


class Upgraded(Fleet):
    """Today's services on what was kept."""

    before = 0
    """The epoch that was kept."""

    def __init__(self, strict: Server) -> None:
        super().__init__(strict)
        self.running: dict[str, Running] = {}

    async def epoch(self) -> int:
        """Return the site's epoch as it is stored."""
        operator = await connect_as(self.strict, "operator")
        entry = await (await operator.bucket(subjects.EPOCHS)).get("home")
        await operator.close()
        assert entry is not None
        return decode_as(EpochRecord, entry.value).epoch

    async def end(self) -> None:
        """End all services at once."""
        await asyncio.gather(*(running.end() for running in self.running.values()))

    def said(self) -> str:
        """Return the services' logs."""
        return "\n".join(running.text for running in self.running.values())


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Upgraded]:
    """A server with what the older version kept, provisioned as the upgrade notes say, and today's services."""
    async with AsyncExitStack() as stack:
        found = Upgraded(await stack.enter_async_context(server(tmp_path, plan_in(tmp_path))))
        provisioner = await connect_as(found.strict, "provisioner")
        for snapshot in read(OLDER):
            await put_back(provisioner, snapshot)
        await ensure(provisioner)
        await provisioner.close()
        found.before = await found.epoch()
        found.running = dict(zip(SERVICES, await asyncio.gather(*map(found.service, SERVICES)), strict=True))
        stack.push_async_callback(found.end)
        async with asyncio.timeout(START_S):
            while any([(await found.get(name, "/readyz"))[0] != 200 for name in SERVICES]):
                await asyncio.sleep(0.05)
        yield found


async def test_todays_services_come_up_on_what_an_older_version_kept(fleet: Upgraded) -> None:
    async with asyncio.timeout(START_S):
        while await fleet.epoch() <= fleet.before:
            await asyncio.sleep(0.05)
    await until(lambda: "revision 1 in force" in fleet.running["allocator"].text, 5, "the site file is taken")
    said = await fleet.command("operator", "transactions", "--since", "2020-01-01", "--csv")
    rows = list(csv.DictReader(said.splitlines()))
    assert sorted(row["transaction"] for row in rows) == ["1", "2"]
    shown = json.loads(await fleet.command("operator", "status", "--json"))["sites"]["home"]["decision"]
    assert {each["load"]: (each["mode"], each["by_hand"]) for each in shown["loads"]} == BY_HAND
    module, url = "tests.integration.system.foreign_station", f"ws://127.0.0.1:{fleet.ocpp_port}"
    station = await Running.start(sys.executable, "-m", module, "--url", url, "--id", "CP001", "--password", PASSWORD)
    try:
        await until(lambda: station.events("started"), 20, "the station may connect, and starts a transaction")
        assert station.events("started")[0]["transaction"] not in (1, 2)
    finally:
        await station.end()
    assert "starting without it" not in fleet.said()
    assert "had been lost" not in fleet.said()


def test_the_older_version_kept_less_than_today() -> None:
    kept = {snapshot.name: snapshot.state["messages"] for snapshot in read(OLDER)}
    assert kept["transactions"] == 3
    assert "KV_devices" not in kept
