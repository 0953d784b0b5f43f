"""What a plug driver is: an async context manager that yields a `PlugDriver` for one plug.

A driver does I/O only: it switches, looks, and raises `DeviceError` when the device does not do its part. When to
switch and what to believe is decided in `switching`. A new driver is one file with an opener, one row in `table.py`, a
row in `REVERTS` (config.py) when its device has a timer, an options struct in `evenload/site/drivers.py`, an emulator
with payloads as the device sends them, and a page in `docs/devices/`.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from evenload.devices.access import Access
from services.plug_control.config import PlugPlan
from services.plug_control.raw import RawObservation


class PlugDriver(Protocol):
    """One plug."""

    async def prepare(self, power_on: bool) -> None:
        """Set what the relay does when the device gets power again, where it has such a setting."""

    async def switch(self, on: bool, revert_s: float | None) -> None:
        """Switch the relay; after `revert_s` the device goes back by itself."""

    async def observe(self) -> RawObservation:
        """Return what the device says of itself now."""


class LevelDriver(Protocol):
    """One device that is set to levels."""

    async def prepare(self, level: int) -> None:
        """Set the level that it has when it gets power again, where it has such a setting."""

    async def switch(self, level: int, revert_s: float | None) -> None:
        """Set the level; after `revert_s` the device goes back to its failsafe by itself."""

    async def observe(self) -> RawObservation:
        """Return what the device says of itself now; `relay` is its level."""


OpenDevice = Callable[[PlugPlan, Access], AbstractAsyncContextManager[LevelDriver]]
OpenPlug = Callable[[PlugPlan, Access], AbstractAsyncContextManager[PlugDriver]]
