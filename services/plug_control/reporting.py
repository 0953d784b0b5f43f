"""What is told of a plug: its load state on change and every 5 s, an answer for each new setpoint, alerts. Pure.

A plug that is out of contact is `unavailable` and not reachable: whoever counts it must count it as on. One that draws
although it was switched off does not obey. Current per line = measured W / (V · lines).
"""

from datetime import timedelta

from msgspec import structs

from evenload.contracts.events import (
    Alert,
    Applied,
    Clamped,
    LoadState,
    LoadStatus,
    Refused,
    Setpoint,
    SetpointResult,
    Unreachable,
)
from evenload.contracts.phases import PerPhase
from evenload.devices.alerting import Subject, change_alerts
from services.plug_control.alerts import BY_HAND, RATING, RULES, STUCK_OFF, STUCK_ON, UNREACHABLE
from services.plug_control.config import PlugPlan
from services.plug_control.learning import exceeds_rating, learned_w
from services.plug_control.state import QUICK_TRIES, Answer, Now, Output, PlugState

STATE_PERIOD_S = 5.0
FAILURES_BEFORE_LOST, LOST_AFTER_S = 3, 5.0
STUCK_ON_AFTER_S, STUCK_OFF_AFTER_S = 10.0, 60.0


def report(plan: PlugPlan, state: PlugState, now: Now) -> tuple[PlugState, Output]:
    """Return the state with what was told noted in it, and what to tell."""
    state, results = _answer(plan, state, now)
    state, alerts = _alerts(plan, state, now)
    state, load_state = _load_state_due(plan, state, now)
    return state, Output(load_state=load_state, results=results, alerts=alerts)


def is_seen(state: PlugState) -> bool:
    """Tell whether the last look is newer than the last command that was taken."""
    return state.look_s is not None and (state.sent_s is None or state.look_s > state.sent_s)


def is_lost(state: PlugState, now: Now) -> bool:
    """Tell whether the plug counts as out of contact."""
    if state.failing_since_s is None:
        return False
    return state.failures >= FAILURES_BEFORE_LOST or now.at_s - state.failing_since_s > LOST_AFTER_S


def is_refusing(state: PlugState) -> bool:
    """Tell whether the relay did not follow so many commands that it counts as refusing."""
    return state.tries >= QUICK_TRIES and not state.agreed and is_seen(state)


def is_stuck_on(state: PlugState, now: Now) -> bool:
    """Tell whether it has drawn for long although off is wanted."""
    return state.drawing_since_s is not None and now.at_s - state.drawing_since_s >= STUCK_ON_AFTER_S


def is_stuck_off(state: PlugState, now: Now) -> bool:
    """Tell whether on is wanted and it has not drawn anything since."""
    may_idle = state.steer is not None and state.steer.may_idle
    return not may_idle and state.idle_since_s is not None and now.at_s - state.idle_since_s >= STUCK_OFF_AFTER_S


def _answer(plan: PlugPlan, state: PlugState, now: Now) -> tuple[PlugState, tuple[SetpointResult, ...]]:
    lease = state.lease
    if lease is None or now.at_s >= state.lease_until_s:
        return state, ()
    answer = _answer_now(state, now)
    if answer == "applied":
        state = structs.replace(state, applied_a=lease.setpoint_a, applied_seq=lease.seq)
        answer = _clamped(plan, state, lease)
    if answer is None or answer == state.answered:
        return state, ()
    result: SetpointResult
    if answer == "applied":
        result = Applied(setpoint=lease)
    elif answer == "clamped":
        result = Clamped(setpoint=lease, applied_a=plan.level_a(state.wanted or 0), why=_steps(state))
    elif answer == "refused":
        result = Refused(setpoint=lease, why=_refusal(state))
    else:
        result = Unreachable(setpoint=lease, why=f"{state.failures} tries: {state.trouble}")
    return structs.replace(state, answered=answer), (result,)


def _clamped(plan: PlugPlan, state: PlugState, lease: Setpoint) -> Answer:
    """Tell a setpoint that was taken as it is from one of which a lower level is all that can be, or is wanted."""
    lower = plan.level_a(state.wanted or 0) < lease.setpoint_a - 1e-6
    return "clamped" if lower else "applied"


def _steps(state: PlugState) -> str:
    offer = None if state.steer is None else state.steer.offer
    return "its next lower level" if offer is None or offer.max_a else offer.reason


def _refusal(state: PlugState) -> str:
    return f"its relay did not follow {state.tries} commands" + (f": {state.trouble}" if state.trouble else "")


def _answer_now(state: PlugState, now: Now) -> Answer | None:
    """Return what stands for the lease's value; None while it is under way."""
    if is_lost(state, now):
        return "unreachable"
    if state.agreed and is_seen(state):
        return "applied"
    return "refused" if is_refusing(state) else None


def _alerts(plan: PlugPlan, state: PlugState, now: Now) -> tuple[PlugState, tuple[Alert, ...]]:
    if state.look is None and not is_lost(state, now):
        return state, ()  # nothing is known yet: nothing to raise, nothing to clear
    lost_s = now.at_s - (state.failing_since_s or now.at_s)
    found: dict[str, str | None] = {
        UNREACHABLE: f"no answer for {lost_s:.0f} s: {state.trouble}" if is_lost(state, now) else None,
        STUCK_ON: f"it was switched off{_power(state)}" if is_stuck_on(state, now) else None,
        STUCK_OFF: f"it was switched on{_power(state)} for {STUCK_OFF_AFTER_S:.0f} s"
        if is_stuck_off(state, now)
        else None,
        RATING: f"it draws {learned_w(state.drawn_w):.0f} W; the site file says {plan.power_w:g} W"
        if exceeds_rating(state.drawn_w, plan.power_w)
        else None,
        BY_HAND: f"it was switched {'off' if state.wanted else 'on'} by hand" if state.by_hand else None,
        **({} if state.steer is None else state.steer.troubles),
    }
    told, alerts = change_alerts(Subject(plan.site, plan.load, RULES), state.told, found, now.utc)
    return (structs.replace(state, told=told) if alerts else state), alerts


def _power(state: PlugState) -> str:
    return "" if state.look is None or state.look.power_w is None else f" and draws {state.look.power_w:.0f} W"


def _load_state_due(plan: PlugPlan, state: PlugState, now: Now) -> tuple[PlugState, LoadState | None]:
    if state.look is None and not is_lost(state, now):
        return state, None  # a guess would be taken for a fact
    load_state = _load_state(plan, state, now)
    aged = state.published_s is None or now.at_s - state.published_s >= STATE_PERIOD_S
    if not aged and state.published is not None and _as_old(load_state, state.published) == state.published:
        return state, None
    return structs.replace(state, published=load_state, published_s=now.at_s), load_state


def _as_old(load_state: LoadState, old: LoadState) -> LoadState:
    """Return a load state with what changes by itself as it was: alone that is no reason to speak before the period."""
    return structs.replace(
        load_state,
        measured_at=old.measured_at,
        measured_age_s=old.measured_age_s,
        failsafe_in_s=old.failsafe_in_s,
        energy_wh=old.energy_wh,
        setpoint_seq=old.setpoint_seq,
        learned_w=old.learned_w,
        temperature_c=old.temperature_c,
    )


def _load_state(plan: PlugPlan, state: PlugState, now: Now) -> LoadState:
    look = state.look
    leased = now.at_s < state.lease_until_s and state.lease is not None
    age_s = None if state.look_s is None else round(now.at_s - state.look_s, 1)
    return LoadState(
        site=plan.site,
        load=plan.load,
        measured_at=state.looked_at or now.utc - timedelta(seconds=age_s or 0.0),
        status=_status(state, now),
        reachable=not is_lost(state, now),
        measured_a=_measured_a(plan, state),
        measured_age_s=age_s,
        power_w=None if look is None else look.power_w,
        learned_w=learned_w(state.drawn_w),
        offered_a=None if look is None else plan.level_a(look.level),
        setpoint_a=state.applied_a if leased or state.wanted is None else plan.failsafe_a,
        setpoint_seq=state.applied_seq,
        failsafe_a=plan.failsafe_a,
        failsafe_in_s=_failsafe_in_s(plan, state, now),
        obeys=not is_stuck_on(state, now),
        energy_wh=None if look is None else look.energy_wh,
        temperature_c=None if state.steer is None else state.steer.temperature_c,
        offer=None if state.steer is None else state.steer.offer,
        epoch=state.epoch,
    )


def _status(state: PlugState, now: Now) -> LoadStatus:
    if is_lost(state, now) or state.look is None:
        return "unavailable"
    if state.steer is not None and not state.steer.offer.max_a and not is_stuck_on(state, now):
        return "available"
    if state.look.level or is_stuck_on(state, now):
        return "charging"
    return "faulted" if state.wanted and is_refusing(state) else "suspended_evse"


def _measured_a(plan: PlugPlan, state: PlugState) -> PerPhase | None:
    look = state.look
    if look is None:
        return None
    power_w = look.power_w if look.power_w is not None or look.level else 0.0
    if power_w is None:
        return None
    current_a = power_w / ((look.voltage_v or plan.voltage_v) * len(plan.lines))
    return PerPhase.of(dict.fromkeys(plan.lines, round(current_a, 3)))


def _failsafe_in_s(plan: PlugPlan, state: PlugState, now: Now) -> float | None:
    """Return when the device is at its failsafe by itself: 0 when it is there, None when it never goes there."""
    if state.look is not None and is_seen(state) and state.look.level == plan.failsafe_level:
        return 0.0
    return None if state.reverts_at_s is None else round(max(0.0, state.reverts_at_s - now.at_s), 1)
