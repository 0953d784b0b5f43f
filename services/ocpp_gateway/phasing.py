"""How many lines a station is told to use: only while it pauses, only by who may, and what is learned of it. Pure.

`numberPhases` goes with each period of the working profile once a setpoint named a number. It changes only while no
current is allowed and none is measured: some vehicles fault when they are switched under current. A station that takes
watts only is never switched: the same watts on fewer lines are more amperes.
"""

from typing import Final

from msgspec.structs import replace

from services.ocpp_gateway.capability import Rung
from services.ocpp_gateway.leases import in_force_a, is_live
from services.ocpp_gateway.samples import IN_USE_A
from services.ocpp_gateway.station import Outlet, Station

SWITCH_KEY: Final = "ConnectorSwitch3to1PhaseSupported"
AC_SWITCH_KEY: Final = "ACPhaseSwitchingSupported"


def can_switch(station: Station) -> bool:
    """Tell whether a station's lines may be chosen: its card does not say no, or the site file says yes."""
    pinned = station.plan.overrides.get("switches_phases")
    return pinned if isinstance(pinned, bool) else station.learned.switchable is not False


def phases_to_write(outlet: Outlet, station: Station, rung: Rung, now_s: float) -> int | None:
    """Return how many lines the next working profile names; None = none."""
    held = outlet.phases
    lease = outlet.lease
    if not outlet.plan.switches or rung.unit != "A" or lease is None or not is_live(outlet, now_s):
        return held
    wanted = lease.setpoint.phases
    if wanted is None or wanted == held or outlet.phases_refused or not can_switch(station):
        return held
    return wanted if _pauses(outlet, now_s) else held


def _pauses(outlet: Outlet, now_s: float) -> bool:
    """Tell whether nothing is allowed and nothing measured; what was written next must be a pause too."""
    lease = outlet.lease
    asked_a = lease.setpoint.setpoint_a if lease is not None else 0.0
    drawn_a = max(outlet.reading.line_a or (0.0,)) if outlet.reading is not None else 0.0
    return asked_a == 0.0 and in_force_a(outlet, now_s) == 0.0 and drawn_a <= IN_USE_A


def is_due(outlet: Outlet, station: Station, rung: Rung, now_s: float) -> bool:
    """Tell whether the profile in force names another number of lines than it should."""
    return outlet.working is not None and outlet.working.phases != phases_to_write(outlet, station, rung, now_s)


def with_proof(station: Station, before: Outlet, outlet: Outlet) -> Station:
    """Return the station with whether it used as many lines as it was told, once two samples show it."""
    told, reading, earlier = outlet.phases, outlet.reading, before.reading
    if told != 1 or reading is None or earlier is None or reading.at_s == earlier.at_s:
        return station
    used, used_before = _used(reading.line_a), _used(earlier.line_a)
    if not used or used != used_before:
        return station
    obeys = used == 1
    if station.learned.switches is obeys:
        return station
    return replace(station, learned=replace(station.learned, switches=obeys))


def _used(line_a: tuple[float, ...] | None) -> int:
    return sum(1 for current_a in line_a or () if current_a > IN_USE_A)
