"""A raw look at a plug → what is believed of it. Pure."""

import math
from typing import Any

from msgspec import Struct

from services.plug_control.config import PlugPlan
from services.plug_control.raw import RawObservation

MAX_POWER_W = 100_000.0
"""The largest rated power that a site file takes; the plug's own rating may be wrong, so it is no bound."""
VOLTAGE_LOW_RATIO, VOLTAGE_HIGH_RATIO = 0.5, 1.5
MAX_ENERGY_WH = 1e13


class Observation(Struct, frozen=True, kw_only=True):
    """A checked look; None = not told, or not believed."""

    level: int
    power_w: float | None = None
    voltage_v: float | None = None
    energy_wh: float | None = None


def check(plan: PlugPlan, raw: RawObservation) -> Observation | None:
    """Return what is believed; None when not even the state of its relay can be read.

    Power is a magnitude: a plug that measures backwards draws all the same.
    """
    level = _level(plan, raw.relay)
    if level is None:
        return None
    voltage_v = _number(raw.voltage_v)
    power_w = _number(raw.power_w)
    energy_wh = _number(raw.energy_wh)
    low_v, high_v = VOLTAGE_LOW_RATIO * plan.voltage_v, VOLTAGE_HIGH_RATIO * plan.voltage_v
    return Observation(
        level=level,
        power_w=abs(power_w) if power_w is not None and abs(power_w) <= MAX_POWER_W else None,
        voltage_v=voltage_v if voltage_v is not None and low_v <= voltage_v <= high_v else None,
        energy_wh=energy_wh if energy_wh is not None and 0 <= energy_wh <= MAX_ENERGY_WH else None,
    )


def _level(plan: PlugPlan, raw: Any) -> int | None:
    """Return the level that a relay or a device of several levels says; None when it is none of its levels."""
    if isinstance(raw, bool):
        return (len(plan.levels_w) - 1) * raw
    return raw if isinstance(raw, int) and 0 <= raw < len(plan.levels_w) else None


def _number(raw: Any) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    try:
        value = float(raw)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None
