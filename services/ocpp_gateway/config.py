"""What the gateway needs of the site files: per station its site, its outlets and what the operator pinned.

Times of faults.md section 2 and ocpp.md are named here, so that one place shows them.
"""

from typing import Any, Final

from msgspec import Struct

from evenload.contracts.phases import Phase
from evenload.site.schema import Evse, Site, Station, phases_of

PROFILE_S: Final = 120
RENEW_AFTER_S: Final = 60.0
OFFLINE_S: Final = 60
"""How long a dynamic profile holds offline: with the renewal before, no longer than any other profile."""
RAISE_SPACING_S: Final = 10.0
CLOCK_MARGIN_S: Final = 60
CALL_TIMEOUT_S: Final = 10.0
PUBLISH_PERIOD_S: Final = 5.0
BOOT_SILENCE_S: Final = 5.0
BOOT_PATIENCE_S: Final = 10.0
HEARTBEAT_S: Final = 60
SAMPLE_INTERVAL_S: Final = 10
EPOCH_FORGET_S: Final = 60.0
RISE_WAIT_S: Final = 12.0
OBEY_MARGIN_A: Final = 1.0
OBEY_LAG_S: Final = 10.0
LADDER_REST_S: Final = 300.0
UNANSWERED_MAX: Final = 4
LATE_S: Final = 300.0
PING_AFTER_S: Final = 10.0
DEAD_AFTER_S: Final = 20.0
STORE_TIMEOUT_S: Final = 5.0


class OutletPlan(Struct, frozen=True, kw_only=True):
    """One connector that a load names."""

    load: str
    connector: int
    lines: tuple[Phase, ...]
    min_a: float
    max_a: float
    failsafe_a: float
    switches: bool = False
    """The site file says that its station can charge on one line or on all."""
    phase_to_use: int | None = None
    """The one line, from 1, for stations that let it be chosen; None = the station's own choice."""


class StationPlan(Struct, frozen=True, kw_only=True):
    """One station as the site file has it."""

    station: str
    site: str
    voltage_v: float
    outlets: tuple[OutletPlan, ...]
    version: str | None = None
    tags: tuple[str, ...] | None = None
    overrides: dict[str, Any] = {}
    config_rev: int = 0


def bare_plan(station: str, site: str) -> StationPlan:
    """Return the plan of a station that has a record but no load: it is answered and controls nothing."""
    return StationPlan(station=station, site=site, voltage_v=230.0, outlets=())


def _outlet(name: str, load: Evse, site: Site, failsafe_a: float) -> OutletPlan:
    switching, lines = load.phase_switching, phases_of(load, site)
    line = switching.line if switching is not None else None
    return OutletPlan(
        switches=switching is not None and len(lines) > 1,
        phase_to_use=lines.index(line) + 1 if line is not None and line in lines else None,
        load=name,
        connector=load.evse,
        lines=lines,
        min_a=load.min_a,
        max_a=load.max_a,
        failsafe_a=min(failsafe_a, load.max_a),
    )


def station_plans(site: Site, failsafe_a: dict[str, float], config_rev: int) -> dict[str, StationPlan]:
    """Return the plans of a site's stations by lower-case id; `failsafe_a` is per load, A per line."""
    outlets: dict[str, list[OutletPlan]] = {}
    spelled: dict[str, str] = {}
    for name, load in site.loads.items():
        if isinstance(load, Evse) and load.station is not None:
            key = load.station.lower()
            spelled[key] = load.station
            outlets.setdefault(key, []).append(_outlet(name, load, site, failsafe_a.get(name, 0.0)))
    entries = {station.lower(): entry for station, entry in site.stations.items()}
    return {
        key: StationPlan(
            station=spelled[key],
            site=site.site,
            voltage_v=site.voltage_v,
            outlets=tuple(sorted(found, key=lambda outlet: outlet.connector)),
            version=entries.get(key, Station()).version,
            tags=_tags(entries.get(key, Station())),
            overrides=entries.get(key, Station()).overrides,
            config_rev=config_rev,
        )
        for key, found in outlets.items()
    }


def _tags(entry: Station) -> tuple[str, ...] | None:
    """Return the accepted id tags; None = any."""
    return None if entry.tags == "any" else tuple(tag.lower() for tag in entry.tags)
