"""A home of one's own beside the containers: emulated devices where they can reach them, a station that charges."""

import asyncio
import csv
import io
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_network

from tests.compose.walk import Walk
from tests.integration.system.house import House
from tests.integration.system.processes import Running
from tests.integration.system.system import device, site_text
from tests.upgrade.__main__ import FAILSAFE_A, SUN_W, Car

BRIDGE = "docker network inspect bridge --format '{{(index .IPAM.Config 0).Subnet}}'"
"""The engine's own network: this machine has its first address, at which containers of all networks reach it."""
CLI = "docker compose run --rm cli"
STATION = "tests.integration.system.foreign_station"


class OwnHome:
    """Its car, and what the guide's commands say of it."""

    def __init__(self, walk: Walk, meter: str, socket: str) -> None:
        self.walk, self.house = walk, House(meter, socket, self.draws_a)
        self.house.sun_w = SUN_W
        self.password = ""
        self.port = 9000
        self.car: Car
        self.station: Running | None = None

    def draws_a(self) -> tuple[float, float, float]:
        """Return what the car draws per phase; nothing before it is there."""
        return self.car.draws_a() if self.station is not None else (0.0, 0.0, 0.0)

    async def connects(self) -> None:
        """Let a station in from this machine, with the password that the guide's command printed."""
        where = ("--url", f"ws://127.0.0.1:{self.port}", "--id", "CP001", "--password", self.password)
        self.station = await Running.start(sys.executable, "-m", STATION, *where)
        self.car = Car(self.station)

    async def leaves(self) -> None:
        """End the station."""
        if self.station is not None:
            await self.station.end()
            self.station = None

    async def transactions(self) -> list[dict[str, str]]:
        """Return the rows of `evenload transactions --csv`."""
        said = await self.walk.engine.must(f"{CLI} transactions --csv")
        return list(csv.DictReader(io.StringIO(said[said.index("site,") if "site," in said else 0 :])))

    def stopped(self, since: int) -> bool:
        """Tell whether the car stood still at any time since place `since` of its story."""
        assert self.station is not None
        return any(float(each["current_a"]) == 0 for each in self.station.events("draws", since))


@asynccontextmanager
async def own_home(walk: Walk) -> AsyncIterator[OwnHome]:
    """Write a site file from the example, with devices that listen where containers find them."""
    subnet = ip_network((await walk.engine.must(BRIDGE)).strip())
    host = str(next(iter(subnet.hosts())))
    async with AsyncExitStack() as stack:
        _, meter = await stack.enter_async_context(device("homewizard", 1380, host))
        _, socket = await stack.enter_async_context(device("homewizard-socket", 460, host))
        home = OwnHome(walk, meter, socket)
        walk.site.write_text(site_text(meter, socket), encoding="utf-8")
        living = asyncio.create_task(home.house.live())
        stack.callback(living.cancel)
        stack.push_async_callback(home.leaves)
        yield home


__all__ = ["CLI", "FAILSAFE_A", "OwnHome", "own_home"]
