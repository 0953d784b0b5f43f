"""What a person should know about a station, and what to do: raised once, cleared once. Pure.

The outlet remembers which kinds are raised for it; the shell stamps the alert with the time.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import Severity
from services.ocpp_gateway.config import StationPlan
from services.ocpp_gateway.station import Outlet, Output, Warn


class Trouble(Struct, frozen=True):
    """One kind of alert."""

    severity: Severity
    text: str
    remedy: str


TROUBLES: Final[dict[str, Trouble]] = {
    "station_refuses": Trouble(
        "critical",
        "{station} connector {connector} refuses every limit that it is told",
        "switch load management by the backend (smart charging, OCPP) on in the station's own settings; "
        "it counts at its worst and is asked again every 5 min",
    ),
    "station_disobeys": Trouble(
        "critical",
        "{station} connector {connector} draws more than it was told",
        "it is repaired step by step and counts with what it draws; check the station's own settings for load "
        "management",
    ),
    "station_unrepaired": Trouble(
        "critical",
        "{station} connector {connector} obeys no limit, whatever was tried",
        "switch load management by the backend on in its settings, set its own limit lower, or update its firmware; "
        "it counts with what it draws",
    ),
    "station_silent": Trouble(
        "warning",
        "{station} connector {connector} charges and tells no meter values",
        "switch meter values on in the station's settings (MeterValueSampleInterval, MeterValuesSampledData)",
    ),
    "station_unpausable": Trouble(
        "critical",
        "{station} connector {connector} can be paused neither by a limit nor by ending its transaction",
        "it draws its least current while it should be off, and counts so; allow remote stop in its settings, or "
        "unplug the vehicle",
    ),
    "station_not_started": Trouble(
        "warning",
        "{station} connector {connector} does not start its vehicle again after a pause",
        "unplug the vehicle and plug it in again; set failsafe and mode so that it need not pause, if this repeats",
    ),
    "station_clock": Trouble(
        "info",
        "{station} has a wrong clock",
        "none needed for control: profiles follow its own clock; set its time zone or time server for its records",
    ),
    "station_offers_less": Trouble(
        "info",
        "{station} connector {connector} offers much less than it was told",
        "a limit of its own or of another system holds it: `evenload station schedule {station}` shows what is in "
        "force; set its own limit higher, or the load's max_a to what it offers",
    ),
    "station_events_lost": Trouble(
        "warning",
        "{station} connector {connector} lost events of its transaction",
        "none needed for control; the registers of its start and its end still count, look at the transaction if its "
        "energy matters; update the station's firmware if it repeats",
    ),
    "station_priority": Trouble(
        "info",
        "{station} connector {connector} charges with priority, as its driver chose there",
        "none: what it draws is reserved and the others make room; it ends with the transaction or at the station",
    ),
    "station_outside": Trouble(
        "info",
        "{station} connector {connector} is limited by somebody else",
        "none if you know of it: the lower limit counts; it is never cleared from here",
    ),
    "station_no_zero": Trouble(
        "warning",
        "{station} connector {connector} takes no limit below {least_a:g} A: it cannot be paused by a limit",
        "its failsafe is {least_a:g} A now; give the load failsafe_a: {least_a:g} so that the proof counts it",
    ),
    "station_no_expiry": Trouble(
        "warning",
        "{station} connector {connector} takes only profiles that never end by themselves",
        "declare it: stations: {{{station}: {{overrides: {{expiry: false}}}}}}; then it counts at its rating",
    ),
}


def alarm(
    outlet: Outlet, plan: StationPlan, kind: str, *, active: bool, detail: str = ""
) -> tuple[Outlet, list[Output]]:
    """Return the outlet with `kind` raised or cleared, and the alert where that is new."""
    if (kind in outlet.warned) == active:
        return outlet, []
    others = tuple(each for each in outlet.warned if each != kind)
    facts = {"station": plan.station, "connector": outlet.plan.connector, "least_a": outlet.least_a}
    trouble = TROUBLES[kind]
    warning = Warn(
        kind=kind,
        about=outlet.plan.load,
        active=active,
        severity=trouble.severity,
        text=trouble.text.format_map(facts) + detail,
        remedy=trouble.remedy.format_map(facts),
    )
    return replace(outlet, warned=(*others, kind) if active else others), [warning]
