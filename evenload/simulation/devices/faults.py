"""Faults that an emulated device can have, switched on and off while it runs."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

GARBAGE = b'<html><body>504 upstream</body></html>{"active_power_w": 1e999'


class Faults(Struct, kw_only=True):
    """Off by default; any of them may be on."""

    nulls: bool = False
    """Every number is null."""
    missing: tuple[str, ...] = ()
    """Keys that are left out, at any depth."""
    replaced: dict[str, Any] = {}
    """Key → what is said instead, at any depth."""
    delay_s: float = 0.0
    """Before each answer."""
    slow_paths: tuple[str, ...] = ()
    """Paths that the delay is for; none = all."""
    garbage: bool = False
    """No JSON."""
    status: int | None = None
    """HTTP status of every answer."""

    def change(self, changes: Mapping[str, Any]) -> None:
        """Switch the named faults."""
        self.nulls = bool(changes.get("nulls", self.nulls))
        self.missing = tuple(changes.get("missing", self.missing))
        self.replaced = dict(changes.get("replaced", self.replaced))
        self.delay_s = float(changes.get("delay_s", self.delay_s))
        self.slow_paths = tuple(changes.get("slow_paths", self.slow_paths))
        self.garbage = bool(changes.get("garbage", self.garbage))
        self.status = changes.get("status", self.status)

    def spoil(self, payload: Any) -> Any:
        """Return `payload` with the faults in it."""
        if isinstance(payload, dict):
            return {
                key: self.replaced[key] if key in self.replaced else self.spoil(value)
                for key, value in payload.items()
                if key not in self.missing
            }
        if isinstance(payload, list):
            return [self.spoil(value) for value in payload]
        number = isinstance(payload, int | float) and not isinstance(payload, bool)
        return None if self.nulls and number else payload
