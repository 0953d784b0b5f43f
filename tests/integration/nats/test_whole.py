"""Every service as a process of its own, with only its own credentials: a car charges and nothing was denied."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from evenload.runtime.ports import free_port
from tests.integration.nats.server import Server, guest, plan_in, server
from tests.integration.system.processes import EVENLOAD, Running, until
from tests.integration.system.system import SERVICES, START_S, device, site_text


class Fleet:
    """The services on a strict server."""

    def __init__(self, strict: Server) -> None:
        self.strict, self.ocpp_port = strict, free_port()
        self.http = {service: free_port() for service in SERVICES}

    async def command(self, user: str, *arguments: str) -> str:
        """Run an `evenload` command as `user`; it must succeed."""
        running = await self.start(user, *arguments)
        status = await asyncio.wait_for(running.process.wait(), START_S)
        await until(lambda: running.process.stdout is not None and running.process.stdout.at_eof(), 5)
        assert status == 0, running.text
        return running.text

    async def start(self, user: str, *arguments: str) -> Running:
        """Start an `evenload` command as `user`."""
        return await Running.start(EVENLOAD, *arguments, **self._as(user))

    async def service(self, name: str) -> Running:
        """Start a service with its own credentials."""
        return await Running.start(
            EVENLOAD,
            "run",
            name,
            EVENLOAD_NATS_PROVISIONED="1",
            EVENLOAD_HTTP_PORT=str(self.http[name]),
            EVENLOAD_OCPP_PORT=str(self.ocpp_port),
            **self._as(name),
        )

    def _as(self, user: str) -> dict[str, str]:
        return {"EVENLOAD_NATS_URL": self.strict.url, "EVENLOAD_NATS_CREDS": self.strict.creds(user)}

    async def get(self, service: str, path: str) -> tuple[int, str]:
        """Return status and body of a service's health server."""
        with contextlib.suppress(aiohttp.ClientError, OSError):
            url = f"http://127.0.0.1:{self.http[service]}{path}"
            async with aiohttp.ClientSession() as session, session.get(url) as reply:
                return reply.status, await reply.text()
        return 0, ""


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    """A provisioned server with all services, a meter, a heater and one station that may connect."""
    async with AsyncExitStack() as stack:
        strict = await stack.enter_async_context(
            server(tmp_path, plan_in(tmp_path, monitor=f"127.0.0.1:{free_port()}"))
        )
        _, meter = await stack.enter_async_context(device("homewizard", 1380))
        _, socket = await stack.enter_async_context(device("homewizard-socket", 460))
        found = Fleet(strict)
        site = tmp_path / "home.yaml"
        site.write_text(site_text(meter, socket), encoding="utf-8")
        assert "created" in await found.command("provisioner", "nats", "provision")
        await found.command("operator", "site", "apply", str(site))
        for name in SERVICES:
            running = await found.service(name)
            stack.push_async_callback(running.end)
        for name in SERVICES:
            async with asyncio.timeout(START_S):
                while (await found.get(name, "/readyz"))[0] != 200:
                    await asyncio.sleep(0.05)
        yield found


async def test_the_whole_system_runs_on_its_permissions(fleet: Fleet) -> None:
    said = await fleet.command("operator", "station", "add", "CP001")
    password = said.partition("password (AuthorizationKey)")[2].split()[0]
    module = "tests.integration.system.foreign_station"
    url = f"ws://127.0.0.1:{fleet.ocpp_port}"
    station = await Running.start(sys.executable, "-m", module, "--url", url, "--id", "CP001", "--password", password)
    try:
        await until(lambda: any(each["current_a"] >= 6 for each in station.events("draws")), 40, "the car charges")
        async with guest(fleet.strict, "operator") as looks:
            call = {"action": "TriggerMessage", "payload": {"requestedMessage": "Heartbeat"}}
            reply = await looks.client.request("evenload.station.cp001.call", json.dumps(call).encode(), timeout=10)
            assert b"Accepted" in reply.data
        await fleet.command("operator", "set", "wallbox", "mode", "standard")
        assert "wallbox" in await fleet.command("operator", "status")
        said = await fleet.command("operator", "doctor", "--monitor", fleet.strict.monitor, "--json")
        findings = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        assert {each["about"] for each in findings} >= {*SERVICES} - {"home_assistant"} | {"clock", "permissions"}
        assert [each for each in findings if each["verdict"] != "good"] == []
    finally:
        await station.end()
    for name in SERVICES:
        _, metrics = await fleet.get(name, "/metrics")
        assert 'evenload_bus_faults_total{kind="permission"}' not in metrics, f"{name} was denied something"
        assert (await fleet.get(name, "/readyz"))[0] == 200


async def test_services_that_start_before_the_provisioner_wait_for_it(tmp_path: Path) -> None:
    """As when a whole cluster is applied at once: no service ends, and none tries what it may not."""
    async with server(tmp_path, plan_in(tmp_path)) as strict, AsyncExitStack() as stack:
        fleet = Fleet(strict)
        started = {}
        for name in SERVICES:
            started[name] = await fleet.service(name)
            stack.push_async_callback(started[name].end)
        await until(
            lambda: all("is not there yet" in each.text for each in started.values()), START_S, "all of them wait"
        )
        await fleet.command("provisioner", "nats", "provision")
        for name in SERVICES:
            async with asyncio.timeout(START_S):
                while (await fleet.get(name, "/readyz"))[0] != 200:
                    await asyncio.sleep(0.05)
            assert 'evenload_bus_faults_total{kind="permission"}' not in (await fleet.get(name, "/metrics"))[1]
            assert started[name].process.returncode is None
