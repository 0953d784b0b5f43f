"""What `evenload status` knows: a fold over the events heard, per site the newest of each kind and the active alerts.

Pure: (view, event, now) → view. `now_s` is the viewer's monotonic clock; ages are counted from arrival on it, and only
the age that an event brings itself (a stored one) is added.
"""

from datetime import tzinfo
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import Alert, Decision, LoadState, MeterReading, MeterRole
from evenload.contracts.plan_events import LoadPlan

DECISION_PERIOD_S = 60.0
LATE_S = 5.0
MAX_ALERTS = 50


class SiteView(Struct, frozen=True, kw_only=True):
    """One site as last heard."""

    decision: Decision | None = None
    decided_at_s: float | None = None
    states: dict[str, LoadState] = {}
    alerts: dict[str, Alert] = {}
    readings: dict[str, MeterReading] = {}
    read_at_s: dict[str, float] = {}
    plans: dict[str, LoadPlan] = {}
    zone: tzinfo | None = None
    """The site's; None = not known, times are this machine's."""


class View(Struct, frozen=True, kw_only=True):
    """All sites by name, and notes of the process that shows them (refused files, restarted services)."""

    sites: dict[str, SiteView] = {}
    notes: tuple[str, ...] = ()


StatusEvent = Decision | LoadState | Alert | MeterReading | LoadPlan


def heard(view: View, event: StatusEvent, now_s: float) -> View:
    """Return the view after `event` arrived at `now_s`."""
    before = view.sites.get(event.site, SiteView())
    if isinstance(event, Decision):
        after = replace(before, decision=event, decided_at_s=now_s)
    elif isinstance(event, LoadState):
        after = replace(before, states={**before.states, event.load: event})
    elif isinstance(event, LoadPlan):
        after = replace(before, plans={**before.plans, event.load: event})
    elif isinstance(event, MeterReading):
        read_at_s = {**before.read_at_s, event.meter: now_s}
        after = replace(before, readings={**before.readings, event.meter: event}, read_at_s=read_at_s)
    else:
        after = replace(before, alerts=_alerts(before.alerts, event))
    return replace(view, sites={**view.sites, event.site: after})


def zoned(view: View, zones: dict[str, tzinfo]) -> View:
    """Return the view with each site's time zone."""
    sites = {name: replace(site, zone=zones.get(name, site.zone)) for name, site in view.sites.items()}
    return replace(view, sites=sites)


def _alerts(before: dict[str, Alert], event: Alert) -> dict[str, Alert]:
    key = f"{event.kind} {event.about}"
    others = {name: alert for name, alert in before.items() if name != key}
    kept = dict(list(others.items())[-(MAX_ALERTS - 1) :])
    return {**kept, key: event} if event.active else others


def noted(view: View, note: str) -> View:
    """Return the view with one more note; only the newest three are kept."""
    return replace(view, notes=(*view.notes, note)[-3:])


def without(view: View, site: str) -> View:
    """Return the view without a site that was removed."""
    return replace(view, sites={name: found for name, found in view.sites.items() if name != site})


def silent_s(site: SiteView, now_s: float) -> float | None:
    """Return since when the allocator is overdue, in s since its last decision; None while it is on time."""
    if site.decided_at_s is None:
        return None
    age_s = now_s - site.decided_at_s
    return age_s if age_s > DECISION_PERIOD_S + LATE_S else None


def newest(site: SiteView, role: MeterRole) -> tuple[MeterReading, float] | None:
    """Return the newest reading of a meter of this role and when it arrived, None when there is none."""
    of_role = [(site.read_at_s[name], reading) for name, reading in site.readings.items() if reading.role == role]
    if not of_role:
        return None
    at_s, reading = max(of_role, key=lambda each: each[0])
    return reading, at_s


def as_json(view: View) -> dict[str, Any]:
    """Return the view as plain data: per site its decision, load states, readings and active alerts."""
    return {
        "sites": {
            name: {
                "decision": msgspec.to_builtins(site.decision),
                "loads": {load: msgspec.to_builtins(state) for load, state in sorted(site.states.items())},
                "readings": {meter: msgspec.to_builtins(read) for meter, read in sorted(site.readings.items())},
                "plans": {load: msgspec.to_builtins(plan) for load, plan in sorted(site.plans.items())},
                "alerts": [msgspec.to_builtins(alert) for _, alert in sorted(site.alerts.items())],
            }
            for name, site in sorted(view.sites.items())
        }
    }
