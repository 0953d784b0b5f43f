"""Stations that make transactions without a pause and repeat each message until it is answered."""

import asyncio
import itertools
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import websockets

ANSWER_S = 2.0
"""Shorter than a station waits: repeats also meet a first message that is still being stored."""
DIAL_S = 0.05


@dataclass(frozen=True)
class Made:
    """A transaction that was answered, as the station knows it."""

    station: str
    transaction: str
    start_wh: int
    stop_wh: int


@dataclass
class Log:
    """What all stations were answered."""

    made: list[Made] = field(default_factory=list)
    started: list[tuple[str, str, int]] = field(default_factory=list)
    """Station, id, register at the start: also of those that still run."""
    differing: list[str] = field(default_factory=list)
    """Repeats that were answered with another id than the first."""
    repeats: int = 0


class KillStation:
    """One station; `version` is 1.6 or 2.0.1.

    It rests `pause_s` between transactions, and dials anew after `patience` messages in a row without an answer.
    """

    def __init__(
        self, name: str, version: str, url: Callable[[], str], log: Log, *, pause_s: float = 0.0, patience: int = 1_000
    ) -> None:
        self.name, self.version, self._url, self._log = name, version, url, log
        self._socket: Any = None
        self._pause_s, self._patience, self._unanswered = pause_s, patience, 0
        self._ids = itertools.count(1)
        self._chance = random.Random(name)
        self._register_wh = 1000
        self.connected = asyncio.Event()
        self.stopping = False

    async def live(self) -> None:
        """Make transactions until told to stop; the last one is brought to its end."""
        for number in itertools.count(1):
            if self.stopping:
                break
            await self._one(number)
            await asyncio.sleep(self._pause_s)
        if self._socket is not None:
            await self._socket.close()

    async def _one(self, number: int) -> None:
        begin_wh = self._register_wh
        started = await self._answered(*self._start(number, begin_wh))
        transaction = str(started["transactionId"]) if self.version == "1.6" else self._id(number)
        self._log.started.append((self.name, transaction, begin_wh))
        if self._chance.random() < 0.2:
            again = await self._answered(*self._start(number, begin_wh))
            self._log.repeats += 1
            if self.version == "1.6" and str(again["transactionId"]) != transaction:
                self._log.differing.append(f"{self.name}: {transaction}, then {again['transactionId']}")
        self._register_wh += self._chance.randint(1, 500)
        stop = self._stop(number, transaction)
        for _ in range(1 + (self._chance.random() < 0.2)):
            await self._answered(*stop)
        self._log.made.append(Made(self.name, transaction, begin_wh, self._register_wh))

    def _id(self, number: int) -> str:
        return f"{self.name}-{number}"

    def _start(self, number: int, register_wh: int) -> tuple[str, dict[str, Any]]:
        stamp = _stamp(number)
        if self.version == "1.6":
            return "StartTransaction", {
                "connectorId": 1, "idTag": "TAG", "meterStart": register_wh, "timestamp": stamp
            }  # fmt: skip
        return "TransactionEvent", self._event("Started", number, 0, register_wh)

    def _stop(self, number: int, transaction: str) -> tuple[str, dict[str, Any]]:
        if self.version == "1.6":
            return "StopTransaction", {
                "transactionId": int(transaction), "meterStop": self._register_wh, "timestamp": _stamp(number)
            }  # fmt: skip
        return "TransactionEvent", self._event("Ended", number, 1, self._register_wh)

    def _event(self, kind: str, number: int, place: int, register_wh: int) -> dict[str, Any]:
        sample = {"value": register_wh, "measurand": "Energy.Active.Import.Register"}
        return {
            "eventType": kind,
            "timestamp": _stamp(number),
            "triggerReason": "Authorized" if place == 0 else "StopAuthorized",
            "seqNo": place,
            "transactionInfo": {"transactionId": self._id(number)},
            "evse": {"id": 1},
            "idToken": {"idToken": "TAG", "type": "ISO14443"},
            "meterValue": [{"timestamp": _stamp(number), "sampledValue": [sample]}],
        }

    async def _answered(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send until an answer comes, over as many connections as it takes."""
        while True:
            try:
                if self._socket is None:
                    await self._connect()
                return await self._ask(action, payload)
            except TimeoutError:
                self._lose_patience()  # repeated on the same connection, as a station does, for a while
            except (OSError, websockets.WebSocketException):
                self.connected.clear()
                self._socket = None
                await asyncio.sleep(DIAL_S * self._chance.uniform(1, 3))

    def _lose_patience(self) -> None:
        self._unanswered += 1
        if self._unanswered >= self._patience and self._socket is not None:
            self._socket.transport.abort()
            self._socket = None
            self._unanswered = 0
            self.connected.clear()

    async def _connect(self) -> None:
        subprotocol: Any = f"ocpp{self.version}"
        self._socket = await websockets.connect(
            f"{self._url()}/{self.name}", subprotocols=[subprotocol], compression=None, ping_interval=None,
            open_timeout=5,
        )  # fmt: skip
        boot: dict[str, Any] = {"chargePointVendor": "V", "chargePointModel": "M"}
        if self.version != "1.6":
            boot = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
        await self._ask("BootNotification", boot)
        self.connected.set()

    async def _ask(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one call; what the gateway asks meanwhile is accepted."""
        message_id = str(next(self._ids))
        async with asyncio.timeout(ANSWER_S):
            await self._socket.send(json.dumps([2, message_id, action, payload]))
            while True:
                frame = json.loads(await self._socket.recv())
                if frame[0] == 2:
                    await self._socket.send(json.dumps([3, frame[1], {"status": "Accepted"}]))
                elif frame[1] == message_id:
                    self._unanswered = 0
                    if frame[0] != 3:
                        raise AssertionError(f"{self.name}: {action} was refused: {frame}")
                    return dict(frame[2])


def _stamp(number: int) -> str:
    """Return a time that is another for each transaction and the same on a repeat."""
    return datetime.fromtimestamp(BEGAN_S + number, UTC).isoformat()


BEGAN_S = int(datetime.now(UTC).timestamp())
