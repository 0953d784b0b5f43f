"""`evenload station …` against a gateway on a real NATS server, with stations on real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from evenload.cli.__main__ import main
from evenload.runtime.clock import SystemClock
from evenload.runtime.nats_bus import connect_nats
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings
from tests.integration.ocpp_gateway.world import World, prepare, raw, start_gateway
from tests.unit.ocpp_gateway.schemas import valid_call

Answers = Callable[[str, dict[str, Any]], dict[str, Any]]


class Station:
    """Answers every call of the gateway as `answers` says, and notes it; `tells` go out after the answer."""

    def __init__(self, socket: Any, version: str) -> None:
        self.socket, self.version = socket, version
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.tells: list[list[Any]] = []

    async def read(self) -> None:
        async for frame in self.socket:
            message = json.loads(frame)
            if message[0] != 2:
                continue
            valid_call(self.version, message[2], message[3])
            self.calls.append((message[2], message[3]))
            await self.socket.send(json.dumps([3, message[1], self.answer(message[2])]))
            while self.tells and message[2] in ("GetBaseReport", "GetChargingProfiles"):
                await self.socket.send(json.dumps(self.tells.pop(0)))

    def answer(self, action: str) -> dict[str, Any]:
        if action in ("GetConfiguration", "GetVariables"):
            return {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "60"}]}
        return {"status": "Unlocked" if action == "UnlockConnector" else "Accepted"}


@asynccontextmanager
async def gateway(folder: Path) -> AsyncIterator[tuple[World, str]]:
    server = EmbeddedServer(folder)
    await server.start()
    settings = Settings(nats_url=server.url)
    buses = [await connect_nats(settings, name, name, SystemClock(), wait_s=5) for name in ("test", "gateway")]
    await prepare(buses[0])
    ctx, found, port = await start_gateway(buses[1])
    try:
        yield World(None, buses[0], found, ctx, port), server.url  # type: ignore[arg-type]  # no network in memory here
    finally:
        await ctx.drain()
        for bus in buses:
            await bus.close()
        await server.stop()


@asynccontextmanager
async def connected(world: World, version: str) -> AsyncIterator[Station]:
    async with raw(world, "CP001", subprotocols=[f"ocpp{version}"]) as socket:
        station = Station(socket, version)
        reading = asyncio.create_task(station.read())
        boot = {"chargePointVendor": "V", "chargePointModel": "M"}
        if version != "1.6":
            boot = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}  # type: ignore[dict-item]  # nested
        await socket.send(json.dumps([2, "b", "BootNotification", boot]))
        async with asyncio.timeout(5):
            while not any(action == "SetChargingProfile" for action, _ in station.calls):
                await asyncio.sleep(0.01)
        try:
            yield station
        finally:
            reading.cancel()
            await asyncio.wait([reading])


async def evenload(url: str, *words: str) -> Result:
    """Run `evenload station …` in a thread."""
    return await asyncio.to_thread(CliRunner().invoke, main, ["station", *words, "--nats", url])


VERBS: list[tuple[tuple[str, ...], str, dict[str, Any]]] = [
    (("start", "CP001", "--tag", "T"), "RemoteStartTransaction", {"connectorId": 1, "idTag": "T"}),
    (("enable", "CP001"), "ChangeAvailability", {"connectorId": 0, "type": "Operative"}),
    (("disable", "CP001", "--connector", "1"), "ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}),
    (("unlock", "CP001"), "UnlockConnector", {"connectorId": 1}),
    (("reset", "CP001", "--hard"), "Reset", {"type": "Hard"}),
    (("trigger", "CP001", "Heartbeat"), "TriggerMessage", {"requestedMessage": "Heartbeat"}),
    (("transfer", "CP001", "V", "M", "x"), "DataTransfer", {"vendorId": "V", "messageId": "M", "data": "x"}),
    (("diagnostics", "CP001", "ftp://h/d"), "GetDiagnostics", {"location": "ftp://h/d"}),
    (("configuration", "CP001", "HeartbeatInterval"), "GetConfiguration", {"key": ["HeartbeatInterval"]}),
    (
        ("configure", "CP001", "HeartbeatInterval", "1"),
        "ChangeConfiguration",
        {"key": "HeartbeatInterval", "value": "1"},
    ),
    (("schedule", "CP001"), "GetCompositeSchedule", {"connectorId": 1, "duration": 600}),
    (("call", "CP001", "ClearCache"), "ClearCache", {}),
]


@pytest.mark.integration
async def test_every_verb_reaches_a_1_6_station(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (world, url), connected(world, "1.6") as station:
        for words, action, payload in VERBS:
            result = await evenload(url, *words)
            assert result.exit_code == 0, (words, result.output)
            assert (action, payload) in station.calls
            assert "Accepted" in result.output or "Unlocked" in result.output or "60" in result.output
        stopped = await evenload(url, "stop", "CP001")
        assert stopped.exit_code == 1
        refused = await evenload(url, "call", "CP001", "Reste")
        assert refused.exit_code == 1
        assert "did you mean Reset?" in refused.output


@pytest.mark.integration
async def test_the_same_verbs_and_reports_reach_a_2_0_1_station(tmp_path: Path) -> None:
    variable = {"component": {"name": "C"}, "variable": {"name": "V"}, "variableAttribute": [{"value": "7"}]}
    parts = [
        {"requestId": 2, "generatedAt": "2026-01-01T00:00:00Z", "seqNo": seq, "tbc": seq == 0, "reportData": [variable]}
        for seq in (0, 1)
    ]
    async with gateway(tmp_path) as (world, url), connected(world, "2.0.1") as station:
        for words, _, _ in VERBS:
            result = await evenload(url, *words)
            assert result.exit_code == 0, (words, result.output)
        actions = {action for action, _ in station.calls}
        assert {"RequestStartTransaction", "GetLog", "GetVariables", "SetVariables"} <= actions
        station.tells = [[2, f"r{seq}", "NotifyReport", part] for seq, part in enumerate(parts)]
        result = await evenload(url, "report", "CP001")
        assert result.exit_code == 0, result.output
        told = json.loads(result.output)
        assert [part["seqNo"] for part in told["report"]] == [0, 1]
        held = {"requestId": 3, "chargingLimitSource": "CSO", "evseId": 1, "chargingProfile": []}
        station.tells = [[2, "p", "ReportChargingProfiles", held]]
        result = await evenload(url, "profiles", "CP001")
        assert json.loads(result.output)["report"] == [held]
