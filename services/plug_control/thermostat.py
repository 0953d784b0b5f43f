"""What devices that go by a temperature have in common: latches, a stuck sensor, and what happens without one. Pure."""

from msgspec import Struct

from evenload.site.devices import Sensed
from services.plug_control.config import PlugPlan
from services.plug_control.core import Ask, Input, Steer
from services.plug_control.offering import nothing, offer_of

STUCK_MOVED_K = 0.5


def still_below(was: bool, value_c: float, goal_c: float, band_k: float) -> bool:
    """Return whether it is still to be brought to `goal_c`: from `band_k` below on, until it is there."""
    return value_c < goal_c if was else value_c < goal_c - band_k


class Heated(Struct, frozen=True, kw_only=True):
    """Since when it has been on, s of the monotonic clock, and its temperature then or when it last moved."""

    since_s: float | None = None
    from_c: float = 0.0
    stuck: bool = False
    """It was on for so long that its sensor should have moved."""


def heated(before: Heated, temperature_c: float, on: bool, due_s: float, *, now_s: float) -> Heated:
    """Return what is known now; a sensor that does not move within `due_s` of heat is stuck until it moves."""
    moved = abs(temperature_c - before.from_c) >= STUCK_MOVED_K
    if before.stuck and not moved:
        return before
    if not on or before.since_s is None or moved:
        return Heated(since_s=now_s if on else None, from_c=temperature_c)
    return Heated(since_s=before.since_s, from_c=before.from_c, stuck=now_s - before.since_s > due_s)


def blind(plan: PlugPlan, device: Sensed, seen: Input) -> Steer:
    """Without a temperature: off, or left to its own thermostat under the mode that is set."""
    mode = seen.wish.mode or device.mode
    if device.without_sensor == "off" or mode == "off":
        return Steer(offer=nothing(plan, "off" if mode == "off" else "no temperature"), level=0)
    ask = Ask(mode="standard" if mode == "boost" else mode, reason="its own thermostat")
    return Steer(offer=offer_of(plan, ask), may_idle=True)


def aim_c(device: Sensed, seen: Input) -> float:
    """Return the target in force, °C: by hand, within the site file's bounds, or the site file's."""
    aim = device.aim
    assert aim is not None, "a device with a temperature has an aim"
    return aim.target_c if seen.wish.target_c is None else min(max(seen.wish.target_c, aim.least_c), aim.most_c)
