"""The newest facts of a site → the JSON states of its devices. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from evenload.contracts.events import Alert, Decision, LoadDecision
from evenload.contracts.records import Override, OverrideRecord
from evenload.site.schema import Evse, Load, Site
from services.home_assistant.entities import Thing

MAX_ALERTS_TOLD = 20


class Facts(Struct, frozen=True, kw_only=True):
    """What is known now; None = not yet."""

    decision: Decision | None = None
    overrides: OverrideRecord | None = None
    alerts: Mapping[tuple[str, str], Alert] = {}
    """Active alerts by kind and object."""


def states(site: Site, facts: Facts) -> dict[str, Any]:
    """Return topic → what is told there."""
    thing = Thing(site.site, "site", site.site)
    found: dict[str, Any] = {
        f"{thing.base}/state": _site_state(site, facts),
        f"{thing.base}/alerts": _alerts(facts),
    }
    decided = {one.load: one for one in facts.decision.loads} if facts.decision else {}
    for name, load in site.loads.items():
        found[f"{Thing(site.site, 'load', name).base}/state"] = _load_state(name, load, facts, decided.get(name))
    binding = {one.bound.name for one in decided.values() if one.bound is not None and one.bound.kind == "circuit"}
    for name, circuit in site.circuits.items():
        state = {"limit_a": circuit.limit_a, "binding": _on(name in binding)}
        found[f"{Thing(site.site, 'circuit', name).base}/state"] = state
    return found


def _site_state(site: Site, facts: Facts) -> dict[str, Any]:
    decision = facts.decision
    return {
        "import_w": decision.import_w if decision else None,
        "solar_w": decision.solar_w if decision else None,
        "health": decision.health if decision else None,
        "distribution": decision.distribution if decision else site.distribution,
        "problem": _on(bool(facts.alerts)),
    }


def _alerts(facts: Facts) -> dict[str, Any]:
    found = list(facts.alerts.values())[:MAX_ALERTS_TOLD]
    return {"alerts": [{"about": one.about, "text": one.text, "remedy": one.remedy} for one in found]}


def _load_state(name: str, load: Load, facts: Facts, decided: LoadDecision | None) -> dict[str, Any]:
    override = _override(name, facts.overrides)
    priority = override.priority if override is not None and override.priority is not None else load.priority
    state: dict[str, Any] = {
        "setpoint_a": decided.setpoint_a if decided else None,
        "measured_a": None,
        "status": decided.status if decided else None,
        "reason": decided.reason if decided else None,
        "mode": decided.mode if decided else load.mode,
        "priority": priority,
    }
    if decided is not None and decided.measured_a is not None:
        state["measured_a"] = max((value for _, value in decided.measured_a.items()), default=None)
    if isinstance(load, Evse):
        state["max_a"] = override.max_a if override is not None and override.max_a is not None else load.max_a
    return state


def _override(load: str, record: OverrideRecord | None) -> Override | None:
    """Return one override with the newest value of each key; they are kept apart or together."""
    found: Override | None = None
    for item in record.items if record else ():
        if item.load == load:
            priority = item.priority if item.priority is not None else (found.priority if found else None)
            max_a = item.max_a if item.max_a is not None else (found.max_a if found else None)
            found = Override(load=load, priority=priority, max_a=max_a, at=item.at)
    return found


def _on(state: bool) -> str:
    return "ON" if state else "OFF"
