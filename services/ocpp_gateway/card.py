"""How a station wants to be spoken to: what the site file's `overrides` pin, else what was learned. Pure."""

from typing import Final

from services.ocpp_gateway.config import SAMPLE_INTERVAL_S
from services.ocpp_gateway.station import Kind, Learned, Rung, Station
from services.ocpp_gateway.tolerant import whole

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


def interval_s(station: Station) -> int:
    """Return the period at which it is asked for meter values, s."""
    return whole(station.plan.overrides.get("interval_s")) or SAMPLE_INTERVAL_S
