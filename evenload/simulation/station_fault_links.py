"""Stations with a link of their own kind: how they dial, what they answer to; each class is one behaviour."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from evenload.simulation.station_core import Json
from evenload.simulation.station_fault_limits import Odd, Rows

MUTE_AFTER_CALLS = 25


@dataclass
class HexPassword(Odd):
    """Takes its password for hex digits and sends the bytes that they stand for."""

    rows: ClassVar[Rows] = (65,)

    def secret(self, password: str) -> bytes:
        """Return the bytes of the hex digits."""
        return bytes.fromhex(password)


@dataclass
class NoSubprotocol(Odd):
    """Offers no subprotocol in its handshake."""

    rows: ClassVar[Rows] = (61,)
    entry: ClassVar[Json] = {"version": "1.6"}
    subprotocols: ClassVar[tuple[str, ...]] = ()


@dataclass
class OddPath(Odd):
    """Dials with more path before its id, a slash too many, and percent codes."""

    rows: ClassVar[Rows] = (64,)

    def path(self) -> str:
        """Return the path with every character of the id written as a code."""
        return "/ocpp//central/" + "".join(f"%{byte:02X}" for byte in self.identity.encode()) + "/"


@dataclass
class PingsUnanswered(Odd):
    """Answers no WebSocket ping."""

    rows: ClassVar[Rows] = (57,)
    answers_pings = False


@dataclass
class DeafAfterAWhile(Odd):
    """Goes on talking and answers no call any more, until it dials anew."""

    rows: ClassVar[Rows] = (58,)
    calls: int = 0

    def boot(self) -> Json:
        """Hear again after dialling."""
        self.calls = 0
        return super().boot()

    def mutes(self, action: str, payload: Json) -> bool:
        """Be deaf after some calls."""
        self.calls += 1
        return self.calls > MUTE_AFTER_CALLS


@dataclass
class WrongAnswerIds(Odd):
    """Answers every third call under an id that nobody asked under."""

    rows: ClassVar[Rows] = (73,)
    wrong_id = "0"
    calls: int = 0

    def mutes(self, action: str, payload: Json) -> bool:
        """Lose every third answer."""
        self.calls += 1
        return self.calls % 3 == 0


@dataclass
class RepeatsStops(Odd):
    """Sends each StopTransaction twice."""

    rows: ClassVar[Rows] = (68,)
    repeats_stops = True


@dataclass
class RunsAlready(Odd):
    """Charges in a transaction that began before it connected; only its meter values tell the id."""

    rows: ClassVar[Rows] = (69,)
    began: bool = False

    def wanted_status(self, now: datetime) -> str:
        """Charge without a word about the start."""
        if self.plugged and not self.began:
            self.began = True
            self.started(4711, now)
        return super().wanted_status(now)

    def starts(self) -> bool:
        """Begin only what comes after."""
        return self.began and super().starts()
