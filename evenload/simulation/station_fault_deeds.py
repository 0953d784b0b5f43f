"""Stations that do other than they were told, or end what should pause. Each class is one behaviour from the field."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from evenload.simulation.station_core import Json
from evenload.simulation.station_fault_limits import Odd, Rows
from evenload.simulation.station_profiles import Profile


@dataclass
class ZeroRejected(Odd):
    """Rejects limits below 6 A."""

    rows: ClassVar[Rows] = (16,)

    def refuses(self, connector: int, profile: Profile, payload: Json) -> bool:
        """Reject low limits."""
        return any(limit_a < 5.9 for _, limit_a in profile.periods)


@dataclass
class ZeroRejectedNoStop(ZeroRejected):
    """Rejects limits below 6 A and RemoteStopTransaction too."""

    rows: ClassVar[Rows] = (16,)
    inoperative: bool = False

    def answer(self, action: str, payload: Json, now: datetime) -> Json | None:
        """Refuse to stop; being made inoperative ends the transaction."""
        if action == "RemoteStopTransaction":
            return {"status": "Rejected"}
        if action == "ChangeAvailability":
            self.inoperative = payload["type"] == "Inoperative"
        return super().answer(action, payload, now)

    def starts(self) -> bool:
        """Start nothing while inoperative."""
        return not self.inoperative and super().starts()

    def stops(self, now: datetime) -> str | None:
        """End the transaction when made inoperative."""
        return "Other" if self.inoperative and self.transaction is not None else super().stops(now)


@dataclass
class ZeroEndsSession(Odd):
    """Ends the transaction at a limit below 6 A; the vehicle needs a remote start."""

    rows: ClassVar[Rows] = (17,)

    def stops(self, now: datetime) -> str | None:
        """End at a low limit."""
        if self.transaction is not None and self.plugged and self.allowed_a(now) < 6:
            self.told_to_stop = True
            return "Other"
        return super().stops(now)


@dataclass
class IgnoresFirstAfterPause(Odd):
    """After a pause by 0 A it ignores the first limit and charges unlimited."""

    rows: ClassVar[Rows] = (20,)
    paused: bool = False
    deaf: bool = False

    def answer(self, action: str, payload: Json, now: datetime) -> Json | None:
        """Note pauses, and the first limit after one."""
        before_a = super().allowed_a(now)
        found = super().answer(action, payload, now)
        if action == "SetChargingProfile" and self.transaction is not None:
            after_a = super().allowed_a(now)
            self.deaf = before_a < 6 <= after_a
        return found

    def allowed_a(self, now: datetime) -> float:
        """Be unlimited after the first limit."""
        return self.max_a if self.deaf else super().allowed_a(now)


@dataclass
class AcceptsAndIgnores(Odd):
    """Accepts every profile and charges as the vehicle likes."""

    rows: ClassVar[Rows] = (21,)

    def allowed_a(self, now: datetime) -> float:
        """Limit nothing."""
        return self.max_a


@dataclass
class IgnoresUntilReset(Odd):
    """Follows no profile until it was restarted."""

    rows: ClassVar[Rows] = (21,)
    woken: bool = False

    def restart(self) -> None:
        """Follow from now on."""
        super().restart()
        self.woken = True

    def allowed_a(self, now: datetime) -> float:
        """Limit nothing before."""
        return super().allowed_a(now) if self.woken else self.max_a


@dataclass
class ForeignTxProfile(Odd):
    """A TxProfile of another backend, on the highest level, allows 32 A."""

    rows: ClassVar[Rows] = (8, 14)

    def started(self, transaction: int, now: datetime) -> None:
        """Begin with the foreign profile."""
        super().started(transaction, now)
        self.profiles[("TxProfile", 99)] = Profile(77, "TxProfile", 99, "Relative", now, ((0.0, 32.0),))


@dataclass
class ForeignTxProfileZero(Odd):
    """A TxProfile of another backend, on the highest level, allows 0 A."""

    rows: ClassVar[Rows] = (8, 14)

    def started(self, transaction: int, now: datetime) -> None:
        """Begin with the foreign profile."""
        super().started(transaction, now)
        self.profiles[("TxProfile", 99)] = Profile(77, "TxProfile", 99, "Relative", now, ((0.0, 0.0),))


@dataclass
class StuckAtZero(Odd):
    """A TxDefaultProfile of another backend allows 0 A."""

    rows: ClassVar[Rows] = (14,)

    def __post_init__(self) -> None:
        then = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
        self.profiles[("TxDefaultProfile", 8)] = Profile(78, "TxDefaultProfile", 8, "Relative", then, ((0.0, 0.0),))


@dataclass
class ClearDoesNothing(ForeignTxProfile):
    """ClearChargingProfile is accepted and clears nothing; the foreign profile stays."""

    rows: ClassVar[Rows] = (12, 13)

    def answer(self, action: str, payload: Json, now: datetime) -> Json | None:
        """Accept a clearing and do nothing."""
        return {"status": "Accepted"} if action == "ClearChargingProfile" else super().answer(action, payload, now)


@dataclass
class LoadBalancerOff(Odd):
    """Rejects every profile: a local option is off."""

    rows: ClassVar[Rows] = (16, 22)

    def refuses(self, connector: int, profile: Profile, payload: Json) -> bool:
        """Reject."""
        return True


@dataclass
class ForgetsAtReset(IgnoresUntilReset):
    """Loses every profile when it restarts."""

    rows: ClassVar[Rows] = (76,)

    def restart(self) -> None:
        """Forget all."""
        super().restart()
        self.profiles.clear()
