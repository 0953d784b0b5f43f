"""Feeds the core of a device's kind with what is known, and keeps what it says. Pure."""

from msgspec import structs

from evenload.site.devices import Sensed
from services.plug_control.config import PlugPlan
from services.plug_control.core import Input
from services.plug_control.kinds import KINDS, Kind
from services.plug_control.reporting import is_lost
from services.plug_control.sensor import Belief, Rules, believed
from services.plug_control.state import Now, PlugState


def steered(plan: PlugPlan, state: PlugState, now: Now) -> PlugState:
    """Return the state with what the core of its kind says now; a plain plug has none."""
    if plan.device is None:
        return state
    kind = KINDS[type(plan.device)]
    belief = _belief(plan, kind, state, now)
    look = None if is_lost(state, now) else state.look  # out of contact nothing is known of it
    leased = state.lease is not None and now.at_s < state.lease_until_s
    seen = Input(
        wish=state.wish,
        temperature_c=belief.temperature_c,
        trouble=belief.trouble,
        level=0 if look is None else look.level,
        power_w=None if look is None else _power_w(plan, look.level, look.power_w),
        measured=look is not None and look.power_w is not None,
        permitted_a=state.lease.setpoint_a if state.lease is not None and leased else None,
    )
    memory, steer = kind.step(plan, state.memory, seen, now)
    return structs.replace(state, memory=memory, steer=steer)


def _belief(plan: PlugPlan, kind: Kind, state: PlugState, now: Now) -> Belief:
    """Return what is believed of its temperature; a device that names no sensor has none, and that is no trouble."""
    device = plan.device
    if not isinstance(device, Sensed) or device.temperature is None:
        return Belief()
    least_c, most_c = kind.plausible_c
    rules = Rules(age_s=device.sensor_age_s, least_c=least_c, most_c=most_c)
    return believed(state.sensor, rules, state.started_s, now.at_s)


def _power_w(plan: PlugPlan, level: int, power_w: float | None) -> float:
    """Return what it draws: measured, or what its level draws where nothing is."""
    return plan.levels_w[level] if power_w is None else power_w
