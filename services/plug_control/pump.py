"""When a pump runs, so that it has run for long enough by the end of its window, with the sun where it can. Pure.

Until the last moment at which what is left of the run still fits into what is left of the windows, its mode says what
it may use; from then on it runs from any source. The last run that is allowed is not ended before all is done. What it
ran is what was seen: a relay that did not follow has not run.

    left to run = run_h − Σ on time, or (energy_wh − Σ measured energy) / power
"""

from datetime import datetime

from msgspec import Struct, structs

from evenload.site.runs import Pump
from services.plug_control.config import PlugPlan
from services.plug_control.core import Ask, Input, Now, Steer
from services.plug_control.offering import nothing, offer_of
from services.plug_control.windows import Times, Window, is_within, left_s, windows_left

SLACK_S = 300.0
"""The forced start comes so much before the last moment: starting and a limit that binds for a while take time."""
LONGEST_STEP_S = 30.0
"""Time that passed unseen counts as at most so much of a run."""
SHORT = "run_too_short"


class PumpMemory(Struct, frozen=True, kw_only=True):
    """What is remembered of a pump."""

    deadline: datetime | None = None
    """End of the period's last window, UTC: what is counted is counted towards it."""
    ran_s: float = 0.0
    used_wh: float = 0.0
    runs: int = 0
    on: bool = False
    seen_s: float | None = None
    """When it was last looked at, s of the monotonic clock."""
    short: str = ""
    """What was missing when the last period ended; empty = nothing."""


def step(plan: PlugPlan, memory: PumpMemory | None, seen: Input, now: Now) -> tuple[PumpMemory, Steer]:
    """Return what is remembered, and what the pump offers."""
    pump = plan.device
    assert isinstance(pump, Pump)
    memory = counted(memory or PumpMemory(), seen, now)
    times = Times(begins=pump.window_from, ends=pump.window_until, time_zone=plan.time_zone, weekly=pump.each == "week")
    windows = windows_left(times, now.utc)
    memory = _in_period(pump, memory, windows[-1].ends)
    to_run_s = _to_run_s(pump, memory)
    ask = _ask(pump, memory, seen, (windows, to_run_s), now=now)
    steer = Steer(offer=nothing(plan, ask), level=0) if isinstance(ask, str) else Steer(offer=offer_of(plan, ask))
    return memory, structs.replace(steer, troubles={SHORT: memory.short or None})


def counted(memory: PumpMemory, seen: Input, now: Now) -> PumpMemory:
    """Return the memory with the time since the last look counted as it was then."""
    on = seen.level > 0
    passed_s = 0.0 if memory.seen_s is None else min(now.at_s - memory.seen_s, LONGEST_STEP_S)
    ran_s = passed_s if memory.on else 0.0
    return structs.replace(
        memory,
        ran_s=memory.ran_s + ran_s,
        used_wh=memory.used_wh + (seen.power_w or 0.0) * ran_s / 3600.0,
        runs=memory.runs + (on and not memory.on),
        on=on,
        seen_s=now.at_s,
    )


def _in_period(pump: Pump, memory: PumpMemory, deadline: datetime) -> PumpMemory:
    """Return the memory, counting anew in a new period; what was left of the last one is told."""
    if deadline == memory.deadline:
        return memory
    missing_s = 0.0 if memory.deadline is None else _to_run_s(pump, memory)
    short = f"{missing_s / 60:.0f} min of its run were missing at the end" if missing_s > SLACK_S else ""
    return PumpMemory(deadline=deadline, on=memory.on, runs=int(memory.on), seen_s=memory.seen_s, short=short)


def _to_run_s(pump: Pump, memory: PumpMemory) -> float:
    if pump.energy_wh is not None:
        return max(0.0, pump.energy_wh - memory.used_wh) / pump.power_w * 3600.0
    return max(0.0, (pump.run_h or 0.0) * 3600.0 - memory.ran_s)


def _ask(pump: Pump, memory: PumpMemory, seen: Input, left: tuple[tuple[Window, ...], float], *, now: Now) -> Ask | str:
    """Return what it asks for, or why it asks for nothing."""
    windows, to_run_s = left
    mode = seen.wish.mode or pump.mode
    if mode == "off":
        return "off"
    if to_run_s <= 0:
        return f"done for the {pump.each}"
    if not is_within(windows, now.utc):
        return "outside its window"
    need_wh = to_run_s * pump.power_w / 3600.0
    if left_s(windows, now.utc) <= to_run_s + SLACK_S:
        return Ask(mode="standard", reason="must run now", need_wh=need_wh, until=memory.deadline)
    if memory.on and memory.runs >= pump.max_runs:
        return Ask(mode="standard", reason="its last run", need_wh=need_wh, until=memory.deadline)
    served = "standard" if mode == "boost" else mode
    return Ask(mode=served, reason="still to run", need_wh=need_wh, until=memory.deadline)
