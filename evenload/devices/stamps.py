"""When a source says that it measured: seconds or milliseconds since 1970, or a text with its offset from UTC. Pure."""

from datetime import UTC, datetime
from typing import Any

FIRST_S, LAST_S = 1_000_000_000, 10_000_000_000
"""2001 and 2286: what is outside is no time, or not in seconds."""
MAX_TEXT = 40


def stamp_of(said: Any) -> datetime | None:
    """Return the time, aware; None for what is none, and for a text without an offset, which says nothing sure."""
    if isinstance(said, bool):
        return None
    if isinstance(said, int | float):
        return _since_1970(said)
    if not isinstance(said, str) or len(said) > MAX_TEXT:
        return None
    if said.isascii() and said.isdigit():
        return _since_1970(int(said))
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _since_1970(number: float) -> datetime | None:
    for seconds in (number, number / 1000):
        if FIRST_S <= seconds <= LAST_S:
            return datetime.fromtimestamp(seconds, UTC)
    return None
