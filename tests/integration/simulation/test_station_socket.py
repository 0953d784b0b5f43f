"""The simulated station against a central system of a few lines on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from websockets.asyncio.server import ServerConnection, basic_auth, serve
from websockets.typing import Subprotocol

from evenload.simulation.station import StationClient
from evenload.simulation.station_core import Station, stamp

WAIT_S = 10.0


class Central:
    """Answers what a station asks, and notes it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.sockets: list[ServerConnection] = []
        self._changed = asyncio.Event()

    async def serve(self, socket: ServerConnection) -> None:
        """Hold one connection."""
        self.sockets.append(socket)
        async for frame in socket:
            message = json.loads(frame)
            if message[0] == 2:
                self.calls.append((message[2], message[3]))
                await socket.send(json.dumps([3, message[1], self._answer(message[2])]))
            else:
                self.answers[message[1]] = message[2]
            self._changed.set()

    def _answer(self, action: str) -> dict[str, Any]:
        now = stamp(datetime.now(UTC))
        if action == "BootNotification":
            return {"status": "Accepted", "currentTime": now, "interval": 60}
        if action == "StartTransaction":
            return {"transactionId": 41, "idTagInfo": {"status": "Accepted"}}
        return {}

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return when `holds()`; fail after `WAIT_S`."""
        async with asyncio.timeout(WAIT_S):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    def seen(self, action: str) -> list[dict[str, Any]]:
        """Return the payloads of all calls of an action."""
        return [payload for name, payload in self.calls if name == action]

    async def call(self, identifier: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send one call and return its answer."""
        await self.sockets[-1].send(json.dumps([2, identifier, action, payload]))
        await self.until(lambda: identifier in self.answers)
        return self.answers[identifier]


@asynccontextmanager
async def running(central: Central, client_of: Callable[[str], StationClient]) -> AsyncIterator[StationClient]:
    auth = basic_auth(credentials=("CP001", "secret"))
    async with serve(
        central.serve, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")], process_request=auth
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        client, stopping = client_of(f"ws://127.0.0.1:{port}"), asyncio.Event()
        task = asyncio.create_task(client.run(stopping))
        try:
            yield client
        finally:
            stopping.set()
            await asyncio.wait_for(task, WAIT_S)


def client_of(url: str) -> StationClient:
    client = StationClient(Station(identity="CP001"), url, "secret", lambda event: None, lag_s=0.1)
    client.station.configuration["MeterValueSampleInterval"] = "1"
    return client


def profile(limit: float) -> dict[str, Any]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    value = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {**schedule, "startSchedule": "2026-01-01T00:00:00Z"},
    }
    return {"connectorId": 1, "csChargingProfiles": value}


async def test_it_boots_charges_obeys_and_stops() -> None:
    central = Central()
    async with running(central, client_of) as client:
        await central.until(lambda: bool(central.seen("StatusNotification")))
        assert central.seen("StatusNotification")[0]["status"] == "Available"
        client.plug(16.0, 3)
        await central.until(lambda: bool(central.seen("StartTransaction")))
        assert await central.call("a", "SetChargingProfile", profile(9.0)) == {"status": "Accepted"}
        await central.until(lambda: any(_current(each) == 9.0 for each in central.seen("MeterValues")))
        client.unplug()
        await central.until(lambda: bool(central.seen("StopTransaction")))
        assert central.seen("StopTransaction")[0]["transactionId"] == 41


async def test_it_comes_back_after_the_link_was_cut() -> None:
    central = Central()
    async with running(central, client_of):
        await central.until(lambda: bool(central.seen("StatusNotification")))
        await central.sockets[-1].close()
        await central.until(lambda: len(central.seen("BootNotification")) == 2)


async def test_a_wrong_password_keeps_it_out() -> None:
    central = Central()
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def wrong(url: str) -> StationClient:
        return StationClient(Station(identity="CP001"), url, "guess", told.put_nowait)

    async with running(central, wrong):
        while (event := await asyncio.wait_for(told.get(), WAIT_S))["event"] != "disconnected":
            pass
    assert "401" in event["why"]
    assert not central.calls


def _current(message: dict[str, Any]) -> float:
    samples = message["meterValue"][0]["sampledValue"]
    return next(float(each["value"]) for each in samples if each["measurand"] == "Current.Import")
