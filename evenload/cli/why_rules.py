"""What each rule says that holds a load by itself, or that it waits for: what, how long, what would change it. Pure."""

from evenload.cli.why_case import Case, Sentences, duration
from evenload.site.schema import Device


def _failsafe(case: Case) -> tuple[str, str]:
    grid = next((used for used in case.asked.decision.inputs if used.of == "meter" and used.state != "fresh"), None)
    name = "The grid meter" if grid is None else f"The grid meter {grid.name}"
    age = "was never read" if grid is None or grid.age_s is None else f"was last read {duration(grid.age_s)} ago"
    holds = f"{name} {age}: without it no limit can be kept, and every load has its failsafe current at most."
    return holds, "It goes on when the meter is read again: check the meter, its power and its network."


def _not_connected(case: Case) -> tuple[str, str]:
    counts = case.line.rule.partition("counts as ")[2]
    as_what = f"; until it is heard, {counts} are kept free for it" if counts else ""
    return f"Its device is not connected{as_what}.", "It goes on when the device is back: check its power and network."


def _disobeys(case: Case) -> tuple[str, str]:
    counts = case.line.rule.partition("counts as ")[2]
    as_what = f", {counts} are kept free for it" if counts else ""
    holds = f"It does not do what it is told: what it may draw anyway counts{as_what}."
    return holds, "Restart it, and look for limits or timers of its own."


def _off(case: Case) -> tuple[str, str]:
    source = "It was switched off by hand" if case.line.by_hand else "Its mode in the site file is off"
    end = f"`evenload set {case.line.load} clear`" if case.line.by_hand else "Another `mode:` in the site file"
    return f"{source}.", f"{end} changes that, or `evenload set {case.line.load} mode standard`."


def _no_vehicle(case: Case) -> tuple[str, str]:
    line = case.line
    if line.status in ("faulted", "unavailable"):
        return f"It is {line.status}.", "It goes on when its device says that it is well again."
    if isinstance(case.load, Device):
        return f"No device wants power ({line.status}).", f"If one came now, it would get {line.could_get_a:.1f} A."
    what = "No vehicle is plugged in" if line.status == "available" else "Its vehicle wants no more power"
    return f"{what}.", f"If one came now, it would get {line.could_get_a:.1f} A."


def _paused(case: Case) -> tuple[str, str]:
    if case.line.timer is None or case.line.timer.in_s == 0:
        return "It waits for another outlet of its station to end.", "Its turn comes when that vehicle no longer draws."
    holds = f"It pauses{case.left} more, so that it is not switched on and off."
    return holds, "Then it starts when its minimum fits; a change of its mode ends the pause at once."


def _switches(case: Case) -> tuple[str, str]:
    lines = "" if case.line.lines is None else f" (now {case.line.lines})"
    holds = f"It pauses while its station changes the number of phases{lines}: nothing is switched under current."
    return holds, "It goes on when the station says that it was told, within 3 min."


def _grace(case: Case) -> tuple[str, str]:
    lasts = f"{case.left} more" if case.left else " for its grace time or its least time on"
    return f"Its source no longer carries its minimum: it keeps it{lasts}, then it pauses.", "More sun keeps it on."


def _hold(case: Case) -> tuple[str, str]:
    holds = f"A limit above it was cut a short while ago: it may rise in{case.left}."
    return holds, "Another cut begins the wait anew; each overload in the last 10 min doubles it, up to 5 min."


def _ramp(case: Case) -> tuple[str, str]:
    return "It is rising, by 0.1 A each second.", ""


def _meter(case: Case) -> tuple[str, str]:
    holds = "The grid meter's last reading is old or doubtful: nothing rises on it."
    return holds, "It goes on with the next good reading; when none comes, all loads go to their failsafe."


def _all_loads(case: Case) -> tuple[str, str]:
    heard = {used.name for used in case.asked.decision.inputs if used.of == "load" and used.state != "missing"}
    names = ", ".join(each.load for each in case.asked.decision.loads if each.load not in heard)
    who = f": {names}" if names else ""
    return f"The allocator has just begun and has not heard all loads yet{who}.", "It goes on when all were heard."


def _overload(case: Case) -> tuple[str, str]:
    return "A phase that it uses is over its limit: nothing is added there.", "It goes on when the overload is gone."


def _cycles(case: Case) -> tuple[str, str]:
    budget = "" if case.load is None else f" of {case.load.cycles_per_h} starts in an hour"
    return (
        f"Its budget{budget} is spent: it starts again in{case.left}.",
        "`cycles_per_h:` in the site file is the budget.",
    )


def _raises(case: Case) -> tuple[str, str]:
    holds = "Other raises on its phases have not been measured yet: only so much is given at once."
    return holds, "It goes on when meter or station show them, after 60 s at most."


def _room(case: Case) -> tuple[str, str]:
    holds = "The room for it is not measured as free yet: what was raised or lowered before must be seen first."
    return holds, "It goes on when the meters show it."


def _dead_band(case: Case) -> tuple[str, str]:
    holds = f"It could have a little more: so small a rise begins in{case.left}, if it is still there then."
    return holds, ""


RULES: dict[str, Sentences] = {
    "failsafe": _failsafe,
    "not connected": _not_connected,
    "does not obey": _disobeys,
    "off": _off,
    "no vehicle": _no_vehicle,
    "paused": _paused,
    "switches phases": _switches,
    "grace": _grace,
    "hold": _hold,
    "ramp": _ramp,
    "waits for the grid meter": _meter,
    "waits to hear all loads": _all_loads,
    "waits for the overload to end": _overload,
    "cycles": _cycles,
    "waits for raises to be measured": _raises,
    "waits for room to be measured": _room,
    "dead band": _dead_band,
}
NO_AIM = frozenset(
    {"failsafe", "not connected", "does not obey", "off", "no vehicle", "paused", "switches phases", "grace"}
)
"""Rules beside which it does not matter where the joint decision wants the load."""
