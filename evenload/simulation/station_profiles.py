"""Charging profiles of OCPP 1.6 in a station: reading them, and the current that they allow together; pure.

Of each purpose the highest stack level that has a period in force wins; a TxProfile overrules the TxDefaultProfile;
ChargePointMaxProfile and the station's own maximum bound the result. `Absolute` starts at
startSchedule, `Relative` at the start of the transaction, or when it was set while there is none. Watts become
amperes over the lines that the vehicle uses.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

PURPOSES = ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")


@dataclass(frozen=True)
class Profile:
    """One profile; `periods` are (start s, limit A per line), `duration_s` None = endless."""

    profile_id: int
    purpose: str
    stack_level: int
    kind: str
    set_at: datetime
    periods: tuple[tuple[float, float], ...]
    starts_at: datetime | None = None
    duration_s: float | None = None
    transaction: int | None = None
    lines: tuple[int | None, ...] = ()
    """Of each period, how many lines may be used; None = it says nothing, which means all."""


def parse_profile(value: Any, watts_per_amp: float, now: datetime) -> Profile | None:
    """Return csChargingProfiles as a profile, or None when a station would reject it."""
    try:
        schedule = value["chargingSchedule"]
        factor = 1.0 if schedule["chargingRateUnit"] == "A" else 1.0 / watts_per_amp
        periods = tuple(
            (float(period["startPeriod"]), float(period["limit"]) * factor)
            for period in schedule["chargingSchedulePeriod"]
        )
        profile = Profile(
            profile_id=int(value["chargingProfileId"]),
            purpose=str(value["chargingProfilePurpose"]),
            stack_level=int(value["stackLevel"]),
            kind=str(value["chargingProfileKind"]),
            set_at=now,
            periods=periods,
            starts_at=_moment(schedule.get("startSchedule")),
            duration_s=float(schedule["duration"]) if "duration" in schedule else None,
            transaction=value.get("transactionId"),
            lines=tuple(period.get("numberPhases") for period in schedule["chargingSchedulePeriod"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
    return profile if _lawful(profile) else None


def composite_a(profiles: list[Profile], transaction_from: datetime | None, now: datetime, station_a: float) -> float:
    """Return the current that all profiles allow together, A per line."""
    in_force = {purpose: _of_purpose(profiles, purpose, transaction_from, now) for purpose in PURPOSES}
    of_transaction = in_force["TxProfile"] if transaction_from is not None else None
    chosen = of_transaction if of_transaction is not None else in_force["TxDefaultProfile"]
    bounds = [limit for limit in (chosen, in_force["ChargePointMaxProfile"], station_a) if limit is not None]
    return min(bounds)


def composite_lines(profiles: list[Profile], transaction_from: datetime | None, now: datetime) -> int | None:
    """Return how many lines the profile in force for a vehicle says; None = nothing."""
    for purpose in ("TxProfile", "TxDefaultProfile"):
        ranked = sorted((each for each in profiles if each.purpose == purpose), key=lambda each: -each.stack_level)
        for profile in ranked if purpose != "TxProfile" or transaction_from is not None else ():
            period = _period(profile, transaction_from, now)
            if period is not None:
                return profile.lines[period] if profile.lines else None
    return None


def _of_purpose(
    profiles: list[Profile], purpose: str, transaction_from: datetime | None, now: datetime
) -> float | None:
    ranked = sorted((each for each in profiles if each.purpose == purpose), key=lambda each: -each.stack_level)
    limits = (_limit_a(each, transaction_from, now) for each in ranked)
    return next((limit for limit in limits if limit is not None), None)


def _limit_a(profile: Profile, transaction_from: datetime | None, now: datetime) -> float | None:
    """Return the limit of the period in force, A; None when the profile says nothing about now."""
    period = _period(profile, transaction_from, now)
    return None if period is None else profile.periods[period][1]


def _period(profile: Profile, transaction_from: datetime | None, now: datetime) -> int | None:
    """Return which period is in force; None when the profile says nothing about now."""
    origin = profile.starts_at if profile.kind == "Absolute" and profile.starts_at else transaction_from
    passed_s = (now - (origin or profile.set_at)) / timedelta(seconds=1)
    if passed_s < 0 or (profile.duration_s is not None and passed_s >= profile.duration_s):
        return None
    begun = [index for index, (start_s, _) in enumerate(profile.periods) if start_s <= passed_s]
    return begun[-1] if begun else None


def _lawful(profile: Profile) -> bool:
    starts = [start_s for start_s, _ in profile.periods]
    return (
        profile.purpose in PURPOSES
        and profile.kind in ("Absolute", "Relative")
        and 0 <= profile.stack_level <= 8
        and bool(starts)
        and starts[0] == 0
        and starts == sorted(starts)
        and all(limit >= 0 for _, limit in profile.periods)
    )


def _moment(text: Any) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
