"""A load's present setpoint in sentences: what it gets, what bound it, what it waits for, what would change it. Pure.

The rule of a decision says which table speaks: a rule that holds the load by itself (`why_rules`), or the limit that
bound it (`why_bounds`). Both hold everything that the allocator can say; what a later version says beside that is told
in its own words.
"""

from evenload.cli.why_bounds import BOUNDS
from evenload.cli.why_case import Asked, Case
from evenload.cli.why_rules import NO_AIM, RULES
from evenload.contracts.events import Bound, LoadDecision
from evenload.contracts.phases import PerPhase
from evenload.site.schema import Device, Evse, Load, Site, phases_of

VEHICLE_WORDS = {
    "available": "nothing plugged in",
    "preparing": "plugged in",
    "suspended_ev": "plugged in, the vehicle takes nothing",
    "suspended_evse": "plugged in and paused",
}
DEVICE_WORDS = {"available": "idle", "preparing": "ready", "suspended_ev": "idle", "suspended_evse": "waiting"}
LIMITED_BY_BOUND = frozenset({"fill", "waits", "minimum from any source"})
"""Rules under which it is the limit that explains the setpoint."""


def sentences(asked: Asked, load: str) -> tuple[str, ...]:
    """Return the explanation of a load's setpoint; empty when the decision does not name the load."""
    line = next((each for each in asked.decision.loads if each.load == load), None)
    if line is None:
        return ()
    case = Case(asked=asked, line=line, load=asked.site.loads.get(load))
    found = [_gets(case), _asks(case), *_why(case)]
    return tuple(sentence for sentence in found if sentence)


def _gets(case: Case) -> str:
    line = case.line
    by_hand = next((f", {words}" for holds, words in _sources(line) if holds), "")
    drawn = "" if line.measured_a is None else f"; it draws {_drawn(line.measured_a)}"
    return f"{line.load} {_may(case)}: mode {line.mode}{by_hand}, {_status(case)}{drawn}."


def _sources(line: LoadDecision) -> tuple[tuple[bool, str], ...]:
    return (line.by_plan, "by its plan"), (line.by_hand, "set by hand"), (line.by_schedule, "by its schedule")


def _status(case: Case) -> str:
    """Return its state in words; the bus's own words are for machines."""
    words = VEHICLE_WORDS if isinstance(case.load, Evse) else DEVICE_WORDS
    return words.get(case.line.status, case.line.status.replace("_", " "))


def _asks(case: Case) -> str:
    return f"What it asks for: {case.wish}." if case.wish else ""


def _may(case: Case) -> str:
    line = case.line
    if isinstance(case.load, Device) and case.load.all_or_nothing:
        return f"is on, {line.setpoint_a:.1f} A per line" if line.setpoint_a else "is off"
    if not line.setpoint_a:
        return "may draw nothing"
    return f"may draw {line.setpoint_a:.1f} A " + ("on one line" if line.lines == 1 else "per line")


def _drawn(measured_a: PerPhase) -> str:
    drawn = [(phase, f"{value:.1f} A") for phase, value in measured_a.items() if value >= 0.05]
    if len(drawn) > 1 and len({value for _, value in drawn}) == 1:
        return f"{drawn[0][1]} on each of {', '.join(phase for phase, _ in drawn)}"
    found = [f"{value} on {phase}" for phase, value in drawn]
    return ", ".join(found) or "nothing"


def _why(case: Case) -> list[str]:
    line = case.line
    name = line.rule.partition(":")[0]
    if name in LIMITED_BY_BOUND and line.target_a > line.setpoint_a:
        return ["It has just begun.", *_aim(case)]
    if name in LIMITED_BY_BOUND:
        return [_source(case), *_bound(case), _beside(case)]
    says = RULES.get(name)
    if says is None and isinstance(case.load, Device) and line.status == "available":
        return [f"It asks for nothing now: {line.rule}."]
    if says is None:
        return [f"The allocator says: {line.rule}.", *_bound(case)]
    holds, change = says(case)
    aims = [] if name in NO_AIM else _aim(case)
    return [holds, *aims, change]


def _aim(case: Case) -> list[str]:
    """Say where a load that waits is going, and what bounds that."""
    line = case.line
    if line.target_a <= line.setpoint_a:
        return []
    if line.bound is None:
        return [f"It is to get {line.target_a:.1f} A, its maximum."]
    holds, _ = _bound_sentences(case)
    return [f"It is to get {line.target_a:.1f} A.", holds]


def _source(case: Case) -> str:
    line, load = case.line, case.load
    if line.rule == "minimum from any source" and isinstance(load, Evse):
        return f"In this mode it always may have its minimum of {load.min_a:g} A; more comes from the sun only."
    if line.rule != "waits" or load is None or (line.bound is not None and line.bound.kind == "load"):
        return ""
    return f"Its minimum of {load.min_a:g} A does not fit." if isinstance(load, Evse) else "Its current does not fit."


def _bound(case: Case) -> list[str]:
    return list(_bound_sentences(case))


def _bound_sentences(case: Case) -> tuple[str, str]:
    bound = case.line.bound
    if bound is None:
        held = next((words for holds, words in _sources(case.line) if holds), "")
        if held and isinstance(case.load, Evse) and case.line.setpoint_a < case.load.max_a:
            return f"Nothing else bounds it: {case.line.setpoint_a:.1f} A are its limit now, {held}.", ""
        most = f" of {case.load.max_a:g} A" if isinstance(case.load, Evse) else ""
        return f"Nothing bounds it: it has its maximum{most}.", ""
    says = BOUNDS.get(bound.kind)
    if says is None:
        words = " ".join(word for word in (bound.kind, bound.name, bound.phase or "") if word)
        return f"The limit that bounds it: {words}.", ""
    return says(case)


def _beside(case: Case) -> str:
    """Name the other loads that have current under the limit that bound it."""
    bound, site = case.line.bound, case.asked.site
    if bound is None or bound.kind not in ("breaker", "circuit", "import", "station", "outside", "supply"):
        return ""
    others = [
        f"{each.load} has {each.setpoint_a:.1f} A"
        for each in case.asked.decision.loads
        if each.load != case.line.load and each.setpoint_a and _shares(site, each.load, bound)
    ]
    return f"Under the same limit {', '.join(others)}." if others else ""


def _shares(site: Site, name: str, bound: Bound) -> bool:
    load = site.loads.get(name)
    if load is None or (bound.phase is not None and bound.phase not in phases_of(load, site)):
        return False
    if bound.kind == "circuit":
        return bound.name in _above(site, load)
    if bound.kind == "station":
        return isinstance(load, Evse) and (load.station or "").casefold() == bound.name.casefold()
    return True


def _above(site: Site, load: Load) -> list[str]:
    """Return the circuits above a load; a circle ends the way."""
    found: list[str] = []
    name = load.circuit
    while name is not None and name in site.circuits and name not in found:
        found.append(name)
        name = site.circuits[name].within
    return found
