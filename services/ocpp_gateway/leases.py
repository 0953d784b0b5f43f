"""Which setpoints count: order, epochs and leases (faults.md I4 and "Leases on the bus"). Pure.

The shell has judged order and lateness of the message itself; here the fencing epoch decides: a lower one than the
highest seen belongs to an allocator that lost the site. Without a lease for 60 s any epoch is accepted.
"""

from msgspec.structs import replace

from evenload.contracts.events import Setpoint
from services.ocpp_gateway.config import EPOCH_FORGET_S, RISE_WAIT_S
from services.ocpp_gateway.station import Lease, Outlet


def take(outlet: Outlet, setpoint: Setpoint, now_s: float) -> Outlet | None:
    """Return the outlet with this lease in the place of the last; None when the setpoint must be dropped."""
    orphaned = outlet.lease is None or now_s - outlet.lease.until_s > EPOCH_FORGET_S
    if setpoint.epoch < outlet.epoch and not orphaned:
        return None
    cause_s = now_s - setpoint.cause_age_ms / 1000 if setpoint.cause_age_ms > 0 else None
    previous = outlet.lease
    if cause_s is None and previous is not None and previous.setpoint.setpoint_a == setpoint.setpoint_a:
        cause_s = previous.cause_s
    lease = Lease(setpoint, now_s + min(setpoint.valid_s, 3_600.0), cause_s)
    epoch = setpoint.epoch if orphaned else max(outlet.epoch, setpoint.epoch)
    return replace(outlet, lease=lease, epoch=epoch, epoch_s=now_s)


def is_live(outlet: Outlet, now_s: float) -> bool:
    """Tell whether somebody controls the outlet."""
    return outlet.lease is not None and now_s < outlet.lease.until_s


def target_a(outlet: Outlet, now_s: float) -> float:
    """Return what the outlet may draw now, A per line: the lease, capped by the outlet's maximum, else its failsafe.

    Falling to the failsafe is at once; rising to it waits until the neighbours' leases have ended and their vehicles
    have followed: the failsafe currents are proven to fit together, not beside a setpoint.
    """
    if outlet.lease is None:
        return outlet.plan.failsafe_a
    leased_a = min(outlet.lease.setpoint.setpoint_a, outlet.plan.max_a)
    if is_live(outlet, now_s):
        return leased_a
    rises = leased_a < outlet.plan.failsafe_a and now_s < outlet.lease.until_s + RISE_WAIT_S
    return leased_a if rises else outlet.plan.failsafe_a


def failsafe_a(outlet: Outlet) -> float:
    """Return what its station falls back to by itself, A per line: never less than the least limit it takes."""
    return max(outlet.plan.failsafe_a, outlet.least_a)


def written_a(outlet: Outlet, now_s: float) -> float:
    """Return the limit to write now, A per line: the target, or the least that its station takes."""
    return max(target_a(outlet, now_s), outlet.least_a)


def in_force_a(outlet: Outlet, now_s: float) -> float | None:
    """Return the limit that the station holds now, A per line; None = nothing was written yet."""
    working = outlet.working
    if working is not None and (working.ends_s is None or now_s < working.ends_s):
        return working.limit_a
    if working is not None:
        return failsafe_a(outlet)
    return outlet.default.limit_a if outlet.default is not None else None
