"""Counts what each load has drawn, over restarts of the load, its counter and the planner. Pure.

A load's own counter is believed while it rises; one that falls begins anew (a session's) or is another meter. Between
two movements of the counter, and where there is none, its power counts for the time since it was last heard, at most a
minute: a silent load counts as off. What a counter then shows replaces what was counted by power; one that stands still
does not hide that the load draws.
"""

from datetime import datetime

from msgspec.structs import replace

from evenload.contracts.events import LoadState
from evenload.contracts.records import Counted
from services.planner.goals import Goal

LONGEST_S = 60.0
MOST_WH = 100_000.0
"""No load draws so much between two words of it."""


def drawn_wh(known: Counted) -> float:
    """Return what a load has drawn since counting began, Wh."""
    return known.total_wh + known.pending_wh


def counted(before: Counted | None, state: LoadState, voltage_v: float, now: datetime) -> Counted:
    """Return the count after a load was heard."""
    known = before or Counted()
    session = state.energy_wh is None
    counter_wh = state.session_wh if session else state.energy_wh
    by_power_wh = known.pending_wh + _power_w(state, voltage_v) * _since_s(known, now) / 3600
    moved = counter_wh is not None and known.counter_wh is not None and counter_wh != known.counter_wh
    if not moved or counter_wh is None:
        return replace(known, pending_wh=by_power_wh, counter_wh=counter_wh, seen_at=now)
    risen_wh = _risen(known.counter_wh or 0.0, counter_wh, begins_anew=session)
    return replace(known, total_wh=known.total_wh + risen_wh, pending_wh=0.0, counter_wh=counter_wh, seen_at=now)


def _risen(before_wh: float, counter_wh: float, *, begins_anew: bool) -> float:
    risen_wh = counter_wh - before_wh
    if risen_wh < 0.0:
        return max(0.0, counter_wh) if begins_anew else 0.0
    return risen_wh if risen_wh <= MOST_WH else 0.0


def _since_s(known: Counted, now: datetime) -> float:
    if known.seen_at is None:
        return 0.0
    return min(max((now - known.seen_at).total_seconds(), 0.0), LONGEST_S)


def _power_w(state: LoadState, voltage_v: float) -> float:
    if state.power_w is not None:
        return max(0.0, state.power_w)
    total_a = state.measured_a.total() if state.measured_a is not None else None
    return max(0.0, (total_a or 0.0) * voltage_v)


def aimed(known: Counted, goal: Goal) -> Counted:
    """Return the count with `goal` as what is counted for; a new one begins with what was drawn so far."""
    return known if known.goal == goal.key else replace(known, goal=goal.key, goal_wh=drawn_wh(known))


def told_soc(known: Counted, at: datetime) -> Counted:
    """Return the count after its vehicle told its state of charge, measured at `at`."""
    return known if known.soc_at == at else replace(known, soc_at=at, soc_wh=drawn_wh(known))
