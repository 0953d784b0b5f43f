"""Number types with their bounds, and the rounding of currents.

Bounds reject what no site has (infinities that JSON hides in 1e999, kilo- for milli-); a value outside is not a
reading. Currents that we command are whole tenths of an ampere, rounded down; what a plug or an unknown draws is
rounded up, so that rounding never adds current to a fuse.
"""

import math
from datetime import datetime
from typing import Annotated

import msgspec

Amps = Annotated[float, msgspec.Meta(ge=-10_000, le=10_000)]
Watts = Annotated[float, msgspec.Meta(ge=-10_000_000, le=10_000_000)]
Volts = Annotated[float, msgspec.Meta(ge=0, le=1_000)]
WattHours = Annotated[float, msgspec.Meta(ge=-1e13, le=1e13)]
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Celsius = Annotated[float, msgspec.Meta(ge=-100, le=1_000)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_-]{1,48}$")]
NameOrNone = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_-]{0,48}$")]
StationId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9*_=+|@.\-]{1,48}$")]

Utc = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone; without one it cannot be compared."""

STEP_A = 0.1
_ROUNDING_SLACK = 1e-6


def floor_da(current_a: float) -> int:
    """Return whole tenths of an ampere, rounded down; float noise of 1e-7 A does not cost a step."""
    return math.floor(current_a * 10 + _ROUNDING_SLACK)


def ceil_da(current_a: float) -> int:
    """Return whole tenths of an ampere, rounded up; float noise of 1e-7 A does not cost a step."""
    return math.ceil(current_a * 10 - _ROUNDING_SLACK)


def plug_da(power_w: float, voltage_v: float, lines: int) -> int:
    """Return the current per line of an all-or-nothing load in 0.1 A, rounded up (2,000 W at 230 V counts 8.7 A)."""
    return ceil_da(power_w / (voltage_v * lines))
