"""Virtual time: seconds from the start, and the moment of the calendar they stand for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
Wall = Callable[[float], datetime]
"""Seconds from the start → the moment of the calendar, UTC."""
MONOTONIC_START_S = 1_000.0
"""Simulated machines have been up for a while: code must not take 0 for the first moment."""


def utc(now_s: float) -> datetime:
    """Return the moment, UTC."""
    return START + timedelta(seconds=now_s)


def clock_text(now_s: float) -> str:
    """Return `h:mm:ss.t` from the start."""
    tenths = round(now_s * 10)
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"
