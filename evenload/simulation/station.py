"""A simulated OCPP 1.6J station in real time: the socket and the timers around `station_core.Station`.

It connects with Basic authentication, boots, tells its status, starts and stops transactions as its vehicle comes and
goes, sends meter values on its interval, obeys charging profiles and reconnects with a growing pause. The vehicle goes
on while the link is down: then the profile's own end counts.

Alone: `python -m evenload.simulation.station --url ws://127.0.0.1:9000 --id CP001 --password secret --events-json`
prints one JSON line for everything that happens.
"""

import argparse
import asyncio
import base64
import json
import random
import signal
import sys
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from evenload.simulation.station_core import Json, Station, stamp
from evenload.simulation.station_faults import FAULTS
from evenload.simulation.station_several import Charger, Several
from evenload.simulation.station_vehicle import Vehicle

STEP_S = 0.25
CALL_TIMEOUT_S = 30.0
BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
MAX_FRAME_BYTES = 65_536
_OFFLINE_QUEUE = 100

OnEvent = Callable[[Json], None]


class NoAnswer(Exception):
    """The central system did not answer a call; `action` and `why` say which and how."""

    def __init__(self, action: str, why: str) -> None:
        self.action, self.why = action, why

    def __str__(self) -> str:
        return f"{self.action}: {self.why}"


class StationClient:
    """Runs one station until told to stop. `plug`, `unplug` and `sleep` are what a driver and a vehicle do."""

    def __init__(
        self,
        charger: Charger,
        url: str,
        password: str | None,
        on_event: OnEvent,
        *,
        lag_s: float = 2.0,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.charger = charger
        self.station = charger.connectors[0]
        self.connected = False
        self._url = url.rstrip("/") + self.station.path()
        secret = None if password is None else self.station.secret(password)
        self._headers = _basic(charger.identity, secret)
        self._on_event, self._utc = on_event, utc
        self._vehicles = [Vehicle(each, lag_s) for each in charger.connectors]
        self._socket: ClientConnection | None = None
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self._calling: set[str] = set()
        self._one_call = asyncio.Lock()
        self._number = 0
        self._offline: deque[tuple[str, Json]] = deque(maxlen=_OFFLINE_QUEUE)
        self._beat_s = 0.0

    def plug(self, vehicle_a: float, lines: int, connector: int = 1) -> None:
        """A vehicle arrives: it takes up to `vehicle_a` on `lines` lines."""
        at = self.at(connector)
        at.vehicle_a, at.lines = vehicle_a, lines
        at.plugged = at.wants = True

    def unplug(self, connector: int = 1) -> None:
        """The vehicle leaves."""
        at = self.at(connector)
        at.plugged = at.told_to_stop = False

    def sleep(self, asleep: bool, connector: int = 1) -> None:
        """The vehicle stops drawing by itself, or wants power again."""
        self.at(connector).wants = not asleep

    def at(self, connector: int) -> Station:
        """Return a connector by its number."""
        return next(each for each in self.charger.connectors if each.connector == connector)

    async def run(self, stopping: asyncio.Event) -> None:
        """Live and stay connected until `stopping` is set."""
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(self._live()), group.create_task(self._stay_connected())]
            await stopping.wait()
            for part in parts:
                part.cancel()

    async def _live(self) -> None:
        """Let the vehicle follow what is allowed, connected or not."""
        loop = asyncio.get_running_loop()
        last_s = loop.time()
        while True:
            await asyncio.sleep(STEP_S)
            now_s, now = loop.time(), self._utc()
            self._note_limits(now)
            for vehicle in self._vehicles:
                drawn_a = vehicle.follow(now_s, now, now_s - last_s)
                if drawn_a is not None:
                    self._tell("draws", current_a=round(drawn_a, 2), connector=vehicle.connector.connector)
            last_s = now_s

    async def _stay_connected(self) -> None:
        attempt = 0
        while True:
            try:
                async with connect(
                    self._url,
                    subprotocols=[Subprotocol(each) for each in self.station.subprotocols] or None,
                    additional_headers=self._headers,
                    compression=None,
                    max_size=MAX_FRAME_BYTES,
                    ping_interval=None,
                    open_timeout=10,
                ) as socket:
                    attempt = 0
                    await self._session(socket)
            except (OSError, InvalidHandshake, InvalidURI, ConnectionClosed, NoAnswer, TimeoutError) as fault:
                self._tell("disconnected", why=str(fault) or type(fault).__name__)
            pause_s = BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
            attempt += 1
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))

    async def _session(self, socket: ClientConnection) -> None:
        """Hold one connection: read in one task, speak in the other; ends when either does."""
        self._socket, self.connected = socket, True
        self._tell("connected", url=self._url)
        if not self.station.answers_pings:
            _keep_pongs_back(socket)
        tasks = [asyncio.create_task(self._read(socket)), asyncio.create_task(self._speak())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._socket, self.connected = None, False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for future in self._waiting.values():
                future.cancel()
            self._waiting.clear()

    async def _read(self, socket: ClientConnection) -> None:
        async for frame in socket:
            try:
                message = json.loads(frame)
                kind, identifier = message[0], str(message[1])
            except (ValueError, IndexError, KeyError, TypeError):
                self._tell("bad_frame", frame=str(frame)[:200])
                continue
            if kind == 2:
                await self._answer(socket, identifier, message)
            elif kind in (3, 4) and (future := self._waiting.pop(identifier, None)) is not None and not future.done():
                _settle(future, kind, message)
                await self._taken_in(identifier)

    async def _taken_in(self, identifier: str) -> None:
        """Let the call go on before the next frame is read: a station takes in an answer before what follows it."""
        for _ in range(8):
            if identifier not in self._calling:
                return
            await asyncio.sleep(0)

    async def _answer(self, socket: ClientConnection, identifier: str, message: list[Any]) -> None:
        action, payload = str(message[2]), message[3] if len(message) > 3 and isinstance(message[3], dict) else {}
        if self.charger.mutes(action, payload):
            if self.station.wrong_id:
                await socket.send(json.dumps([3, self.station.wrong_id, {"status": "Accepted"}]))
            return
        answer = self.charger.answer(action, payload, self._utc())
        reply: list[Any] = [3, identifier, answer] if answer is not None else [4, identifier, "NotImplemented", "", {}]
        self._tell("call", action=action, payload=payload, answer=answer)
        self._note_limits(self._utc())
        await socket.send(json.dumps(reply, separators=(",", ":")))

    async def _speak(self) -> None:
        """Boot, then say what there is to say."""
        loop = asyncio.get_running_loop()
        if self.charger.boots:
            await self._boot()
        for connector in self.charger.connectors:
            connector.status = ""
        self._beat_s = loop.time()
        while True:
            await self._replay()
            for vehicle in self._vehicles:
                await self._transact(vehicle.connector)
                await self._tell_status(vehicle.connector)
                await self._tell_meter(vehicle, loop.time())
                await self._triggered(vehicle.connector)
            if loop.time() - self._beat_s >= float(self.charger.configuration["HeartbeatInterval"] or 300):
                self._beat_s = loop.time()
                await self.call("Heartbeat", {})
            await asyncio.sleep(STEP_S)

    async def _boot(self) -> None:
        answer = await self.call("BootNotification", self.charger.boot())
        while answer.get("status") != "Accepted":
            await asyncio.sleep(min(60.0, max(1.0, float(answer.get("interval") or 10))))
            answer = await self.call("BootNotification", self.charger.boot())
        if isinstance(answer.get("interval"), int) and answer["interval"] > 0:
            self.charger.configuration["HeartbeatInterval"] = str(answer["interval"])
        self._tell("booted", interval_s=answer.get("interval"))

    async def _replay(self) -> None:
        """Send what could not be sent while the link was down, oldest first."""
        while self._offline:
            action, payload = self._offline[0]
            await self.call(action, payload)
            self._offline.popleft()

    async def _transact(self, station: Station) -> None:
        now = self._utc()
        why = station.stops(now)
        if station.starts():
            await self._tell_status(station)
            answer = await self.call("StartTransaction", station.start_transaction(now))
            if answer.get("idTagInfo", {}).get("status") == "Accepted":
                station.started(int(answer["transactionId"]), now)
                self._tell("started", transaction=station.transaction)
        elif why is not None:
            stop = ("StopTransaction", station.stop_transaction(now, why))
            self._offline += [stop, stop] if station.repeats_stops else [stop]
            await self._replay()
            self._tell("stopped")

    async def _tell_status(self, station: Station) -> None:
        wanted = station.wanted_status(self._utc())
        if wanted != station.status:
            station.status = wanted
            self._tell("status", status=wanted, connector=station.connector)
            await self.call("StatusNotification", station.status_notification(self._utc()))

    async def _tell_meter(self, vehicle: Vehicle, now_s: float) -> None:
        station = vehicle.connector
        interval_s = station.sample_interval_s()
        if station.transaction is not None and interval_s > 0 and now_s - vehicle.sampled_s >= interval_s:
            vehicle.sampled_s = now_s
            await self.call("MeterValues", station.meter_values(self._utc()))

    async def _triggered(self, station: Station) -> None:
        """Send what a TriggerMessage asked for; a Reset closes the link, and the station boots anew."""
        while station.triggered:
            wanted = station.triggered.pop(0)
            if wanted == "Reset":
                for each in self.charger.connectors:
                    each.restart()
                raise NoAnswer("Reset", "the station restarts as asked")
            await self.call(wanted, self._payload_of(wanted, station))

    def _payload_of(self, wanted: str, station: Station) -> Json:
        if wanted == "BootNotification":
            return self.charger.boot()
        if wanted == "MeterValues":
            return station.meter_values(self._utc())
        return {} if wanted == "Heartbeat" else station.status_notification(self._utc())

    async def call(self, action: str, payload: Json) -> Json:
        """Send one call and return its answer; one at a time. Raises `NoAnswer` (also for an error answer)."""
        async with self._one_call:
            if self._socket is None:
                raise NoAnswer(action, "not connected")
            self._number += 1
            identifier = f"{self.charger.identity[:20]}-{self._number}"
            future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
            self._waiting[identifier] = future
            self._calling.add(identifier)
            await self._socket.send(json.dumps([2, identifier, action, payload], separators=(",", ":")))
            try:
                async with asyncio.timeout(CALL_TIMEOUT_S):  # wait_for may swallow being cancelled
                    return await future
            except TimeoutError as fault:
                raise NoAnswer(action, f"no answer in {CALL_TIMEOUT_S:.0f} s") from fault
            finally:
                self._waiting.pop(identifier, None)
                asyncio.get_running_loop().call_soon(self._calling.discard, identifier)

    def _note_limits(self, now: datetime) -> None:
        for vehicle in self._vehicles:
            limit_a = vehicle.limit_changed(now)
            if limit_a is not None:
                self._tell("limit", limit_a=round(limit_a, 2), connector=vehicle.connector.connector)

    def _tell(self, event: str, **facts: Any) -> None:
        self._on_event({"event": event, "station": self.charger.identity, "at": stamp(self._utc()), **facts})


def _settle(future: asyncio.Future[Json], kind: int, message: list[Any]) -> None:
    """Give a waiting call its answer; an error answer is an empty one, as a station goes on after it."""
    payload = message[2] if kind == 3 and len(message) > 2 and isinstance(message[2], dict) else {}
    future.set_result(payload)


def _keep_pongs_back(socket: ClientConnection) -> None:
    """Let the connection answer no ping (row 57)."""
    send_frame = socket.protocol.send_frame

    def without_pongs(frame: Frame) -> None:
        if frame.opcode is not Opcode.PONG:
            send_frame(frame)

    socket.protocol.send_frame = without_pongs  # type: ignore[method-assign]  # the library answers pings by itself


def _basic(identity: str, password: bytes | None) -> dict[str, str]:
    if password is None:
        return {}
    pair = base64.b64encode(f"{identity}:".encode() + password).decode()
    return {"Authorization": f"Basic {pair}"}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evenload.simulation.station", description=__doc__)
    parser.add_argument("--url", default="ws://127.0.0.1:9000", help="gateway, without the station's id")
    parser.add_argument("--id", default="CP001", help="the station's OCPP identity")
    parser.add_argument("--password", help="for Basic authentication; none = security profile 0")
    parser.add_argument("--vehicle-a", type=float, default=16.0, help="what the plugged vehicle takes, A per line")
    parser.add_argument("--max-a", type=float, default=32.0, help="the station's own limit, A")
    parser.add_argument("--phases", type=int, choices=(1, 2, 3), default=3, help="lines that the vehicle uses")
    parser.add_argument("--lag-s", type=float, default=2.0, help="from limit to draw, s")
    parser.add_argument("--connectors", type=int, choices=range(1, 9), default=1, help="how many it has")
    parser.add_argument("--unplugged", action="store_true", help="begin without a vehicle")
    parser.add_argument("--rate-unit", choices=("Current", "Power"), help="profiles in A or W")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="behave as such stations in the field do")
    parser.add_argument("--events-json", action="store_true", help="print one JSON line for everything that happens")
    return parser.parse_args()


def _print(event: Json) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _nothing(event: Json) -> None:
    del event


async def _main(options: argparse.Namespace) -> None:
    kind = FAULTS.get(options.fault, Station)
    numbers = range(1, options.connectors + 1)
    connectors = [kind(identity=options.id, max_a=options.max_a, connector=number) for number in numbers]
    charger: Charger = connectors[0] if len(connectors) == 1 else Several(connectors)
    if options.rate_unit is not None:
        charger.configuration["ChargingScheduleAllowedChargingRateUnit"] = options.rate_unit
    write = _print if options.events_json else _nothing
    client = StationClient(charger, options.url, options.password, write, lag_s=options.lag_s)
    for number in () if options.unplugged else numbers:
        client.plug(options.vehicle_a, options.phases, number)
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await client.run(stopping)


if __name__ == "__main__":
    asyncio.run(_main(_arguments()))
