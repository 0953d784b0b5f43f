"""A vehicle at a connector of a simulated station in real time: it follows what is allowed, some seconds late."""

from collections import deque
from datetime import datetime

from evenload.simulation.station_core import Station


class Vehicle:
    """What is on its way from the limit to the draw of one connector."""

    def __init__(self, connector: Station, lag_s: float) -> None:
        self.connector = connector
        self.limit_a: float | None = None
        self.sampled_s = 0.0
        self._lag_s = lag_s
        self._coming: deque[tuple[float, float]] = deque(maxlen=64)

    def follow(self, now_s: float, now: datetime, passed_s: float) -> float | None:
        """Let `passed_s` go by; return the new draw, A per line, when it changed."""
        connector = self.connector
        target_a = connector.target_a(now)
        if target_a != (self._coming[-1][1] if self._coming else connector.drawn_a):
            self._coming.append((now_s + self._lag_s, target_a))
        before_a = drawn_a = connector.drawn_a
        while self._coming and (self._coming[0][0] <= now_s or not connector.plugged):
            drawn_a = self._coming.popleft()[1]
        connector.move(passed_s, drawn_a)
        return drawn_a if drawn_a != before_a else None

    def limit_changed(self, now: datetime) -> float | None:
        """Return the current in force, A per line, when it is another than when last asked."""
        limit_a = self.connector.allowed_a(now)
        if limit_a == self.limit_a:
            return None
        self.limit_a = limit_a
        return limit_a
