"""What the core of every kind of device takes and gives: `(plan, memory, input, now) → (memory, steer)`. Data only.

A core says what its device can take now (the offer) and, where the setpoint alone must not decide, which level it is
set to. `steering.py` feeds it; `tank.py` and its neighbours are the cores.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from evenload.contracts.events import AskedMode, Mode, Offer


class Now(Struct, frozen=True):
    """s of the monotonic clock, and UTC."""

    at_s: float
    utc: datetime


class Wish(Struct, frozen=True, kw_only=True):
    """What is set by hand; None = the site file holds."""

    mode: AskedMode | None = None
    target_c: float | None = None
    at: datetime | None = None
    """When the mode was set: tells one boost from the next."""
    due_c: float | None = None
    """The temperature that a plan of the site file, or by hand, wants next."""
    due_at: datetime | None = None
    """By when, UTC."""


class Input(Struct, frozen=True, kw_only=True):
    """What a core goes by, beside its plan and the time."""

    wish: Wish = Wish()
    temperature_c: float | None = None
    """What is believed; None = nothing is, `trouble` says why once that is worth telling."""
    trouble: tuple[str, str] | None = None
    """(kind of alert, text) of a sensor that is lost or implausible."""
    level: int = 0
    """The level as last seen; 0 where it was never seen, or is out of contact."""
    power_w: float | None = None
    """Measured, or what its level draws; None = it was never seen, or is out of contact."""
    measured: bool = False
    """`power_w` was measured."""
    permitted_a: float | None = None
    """The live setpoint, A per line; None = nobody controls it."""


class Steer(Struct, frozen=True, kw_only=True):
    """What a core says."""

    offer: Offer
    level: int | None = None
    """The level to set, whatever the setpoint is; None = the greatest within the setpoint."""
    temperature_c: float | None = None
    troubles: Mapping[str, str | None] = {}
    """Kind of alert → text while it stands, None while it does not."""
    may_idle: bool = False
    """It may be on and draw nothing: that is its own affair and no fault."""


class Ask(Struct, frozen=True, kw_only=True):
    """What a device asks for: under which mode, why, how much and by when."""

    mode: Mode
    reason: str
    need_wh: float | None = None
    until: datetime | None = None
