"""The single-site overlay as real pods: built as the guide says, played by podman, used as the guide says.

`tests/pods/translate.py` names what is put otherwise than in the manifests. Services are started before the provisioner
and NATS, as a cluster may. Then a station charges through the gateway's port, pods are killed and come back, and all
are stopped as a kubelet stops them. Exit status 0 when all holds, 69 when podman is not there.

Run: python -m tests.pods [--image ARCHIVE of docker save]
"""

import argparse
import asyncio
import csv
import io
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from msgspec import json

from tests.integration.system.house import House
from tests.integration.system.processes import EVENLOAD, Running, until
from tests.integration.system.system import site_text
from tests.pods import checks
from tests.pods.cluster import Cluster, cluster
from tests.pods.podman import missing
from tests.upgrade.__main__ import FAILSAFE_A, SUN_W, Car

UNAVAILABLE = 69
START_S, COMMAND_S, USED_S = 60.0, 40.0, 30.0
NATS, GATEWAY = "nats", "ocpp-gateway"
REACH = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()"


def say(what: str, told: str) -> None:
    """Print what a check found."""
    print(f"{what:24} {told}", flush=True)


async def start(found: Cluster) -> None:
    """Play all pods, NATS last and the provisioner before it; return once all are ready, and none has ended."""
    names = [each.name for each in found.lasting if each.name != NATS]
    for name in (*names, NATS):
        await found.play(name)

    async def ready(name: str) -> str:
        allowed_s = await found.allowed_s(name, "startupProbe")
        alive_s = await found.passes(name, "startupProbe", allowed_s) - found.played_s[name]
        ready_s = await found.passes(name, "readinessProbe", START_S) - found.played_s[name]
        assert await found.probe(name, "livenessProbe"), f"{name} is not alive"
        return f"alive after {alive_s:.1f} of {allowed_s:.0f} s, ready after {ready_s:.1f} s"

    lasting = [each.name for each in found.lasting]
    for name, told in zip(lasting, await asyncio.gather(*map(ready, lasting)), strict=True):
        say(name, told)
    for name in lasting:
        again = await restarts(found, found.workloads[name].container_name)
        assert again == 0, f"{name} ended and was started again:\n{await log_of(found, name)}"
    say("restarts", "none, though services were started before NATS and the provisioner")


async def restarts(found: Cluster, container: str) -> int:
    """Return how often podman started a container again."""
    return int(await found.podman.run("container", "inspect", "--format", "{{.RestartCount}}", container))


async def log_of(found: Cluster, name: str) -> str:
    """Return the end of a pod's log."""
    return (await found.podman.status("logs", "--tail", "20", found.workloads[name].container_name))[1]


async def look_inside(found: Cluster) -> None:
    """Check security contexts, volumes, settings and limits of each pod, and the Services' names."""
    kinds = (checks.safe, checks.written, checks.settled, checks.limited)
    for workload in found.lasting:
        for check in kinds:
            say(workload.name, await check(found, workload))
    services = [each for each in found.documents if each["kind"] == "Service"]
    for service in services:
        name = service["metadata"]["name"]
        for port in service["spec"]["ports"]:
            container = found.workloads["allocator"].container_name
            code, text = await found.podman.inside(container, "python3", "-c", REACH, name, str(port["port"]))
            assert code == 0, text
            say(f"service {name}", f"port {port['port']} is reached by its name from another pod")


class PatientCar(Car):
    """Is plugged in again only once the gateway has been told that it was gone."""

    async def unplugged_and_plugged(self) -> None:
        """End the transaction and begin the next, however long the gateway is away."""
        made, ended = len(self.started), len(self._running.events("stopped"))
        self._running.send("CP001 unplug")
        await self._until(lambda: len(self._running.events("stopped")) > ended, "the transaction's end is answered")
        self._running.send("CP001 plug")
        await self._until(lambda: len(self.started) > made, "the next transaction begins")


class Operator:
    """The guide's commands, from the operator's machine."""

    def __init__(self, found: Cluster) -> None:
        address = found.addresses[NATS]
        credentials = str(found.overlay / "secrets" / "operator.key")
        self._environment = {"EVENLOAD_NATS_URL": f"nats://{address}:4222", "EVENLOAD_NATS_CREDS": credentials}
        self.monitor = f"http://{address}:8222"

    async def run(self, *arguments: str) -> str:
        """Run a command, which must succeed; return what it says."""
        began_s = time.monotonic()
        running = await Running.start(EVENLOAD, *arguments, **self._environment)
        status = await asyncio.wait_for(running.process.wait(), COMMAND_S)
        await running.end()
        assert status == 0, f"evenload {' '.join(arguments)}: {status}\n{running.text}"
        say(f"evenload {' '.join(arguments[:2])}"[:24], f"status 0 after {time.monotonic() - began_s:.1f} s")
        return running.text

    async def transactions(self) -> list[dict[str, str]]:
        """Return the rows of `evenload transactions --csv`."""
        return list(csv.DictReader(io.StringIO(await self.run("transactions", "--csv"))))


@asynccontextmanager
async def emulated(found: Cluster, kind: str, watts: int) -> AsyncIterator[str]:
    """Yield the address of a device on the host, as pods reach it."""
    words = (kind, "--host", found.gateway, "--port", "0", "--watts", str(watts))
    running = await Running.start(sys.executable, "-m", "evenload.simulation.devices", *words)
    try:
        await until(lambda: running.lines, START_S, "the device's address")
        yield str(json.decode(running.lines[0])["address"])
    finally:
        await running.end()


@asynccontextmanager
async def charging(found: Cluster, operator: Operator, folder: Path) -> AsyncIterator[Car]:
    """Put a site in force as the guide says, let a station in, and yield its car once it follows a setpoint."""
    async with AsyncExitStack() as stack:
        meter = await stack.enter_async_context(emulated(found, "homewizard", 1380))
        socket = await stack.enter_async_context(emulated(found, "homewizard-socket", 460))
        site = folder / "home.yaml"
        site.write_text(site_text(meter, socket), encoding="utf-8")
        await operator.run("site", "apply", str(site))
        said = await operator.run("station", "add", "CP001")
        password = said.partition("password (AuthorizationKey)")[2].split()[0]
        module, url = "tests.integration.system.foreign_station", f"ws://{found.addresses[GATEWAY]}:9000"
        words = ("--url", url, "--id", "CP001", "--password", password)
        began_s = time.monotonic()
        station = await Running.start(sys.executable, "-m", module, *words)
        stack.push_async_callback(station.end)
        car = PatientCar(station)
        house = House(meter, socket, car.draws_a)
        house.sun_w = SUN_W
        living = asyncio.create_task(house.live())
        stack.callback(living.cancel)
        await car.charges(FAILSAFE_A)
        limit_a = station.events("profile")[-1]["limit_a"]
        say("station CP001", f"setpoint {limit_a:g} A followed {time.monotonic() - began_s:.1f} s after its start")
        yield car


async def look_well(operator: Operator) -> None:
    """Run the guide's commands of a running system; nothing may be bad or doubtful."""
    assert "wallbox" in await operator.run("status")
    said = await operator.run("doctor", "--json", "--monitor", operator.monitor)
    findings = [json.decode(line) for line in said.splitlines() if line.startswith("{")]
    odd = [each for each in findings if each["verdict"] != "good"]
    assert odd == [], odd
    say("evenload doctor", f"{len(findings)} findings, all good")


async def gateway_is_replaced(found: Cluster, operator: Operator, car: Car) -> None:
    """Stop the gateway while a car charges, let it be unplugged meanwhile, start the next; nothing may be lost."""
    ids = list(car.started)
    say(GATEWAY, await checks.stops(found, GATEWAY))
    since = car.now()
    say(GATEWAY, f"the next is ready after {await checks.again(found, GATEWAY):.1f} s")
    await car.charges_anew(since)
    assert car.started == ids, "the running transaction goes on with its id"
    stopping = asyncio.create_task(checks.stops(found, GATEWAY))
    changing = asyncio.create_task(car.unplugged_and_plugged())
    say(GATEWAY, f"again, amid a transaction's end: {await stopping}")
    await checks.again(found, GATEWAY)
    await changing
    await car.charges(FAILSAFE_A)
    rows = await operator.transactions()
    told = [int(row["transaction"]) for row in rows]
    assert sorted(told) == sorted(car.started), f"{rows}\n{car.started}"
    say("transactions", f"{len(rows)} of {len(car.started)} that the station made, each once")


async def pods_come_back(found: Cluster, operator: Operator, car: Car) -> None:
    """Kill each pod's process in turn; it must come back, and the car charge by a new setpoint."""
    for workload in found.lasting:
        since = car.now()
        say(workload.name, await checks.comes_back(found, workload.name))
        if workload.name in (NATS, GATEWAY):
            await car.charges_anew(since)
    ids = {int(row["transaction"]) for row in await operator.transactions()}
    assert ids == set(car.started)
    say("transactions", f"{len(ids)} of {len(car.started)}, each once")


async def all_stop(found: Cluster) -> None:
    """Stop all pods as a kubelet does, NATS last."""
    for workload in sorted(found.lasting, key=lambda each: each.name == NATS):
        say(workload.name, await checks.stops(found, workload.name))


async def rehearse(archive: Path | None) -> None:
    """Do all of it. Raises `AssertionError` where something does not hold."""
    with tempfile.TemporaryDirectory(prefix="evenload-pods-") as name:
        folder = Path(name)
        async with cluster(folder, archive) as found:
            await start(found)
            await look_inside(found)
            operator = Operator(found)
            async with charging(found, operator, folder) as car:
                await look_well(operator)
                for line in await checks.used(found, USED_S):
                    print(line)
                steps: tuple[Callable[[Cluster, Operator, Car], Awaitable[None]], ...] = (
                    gateway_is_replaced, pods_come_back,
                )  # fmt: skip
                for step in steps:
                    await step(found, operator, car)
                await look_well(operator)
            await all_stop(found)


def main() -> int:
    """Rehearse and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--image", type=Path, help="an archive of `docker save`; without it the image is built")
    asked = parser.parse_args()
    if os.geteuid() != 0:
        print("error: it mounts and makes networks; run it as root", file=sys.stderr)
        return UNAVAILABLE
    if packages := missing():
        print(f"error: run: apt-get install --no-install-recommends {' '.join(packages)}", file=sys.stderr)
        return UNAVAILABLE
    asyncio.run(rehearse(asked.image))
    return 0


if __name__ == "__main__":
    sys.exit(main())
