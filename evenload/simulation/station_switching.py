"""Stations that can charge on one line or on all, as `numberPhases` in their profiles says, and odd ones among them."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from evenload.simulation.station_core import Json
from evenload.simulation.station_fault_limits import Odd, Rows
from evenload.simulation.station_profiles import Profile, composite_lines

ALL_LINES = 3


@dataclass
class SwitchesPhases(Odd):
    """Charges on as many lines as its profile in force says, at once, whether its vehicle draws or not."""

    rows: ClassVar[Rows] = (29,)

    def active_lines(self, now: datetime) -> int:
        """Return on how many lines it gives current now; what no profile says means all."""
        found = composite_lines(list(self.profiles.values()), self.transaction_from, self.own_time(now))
        return ALL_LINES if found is None else found


@dataclass
class IgnoresPhases(SwitchesPhases):
    """Takes a number of phases and goes on with all."""

    rows: ClassVar[Rows] = (28,)

    def active_lines(self, now: datetime) -> int:
        """Use all lines."""
        del now
        return ALL_LINES


@dataclass
class RefusesPhases(SwitchesPhases):
    """Rejects profiles that name a number of phases."""

    rows: ClassVar[Rows] = (28,)

    def refuses(self, connector: int, profile: Profile, payload: Json) -> bool:
        """Reject a number of phases."""
        return any("numberPhases" in period for period in payload["chargingSchedule"]["chargingSchedulePeriod"])


@dataclass
class StuckOnOneLine(SwitchesPhases):
    """Goes to one line and never back."""

    rows: ClassVar[Rows] = (28,)
    went: bool = False

    def active_lines(self, now: datetime) -> int:
        """Stay on one line once there."""
        self.went = self.went or super().active_lines(now) == 1
        return 1 if self.went else ALL_LINES
