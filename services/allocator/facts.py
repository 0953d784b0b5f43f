"""What the allocator has heard: the newest event of each source with its arrival time on the monotonic clock."""

from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import LoadState, MeterReading, SiteLimit
from evenload.contracts.units import Name

E = TypeVar("E")


class Heard(Struct, Generic[E], frozen=True):
    """An event and when it arrived, s on the monotonic clock."""

    event: E
    at_s: float
    returning: bool = False
    """Heard again after a lapsed lease: not yet in force (outside limits)."""
    lapsed_s: float | None = None
    """Since when an outside limit is at its failsafe, s on the monotonic clock; None = it is not."""


SILENCE_S = 12.0
"""After so long without a word a load that speaks is news, whatever it says."""
_SAMPLE = {
    "boot": "",
    "seq": 0,
    "sent_ms": 0,
    "measured_age_s": None,
    "setpoint_seq": 0,
    "failsafe_in_s": None,
    "energy_wh": None,
    "session_wh": None,
}
"""What differs between two samples of a load that stands still."""
FOLLOWS_IN_S = 1.0


def news_in_s(before: Heard[LoadState] | None, state: LoadState, now_s: float) -> float | None:
    """Return how soon a load's state is worth a decision, s; None = it says only that all is as it was.

    What says no more waits for the next reading or timer: of many loads that stand still most states are such. What
    only says that a load follows waits a little: the grid meter shows the same, and its reading decides anyway.
    """
    if before is None or now_s - before.at_s > SILENCE_S:
        return 0.0
    was, now = replace(before.event, measured_at=state.measured_at, **_SAMPLE), replace(state, **_SAMPLE)
    if was == now:
        return None
    follows = replace(
        was,
        measured_a=state.measured_a,
        power_w=state.power_w,
        offered_a=state.offered_a,
        setpoint_a=state.setpoint_a,
    )
    return FOLLOWS_IN_S if follows == now else 0.0


class Facts(Struct, frozen=True, kw_only=True):
    """A frozen image of everything heard for one site."""

    readings: dict[Name, Heard[MeterReading]] = {}
    loads: dict[Name, Heard[LoadState]] = {}
    limits: dict[Name, Heard[SiteLimit]] = {}
    cause: str = ""
    """The newest fact, or the timer, in words."""
