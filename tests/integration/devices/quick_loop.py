"""Event loops on which many seconds pass in one: sleeps, time limits and periods keep their proportions.

On a quick loop time runs, only faster: what takes long on a loaded machine takes longer there. On a leaping loop it
stands still while anybody has something to do, and leaps to the next timer when nobody has, however loaded the machine
is; for that, devices and services must live on the loop itself, not in processes or threads.
"""

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


class LeapingSelector(selectors.DefaultSelector):
    """Looks whether something is ready, and if not leaps over the time that it is asked to wait."""

    LOOK_S = 0.000_3
    """By then what was sent over loopback is there. If not, no harm: the leap to one timer reaches no time limit."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready."""
        if timeout is None:
            return super().select(None)
        ready = super().select(min(timeout, self.LOOK_S))
        if not ready:
            self.now_s += timeout
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """`time()` is 0 at first and moves by leaps."""

    def __init__(self) -> None:
        self._leaping = LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        """Seconds leapt over so far."""
        return self._leaping.now_s


class LoopClock(SystemClock):
    """The clock of services that run on a leaping loop."""

    def monotonic(self) -> float:
        """The running loop's seconds."""
        return asyncio.get_running_loop().time()
