"""Reading of what stations in the field send: numbers as text, times in many spellings (ocpp.md section 5).

What cannot be read is `None`, missing, never zero: a zero would be taken as a measurement.
"""

import math
from datetime import UTC, datetime

from services.ocpp_gateway.frames import MAX_INTEGER

Loose = str | int | float | bool | None
"""What a station may send where a number or a text belongs."""


def number(value: Loose) -> float | None:
    """Return a finite number within ± 2^53 from a number or a text (rows 40, 73); None for anything else."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        if len(value) > 40:
            return None
        try:
            value = float(value.replace(",", ".") if "," in value else value)
        except ValueError:
            return None
    return float(value) if -MAX_INTEGER <= value <= MAX_INTEGER and math.isfinite(value) else None


def whole(value: Loose) -> int | None:
    """Return a whole number within ± 2^53, None for anything else."""
    found = number(value)
    return int(found) if found is not None and found == int(found) else None


def text(value: Loose, longest: int = 255) -> str:
    """Return a text stripped and cut, "" when missing; escapes stay to be written by whoever prints it."""
    if value is None:
        return ""
    return str(value).strip()[:longest]


def moment(value: Loose) -> datetime | None:
    """Return the time in UTC; without an offset it is taken as UTC (row 43); None when it cannot be read."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        found = datetime.fromisoformat(value.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
