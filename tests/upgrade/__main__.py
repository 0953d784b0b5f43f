"""An upgrade and the way back: an older revision's home, this one's on the same data folder, the older one again.

The older revision is taken from git into a folder of its own and run by this environment's Python. A station charges
all the while as a process that knows nothing of either; the meter and a heater are emulated. What must hold: the
station's password, its running transaction with its id, the transactions of before, what was set by hand and the site
file are there in the newer version, which finds nothing bad (`doctor`); and the older one goes on with what the newer
has kept.

Run: python -m tests.upgrade --from c87c961 [--keep BACKUP.tar]
"""

import argparse
import asyncio
import csv
import io
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from msgspec import json

from tests.integration.system.house import House
from tests.integration.system.processes import ROOT, Running, free_port, until
from tests.integration.system.system import device, site_text

START_S, CHARGES_S, COMMAND_S = 40.0, 60.0, 40.0
FAILSAFE_A = 6.0
SUN_W = 9_000.0
"""The car follows the sun, so more than its failsafe current is a setpoint."""
OK = 200


class Version:
    """`evenload up` of one revision's tree, on a data folder and ports that stay the same."""

    def __init__(self, name: str, tree: Path, folder: Path, ports: tuple[int, int]) -> None:
        self.name, self.data_dir, self.site, self.ports = name, folder / "data", folder / "home.yaml", ports
        # Without the safe path, the folder a process is started in would come before the tree that is meant.
        self._environment = {"PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"}

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        """Run it; all services are ready within."""
        ports = ("--port", str(self.ports[0]), "--ocpp-port", str(self.ports[1]))
        running = await self._start("up", str(self.site), "--data-dir", str(self.data_dir), "--no-table", *ports)
        try:
            await self._ready(running)
            yield
        finally:
            status = await running.end()
        assert status == 0, f"{self.name}: ended with {status}\n{running.text[-3000:]}"

    async def _start(self, *arguments: str) -> Running:
        return await Running.start(sys.executable, "-m", "evenload.cli", *arguments, **self._environment)

    async def _ready(self, running: Running) -> None:
        told = self.data_dir / "up.json"
        await until(told.exists, START_S, f"{self.name}: up is there\n{running.text}")
        http: dict[str, str] = json.decode(told.read_bytes())["http"]
        async with asyncio.timeout(START_S), aiohttp.ClientSession() as session:
            for address in http.values():
                while not await _answers(session, address):
                    await asyncio.sleep(0.1)

    async def run(self, *arguments: str) -> str:
        """Run one of its commands, which must succeed; return what it says."""
        running = await self._start(*arguments, "--data-dir", str(self.data_dir))
        status = await asyncio.wait_for(running.process.wait(), COMMAND_S)
        await running.end()
        assert status == 0, f"{self.name}: evenload {' '.join(arguments)}: {status}\n{running.text}"
        return running.text

    async def transactions(self) -> list[dict[str, str]]:
        """Return the rows of `evenload transactions --csv`."""
        return list(csv.DictReader(io.StringIO(await self.run("transactions", "--csv"))))


async def _answers(session: aiohttp.ClientSession, address: str) -> bool:
    try:
        async with session.get(f"{address}/readyz") as reply:
            return reply.status == OK
    except aiohttp.ClientError:
        return False


class Car:
    """The station, seen from outside."""

    def __init__(self, running: Running) -> None:
        self._running = running

    def draws_a(self) -> tuple[float, float, float]:
        """Return what it draws per phase."""
        told = self._running.events("draws")
        drawn_a = float(told[-1]["current_a"]) if told else 0.0
        return (drawn_a, drawn_a, drawn_a)

    @property
    def started(self) -> list[int]:
        """The ids of its transactions, in order."""
        return [int(each["transaction"]) for each in self._running.events("started")]

    async def charges(self, above_a: float) -> None:
        """Return once it draws more than `above_a`."""
        await self._until(lambda: self.draws_a()[0] > above_a, f"the car draws more than {above_a:g} A")

    async def _until(self, holds: Callable[[], Any], what: str) -> None:
        try:
            await until(holds, CHARGES_S, what)
        except AssertionError as fault:
            raise AssertionError(f"{fault}\n{self._running.text[-3000:]}") from None

    async def charges_anew(self, since: int) -> None:
        """Return once a limit came after place `since` and the car draws above its failsafe."""
        await self._until(lambda: self._running.events("profile", since), "a limit is written")
        await self.charges(FAILSAFE_A)

    def now(self) -> int:
        """Return the place of what comes next."""
        return self._running.now()

    async def unplugged_and_plugged(self) -> None:
        """End the transaction and begin the next."""
        number = len(self.started)
        self._running.send("CP001 unplug")
        await self._until(lambda: self.draws_a()[0] == 0, "the car is gone")
        self._running.send("CP001 plug")
        await self._until(lambda: len(self.started) > number, "the next transaction begins")


@asynccontextmanager
async def older_tree(revision: str, folder: Path) -> AsyncIterator[Path]:
    """Yield the tree of a revision."""
    tree = folder / "older"
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), revision], cwd=ROOT, check=True)
    try:
        yield tree
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=True)


async def rehearse(revision: str, keep: Path | None) -> list[str]:
    """Go there and back; return what was found. Raises `AssertionError` where something is lost."""
    with tempfile.TemporaryDirectory(prefix="evenload-upgrade-") as name:
        folder = Path(name)
        async with (
            older_tree(revision, folder) as tree,
            device("homewizard", 1380) as (_, meter),
            device("homewizard-socket", 460) as (_, socket),
        ):
            ports = (free_port(), free_port())
            (folder / "home.yaml").write_text(site_text(meter, socket), encoding="utf-8")
            old = Version(f"older ({revision})", tree, folder, ports)
            new = Version("this", ROOT, folder, ports)
            return await _there_and_back(old, new, (meter, socket), keep)


async def _there_and_back(old: Version, new: Version, devices: tuple[str, str], keep: Path | None) -> list[str]:
    async with old.up():
        station = await _station(old)
        car = Car(station)
        house = House(*devices, car.draws_a)
        house.sun_w = SUN_W
        living = asyncio.create_task(house.live())
        await car.charges(FAILSAFE_A)
        await car.unplugged_and_plugged()
        await old.run("set", "heater", "mode", "off")
        await car.charges(FAILSAFE_A)
        before = await old.transactions()
        if keep is not None:
            await old.run("backup", str(keep))
    try:
        found = [f"{old.name}: {len(before)} transactions, one of them running; heater off by hand"]
        found += await _upgraded(new, car, before)
        found += await _went_back(old, car)
    finally:
        living.cancel()
        await station.end()
    return found


async def _station(version: Version) -> Running:
    said = await version.run("station", "add", "CP001")
    password = said.partition("password (AuthorizationKey)")[2].split()[0]
    module, url = "tests.integration.system.foreign_station", f"ws://127.0.0.1:{version.ports[1]}"
    return await Running.start(sys.executable, "-m", module, "--url", url, "--id", "CP001", "--password", password)


async def _upgraded(new: Version, car: Car, before: list[dict[str, str]]) -> list[str]:
    started, since = car.started, car.now()
    async with new.up():
        await car.charges_anew(since)
        assert car.started == started, "the running transaction goes on with its id"
        status: dict[str, Any] = json.decode(await new.run("status", "--json"))
        heater = next(load for load in status["sites"]["home"]["decision"]["loads"] if load["load"] == "heater")
        assert heater["setpoint_a"] == 0, f"what was set by hand holds: {heater}"
        assert "by hand" in await new.run("status"), "and is shown as such"
        await new.run("doctor")
        await car.unplugged_and_plugged()
        await car.charges(FAILSAFE_A)
        after = await new.transactions()
    _same(before, after)
    return [
        f"this: the same and one more; the running one ended once, id kept ({started[-1]}); doctor finds nothing bad"
    ]


def _same(before: list[dict[str, str]], after: list[dict[str, str]]) -> None:
    """Assert that every transaction of before is there once, and one more."""
    ids = [(row["station"], row["transaction"]) for row in after]
    assert len(ids) == len(set(ids)) == len(before) + 1, f"{before}\n{after}"
    assert {(row["station"], row["transaction"]) for row in before} < set(ids)


async def _went_back(old: Version, car: Car) -> list[str]:
    started, since = car.started, car.now()
    async with old.up():
        await car.charges_anew(since)
        assert car.started == started, "the running transaction goes on with its id"
        rows = await old.transactions()
    assert len(rows) == len(started), f"{rows}\n{started}"
    return [f"{old.name} again: all {len(rows)} transactions, the running one goes on; the car charges"]


def main() -> int:
    """Rehearse and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--from", dest="revision", required=True, help="the older revision")
    parser.add_argument("--keep", type=Path, help="keep a backup of the older revision's state here")
    asked = parser.parse_args()
    print("\n".join(asyncio.run(rehearse(asked.revision, asked.keep))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
