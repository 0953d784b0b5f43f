"""The newest facts of a site → the JSON states of its devices. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, structs

from evenload.contracts.events import Alert, Decision, LoadDecision
from evenload.contracts.records import Override, OverrideRecord
from evenload.site.schema import Evse, Load, Site
from services.home_assistant.entities import Thing, limits_of, things

MAX_ALERTS_TOLD = 20
_BY_HAND = ("mode", "priority", "max_a", "target_c")


class Facts(Struct, frozen=True, kw_only=True):
    """What is known now; None = not yet."""

    decision: Decision | None = None
    overrides: OverrideRecord | None = None
    alerts: Mapping[tuple[str, str], Alert] = {}
    """Active alerts by kind and object."""


def states(site: Site, facts: Facts) -> dict[str, Any]:
    """Return topic → what is told there."""
    found: dict[str, Any] = {f"{Thing(site.site, 'site', site.site).base}/state": _site_state(site, facts)}
    decided = {one.load: one for one in facts.decision.loads} if facts.decision else {}
    for name in site.loads:
        found[f"{Thing(site.site, 'load', name).base}/state"] = _load_state(site, name, facts, decided.get(name))
    binding = {one.bound.name for one in decided.values() if one.bound is not None and one.bound.kind == "circuit"}
    for name, circuit in site.circuits.items():
        state = {"limit_a": circuit.limit_a, "binding": _on(name in binding)}
        found[f"{Thing(site.site, 'circuit', name).base}/state"] = state
    for name in site.meters:
        found[f"{Thing(site.site, 'meter', name).base}/state"] = {}
    return found | _problems(site, found, facts)


def _problems(site: Site, told: dict[str, dict[str, Any]], facts: Facts) -> dict[str, Any]:
    """Return the states with whether there is a problem in them, and what is active beside each."""
    found: dict[str, Any] = {}
    for thing in things(site):
        alerts = [one for one in facts.alerts.values() if thing.of == "site" or one.about in abouts(site, thing)]
        found[f"{thing.base}/state"] = {**told[f"{thing.base}/state"], "problem": _on(bool(alerts))}
        found[f"{thing.base}/alerts"] = {"alerts": [_alert(one) for one in alerts[:MAX_ALERTS_TOLD]]}
    return found


def abouts(site: Site, thing: Thing) -> frozenset[str]:
    """Return what alerts name when they are about a thing: its name, for a charging point also its station's."""
    load = site.loads.get(thing.name) if thing.of == "load" else None
    station = load.station if isinstance(load, Evse) else None
    return frozenset({thing.name} if station is None else {thing.name, station})


def _site_state(site: Site, facts: Facts) -> dict[str, Any]:
    decision = facts.decision
    return {
        "import_w": decision.import_w if decision else None,
        "solar_w": decision.solar_w if decision else None,
        "health": decision.health if decision else None,
        "distribution": decision.distribution if decision else site.distribution,
    }


def _alert(one: Alert) -> dict[str, str]:
    return {"about": one.about, "kind": one.kind, "severity": one.severity, "text": one.text, "remedy": one.remedy}


def _load_state(site: Site, name: str, facts: Facts, decided: LoadDecision | None) -> dict[str, Any]:
    load = site.loads[name]
    override = _override(name, facts.overrides)
    priority = override.priority if override is not None and override.priority is not None else load.priority
    state: dict[str, Any] = {
        "setpoint_a": decided.setpoint_a if decided else None,
        "measured_a": None,
        "status": decided.status if decided else None,
        "reason": decided.reason if decided else None,
        "mode": override.mode if override is not None and override.mode is not None else load.mode,
        "priority": priority,
    }
    if decided is not None and decided.measured_a is not None:
        state["measured_a"] = max((value for _, value in decided.measured_a.items()), default=None)
    most_a = limits_of(load, site)
    if most_a is not None:
        state["max_a"] = most_a if override is None or override.max_a is None else override.max_a
    return state | _of_its_kind(load, override, decided)


def _of_its_kind(load: Load, override: Override | None, decided: LoadDecision | None) -> dict[str, Any]:
    """Return what devices with a temperature tell beside."""
    found: dict[str, Any] = {}
    if isinstance(load, Evse):
        return found
    if load.sensor is not None:
        found["temperature_c"] = decided.temperature_c if decided is not None else None
    if load.aim is not None:
        by_hand_c = override.target_c if override is not None else None
        found["target_c"] = load.aim.target_c if by_hand_c is None else by_hand_c
    return found


def _override(load: str, record: OverrideRecord | None) -> Override | None:
    """Return one override with the newest value of each key; they are kept apart or together."""
    found: Override | None = None
    for item in record.items if record else ():
        if item.load == load:
            named = {key: value for key, value in structs.asdict(item).items() if key in _BY_HAND and value is not None}
            found = structs.replace(found or Override(load=load, at=item.at), **named)
    return found


def _on(state: bool) -> str:
    return "ON" if state else "OFF"
