"""Which way of telling a limit to try next when a station rejects one (ocpp.md section 5, rows 1–10).

The order varies the unit first, then the purpose, then the stack level; the winner is remembered. A ladder has at most
12 rungs; when all were rejected the station is left alone for a while and counts at its worst.
"""

from typing import Any, Final

from services.ocpp_gateway.capability import Learned, Purpose, Rung, Unit
from services.ocpp_gateway.card import bears_two_periods
from services.ocpp_gateway.station import Station

RUNNING_PURPOSES: Final[tuple[Purpose, ...]] = ("tx", "default", "max")
_PURPOSES: Final[dict[str, Purpose]] = {
    "TxProfile": "tx",
    "TxDefaultProfile": "default",
    "ChargePointMaxProfile": "max",
}


def allowed_units(text: str | None) -> tuple[Unit, ...]:
    """Return the units of ChargingScheduleAllowedChargingRateUnit by preference; absent or both: A first (row 2).

    A station that declares amperes only is told watts last of all: what it makes of them depends on lines nobody knows.
    """
    words = {word.strip().lower() for word in (text or "").replace(";", ",").split(",")}
    amps = bool(words & {"current", "a", "amp", "amps", "ampere", "amperes"})
    watts = bool(words & {"power", "w", "watt", "watts"})
    if amps and not watts:
        return ("A",)
    return ("W", "A") if watts and not amps else ("A", "W")


def _units(learned: Learned, overrides: dict[str, Any]) -> tuple[Unit, ...]:
    forced = overrides.get("rate_unit")
    if forced == "A":
        return ("A",)
    return ("W",) if forced == "W" else learned.units or ("A", "W")


def _levels(learned: Learned, overrides: dict[str, Any]) -> tuple[int, ...]:
    forced = overrides.get("stack_level")
    if isinstance(forced, int):
        return (forced,)
    highest = min(learned.max_level or 0, 1_000)
    return (highest, 0) if highest > 0 else (0, 1)


def _idle_levels(learned: Learned, overrides: dict[str, Any]) -> tuple[int, ...]:
    """Return the levels of the failsafe default; the lowest first where a working default must lie over it."""
    levels = _levels(learned, overrides)
    return levels if bears_two_periods(learned) else tuple(sorted(levels))


def _working_levels(learned: Learned, overrides: dict[str, Any]) -> tuple[int, ...]:
    levels = _levels(learned, overrides)
    return levels if bears_two_periods(learned) else tuple(sorted(levels, reverse=True))


def _purposes(station: Station, in_transaction: bool) -> tuple[Purpose, ...]:
    """Return the purposes to try; ChargePointMaxProfile caps the whole station: only where it has one outlet."""
    forced = _PURPOSES.get(str(station.plan.overrides.get("purpose", "")))
    wanted = (forced,) if forced is not None else RUNNING_PURPOSES
    single = len(station.outlets) == 1
    usable = tuple(
        purpose for purpose in wanted if (purpose != "tx" or in_transaction) and (purpose != "max" or single)
    )
    return usable or ("default",)


def rungs(station: Station, purposes: tuple[Purpose, ...], levels: tuple[int, ...]) -> tuple[Rung, ...]:
    """Return all ways with these purposes, in the order of trying."""
    overrides = station.plan.overrides
    units = _units(station.learned, overrides)
    ways = tuple(Rung(purpose, unit, level) for level in levels for purpose in purposes for unit in units)
    if units == ("A",) and overrides.get("rate_unit") is None:
        ways += tuple(Rung(purpose, "W", level) for level in levels for purpose in purposes)
    return ways


def running_rung(station: Station, in_transaction: bool) -> Rung | None:
    """Return how to tell a limit to a running outlet; None when every way was rejected."""
    purposes = _purposes(station, in_transaction)
    levels = _working_levels(station.learned, station.plan.overrides)
    return _first(
        rungs(station, purposes, levels), station.learned.running, (*station.tried_running, *station.distrusted)
    )


def idle_rung(station: Station) -> Rung | None:
    """Return how to write the failsafe that holds without a transaction; None when every way was rejected.

    A ChargePointMaxProfile can only lower what the default allows: a station that is limited so gets no default.
    """
    learned = station.learned
    if learned.running is not None and learned.running.purpose == "max":
        return learned.running
    levels = _idle_levels(learned, station.plan.overrides)
    winner = learned.idle if bears_two_periods(learned) or (learned.idle and learned.idle.level == levels[0]) else None
    return _first(rungs(station, ("default",), levels), winner, station.tried_idle)


def _first(ladder: tuple[Rung, ...], winner: Rung | None, tried: tuple[Rung, ...]) -> Rung | None:
    if winner in ladder and winner not in tried:
        return winner
    return next((rung for rung in ladder if rung not in tried), None)
