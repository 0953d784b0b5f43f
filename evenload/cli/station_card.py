"""A station's capability card as text: as an entry that pins it in a site file, and whole, as a file to give away."""

from typing import Any, Final

import msgspec
import yaml

from evenload.contracts.records import StationRecord
from evenload.site.overrides import StationOverrides

PURPOSES: Final = {"tx": "TxProfile", "default": "TxDefaultProfile", "max": "ChargePointMaxProfile"}
SAME: Final = ("kind", "zero", "min_a", "step_a", "lag_s")
"""Facts that have the same name as their override."""
OF_TRANSACTIONS: Final = ("start_", "ended_", "phases_", "strays")
"""Facts that are no part of the card: what begins so is about transactions."""


def overrides_of(record: StationRecord) -> dict[str, Any]:
    """Return what the gateway learned about a station as `overrides` of a site file; what is odd is left out."""
    learned = record.learned
    found: dict[str, Any] = {}
    purpose, _, rest = str(learned.get("running") or "").partition("/")
    unit, _, level = rest.partition("/")
    if purpose in PURPOSES and unit in ("A", "W") and level.isdigit():
        found |= {"rate_unit": unit, "purpose": PURPOSES[purpose], "stack_level": int(level)}
    found |= {key: learned[key] for key in SAME if learned.get(key) is not None}
    if learned.get("ping") is False:
        found["ping"] = False
    return {key: value for key, value in found.items() if _is_good(key, value)}


def _is_good(key: str, value: Any) -> bool:
    try:
        msgspec.convert({key: value}, StationOverrides)
    except msgspec.ValidationError:
        return False
    return True


def pinned(record: StationRecord) -> str:
    """Return the entry of a site file that pins what was learned."""
    return yaml.safe_dump({"stations": {record.station: {"overrides": overrides_of(record)}}}, sort_keys=False)


def exported(record: StationRecord) -> str:
    """Return the whole card: what was learned, without transactions, and the entry that pins it; never a password."""
    card = {key: value for key, value in sorted(record.learned.items()) if not key.startswith(OF_TRANSACTIONS)}
    text = yaml.safe_dump({f"x-card-{record.station}": card}, sort_keys=False)
    return (
        f"# How {record.station} wants to be spoken to, as its gateway learned it (docs/ocpp.md). `stations` may be\n"
        "# copied into a site file and pins it there; keys with x- are for reading.\n"
        f"{pinned(record)}{text}"
    )
