"""An outlet as the services see it: takes setpoints as leases, falls back, reports its state; pure, in virtual time.

This is the behaviour that gateway and plug service owe together with their devices (faults.md section 2): an older
seq or a lower epoch is dropped, a lease that ends brings the failsafe, a link that is down leaves the device with its
last setpoint until its profile has run out.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from evenload.contracts.events import LoadState, LoadStatus, Setpoint
from evenload.contracts.phases import PerPhase, Phase

RISE_WAIT_S = 12.0
PROFILE_S = 120.0
"""Validity of the working profile on a station: how long it goes on when nobody speaks to it."""
AUTO_OFF_S = 60.0
"""A plug's own timer."""
IDLE: frozenset[LoadStatus] = frozenset({"available", "finishing", "faulted", "unavailable"})


@dataclass(frozen=True)
class Outlet:
    """One load's outlet. `given` is what the vehicle or device is said to do; `offers_a` is in force, A per line."""

    load: str
    site: str
    lines: tuple[Phase, ...]
    given: LoadStatus
    is_plug: bool = False
    failsafe_a: float = 0.0
    offers_a: float = 0.0
    setpoint_a: float | None = None
    seq: int = 0
    epoch: int = 0
    lease_end_s: float | None = None
    profile_end_s: float | None = None
    linked: bool = True
    measured_a: float | None = None
    measured_lines: tuple[Phase, ...] = ()
    measured_at_s: float = 0.0


def take(outlet: Outlet, setpoint: Setpoint, now_s: float) -> Outlet:
    """Return the outlet after a setpoint arrived; unchanged when it is old, of a lower epoch, or the link is down."""
    if not outlet.linked or setpoint.epoch < outlet.epoch or setpoint.seq <= outlet.seq:
        return outlet
    return replace(
        outlet,
        offers_a=setpoint.setpoint_a,
        setpoint_a=setpoint.setpoint_a,
        seq=setpoint.seq,
        epoch=setpoint.epoch,
        lease_end_s=now_s + setpoint.valid_s,
        profile_end_s=now_s + (AUTO_OFF_S if outlet.is_plug else PROFILE_S),
    )


def falls_s(outlet: Outlet) -> float | None:
    """Return when the outlet goes to its failsafe by itself; rising to it waits for the neighbours to have fallen."""
    ends_s = outlet.lease_end_s if outlet.linked else outlet.profile_end_s
    if ends_s is None or outlet.offers_a >= outlet.failsafe_a:
        return ends_s
    return ends_s + (RISE_WAIT_S if outlet.linked else PROFILE_S)


def at_time(outlet: Outlet, now_s: float) -> Outlet:
    """Return the outlet with leases that ended by `now_s` taken back."""
    ends_s = falls_s(outlet)
    if ends_s is None or now_s < ends_s:
        return outlet
    fallen = replace(outlet, lease_end_s=None, profile_end_s=None, offers_a=outlet.failsafe_a)
    return replace(fallen, setpoint_a=outlet.failsafe_a)


def measure(outlet: Outlet, draw_a: float, on_lines: tuple[Phase, ...], now_s: float) -> Outlet:
    """Return the outlet after its meter was read: `draw_a` on the lines that draw."""
    return replace(outlet, measured_a=draw_a, measured_lines=on_lines, measured_at_s=now_s)


def status(outlet: Outlet) -> LoadStatus:
    """Return the status that the service publishes now."""
    if not outlet.linked:
        return "unavailable"
    if outlet.given in IDLE or outlet.given == "suspended_ev":
        return outlet.given
    offered = outlet.offers_a > 0
    if outlet.given == "preparing" and outlet.setpoint_a in (None, 0.0) and not offered:
        return "preparing"
    return "charging" if offered else "suspended_evse"


def draws(outlet: Outlet) -> bool:
    """Tell whether vehicle or device would use what is offered."""
    return outlet.given not in IDLE and outlet.given != "suspended_ev"


def report(outlet: Outlet, now_s: float, now: datetime, watts_per_amp: float) -> LoadState:
    """Return its state whole; `watts_per_amp` is the site's voltage."""
    measured = _measured(outlet)
    total_a = None if measured is None else measured.total()
    return LoadState(
        site=outlet.site,
        load=outlet.load,
        measured_at=now,
        status=status(outlet),
        reachable=outlet.linked and not (outlet.is_plug and outlet.given == "unavailable"),
        measured_a=measured,
        measured_age_s=None if measured is None else now_s - outlet.measured_at_s,
        power_w=None if total_a is None else total_a * watts_per_amp,
        offered_a=outlet.offers_a,
        setpoint_a=outlet.setpoint_a,
        setpoint_seq=outlet.seq,
        failsafe_a=outlet.failsafe_a,
        failsafe_in_s=_falls_in(outlet, now_s),
        transaction=None if outlet.is_plug or status(outlet) in ("available", "preparing", "unavailable") else "1",
        epoch=outlet.epoch,
    )


def _measured(outlet: Outlet) -> PerPhase | None:
    if outlet.measured_a is None:
        return None
    values: dict[Phase, float | None] = dict.fromkeys(outlet.lines, 0.0)
    values.update(dict.fromkeys(outlet.measured_lines, outlet.measured_a))
    return PerPhase.of(values)


def _falls_in(outlet: Outlet, now_s: float) -> float | None:
    ends_s = outlet.profile_end_s
    return None if ends_s is None else max(0.0, ends_s - now_s)
