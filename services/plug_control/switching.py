"""When a plug's relay is switched, and what is believed of it. Pure.

`step` takes one fact and returns the next state and what to do:
* a setpoint wants the greatest level within it, 0 wants off; a kind of device with a core of its own may want another
  (`steering.py`). Without a live lease the failsafe is wanted. After a start
  the relay is left as it is until a setpoint came or one lease length has passed.
* A command is sent when the relay is not as wanted, or when the device's own timer must be armed again. One is in
  flight at a time. A relay that does not follow is tried again after 2 s, from the third time on after 10 s.
* A device that can leave a state by itself is always told to leave the one that is not its failsafe, after 60 s,
  renewed every 20 s (faults.md section 2).
* A relay that moved without us is put back at once.
"""

from typing import assert_never

from msgspec import structs

from evenload.contracts.events import Setpoint
from services.plug_control.config import PlugPlan
from services.plug_control.learning import learn
from services.plug_control.observation import Observation, check
from services.plug_control.reporting import FAILURES_BEFORE_LOST, is_seen, report
from services.plug_control.sensor import drawn_w, felt, metered
from services.plug_control.state import (
    QUICK_TRIES,
    Command,
    Fact,
    Failed,
    Felt,
    Given,
    Looked,
    Now,
    Output,
    Passed,
    PlugState,
    Switched,
    Told,
)
from services.plug_control.steering import steered

START_GRACE_S = 15.0
RISE_WAIT_S = 12.0
"""One lease: whoever set the relay before our start still holds its lease or has lost it by then."""
LONGEST_LEASE_S = 120.0
FOREIGN_EPOCH_AFTER_S = 60.0
"""Without a lease for so long, an allocator with a lower epoch is accepted (its store was lost)."""
REVERT_AFTER_S, REARM_EVERY_S = 60.0, 20.0
RETRY_SOON_S, RETRY_LATER_S = 2.0, 10.0
LOOK_EVERY_S, LOOK_AFTER_COMMAND_S, LONGEST_LOOK_PAUSE_S = 1.0, 0.4, 5.0
IDLE_W, DRAWING_W = 1.0, 10.0


def begin(now: Now, before: PlugState | None = None) -> PlugState:
    """Return the state of a device that nothing is known of, but what its core remembers from `before`."""
    fresh = PlugState(started_s=now.at_s, lease_until_s=now.at_s + START_GRACE_S)
    if before is None:
        return fresh
    return structs.replace(fresh, memory=before.memory, sensor=before.sensor, wish=before.wish, told=before.told)


def step(plan: PlugPlan, state: PlugState, fact: Fact, now: Now) -> tuple[PlugState, Output]:
    """Return the next state and what to do after `fact`."""
    state = _want(plan, steered(plan, _take(plan, state, fact, now), now), now)
    command = _command(plan, state, now)
    if command is not None:
        pause_s = RETRY_SOON_S if state.tries + 1 < QUICK_TRIES else RETRY_LATER_S
        next_try_s = now.at_s + pause_s
        state = structs.replace(state, in_flight=command, tries=state.tries + 1, next_try_s=next_try_s)
    state, output = report(plan, state, now)
    return state, structs.replace(output, command=command, next_look_s=state.next_look_s)


def _take(plan: PlugPlan, state: PlugState, fact: Fact, now: Now) -> PlugState:
    match fact:
        case Given(setpoint):
            return _given(state, setpoint, now)
        case Looked(raw):
            look = check(plan, raw)
            if look is None:
                return _failed(state, "it does not say its relay's state", now)
            if look.power_w is None:
                look = structs.replace(look, power_w=drawn_w(state.metered, now.at_s))
            return _looked(plan, state, look, now=now)
        case Felt(reading):
            if reading.role == "load":
                return structs.replace(state, metered=metered(state.metered, reading, now.at_s))
            return structs.replace(state, sensor=felt(state.sensor, reading, now.at_s))
        case Told(wish):
            return structs.replace(state, wish=wish)
        case Switched():
            return _switched(state, now)
        case Failed(why):
            return _failed(state, why, now)
        case Passed():
            return state
        case _:
            assert_never(fact)


def _given(state: PlugState, setpoint: Setpoint, now: Now) -> PlugState:
    leaseless_s = now.at_s - state.lease_until_s
    if setpoint.epoch < state.epoch and leaseless_s < FOREIGN_EPOCH_AFTER_S:
        return state
    same = state.lease is not None and leaseless_s < 0 and state.lease.setpoint_a == setpoint.setpoint_a
    return structs.replace(
        state,
        lease=setpoint,
        lease_until_s=now.at_s + min(setpoint.valid_s, LONGEST_LEASE_S),
        epoch=setpoint.epoch,
        answered=state.answered if same else None,
    )


def _want(plan: PlugPlan, state: PlugState, now: Now) -> PlugState:
    """Return the state with what is wanted now; a change starts over."""
    wanted = _permitted(plan, state, now) if state.steer is None or state.steer.level is None else state.steer.level
    if wanted == state.wanted:
        return state
    drawing = wanted == 0 and not plan.runs_by_itself and _draws(state.look)
    return structs.replace(
        state,
        wanted=wanted,
        tries=0,
        next_try_s=now.at_s,
        agreed=False,
        by_hand=False,
        answered=None,
        drawing_since_s=now.at_s if drawing else None,
        idle_since_s=now.at_s if wanted else None,
    )


def _permitted(plan: PlugPlan, state: PlugState, now: Now) -> int | None:
    """Return the level that the lease permits, the failsafe's without one; None while nobody has said anything."""
    if now.at_s < state.lease_until_s:
        return None if state.lease is None else plan.level_within(state.lease.setpoint_a)
    if plan.failsafe_level and state.wanted == 0 and now.at_s < state.lease_until_s + RISE_WAIT_S:
        return 0  # closing waits until the neighbours' leases have ended too: failsafes fit together only
    return plan.failsafe_level


def _looked(plan: PlugPlan, state: PlugState, look: Observation, *, now: Now) -> PlugState:
    back = state.failing_since_s is not None
    state = structs.replace(
        _watch_draw(plan, state, look, now=now),
        look=look,
        look_s=now.at_s,
        looked_at=now.utc,
        next_look_s=now.at_s + LOOK_EVERY_S,
        failures=0,
        failing_since_s=None,
        tries=0 if back else state.tries,
        next_try_s=now.at_s if back else state.next_try_s,
    )
    if state.wanted is None:
        return state
    if look.level == state.wanted:
        return structs.replace(state, agreed=True, tries=0, by_hand=False, next_try_s=now.at_s)
    return _moved(state, now) if state.agreed else state


def _moved(state: PlugState, now: Now) -> PlugState:
    """Return the state after the relay left what was wanted without us: by hand, or when its own timer ran out."""
    ran_out = state.reverts_at_s is not None and now.at_s >= state.reverts_at_s - LOOK_EVERY_S
    return structs.replace(state, agreed=False, reverts_at_s=None, by_hand=not ran_out, next_try_s=now.at_s)


def _watch_draw(plan: PlugPlan, state: PlugState, look: Observation, *, now: Now) -> PlugState:
    at_fault = state.wanted == 0 and not plan.runs_by_itself and _draws(look)
    drawing_since_s = (state.drawing_since_s or now.at_s) if at_fault else None
    drew = look.power_w is not None and look.power_w >= IDLE_W
    unmeasured = look.power_w is None and look.level > 0
    idle_since_s = None if drew or unmeasured or not state.wanted else state.idle_since_s
    drawn_w = learn(state.drawn_w, look.power_w)
    return structs.replace(state, drawing_since_s=drawing_since_s, idle_since_s=idle_since_s, drawn_w=drawn_w)


def _draws(look: Observation | None) -> bool:
    """Tell whether it draws; the relay alone decides where nothing is measured."""
    if look is None:
        return False
    return look.level > 0 if look.power_w is None else look.power_w > DRAWING_W


def _switched(state: PlugState, now: Now) -> PlugState:
    command = state.in_flight
    assert command is not None, "a command was answered that was never sent"
    return structs.replace(
        state,
        in_flight=None,
        commanded=command.level,
        sent_s=now.at_s,
        reverts_at_s=None if command.revert_s is None else now.at_s + command.revert_s,
        trouble="",
        next_look_s=now.at_s + LOOK_AFTER_COMMAND_S,
    )


def _failed(state: PlugState, why: str, now: Now) -> PlugState:
    """Return the state after a command or a look without an answer; only looks tell whether it is out of contact."""
    if state.in_flight is not None:
        return structs.replace(state, in_flight=None, trouble=why, next_look_s=now.at_s)
    failures = state.failures + 1
    return structs.replace(
        state,
        failures=failures,
        failing_since_s=state.failing_since_s if state.failing_since_s is not None else now.at_s,
        trouble=why,
        next_look_s=now.at_s + min(LONGEST_LOOK_PAUSE_S, LOOK_EVERY_S * 2 ** min(failures - 1, 8)),
        # Out of contact nothing is seen: what it drew before says nothing about whether it obeyed since.
        drawing_since_s=state.drawing_since_s if failures < FAILURES_BEFORE_LOST else None,
    )


def _command(plan: PlugPlan, state: PlugState, now: Now) -> Command | None:
    """Return the command that is due, None when there is none."""
    if state.in_flight is not None or state.wanted is None or now.at_s < state.next_try_s:
        return None
    timed = (state.wanted > 0) in plan.reverts and state.wanted != plan.failsafe_level
    command = Command(state.wanted, REVERT_AFTER_S if timed else None)
    if not _as_wanted(state):
        return command
    unarmed = state.reverts_at_s is None or now.at_s >= state.reverts_at_s - (REVERT_AFTER_S - REARM_EVERY_S)
    return command if timed and unarmed else None


def _as_wanted(state: PlugState) -> bool:
    """Tell whether the relay is as wanted, by the newer of the last look and the last command that was taken."""
    if state.look is None or not is_seen(state):
        return state.commanded == state.wanted
    return state.look.level == state.wanted
