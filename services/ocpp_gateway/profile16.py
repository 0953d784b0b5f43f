"""SetChargingProfile of OCPP 1.6: one schedule of two periods that carries its own end.

[{0, x}, {end, failsafe}], no duration, replaced in place (same id, purpose, level): when we are gone the station steps
down by itself (faults.md section 2). Absolute: startSchedule = the station's own clock − 60 s, end = 60 s + validity.
Relative: end = seconds since the transaction began + validity. A station that bears one period only gets a TxProfile
with a duration, or a TxDefaultProfile with one on a higher level, over the failsafe's; where that cannot be, no end.
A → W: lowest recent voltage (else 0.9 · nominal) × lines the vehicle uses, rounded down (ocpp.md section 7).
"""

from datetime import datetime, timedelta
from typing import Any, Final, Literal

from msgspec import Struct

from evenload.contracts.units import floor_da
from services.ocpp_gateway.capability import Learned, Purpose, Rung
from services.ocpp_gateway.card import bears_two_periods, kind_of, lies_over, may_end, step_a, takes_dynamic
from services.ocpp_gateway.config import CLOCK_MARGIN_S, OFFLINE_S, PROFILE_S
from services.ocpp_gateway.leases import failsafe_a
from services.ocpp_gateway.station import Outlet, Station, StationClock

PURPOSES: Final[dict[Purpose, str]] = {
    "tx": "TxProfile",
    "default": "TxDefaultProfile",
    "max": "ChargePointMaxProfile",
}
LOW_VOLTAGE: Final = 0.9


class Ending(Struct, frozen=True):
    """How a profile ends by itself, and after how many seconds of its schedule; "none": it does not."""

    how: Literal["periods", "duration", "offline", "none"]
    after_s: int | None = None


class Wanted(Struct, frozen=True, kw_only=True):
    """A limit to write; `ends` False = it holds until replaced (it is the failsafe itself)."""

    rung: Rung
    limit_a: float
    ends: bool
    idle: bool = False
    """It is the default that holds without a transaction."""
    phases: int | None = None
    """How many lines the vehicle may use; None = not said."""


def profile_id(rung: Rung, connector: int, learned: Learned) -> int:
    """Return the fixed id: few and small, as stations have few slots (row 15).

    A default over the failsafe default has the id of the TxProfile, which such a station does not take.
    """
    if lies_over(rung, learned):
        return 2 * connector
    return {"default": 2 * connector - 1, "tx": 2 * connector, "max": 2 * connector + 1}[rung.purpose]


def rate(limit_a: float, rung: Rung, outlet: Outlet, station: Station) -> float | int:
    """Return the limit in the rung's unit: tenths of an ampere or its own step, or whole watts; never more."""
    voltage_v = station.plan.voltage_v
    if rung.unit == "A":
        step_da = max(1, round(step_a(station) * 10))
        return floor_da(limit_a) // step_da * step_da / 10
    lowest_v = outlet.reading.sample.lowest_v if outlet.reading is not None else None
    low_v = min(lowest_v or LOW_VOLTAGE * voltage_v, voltage_v * 1.1)
    return int(limit_a * low_v * lines_for_watts(limit_a, outlet) + 1e-6)


def lines_for_watts(limit_a: float, outlet: Outlet) -> int:
    """Return how many lines share a limit in watts: those seen in use; one (the safe side) until they are seen.

    One line's watts spread over three would be less than a vehicle can start with; then the wired lines count, until
    the first sample shows what the vehicle uses.
    """
    wired = len(outlet.plan.lines)
    if outlet.lines_used is not None:
        return min(outlet.lines_used, wired)
    return 1 if limit_a >= outlet.plan.min_a * wired else wired


def ending_of(wanted: Wanted, outlet: Outlet, station: Station, now_s: float) -> Ending:
    """Return how the profile ends; a relative one whose origin is not known cannot (its station may count from any)."""
    if is_dynamic(wanted, outlet, station):
        return Ending("offline", OFFLINE_S)
    origin_s = now_s - CLOCK_MARGIN_S if kind_of(station) == "absolute" else outlet.started_s
    if not wanted.ends or origin_s is None or not can_end(wanted.rung, station):
        return Ending("none")
    after_s = int(now_s - origin_s) + PROFILE_S
    if wanted.limit_a < outlet.plan.failsafe_a:
        after_s += PROFILE_S  # rising to the failsafe waits until every neighbour's profile has run out too
    return Ending("periods" if bears_two_periods(station.learned) else "duration", after_s)


def can_end(rung: Rung, station: Station) -> bool:
    """Tell whether a profile of this rung can step down by itself: two periods, or a duration over the default."""
    ways = bears_two_periods(station.learned) or rung.purpose == "tx" or lies_over(rung, station.learned)
    return may_end(station) and ways


def utc_text(at: datetime) -> str:
    """Return RFC 3339 in UTC with whole seconds and Z, the spelling every station reads."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def start_schedule(utc: datetime, clock: StationClock) -> str:
    """Return the station's own time − 60 s: slightly in the future from its view would mean no limit (row 25)."""
    return utc_text(utc + timedelta(seconds=clock.offset_s - CLOCK_MARGIN_S))


def is_dynamic(wanted: Wanted, outlet: Outlet, station: Station) -> bool:
    """Tell whether it is written as a dynamic profile, which ends when the station is offline.

    Not below the failsafe: the rise to it must wait until every neighbour's profile has run out too.
    """
    falls = wanted.limit_a >= outlet.plan.failsafe_a and may_end(station)
    return wanted.rung.purpose == "tx" and falls and takes_dynamic(station)


def kind_word(wanted: Wanted, outlet: Outlet, station: Station) -> str:
    """Return what the profile's times count from, as the standard calls it."""
    if is_dynamic(wanted, outlet, station):
        return "Dynamic"
    return "Absolute" if kind_of(station) == "absolute" else "Relative"


def _lines_said(wanted: Wanted, outlet: Outlet, station: Station) -> dict[str, int]:
    """Return what a period says of phases: the one after the end says the same, so that it switches nothing."""
    if wanted.phases is None:
        return {}
    version = station.link.version if station.link is not None else "1.6"
    chooses = wanted.phases == 1 and version != "1.6" and outlet.plan.phase_to_use is not None
    line = {"phaseToUse": outlet.plan.phase_to_use} if chooses and outlet.plan.phase_to_use is not None else {}
    return {"numberPhases": wanted.phases, **line}


def charging_profile(wanted: Wanted, outlet: Outlet, station: Station, ending: Ending) -> dict[str, Any]:
    """Return the payload of SetChargingProfile, without startSchedule."""
    rung = wanted.rung
    periods: list[dict[str, Any]] = [{"startPeriod": 0, "limit": rate(wanted.limit_a, rung, outlet, station)}]
    if ending.how == "periods":
        failsafe = rate(failsafe_a(outlet), rung, outlet, station)
        periods.append({"startPeriod": ending.after_s, "limit": failsafe})
    for period in periods:
        period |= _lines_said(wanted, outlet, station)
    schedule: dict[str, Any] = {"chargingRateUnit": rung.unit, "chargingSchedulePeriod": periods}
    if ending.how == "duration":
        schedule["duration"] = ending.after_s
    profile: dict[str, Any] = {
        "chargingProfileId": profile_id(rung, outlet.plan.connector, station.learned),
        "stackLevel": rung.level,
        "chargingProfilePurpose": PURPOSES[rung.purpose],
        "chargingProfileKind": kind_word(wanted, outlet, station),
        "chargingSchedule": schedule,
    }
    if rung.purpose == "tx" and outlet.transaction is not None:
        profile["transactionId"] = outlet.transaction
    connector = 0 if rung.purpose == "max" else outlet.plan.connector
    return {"connectorId": connector, "csChargingProfiles": profile}
