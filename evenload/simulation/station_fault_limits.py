"""Stations that take limits in their own way, or not at all. Each class is one behaviour seen in the field."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from evenload.simulation.station_core import Json, Station
from evenload.simulation.station_profiles import Profile

Rows = tuple[int, ...]
STEPS_A = (0.0, 6.0, 8.0, 10.0, 13.0, 16.0)


@dataclass
class Odd(Station):
    """A station with a fault; `rows` are those of ocpp.md section 5."""

    rows: ClassVar[Rows] = ()
    entry: ClassVar[Json] = {}
    """What its entry in the site file's `stations` must say."""


@dataclass
class WattsOnly(Odd):
    """Rejects amperes and says so in its configuration."""

    rows: ClassVar[Rows] = (1,)

    def __post_init__(self) -> None:
        self.configuration["ChargingScheduleAllowedChargingRateUnit"] = "Power"

    def refuses(self, connector: int, profile: Profile, payload: Json) -> bool:
        """Reject amperes."""
        return bool(payload["chargingSchedule"]["chargingRateUnit"] != "W")


@dataclass
class WattsOnlyUnsaid(WattsOnly):
    """Rejects amperes, and its configuration says that it takes both."""

    rows: ClassVar[Rows] = (1, 2)

    def __post_init__(self) -> None:
        self.configuration["ChargingScheduleAllowedChargingRateUnit"] = "Current,Power"


@dataclass
class AmpsOnly(Odd):
    """Rejects watts, though its configuration says Power."""

    rows: ClassVar[Rows] = (2, 3)

    def __post_init__(self) -> None:
        self.configuration["ChargingScheduleAllowedChargingRateUnit"] = "Power"

    def refuses(self, connector: int, profile: Profile, payload: Json) -> bool:
        """Reject watts."""
        return bool(payload["chargingSchedule"]["chargingRateUnit"] != "A")


@dataclass
class OddUnitWord(AmpsOnly):
    """Its unit key says "Amps"."""

    rows: ClassVar[Rows] = (2,)

    def __post_init__(self) -> None:
        self.configuration["ChargingScheduleAllowedChargingRateUnit"] = "Amps"


@dataclass
class OnlyDefaultProfile(Odd):
    """Takes neither TxProfile nor ChargePointMaxProfile."""

    rows: ClassVar[Rows] = (5, 7)

    def refuses(self, connector: int, profile: Profile, payload: Json) -> bool:
        """Reject all but the default."""
        return profile.purpose != "TxDefaultProfile"


@dataclass
class OnlyMaxProfile(Odd):
    """Takes ChargePointMaxProfile only."""

    rows: ClassVar[Rows] = (7,)

    def refuses(self, connector: int, profile: Profile, payload: Json) -> bool:
        """Reject all but the station's maximum."""
        return profile.purpose != "ChargePointMaxProfile"


@dataclass
class MaxProfileIgnored(OnlyMaxProfile):
    """Takes ChargePointMaxProfile only, and does not apply it."""

    rows: ClassVar[Rows] = (6,)

    def allowed_a(self, now: datetime) -> float:
        """Limit nothing."""
        return self.max_a


@dataclass
class TxProfileIgnored(Odd):
    """Accepts a TxProfile and follows its default only."""

    rows: ClassVar[Rows] = (6, 7, 21)

    def allowed_a(self, now: datetime) -> float:
        """Follow the default."""
        held = self.profiles
        self.profiles = {key: each for key, each in held.items() if each.purpose != "TxProfile"}
        found_a = super().allowed_a(now)
        self.profiles = held
        return found_a


@dataclass
class StackLevelZeroOnly(Odd):
    """Takes stack level 0 only, whatever it says."""

    rows: ClassVar[Rows] = (9, 10)

    def refuses(self, connector: int, profile: Profile, payload: Json) -> bool:
        """Reject higher levels."""
        return profile.stack_level > 0


@dataclass
class RejectsStackLevel(Odd):
    """Says that it takes levels up to 3, and rejects 3."""

    rows: ClassVar[Rows] = (10,)

    def __post_init__(self) -> None:
        self.configuration["ChargeProfileMaxStackLevel"] = "3"

    def refuses(self, connector: int, profile: Profile, payload: Json) -> bool:
        """Reject its own maximum."""
        return profile.stack_level >= 3


@dataclass
class StrictNumbers(Odd):
    """Rejects more than one decimal, and levels that are no whole numbers."""

    rows: ClassVar[Rows] = (11, 26)

    def refuses(self, connector: int, profile: Profile, payload: Json) -> bool:
        """Reject what is not written as the standard wants."""
        periods = payload["chargingSchedule"]["chargingSchedulePeriod"]
        exact = all(round(period["limit"], 1) == period["limit"] for period in periods)
        return not exact or type(payload["stackLevel"]) is not int or type(payload["chargingProfileId"]) is not int


@dataclass
class FewSlots(Odd):
    """Holds two profiles at the most, with ids up to 2."""

    rows: ClassVar[Rows] = (15,)

    def refuses(self, connector: int, profile: Profile, payload: Json) -> bool:
        """Reject a third profile and large ids."""
        others = {each.profile_id for each in self.profiles.values()} - {profile.profile_id}
        return len(others) >= 2 or profile.profile_id > 2


@dataclass
class ClockAhead(Odd):
    """Its clock is an hour ahead."""

    rows: ClassVar[Rows] = (23, 25)
    drift_s: float = 3_600.0

    def own_time(self, now: datetime) -> datetime:
        """Return the time by its own clock."""
        return now + timedelta(seconds=self.drift_s)


@dataclass
class ClockBehind(ClockAhead):
    """Its clock is ten minutes behind."""

    drift_s: float = -600.0


@dataclass
class ClockDrift(Odd):
    """Its clock runs fast: 2.5 s a minute, an hour a day."""

    rows: ClassVar[Rows] = (23,)
    since: datetime | None = None

    def own_time(self, now: datetime) -> datetime:
        """Return the time by its own clock, which was right when it was first looked at."""
        self.since = self.since or now
        return now + (now - self.since) / 24


@dataclass
class AbsoluteUnanswered(Odd):
    """Never answers an absolute profile."""

    rows: ClassVar[Rows] = (24,)

    def mutes(self, action: str, payload: Json) -> bool:
        """Be silent about absolute profiles."""
        return action == "SetChargingProfile" and payload["csChargingProfiles"]["chargingProfileKind"] == "Absolute"


@dataclass
class CoarseSteps(Odd):
    """Rounds limits down to 6, 8, 10, 13 or 16 A."""

    rows: ClassVar[Rows] = (27,)

    def allowed_a(self, now: datetime) -> float:
        """Round down."""
        exact_a = super().allowed_a(now)
        return max(step_a for step_a in STEPS_A if step_a <= exact_a + 0.01)


@dataclass
class OnePeriodOnly(Odd):
    """Takes one period for each profile."""

    rows: ClassVar[Rows] = (15,)

    def __post_init__(self) -> None:
        self.configuration["ChargingScheduleMaxPeriods"] = "1"

    def refuses(self, connector: int, profile: Profile, payload: Json) -> bool:
        """Reject a second period."""
        return len(profile.periods) > 1


@dataclass
class OnePeriodDefaultOnly(OnePeriodOnly):
    """Takes one period, and no TxProfile."""

    rows: ClassVar[Rows] = (7, 15)

    def refuses(self, connector: int, profile: Profile, payload: Json) -> bool:
        """Reject a second period and TxProfiles."""
        return len(profile.periods) > 1 or profile.purpose != "TxDefaultProfile"


@dataclass
class SmartChargingUnlisted(Odd):
    """Does not list SmartCharging and has no key about it, but it works."""

    rows: ClassVar[Rows] = (30,)
    hidden: tuple[str, ...] = field(
        default=("ChargeProfileMaxStackLevel", "ChargingScheduleAllowedChargingRateUnit", "ChargingScheduleMaxPeriods")
    )

    def answer(self, action: str, payload: Json, now: datetime) -> Json | None:
        """Leave the keys out."""
        found = super().answer(action, payload, now)
        if action == "GetConfiguration" and found is not None:
            known = [item for item in found["configurationKey"] if item["key"] not in self.hidden]
            return {"configurationKey": known, "unknownKey": list(self.hidden)}
        return found


@dataclass
class CapsBelow(Odd):
    """Its own app caps it at 10 A."""

    rows: ClassVar[Rows] = (77,)

    def allowed_a(self, now: datetime) -> float:
        """Stay below its own cap."""
        return min(10.0, super().allowed_a(now))


@dataclass
class SlightlyMore(Odd):
    """Draws 2 % more than it is told."""

    rows: ClassVar[Rows] = (78,)

    def allowed_a(self, now: datetime) -> float:
        """Add its noise."""
        return super().allowed_a(now) * 1.02
