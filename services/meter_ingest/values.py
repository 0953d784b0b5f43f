"""Raw values → numbers in our units, or why not. Pure.

A value is present when it is a finite number (or a text that is one) within its bounds. None, an empty text and the
words devices use for "nothing" are missing. Everything else is a fault: it is told, and never becomes a number.
"""

import math

from msgspec import Struct

from services.meter_ingest.raw import Raw

MAX_TEXT = 40
NOTHING_WORDS = frozenset({"", "null", "none", "unknown", "unavailable", "-"})


class Bounds(Struct, frozen=True):
    """Lowest and highest value that can be, with the unit for messages."""

    low: float
    high: float
    unit: str


class Fault(Struct, frozen=True):
    """A value that was refused; `absurd` = a number, but outside its bounds."""

    what: str
    shown: str
    absurd: bool = False


class Read(Struct, frozen=True):
    """The value, or None with or without a fault."""

    value: float | None = None
    fault: Fault | None = None


def read(raw: Raw, what: str, bounds: Bounds, scale: float = 1.0) -> Read:
    """Return `raw` · scale when it is a number within `bounds`; `what` names it in the fault."""
    if raw is None or (isinstance(raw, str) and raw.strip().lower() in NOTHING_WORDS):
        return Read()
    number = _number(raw)
    if number is None or not math.isfinite(number * scale):
        return Read(fault=Fault(what, _shown(raw)))
    value = number * scale + 0.0  # −0.0 becomes 0.0
    if not bounds.low <= value <= bounds.high:
        return Read(fault=Fault(what, f"{value:g} {bounds.unit}", absurd=True))
    return Read(value)


def _number(raw: Raw) -> float | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int | float):
        return _float(raw)
    if isinstance(raw, str) and len(raw) <= MAX_TEXT:
        # "12.5 W" is what some gateways send; the unit is the site file's business, so it is refused here.
        return _float(raw.strip())
    return None


def _float(raw: int | float | str) -> float | None:
    try:
        return float(raw)
    except (ValueError, OverflowError):
        return None


def _shown(raw: Raw) -> str:
    text = repr(raw)
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
