"""What each kind of limit says when it bounds a load: the limit with its figures, and what would change it. Pure."""

from evenload.cli.why_case import Case, Sentences, duration
from evenload.contracts.phases import Phase

BELOW = "Less draw of others below it gives it more."


def _on(phase: Phase | None) -> str:
    return "" if phase is None else f" on {phase}"


def _less(case: Case) -> str:
    bound = case.line.bound
    return f"Less draw{_on(bound.phase if bound else None)} by the house or by loads before it gives it more."


def _breaker(case: Case) -> tuple[str, str]:
    bound, grid = case.line.bound, case.asked.site.grid
    phase = bound.phase if bound is not None else None
    limit = "" if grid is None else f": {grid.breaker_a:g} A, of which {grid.margin_a:g} A are kept free"
    grid_a = case.asked.decision.grid_a
    now_a = None if grid_a is None or phase is None else grid_a.get(phase)
    now = "" if now_a is None else f"; the grid carries {now_a:.1f} A there now"
    return f"The main breaker bounds it{_on(phase)}{limit}{now}.", _less(case)


def _import(case: Case) -> tuple[str, str]:
    grid, import_w = case.asked.site.grid, case.asked.decision.import_w
    limit = ""
    if grid is not None and grid.max_import_w is not None:
        kept = f", of which {grid.buffer_w:g} W are kept free" if grid.buffer_w else ""
        limit = f": {grid.max_import_w:g} W{kept}"
    now = "" if import_w is None else f"; {import_w:.0f} W are imported now"
    return f"The import limit bounds it{limit}{now}.", _less(case)


def _circuit(case: Case) -> tuple[str, str]:
    bound = case.line.bound
    assert bound is not None
    circuit = case.asked.site.circuits.get(bound.name)
    limit = "" if circuit is None else f": {circuit.limit_a:g} A for all that is below it"
    return f"Circuit {bound.name} bounds it{_on(bound.phase)}{limit}.", BELOW


def _station(case: Case) -> tuple[str, str]:
    bound = case.line.bound
    assert bound is not None
    found = [each for name, each in case.asked.site.stations.items() if name.casefold() == bound.name.casefold()]
    limit = f": {found[0].max_a:g} A for all its outlets" if found and found[0].max_a is not None else ""
    return f"Its station {bound.name} bounds it{_on(bound.phase)}{limit}.", BELOW


def _outside(case: Case) -> tuple[str, str]:
    bound, decision = case.line.bound, case.asked.decision
    name = bound.name if bound is not None else ""
    limit = next((each for each in decision.limits if each.source == name), None)
    if limit is None or limit.limit_w is None:
        by = f", by {name}," if name else ""
        return f"A limit from outside{by} bounds it.", OUTSIDE_ENDS
    of = "the whole connection" if limit.scope == "import" else "what the loads draw from the grid, own sun on top"
    holds = f"The limit of {name} bounds it: {limit.limit_w:g} W for {of}."
    if limit.state == "failsafe":
        ends = "" if limit.left_s is None else f", for {duration(max(0.0, limit.left_s - case.asked.age_s))} more"
        heard = "has never been heard" if limit.heard_s is None else "is not heard any more"
        return (
            f"{holds} That is its failsafe: {name} {heard}{ends}.",
            "It ends when its source is back and sets a limit.",
        )
    if limit.told_w is not None and limit.told_w < limit.limit_w:
        return f"{holds} {name} told {limit.told_w:g} W, which is less than must stay allowed.", OUTSIDE_ENDS
    return holds, OUTSIDE_ENDS


def _supply(case: Case) -> tuple[str, str]:
    return "What sun and battery can supply bounds it: the site has no grid.", _less(case)


def _sun(case: Case) -> tuple[str, str]:
    bound, solar_w = case.line.bound, case.asked.decision.solar_w
    phase = _on(bound.phase if bound is not None else None)
    now = "" if solar_w is None else f"; {solar_w:.0f} W are produced now"
    holds = f"The sun bounds it{phase}: with more it would draw from the grid{now}."
    more = "More sun or less draw of others gives it more"
    # What a device takes with the sun only (stores it, is raised by it) no mode takes from the grid.
    by_mode = "" if "the sun" in case.wish else f"; so does `evenload set {case.line.load} mode standard`"
    return holds, f"{more}{by_mode}."


def _excess(case: Case) -> tuple[str, str]:
    threshold_w = case.asked.site.excess_threshold_w
    holds = f"It may use only what would be exported above {threshold_w:g} W, and no more is."
    return (
        holds,
        f"More export, a lower excess_threshold_w or `evenload set {case.line.load} mode solar_only` changes that.",
    )


def _battery(case: Case) -> tuple[str, str]:
    battery, soc_pct = case.asked.site.battery, case.asked.decision.soc_pct
    target = "its target" if battery is None else f"its target of {battery.soc_target_pct:g} %"
    now = "" if soc_pct is None else f", it is at {soc_pct:.0f} % now"
    return f"The battery comes first until it reaches {target}{now}.", "It changes once the battery is charged so far."


def _no_import(case: Case) -> tuple[str, str]:
    holds = (
        "With the battery's `grid_charging: false` nothing may be drawn from the grid for it, and there is no more sun."
    )
    return holds, "More sun or less draw of others gives it more."


def _own_limit(case: Case) -> tuple[str, str]:
    line = case.line
    if line.status == "suspended_ev":
        holds = "Its vehicle has been suspended for a while: it has lost its place and is offered its minimum."
        return holds, "It has its place back when it draws more than 1 A."
    holds = "Its own limit bounds it: of what it was granted it took less, so it is offered what it draws and 2 A more."
    if line.target_a == 0:
        return "Its own limit is under its minimum.", f"`evenload set {line.load} clear` ends a limit set by hand."
    return holds, "When it draws what it may, it is offered more."


OUTSIDE_ENDS = "It ends when its source lifts it; less draw of others helps now."
BOUNDS: dict[str, Sentences] = {
    "breaker": _breaker,
    "import": _import,
    "circuit": _circuit,
    "station": _station,
    "outside": _outside,
    "supply": _supply,
    "surplus": _sun,
    "excess": _excess,
    "battery": _battery,
    "no_import": _no_import,
    "load": _own_limit,
}
