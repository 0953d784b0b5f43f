"""Energy counters that go back: a meter that was exchanged or reset, or one wrong answer. Pure.

A value below the last is withheld until it has come three times in a row; then the counter was reset, and goes on from
its last value with what is counted since. What is published therefore never falls within one run of the service.
"""

from msgspec import Struct

ROUNDING_WH = 1.0
"""Counters that are told in steps may swing by one."""
LOW_IN_A_ROW = 3


class Counter(Struct, frozen=True):
    """Remembered of one counter, Wh; `shift_wh` is added to what the source says."""

    last_wh: float | None = None
    shift_wh: float = 0.0
    low_in_a_row: int = 0


class Counted(Struct, frozen=True):
    """What to publish, None = nothing now; `reset` = it went back by so much, Wh, and goes on from here."""

    energy_wh: float | None = None
    reset_wh: float | None = None


def follow(counter: Counter, told_wh: float | None) -> tuple[Counter, Counted]:
    """Return the counter after the source told `told_wh`, and what to publish."""
    if told_wh is None:
        return counter, Counted()
    last_wh = counter.last_wh
    if last_wh is None or told_wh >= last_wh - ROUNDING_WH:
        highest_wh = told_wh if last_wh is None else max(told_wh, last_wh)
        return Counter(highest_wh, counter.shift_wh), Counted(round(highest_wh + counter.shift_wh, 3))
    if counter.low_in_a_row + 1 < LOW_IN_A_ROW:
        return Counter(last_wh, counter.shift_wh, counter.low_in_a_row + 1), Counted()
    back_wh = last_wh - told_wh
    after = Counter(told_wh, counter.shift_wh + back_wh)
    return after, Counted(round(told_wh + after.shift_wh, 3), back_wh)
