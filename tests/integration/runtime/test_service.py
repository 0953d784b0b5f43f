"""A service as a process: ready, supervised, drained, gone within 5 s."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from evenload.contracts import subjects
from evenload.contracts.events import Alert
from evenload.contracts.wire import decode_as
from evenload.runtime.clock import SystemClock
from evenload.runtime.nats_bus import NatsBus, connect_nats
from evenload.runtime.ports import free_port
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings
from tests.integration.runtime.conftest import until

ROOT = Path(__file__).parents[3]


class Probe:
    """The probe service as a process of its own."""

    def __init__(self, nats_url: str, **more: str) -> None:
        self.port = free_port()
        self._environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "EVENLOAD_NATS_URL": nats_url,
            "EVENLOAD_HTTP_PORT": str(self.port),
            "EVENLOAD_LOG": "json",
        } | more

    async def start(self) -> None:
        pipe = asyncio.subprocess.PIPE
        module = "tests.integration.runtime.probe_service"
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, env=self._environ, cwd=ROOT, stdout=pipe, stderr=pipe
        )

    async def ask(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}{path}") as reply:
            return reply.status, await reply.text()

    async def answers(self, path: str, status: int) -> str:
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            try:
                found, body = await self.ask(path)
            except aiohttp.ClientConnectionError:
                found, body = 0, "no server yet"
            if found == status:
                return body
            await asyncio.sleep(0.05)
        raise AssertionError(f"{path} did not become {status}: {body}")

    async def end(self, number: int = signal.SIGTERM) -> tuple[int, str, list[dict[str, str]]]:
        """Return exit status, output, log lines; fail when it takes more than 5 s."""
        if self.process.returncode is None and number:
            self.process.send_signal(number)
        out, err = await asyncio.wait_for(self.process.communicate(), 5)
        lines = [json.loads(line) for line in err.decode().splitlines()]
        return self.process.returncode or 0, out.decode(), lines


@pytest.fixture
async def bus(server: EmbeddedServer) -> AsyncIterator[NatsBus]:
    bus = await connect_nats(Settings(nats_url=server.url), "boot", "observer", SystemClock(), wait_s=5)
    yield bus
    await bus.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_service_becomes_ready_answers_and_drains_when_told_to_stop(
    server: EmbeddedServer, bus: NatsBus, number: int
) -> None:
    probe = Probe(server.url)
    await probe.start()
    assert json.loads(await probe.answers("/readyz", 200))["missing"] == []
    assert json.loads(await probe.answers("/livez", 200)) == {"alive": True}
    assert await bus.request("evenload.station.probe.call", b"hello") == b"hello"
    assert json.loads(await bus.request("$SRV.PING.evenload-probe", b""))["name"] == "evenload-probe"
    metrics = await probe.answers("/metrics", 200)
    assert 'evenload_service{service="probe"} 1.0' in metrics
    assert "process_resident_memory_bytes" in metrics
    status, out, lines = await probe.end(number)
    assert (status, out) == (0, "drained\n")
    assert lines[-1]["text"] == "stopped"


async def test_a_part_that_raises_is_restarted_and_told(server: EmbeddedServer, bus: NatsBus) -> None:
    alerts: list[Alert] = []
    await bus.subscribe(subjects.alerts("_system"), lambda subject, data: alerts.append(decode_as(Alert, data)))
    probe = Probe(server.url, PROBE_FAILS="3")
    await probe.start()
    await probe.answers("/readyz", 200)
    assert 'evenload_part_failures_total{part="shaky"} 3.0' in (await probe.ask("/metrics"))[1]
    status, _, lines = await probe.end()
    assert status == 0
    assert sum("ValueError: probe failure" in line.get("trace", "") for line in lines) == 3
    await until(lambda: [alert.active for alert in alerts] == [True, True, True, False])
    assert {alert.about for alert in alerts} == {"probe/shaky"}


async def test_without_a_server_it_lives_is_not_ready_says_why_and_stops(tmp_path: Path) -> None:
    port = free_port()
    probe = Probe(f"nats://me:hunter2@127.0.0.1:{port}")
    await probe.start()
    await probe.answers("/livez", 200)
    assert json.loads(await probe.answers("/readyz", 503))["missing"] == ["bus", "started"]
    server = EmbeddedServer(tmp_path / "nats", port)
    await server.start()
    await probe.answers("/readyz", 200)
    await server.stop()
    assert "bus" in json.loads(await probe.answers("/readyz", 503))["missing"]
    status, out, lines = await probe.end()
    assert (status, out) == (0, "drained\n")
    assert "hunter2" not in json.dumps(lines)


async def test_it_comes_back_by_itself_when_the_server_was_killed(server: EmbeddedServer, bus: NatsBus) -> None:
    probe = Probe(server.url)
    await probe.start()
    await probe.answers("/readyz", 200)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await until(lambda: server.restarts == 1 and bus.connected)
    await probe.answers("/readyz", 200)
    assert await bus.request("evenload.station.probe.call", b"again") == b"again"
    await until_declared(bus, "setpoints")
    assert (await probe.end())[0] == 0


async def until_declared(bus: NatsBus, stream: str) -> None:
    """Return when a stream that the server kept in memory is there again."""
    deadline_s = time.monotonic() + 5
    while b'"error"' in await bus.request(f"$JS.API.STREAM.INFO.{stream}", b""):
        assert time.monotonic() < deadline_s, f"{stream} was not made again"
        await asyncio.sleep(0.02)


async def test_a_service_that_cannot_start_ends_with_1_and_a_trace(server: EmbeddedServer) -> None:
    probe = Probe(server.url, PROBE_CANNOT_START="1")
    await probe.start()
    status, _, lines = await probe.end(0)
    assert status == 1
    assert any("RuntimeError: cannot start" in line.get("trace", "") for line in lines)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("EVENLOAD_HTTP_PORT", "x", "a port"), ("EVENLOAD_HTTP_HOST", "203.0.113.1", "EVENLOAD_HTTP_HOST")],
)
async def test_what_the_operator_must_mend_ends_with_2_and_a_sentence(name: str, value: str, said: str) -> None:
    probe = Probe("nats://127.0.0.1:1", **{name: value})
    await probe.start()
    _, err = await asyncio.wait_for(probe.process.communicate(), 5)
    assert probe.process.returncode == 2
    assert said in err.decode()
    assert "Traceback" not in err.decode()
