"""How a station takes limits and what it tells, as found out by trying and measuring: its capability card. Pure."""

from typing import Literal

from msgspec import Struct

Unit = Literal["A", "W"]
Purpose = Literal["tx", "default", "max"]
Kind = Literal["absolute", "relative"]
Zero = Literal["pauses", "ends", "rejected"]
"""What a limit of 0 A does: it pauses, it ends the transaction (row 17), or it is rejected (row 16)."""


class Rung(Struct, frozen=True):
    """One way to tell a station its limit."""

    purpose: Purpose
    unit: Unit
    level: int


class Learned(Struct, frozen=True, kw_only=True):
    """What was found out about a station; None = not known yet. Kept in its record over restarts."""

    units: tuple[Unit, ...] = ()
    max_level: int | None = None
    max_periods: int | None = None
    kind: Kind = "absolute"
    running: Rung | None = None
    idle: Rung | None = None
    zero: Zero | None = None
    reset_at_s: float = 0.0
    """When we restarted it, UTC as seconds since 1970; 0 = never."""
    model: str = ""
    """Maker, model and firmware as it says."""
    measurands: str = ""
    """The list that it accepted or had."""
    interval_s: float | None = None
    """Period of its meter values as they come."""
    lag_s: float | None = None
    """From a cut to the first sample within it."""
    step_a: float | None = None
    """Step of the limits that it offers."""
    proven: bool = False
    """A limit that binds was seen to be obeyed."""
    ping: bool | None = None
    """Does it answer WebSocket pings."""
    clock_s: float | None = None
    """Its UTC − ours as last measured."""
    drift_s: float | None = None
    """How much its clock gains a day."""
    switchable: bool | None = None
    """Does it say that it can charge on one line or on all."""
    switches: bool | None = None
    """Was it seen to use one line when it was told to."""
    dynamic: bool | None = None
    """2.1: it takes dynamic profiles that end when it is offline."""
