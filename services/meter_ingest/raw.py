"""What a driver hands over: values as the source said them, not yet believed, and what is known about the source."""

from datetime import datetime
from typing import Any

from msgspec import Struct

Raw = Any
"""A value as it came: a number, a text with a number in it, null, or anything else."""


class RawLine(Struct, frozen=True, kw_only=True):
    """One line (phase wire) of a meter; None = the source says nothing about it."""

    current: Raw = None
    power: Raw = None
    voltage: Raw = None


class Traits(Struct, frozen=True, kw_only=True):
    """How a source speaks: what makes its values amperes, watts and watt-hours, and what to make of them."""

    current_scale: float = 1.0
    power_scale: float = 1.0
    energy_scale: float = 1.0
    resolution_a: float = 0.0
    """Step of its currents; 1 for whole amperes, which are too coarse for a fuse. 0 = fine."""
    unsigned_current: bool = False
    """Its currents have no direction; they take it from the power."""
    reports_changes: bool = False
    """It speaks on change only and is alive by its connection: repeats say nothing about freezing."""


class RawSample(Struct, frozen=True, kw_only=True):
    """One answer or message of a source. Lines are in the meter's own order."""

    traits: Traits = Traits()
    lines: tuple[RawLine, ...] = ()
    power: Raw = None
    """Total over all lines."""
    current: Raw = None
    """One current for the whole meter; means something on one line only."""
    voltage: Raw = None
    """One voltage for all lines."""
    imported: tuple[Raw, ...] = ()
    """Registers of energy in, to be added up (tariffs)."""
    exported: tuple[Raw, ...] = ()
    """Registers of energy out."""
    soc: Raw = None
    temperature: Raw = None
    seq: int | None = None
    """The source's own counter of samples; None = it has none."""
    taken_at: datetime | None = None
    """The source's own stamp, aware; None = it has none."""
