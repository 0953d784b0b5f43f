"""An event loop on which many seconds pass in one: sleeps, time limits and periods keep their proportions."""

import asyncio
import selectors
from typing import Any

from evenload.runtime.clock import SystemClock

PACE = 25.0
"""Quick seconds in a real one. A device's time limit of 5 s is then 200 ms, which a loaded machine still keeps."""


class QuickSelector(selectors.DefaultSelector):
    """Waits the real part of what it is asked to."""

    def __init__(self, pace: float) -> None:
        super().__init__()
        self._pace = pace

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready; `timeout` is in the loop's quick seconds."""
        return super().select(None if timeout is None else timeout / self._pace)


class QuickLoop(asyncio.SelectorEventLoop):
    """`time()` runs `pace` times as fast, and everything that the loop times with it."""

    def __init__(self, pace: float = PACE) -> None:
        self._pace = pace
        super().__init__(QuickSelector(pace))

    def time(self) -> float:
        """Quick seconds."""
        return super().time() * self._pace


class QuickClock(SystemClock):
    """The clock of services that run on a quick loop."""

    def __init__(self, pace: float = PACE) -> None:
        self._pace = pace

    def monotonic(self) -> float:
        """Quick seconds."""
        return super().monotonic() * self._pace
