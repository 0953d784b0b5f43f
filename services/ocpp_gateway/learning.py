"""What is kept of a station over restarts, as the flat texts and numbers of its record. Pure."""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from evenload.contracts.records import StationRecord
from services.ocpp_gateway.capability import Learned, Rung, Zero
from services.ocpp_gateway.station import Outlet, Station, TransactionId, new_station, with_least
from services.ocpp_gateway.transactions16 import ENDED_KEPT, end

_ZEROS: Final[dict[str, Zero]] = {"pauses": "pauses", "ends": "ends", "rejected": "rejected"}
OURS: Final = (
    "units", "max_level", "max_periods", "kind", "running", "idle", "zero", "reset_at_s", "model", "measurands",
    "interval_s", "lag_s", "step_a", "proven", "ping", "clock_s", "drift_s", "dynamic", "min_a",
    "switchable", "switches", "strays", "monitors",
)  # fmt: skip
Facts = dict[str, str | int | float | bool | None]


def _rung_text(rung: Rung | None) -> str | None:
    return None if rung is None else f"{rung.purpose}/{rung.unit}/{rung.level}"


def _rung(value: object) -> Rung | None:
    purpose, _, rest = str(value).partition("/")
    unit, _, level = rest.partition("/")
    try:
        return msgspec.convert({"purpose": purpose, "unit": unit, "level": int(level)}, Rung)
    except (ValueError, msgspec.ValidationError):
        return None


def facts_of(station: Station) -> Facts:
    """Return what the record keeps: how to tell limits, and for each connector its open transaction; "" = none."""
    learned = station.learned
    facts: Facts = {
        "units": ",".join(learned.units) or None,
        "max_level": learned.max_level,
        "max_periods": learned.max_periods,
        "kind": learned.kind,
        "running": _rung_text(learned.running),
        "idle": _rung_text(learned.idle),
        "zero": learned.zero,
        "reset_at_s": learned.reset_at_s or None,
        "model": learned.model or None,
        "measurands": learned.measurands or None,
        "interval_s": learned.interval_s,
        "lag_s": learned.lag_s,
        "step_a": learned.step_a,
        "proven": learned.proven or None,
        "ping": learned.ping,
        "clock_s": learned.clock_s,
        "drift_s": learned.drift_s,
        "dynamic": learned.dynamic,
        "switchable": learned.switchable,
        "switches": learned.switches,
        "min_a": _least_a(station),
    }
    for outlet in station.outlets:
        start = outlet.open_start
        facts[f"start_{outlet.plan.connector}"] = "" if start is None else f"{start[0]}:{start[1]}"
        ended = ",".join(str(number) for number in outlet.ended if isinstance(number, int))
        facts[f"ended_{outlet.plan.connector}"] = ended
        facts[f"phases_{outlet.plan.connector}"] = "" if outlet.phases is None else outlet.phases
    facts["monitors"] = ",".join(f"{number}:{evse}" for number, evse in station.monitors) or None
    facts["strays"] = ",".join(f"{key}:{number}" for key, number in station.strays) or None
    return {key: value for key, value in facts.items() if value is not None}


def with_facts(record: StationRecord, facts: Facts, holder: str | None = None) -> StationRecord:
    """Return the record with these facts and this holder (None = as it is).

    What others learned stays, and so do transactions of connectors that no load names now.
    """
    kept = {key: value for key, value in record.learned.items() if key not in OURS and key not in facts}
    learned = {**kept, **{key: value for key, value in facts.items() if value != ""}}
    return replace(record, learned=learned, holder=record.holder if holder is None else holder)


def _least_a(station: Station) -> float | None:
    """Return the least limit above 0 that it takes, A; None where it takes 0 or that is not known."""
    return max((outlet.least_a for outlet in station.outlets), default=0.0) or None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _open_start(value: object) -> tuple[str, int] | None:
    key, _, number = str(value).partition(":")
    return (key, int(number)) if key and number.isdigit() and len(number) < 16 else None


def _strays(value: object) -> tuple[tuple[str, int], ...]:
    pairs = [stray.partition(":") for stray in str(value or "").split(",")]
    return tuple((key, int(number)) for key, _, number in pairs if number.isdigit() and len(number) < 16)


def _monitors(value: object) -> tuple[tuple[int, int], ...]:
    return tuple((int(number), evse) for number, evse in _strays(value) if number.isdigit())


def _ended(value: object) -> tuple[TransactionId, ...]:
    return tuple(int(word) for word in str(value or "").split(",") if word.isdigit() and len(word) < 16)


def _restored(outlet: Outlet, facts: Facts) -> Outlet:
    outlet = replace(outlet, ended=_ended(facts.get(f"ended_{outlet.plan.connector}")))
    phases = facts.get(f"phases_{outlet.plan.connector}")
    if isinstance(phases, int) and not isinstance(phases, bool) and 1 <= phases <= 3:
        outlet = replace(outlet, phases=phases)
    start = _open_start(facts.get(f"start_{outlet.plan.connector}", ""))
    if start is None or outlet.open_start is not None:
        return outlet
    return replace(outlet, open_start=start, transaction=start[1])


def reopened(station: Station, facts: Facts) -> Station:
    """Return `station` under a new plan with the transactions of outlets that are new in it, as its record has them."""
    return replace(
        station,
        outlets=tuple(
            outlet if outlet.transaction is not None or outlet.ended else _restored(outlet, facts)
            for outlet in station.outlets
        ),
    )


def taken_over(station: Station, facts: Facts) -> Station:
    """Return the station with what another gateway wrote while it held it; what has ended here stays ended."""
    theirs = restored(new_station(station.plan), facts)
    outlets = tuple(_taken_over(*pair) for pair in zip(station.outlets, theirs.outlets, strict=True))
    station = replace(station, learned=theirs.learned, outlets=outlets, strays=theirs.strays, monitors=theirs.monitors)
    return with_least(station)


def _taken_over(outlet: Outlet, theirs: Outlet) -> Outlet:
    start, ours = theirs.open_start, outlet.open_start
    if start is not None and start[1] in outlet.ended:
        start = None
    kept = tuple(number for number in outlet.ended if number not in theirs.ended)
    if start != ours and ours is not None and outlet.transaction == ours[1]:
        outlet = end(outlet)
    ended = (*kept, *theirs.ended)[-ENDED_KEPT:]
    outlet = replace(outlet, open_start=start, ended=ended, phases=theirs.phases)
    return outlet if start is None or start == ours else replace(outlet, transaction=start[1])


def restored(station: Station, facts: Facts) -> Station:
    """Return a new station with what its record knows; a transaction that had no stop still runs."""
    units: Any = tuple(unit for unit in str(facts.get("units") or "").split(",") if unit in ("A", "W"))
    level, periods = facts.get("max_level"), facts.get("max_periods")
    learned = Learned(
        units=units,
        max_level=level if isinstance(level, int) else None,
        max_periods=periods if isinstance(periods, int) else None,
        kind="relative" if facts.get("kind") == "relative" else "absolute",
        running=_rung(facts.get("running")),
        idle=_rung(facts.get("idle")),
        zero=_ZEROS.get(str(facts.get("zero"))),
        reset_at_s=_number(facts.get("reset_at_s")) or 0.0,
        model=str(facts.get("model") or "")[:120],
        measurands=str(facts.get("measurands") or "")[:500],
        interval_s=_number(facts.get("interval_s")),
        lag_s=_number(facts.get("lag_s")),
        step_a=_number(facts.get("step_a")),
        proven=facts.get("proven") is True,
        ping=_truth(facts.get("ping")),
        clock_s=_number(facts.get("clock_s")),
        drift_s=_number(facts.get("drift_s")),
        dynamic=_truth(facts.get("dynamic")),
        switchable=_truth(facts.get("switchable")),
        switches=_truth(facts.get("switches")),
    )
    outlets = tuple(_restored(outlet, facts) for outlet in station.outlets)
    strays, monitors = _strays(facts.get("strays")), _monitors(facts.get("monitors"))
    return with_least(replace(station, learned=learned, outlets=outlets, strays=strays, monitors=monitors))
