"""What a plug's driver hands over, as the device said it."""

from typing import Any

from msgspec import Struct


class RawObservation(Struct, frozen=True, kw_only=True):
    """One look at a plug; None = it does not say."""

    relay: Any = None
    """True = closed; of a device with several levels, the level."""
    power_w: Any = None
    voltage_v: Any = None
    energy_wh: Any = None


def scaled(value: Any, factor: float) -> float | None:
    """Return `value` · factor; None for what is no number, or too large to be one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value * factor
    except OverflowError:
        return None
