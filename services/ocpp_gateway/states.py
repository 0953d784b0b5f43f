"""The `LoadState` of an outlet, whole, from what its station told. Pure."""

from datetime import datetime
from typing import Final

from evenload.contracts.events import LoadState, LoadStatus
from evenload.contracts.phases import PerPhase
from services.ocpp_gateway.leases import failsafe_a, in_force_a
from services.ocpp_gateway.station import Outlet, Station, is_running

MIN_A: Final = -10_000.0


def per_phase(line_a: tuple[float, ...] | None, outlet: Outlet) -> PerPhase | None:
    """Return currents per line as currents per site phase, by the load's wiring."""
    if line_a is None:
        return None
    return PerPhase.of(zip(outlet.plan.lines, line_a, strict=False))


def failsafe_in_s(outlet: Outlet, now_s: float) -> float | None:
    """Return in how many seconds the station falls back by itself: 0 when it is there, None when it never does."""
    if outlet.working is None:
        return 0.0 if outlet.default is not None else None
    if outlet.working.ends_s is None:
        return 0.0 if outlet.working.limit_a <= failsafe_a(outlet) else None
    return max(0.0, outlet.working.ends_s - now_s)


def session_wh(outlet: Outlet) -> float | None:
    """Return the energy of the running transaction, Wh; None without one or without a register at its start."""
    if outlet.transaction is None or outlet.start_wh is None or outlet.reading is None:
        return None
    energy_wh = outlet.reading.sample.energy_wh
    return None if energy_wh is None else min(1e13, max(0.0, energy_wh - outlet.start_wh))


def status_of(station: Station, outlet: Outlet) -> LoadStatus:
    """Return the status to publish.

    A vehicle that we had to stop waits for current (`pausing.py`); a station that is out of order as a whole has no
    outlet to give, but one that serves a vehicle is believed.
    """
    if station.out_of_order is not None and not is_running(outlet):
        return station.out_of_order
    return "suspended_evse" if outlet.pause is not None and outlet.status != "faulted" else outlet.status


def load_state(station: Station, outlet: Outlet, now_s: float, utc: datetime) -> LoadState:
    """Return the state to publish now."""
    reading, sample = outlet.reading, outlet.reading.sample if outlet.reading is not None else None
    lease_seq = outlet.working.seq if outlet.working is not None else 0
    reachable = station.link is not None
    return LoadState(
        site=station.plan.site,
        load=outlet.plan.load,
        measured_at=(sample.measured_at if sample is not None else None) or utc,
        status=status_of(station, outlet) if reachable else "unavailable",
        reachable=reachable,
        measured_a=per_phase(reading.line_a, outlet) if reading is not None else None,
        measured_age_s=max(0.0, now_s - reading.at_s) if reading is not None else None,
        power_w=sample.power_w if sample is not None else None,
        offered_a=sample.offered_a if sample is not None else None,
        setpoint_a=in_force_a(outlet, now_s),
        setpoint_seq=lease_seq,
        failsafe_a=failsafe_a(outlet),
        failsafe_in_s=failsafe_in_s(outlet, now_s),
        obeys=outlet.obeys,
        energy_wh=sample.energy_wh if sample is not None else None,
        session_wh=session_wh(outlet),
        transaction=str(outlet.transaction) if outlet.transaction is not None else None,
        temperature_c=sample.temperature_c if sample is not None else None,
        needs_wh=outlet.needs.energy_wh,
        vehicle_max_a=outlet.needs.max_a,
        leaves_at=outlet.needs.leaves_at,
        phases=outlet.phases if is_running(outlet) else None,
        epoch=outlet.epoch,
        config_rev=station.plan.config_rev,
    )
