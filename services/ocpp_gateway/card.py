"""How a station wants to be spoken to: what the site file's `overrides` pin, else what was learned. Pure."""

from typing import Final

from evenload.contracts.units import STEP_A
from services.ocpp_gateway.capability import Kind, Learned, Rung, Zero
from services.ocpp_gateway.config import DEAD_AFTER_S, HEARTBEAT_S, SAMPLE_INTERVAL_S
from services.ocpp_gateway.station import Station
from services.ocpp_gateway.tolerant import number, whole

LAG_S: Final = 10.0
LONGEST_LAG_S: Final = 120.0
FEW_PERIODS: Final = 2
"""A profile that carries its own end needs so many periods."""


def kind_of(station: Station) -> Kind:
    """Return what the times of its profiles count from."""
    pinned = station.plan.overrides.get("kind")
    if pinned in ("absolute", "relative"):
        return "relative" if pinned == "relative" else "absolute"
    return station.learned.kind


def may_end(station: Station) -> bool:
    """Tell whether its profiles carry their own end; `expiry: false` in the site file says that they must not."""
    return station.plan.overrides.get("expiry") is not False


def bears_two_periods(learned: Learned) -> bool:
    """Tell whether one profile can step down by itself; unknown counts as yes."""
    return learned.max_periods is None or learned.max_periods >= FEW_PERIODS


def lies_over(rung: Rung, learned: Learned) -> bool:
    """Tell whether a default with this rung lies over the failsafe default, on a higher level of the same purpose.

    So stations of one period step down: the upper one has a duration, the lower one none (faults.md section 2).
    """
    return (
        rung.purpose == "default"
        and not bears_two_periods(learned)
        and learned.idle is not None
        and rung.level > learned.idle.level
    )


def takes_dynamic(station: Station) -> bool:
    """Tell whether dynamic profiles may be used: 2.1, where the station says that it ends them offline."""
    version = station.link.version if station.link is not None else ""
    return version == "2.1" and station.learned.dynamic is True and "kind" not in station.plan.overrides


def zero_of(station: Station) -> Zero | None:
    """Return what a limit of 0 A does to it."""
    pinned = station.plan.overrides.get("zero")
    return pinned if pinned in ("pauses", "ends", "rejected") else station.learned.zero


def lag_s(station: Station) -> float:
    """Return how long it may take to follow a limit before that counts as disobedience, s."""
    pinned = number(station.plan.overrides.get("lag_s"))
    known = pinned if pinned is not None else station.learned.lag_s
    return min(LONGEST_LAG_S, max(LAG_S, known or 0.0))


def step_a(station: Station) -> float:
    """Return the step of limits that it takes, A."""
    return number(station.plan.overrides.get("step_a")) or STEP_A


def is_pinged(station: Station) -> bool:
    """Tell whether it answers pings, as far as is known: one that does not is asked by nothing (row 57)."""
    pinned = station.plan.overrides.get("ping")
    return pinned if isinstance(pinned, bool) else station.learned.ping is not False


def silence_s(station: Station) -> float:
    """Return after how much silence its socket is taken for dead, s: three heartbeats where it answers no ping."""
    return DEAD_AFTER_S if is_pinged(station) else 3.0 * HEARTBEAT_S


def interval_s(station: Station) -> int:
    """Return the period at which it is asked for meter values, s."""
    return whole(station.plan.overrides.get("interval_s")) or SAMPLE_INTERVAL_S
