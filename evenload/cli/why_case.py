"""What the explanation of a setpoint is made from. Pure."""

from collections.abc import Callable

from msgspec import Struct

from evenload.contracts.events import Decision, LoadDecision
from evenload.site.schema import Device, Load, Plug, Site


class Asked(Struct, frozen=True, kw_only=True):
    """What the sentences are made from: the site file in force, the newest decision and its age, s."""

    site: Site
    decision: Decision
    age_s: float


class Case(Struct, frozen=True, kw_only=True):
    """One load of it."""

    asked: Asked
    line: LoadDecision
    load: Load | None

    @property
    def wish(self) -> str:
        """Return what its device asks for, in its own words, which stand first in the reason; empty where none does."""
        words, found, _ = self.line.reason.partition("(")[2].partition("; ")
        asks = bool(found) and isinstance(self.load, Device) and not isinstance(self.load, Plug)
        return words if asks else ""

    @property
    def left(self) -> str:
        """Return how long its timer still runs, in words with a blank before; empty without a timer."""
        timer = self.line.timer
        return "" if timer is None else " " + duration(max(0.0, timer.in_s - self.asked.age_s))


Sentences = Callable[[Case], tuple[str, str]]
"""Return what holds, and what would change it; each may be empty."""


def duration(seconds: float) -> str:
    """Return a length of time in words: `12 s`, `4 min 10 s`, `1 h 5 min`."""
    whole_s = round(seconds)
    if whole_s < 60:
        return f"{whole_s} s"
    minutes, rest_s = divmod(whole_s, 60)
    if minutes < 60:
        return f"{minutes} min" + (f" {rest_s} s" if rest_s else "")
    hours, rest_min = divmod(minutes, 60)
    return f"{hours} h" + (f" {rest_min} min" if rest_min else "")
