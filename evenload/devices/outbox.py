"""Sending events that must not be lost while the bus is away: the newest of each subject waits."""

from collections.abc import Callable

from evenload.contracts.events import Event
from evenload.runtime.bus import Bus, BusDown

MAX_WAITING = 2_000


class Outbox:
    """Alerts and answers wait here for the bus; readings and states are never kept, they would be old news."""

    def __init__(self, bus: Bus, on_drop: Callable[[], None]) -> None:
        self._bus, self._on_drop = bus, on_drop
        self._waiting: dict[str, Event] = {}

    def send(self, subject: str, event: Event) -> None:
        """Publish, or drop while the bus is away."""
        try:
            self._bus.publish(subject, event)
        except BusDown:
            self._on_drop()

    def keep(self, subject: str, event: Event) -> None:
        """Publish, or keep as the newest of its subject until `flush`."""
        self._waiting.pop(subject, None)
        try:
            self._bus.publish(subject, event)
        except BusDown:
            self._waiting[subject] = event
            if len(self._waiting) > MAX_WAITING:
                self._waiting.pop(next(iter(self._waiting)))
                self._on_drop()

    def flush(self) -> None:
        """Publish what waits, as far as the bus takes it."""
        while self._waiting and self._bus.connected:
            subject = next(iter(self._waiting))
            event = self._waiting.pop(subject)
            self.keep(subject, event)
            if subject in self._waiting:
                return
