"""Time as services see it: monotonic for ages and timers, UTC for stamps. Only shells hold a clock."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where shells get time from."""

    def monotonic(self) -> float:
        """Seconds that only rise."""

    def utc(self) -> datetime:
        """Now, aware, UTC."""


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Seconds since boot; goes on while the machine sleeps where the system can tell."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    def utc(self) -> datetime:
        """Now, aware, UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told to; for tests and simulation."""

    def __init__(self, start_s: float = 1_000.0, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._elapsed_s, self._start_s, self._start = 0.0, start_s, start

    def advance(self, seconds: float) -> None:
        """Move on; both clocks together."""
        self._elapsed_s += seconds

    def monotonic(self) -> float:
        """Start plus what was advanced."""
        return self._start_s + self._elapsed_s

    def utc(self) -> datetime:
        """Start plus what was advanced."""
        return self._start + timedelta(seconds=self._elapsed_s)
