"""Current and power of one line from what its meter says. Pure.

Signs are the meter's own here; the role turns them later.
* An unsigned current takes its direction from the power.
* Whole amperes are too coarse for a fuse: |I| = max(|P|/U, |I| − resolution) on import, P/U on export, so that
  rounding never adds room.
* What is missing is derived from the other by the measured voltage, else the site's.
"""

import math

from msgspec import Struct

from services.meter_ingest.raw import RawLine, Traits
from services.meter_ingest.values import Bounds, Fault, Read, read

VOLTAGE_LOW_RATIO, VOLTAGE_HIGH_RATIO = 0.5, 1.5
"""Outside of these shares of the nominal voltage a voltage is a mistake (line to line, millivolts, a lost wire)."""
MAX_CURRENT_A, MAX_POWER_W = 10_000.0, 10_000_000.0
BREAKER_RATIO = 3.0
"""No home draws more than three times its breaker for longer than the breaker takes to open."""


class Line(Struct, frozen=True):
    """One line in A, W, V; None = not known. `derived` = one of current and power came from the other."""

    current_a: float | None = None
    power_w: float | None = None
    voltage_v: float | None = None
    derived: bool = False
    faults: tuple[Fault, ...] = ()


class LineLimits(Struct, frozen=True):
    """Bounds of a line, and the voltage to convert with when none is measured."""

    nominal_v: float
    current: Bounds
    power: Bounds
    voltage: Bounds


def line_limits(nominal_v: float, breaker_a: float | None) -> LineLimits:
    """Return the bounds behind a breaker; without one only what no site has is refused."""
    most_a = MAX_CURRENT_A if breaker_a is None else BREAKER_RATIO * breaker_a
    most_w = MAX_POWER_W if breaker_a is None else most_a * nominal_v * VOLTAGE_HIGH_RATIO
    voltage = Bounds(nominal_v * VOLTAGE_LOW_RATIO, nominal_v * VOLTAGE_HIGH_RATIO, "V")
    return LineLimits(nominal_v, Bounds(-most_a, most_a, "A"), Bounds(-most_w, most_w, "W"), voltage)


def read_line(raw: RawLine, name: str, traits: Traits, limits: LineLimits) -> Line:
    """Return the line `name` in our units, with the faults of its values."""
    current = read(raw.current, f"current {name}", limits.current, traits.current_scale)
    power = read(raw.power, f"power {name}", limits.power, traits.power_scale)
    voltage = read(raw.voltage, f"voltage {name}", limits.voltage)
    current_a, power_w, derived = _complete(current.value, power.value, voltage.value or limits.nominal_v, traits)
    return Line(current_a, power_w, voltage.value, derived, _faults(current, power, voltage))


def _complete(
    current_a: float | None, power_w: float | None, voltage_v: float, traits: Traits
) -> tuple[float | None, float | None, bool]:
    """Return current, power, and whether one was derived."""
    if power_w is None:
        return current_a, None if current_a is None else current_a * voltage_v, current_a is not None
    by_power_a = power_w / voltage_v
    if current_a is None:
        return by_power_a, power_w, True
    if traits.resolution_a > 0:
        return _fine(current_a, by_power_a, traits.resolution_a), power_w, True
    if traits.unsigned_current:
        return math.copysign(current_a, power_w), power_w, False
    return current_a, power_w, False


def _fine(current_a: float, by_power_a: float, resolution_a: float) -> float:
    if by_power_a < 0:
        return by_power_a
    return max(by_power_a, abs(current_a) - resolution_a)


def _faults(*values: Read) -> tuple[Fault, ...]:
    return tuple(value.fault for value in values if value.fault is not None)
