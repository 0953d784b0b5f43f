"""An event loop whose clock runs faster than the world's: minutes of time-outs in seconds, over real sockets."""

import asyncio
import selectors
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2030, 1, 1, tzinfo=UTC)


class _FastSelector:
    """Waits a fraction of what it is told."""

    def __init__(self, speed: float) -> None:
        self._selector, self._speed = selectors.DefaultSelector(), speed

    def select(self, timeout: float | None = None) -> Any:
        return self._selector.select(timeout / self._speed if timeout is not None else None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)


class FastLoop(asyncio.SelectorEventLoop):
    """`speed` of its seconds pass in one."""

    def __init__(self, speed: float) -> None:
        super().__init__(_FastSelector(speed))  # type: ignore[arg-type]  # it has all that is asked of it
        self._speed = speed
        self._clock_resolution *= speed

    def time(self) -> float:
        return super().time() * self._speed


class FastClock:
    """A service's clock on such a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._start_s = loop, loop.time()

    def monotonic(self) -> float:
        return self._loop.time()

    def utc(self) -> datetime:
        return START + timedelta(seconds=self._loop.time() - self._start_s)
