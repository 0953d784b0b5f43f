"""What a station tells of an outlet, whatever its OCPP version: states and samples. Pure."""

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import LoadStatus
from services.ocpp_gateway.alarms import alarm
from services.ocpp_gateway.capability import Zero
from services.ocpp_gateway.card import lag_s
from services.ocpp_gateway.config import LATE_S
from services.ocpp_gateway.measured import observe, take_sample, told_verdict
from services.ocpp_gateway.observations import watched, with_clock
from services.ocpp_gateway.repair import repaired
from services.ocpp_gateway.samples import Groups, Sampled, Wiring, sampled
from services.ocpp_gateway.station import (
    Changed,
    Moment,
    Outlet,
    Output,
    Remember,
    Station,
    TransactionId,
    outlet_at,
    with_outlet,
)
from services.ocpp_gateway.transactions16 import adopt, end

Outputs = tuple[Output, ...]


class Told(Struct, frozen=True):
    """A state in our words (None = not one of them) and in the station's."""

    status: LoadStatus | None
    raw: str


class Values(Struct, frozen=True):
    """Groups of samples, and the transaction that they are of; None = it was not told."""

    groups: Groups
    transaction: TransactionId | None = None


def status_told(station: Station, connector: int, told: Told, now_s: float) -> tuple[Station, Outputs]:
    """Return the station after a connector told its state; 0 is the station as a whole."""
    if connector == 0:
        return _station_status(station, told.status)
    outlet = outlet_at(station, connector)
    if outlet is None:
        return station, ()
    changed = with_status(outlet, told, now_s)
    if changed is outlet:
        return station, ()
    outputs: Outputs = (Changed(connector),)
    zero = _zero_shown(changed, station)
    if zero != station.learned.zero:
        station, outputs = replace(station, learned=replace(station.learned, zero=zero)), (*outputs, Remember())
    return with_outlet(station, changed), outputs


def _station_status(station: Station, status: LoadStatus | None) -> tuple[Station, Outputs]:
    """Take the state of the station as a whole: out of order it is for every outlet that serves nobody (row 56)."""
    out = status if status in ("unavailable", "faulted") else None
    if out == station.out_of_order:
        return station, ()
    changed = tuple(Changed(outlet.plan.connector) for outlet in station.outlets)
    return replace(station, out_of_order=out), changed


def _zero_shown(outlet: Outlet, station: Station) -> Zero | None:
    """Return what a limit of 0 A does to the station, as its status shows it (row 17)."""
    known, working = station.learned.zero, outlet.working
    if outlet.pause is not None and outlet.pause.how == "ended" and outlet.status in ("finishing", "preparing"):
        return "ends"
    paused = working is not None and working.limit_a == 0.0 and outlet.status == "suspended_evse"
    return "pauses" if known is None and paused and outlet.transaction is not None else known


def with_status(outlet: Outlet, told: Told, now_s: float) -> Outlet:
    """Return the outlet in its new state; an unknown word is kept raw and leaves the state (row 42).

    Available without a StopTransaction ends the transaction (row 70).
    """
    status, raw = told.status, told.raw
    if status is None or status == outlet.status:
        return outlet if raw == outlet.raw_status else replace(outlet, raw_status=raw)
    if status == "available" and outlet.transaction is not None:
        outlet = end(outlet)
    if status in ("available", "preparing"):
        outlet = replace(outlet, working=None, phases=None, lines_used=None)
    if status == "available":
        outlet = replace(outlet, pause=None, starts=0, stops_refused=0)
    return replace(outlet, status=status, raw_status=raw, status_s=now_s)


def values_told(station: Station, outlet: Outlet, values: Values, moment: Moment) -> tuple[Station, Outputs]:
    """Return the station after samples of an outlet; older than what we have, or than five minutes, drive nothing."""
    sample = sampled(values.groups, Wiring(len(outlet.plan.lines), station.plan.voltage_v))
    if sample is None:
        return station, ()
    clock = observe(station.clock, sample.measured_at, moment)
    if clock is not station.clock:
        station = replace(station, clock=clock)
    if _is_old(outlet, sample, station, moment):
        return station, ()
    outputs: list[Output] = []
    before = outlet
    if values.transaction is not None:
        outlet, outputs = adopt(station, outlet, values.transaction, moment)
    outlet, told_now = told_verdict(before, take_sample(outlet, sample, moment, lag_s(station)), station.plan)
    outlet, heard = alarm(outlet, station.plan, "station_silent", active=False)
    known = station.learned
    station = with_clock(station, sample.measured_at, moment)
    outlet, drift = _clock_told(station, outlet)
    station, outlet = watched(station, before, outlet, moment.now_s)
    seen = [] if station.learned is known else [Remember()]
    station, more = repaired(station, outlet, moment)
    return station, (*outputs, *told_now, *heard, *drift, *seen, *more, Changed(outlet.plan.connector))


def _clock_told(station: Station, outlet: Outlet) -> tuple[Outlet, list[Output]]:
    """Tell a person when the station's clock is wrong; profiles are counted by it all the same (row 23)."""
    offset_s = station.clock.offset_s
    detail = f": {abs(offset_s):.0f} s {'ahead' if offset_s > 0 else 'behind'}" if offset_s else ""
    gains_s = station.learned.drift_s
    if offset_s and gains_s:
        detail += f", it {'gains' if gains_s > 0 else 'loses'} {abs(gains_s):.0f} s a day"
    return alarm(outlet, station.plan, "station_clock", active=offset_s != 0.0, detail=detail)


def _is_old(outlet: Outlet, sample: Sampled, station: Station, moment: Moment) -> bool:
    """Tell whether samples are from a queue: older than the newest we have, or than five minutes by their clock."""
    if sample.measured_at is None:
        return False
    newest = outlet.reading.sample.measured_at if outlet.reading is not None else None
    if newest is not None and sample.measured_at < newest and (newest - sample.measured_at).total_seconds() < 86_400:
        return True
    return (moment.utc - sample.measured_at).total_seconds() + station.clock.offset_s > LATE_S
