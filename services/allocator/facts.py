"""What the allocator has heard: the newest event of each source with its arrival time on the monotonic clock."""

from typing import Generic, TypeVar

from msgspec import Struct

from evenload.contracts.events import LoadState, MeterReading, SiteLimit
from evenload.contracts.units import Name

E = TypeVar("E")


class Heard(Struct, Generic[E], frozen=True):
    """An event and when it arrived, s on the monotonic clock."""

    event: E
    at_s: float
    returning: bool = False
    """The first message after a lapsed lease: not yet in force (outside limits)."""


class Facts(Struct, frozen=True, kw_only=True):
    """A frozen image of everything heard for one site."""

    readings: dict[Name, Heard[MeterReading]] = {}
    loads: dict[Name, Heard[LoadState]] = {}
    limits: dict[Name, Heard[SiteLimit]] = {}
    cause: str = ""
    """The newest fact, or the timer, in words."""
