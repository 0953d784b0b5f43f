"""The status of sites as a rich table: pure, from a `View` and the time to what the terminal shows.

Per site: the grid per phase against the breaker as bars, sun and battery, and for each load mode, state, setpoint,
measured current, reason and what happens next. Import is drawn in colours by how near the breaker is, export in green.
"""

import re
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from evenload.cli.plan_text import progress
from evenload.cli.status_view import SiteView, View, newest, silent_s
from evenload.contracts.events import Alert, Decision, InputUsed, LoadDecision, LoadState, MeterReading, Timer
from evenload.contracts.phases import PHASES, PerPhase

BAR_CELLS = 14
WIDE = 110
"""Columns from which each load fits into one line; below, two values share a cell."""
NEAR_RATIO, FULL_RATIO = 0.8, 1.0
OLD_S = 5.0
_HEALTH = {"normal": "green", "frozen": "yellow", "failsafe": "bold red"}
_STATUS = {
    "charging": "green",
    "suspended_evse": "yellow",
    "suspended_ev": "cyan",
    "preparing": "cyan",
    "faulted": "bold red",
    "unavailable": "red",
}
_TOLD = re.compile(r"[0-9.]+ A \((.*)\)")
_SEVERITY = {"info": "cyan", "warning": "yellow", "critical": "bold red"}


def render(view: View, now_s: float, width: int) -> RenderableType:
    """Return what is shown for all sites on `width` columns; says what is awaited while nothing was heard."""
    if not view.sites:
        body: list[RenderableType] = [Text("no site has been decided yet; waiting for meters and loads", style="dim")]
    else:
        body = [_site(name, site, now_s, width) for name, site in sorted(view.sites.items())]
    return Group(*body, *(Text(f"! {note}", style="yellow") for note in view.notes))


def _site(name: str, site: SiteView, now_s: float, width: int) -> RenderableType:
    decision = site.decision
    if decision is None:
        alerts = [_alert(alert) for _, alert in sorted(site.alerts.items())]
        waiting = Text("no decision yet; is the allocator running?", style="dim")
        return Panel(Group(*(alerts or [waiting])), title=name, title_align="left", border_style="dim")
    parts: list[RenderableType] = [
        _power(site, decision, now_s),
        _loads(site, decision, now_s, width),
        *_limits(decision),
        *_inputs(decision),
    ]
    parts += [_alert(alert) for _, alert in sorted(site.alerts.items())]
    return Panel(Group(*parts), title=_title(name, site, now_s), title_align="left", border_style="dim")


def _title(name: str, site: SiteView, now_s: float) -> Text:
    decision = site.decision
    assert decision is not None
    title = Text.assemble((name, "bold"), "  ", (decision.health, _HEALTH[decision.health]))
    title.append(f"  {decision.distribution}, file revision {decision.config_rev}", style="dim")
    late_s = silent_s(site, now_s)
    if late_s is not None:
        title.append(f"  no decision for {_seconds(late_s)}: is the allocator running?", style="bold red")
    return title


def _power(site: SiteView, decision: Decision, now_s: float) -> RenderableType:
    grid = Table.grid(Column(no_wrap=True), Column(no_wrap=True), Column(no_wrap=True), padding=(0, 1))
    for line in _grid_lines(site, decision, now_s):
        grid.add_row(*line)
    both = Table.grid(Column(no_wrap=True), Column(no_wrap=True), padding=(0, 2))
    both.add_row(grid, Text("\n").join(_sources(site, decision)))
    return both


def _grid_lines(site: SiteView, decision: Decision, now_s: float) -> Iterator[tuple[str, Text, Text]]:
    if decision.breaker_a is None:
        yield "grid", Text("off-grid", style="dim"), Text("")
        return
    grid_a, old_s = _grid_now(site, decision, now_s)
    for phase in [phase for phase, _ in grid_a.items()] or PHASES:
        current_a = grid_a.get(phase)
        against = _against(current_a, decision.breaker_a)
        if old_s > 0:
            against.append(f" {_seconds(old_s)} ago", style="red")
        yield phase, bar(current_a, decision.breaker_a), against


def _grid_now(site: SiteView, decision: Decision, now_s: float) -> tuple[PerPhase, float]:
    """Return the grid current to show and its age where it is old: the meter's newest reading, else the decision's.

    Of two grid meters the decision says what was made of both.
    """
    found = newest(site, "grid")
    several = sum(reading.role == "grid" for reading in site.readings.values()) > 1
    if found is None or found[0].current_a is None or several:
        return decision.grid_a or PerPhase(), 0.0
    reading, at_s = found
    age_s = now_s - at_s
    return reading.current_a or PerPhase(), age_s if age_s > max(OLD_S, 3 * reading.period_s) else 0.0


def bar(current_a: float | None, limit_a: float) -> Text:
    """Return a bar of BAR_CELLS for a phase: import coloured by how near the limit is, export green, unknown dotted."""
    if current_a is None:
        return Text("·" * BAR_CELLS, style="dim")
    ratio = abs(current_a) / limit_a
    filled = min(BAR_CELLS, round(ratio * BAR_CELLS))
    rest = ("░" * (BAR_CELLS - filled), "dim")
    return Text.assemble(("█" * filled, "green" if current_a < 0 else _nearness(ratio)), rest)


def _nearness(ratio: float) -> str:
    if ratio > FULL_RATIO:
        return "bold red"
    return "yellow" if ratio > NEAR_RATIO else "blue"


def _against(current_a: float | None, limit_a: float) -> Text:
    if current_a is None:
        return Text(f"unknown, breaker {limit_a:g} A", style="red")
    word = "export" if current_a < 0 else "import"
    style = _nearness(abs(current_a) / limit_a) if current_a > NEAR_RATIO * limit_a else ""
    return Text.assemble((f"{abs(current_a):5.1f} A {word}", style), (f" of {limit_a:g} A", "dim"))


def _sources(site: SiteView, decision: Decision) -> Iterator[Text]:
    solar, battery = newest(site, "solar"), newest(site, "battery")
    solar_w = _first(_reading_w(solar), decision.solar_w)
    battery_w = _first(_reading_w(battery), decision.battery_w)
    soc_pct = _first(battery[0].soc_pct if battery is not None else None, decision.soc_pct)
    if solar_w is not None:
        yield Text.assemble(("sun     ", "dim"), (_power_text(solar_w), "yellow"))
    if battery_w is not None or soc_pct is not None:
        yield Text.assemble(("battery ", "dim"), _battery_text(battery_w, soc_pct))
    if decision.cause:
        yield Text.assemble(("decided ", "dim"), decision.cause)


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _reading_w(found: tuple[MeterReading, float] | None) -> float | None:
    """Return the total power of a reading, W."""
    if found is None:
        return None
    reading, _ = found
    return _first(reading.total_power_w, reading.power_w.total() if reading.power_w is not None else None)


def _battery_text(battery_w: float | None, soc_pct: float | None) -> str:
    parts = [] if soc_pct is None else [f"{soc_pct:.0f} %"]
    if battery_w is not None:
        word = "idle" if abs(battery_w) < 10 else "discharging" if battery_w > 0 else "charging"
        parts.append(word if word == "idle" else f"{word} {_power_text(abs(battery_w))}")
    return " ".join(parts)


def _power_text(power_w: float) -> str:
    return f"{power_w / 1000:.1f} kW" if abs(power_w) >= 1000 else f"{power_w:.0f} W"


def _loads(site: SiteView, decision: Decision, now_s: float, width: int) -> Table:
    since_s = 0.0 if site.decided_at_s is None else now_s - site.decided_at_s
    rows = [_load_row(load, site, since_s) for load in decision.loads]
    return _wide(rows) if width >= WIDE else _narrow(rows)


def _wide(rows: list[tuple[Text, ...]]) -> Table:
    table = _load_table("load", "mode", "state", "setpoint", "measured", "why", "next")
    for row in rows:
        table.add_row(*row)
    return table


def _narrow(rows: list[tuple[Text, ...]]) -> Table:
    table = _load_table("load", "mode, state", "set, drawn", "why, next")
    for load, mode, state, setpoint, measured, why, after in rows:
        below = [_below(mode, state), _below(setpoint, measured), _below(why, after) if after.plain else why]
        table.add_row(load, *below)
    return table


def _load_table(*headers: str) -> Table:
    columns = [Column(header, no_wrap="why" not in header, overflow="fold") for header in headers]
    return Table(*columns, box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)


def _below(above: Text, below: Text) -> Text:
    return Text("\n").join([above, below])


def _load_row(load: LoadDecision, site: SiteView, since_s: float) -> tuple[Text, ...]:
    state = site.states.get(load.load)
    told_a = load.measured_a if state is None or load.wiring == "corrected" else state.measured_a
    return (
        _name(load),
        _mode(load),
        _status(load, state),
        Text(f"{load.setpoint_a:4.1f} A", style="bold" if load.setpoint_a > 0 else "dim"),
        Text(_measured(told_a)),
        Text(_reason(load, since_s)),
        Text(_next(load, site, since_s)),
    )


def _name(load: LoadDecision) -> Text:
    """Return the load's name, and its phases where they are not, or may not be, the site file's."""
    text = Text(load.load)
    if load.wiring in ("suspected", "corrected"):
        text.append(f" {'on' if load.wiring == 'corrected' else 'not on'} {' '.join(load.phases)}", style="yellow")
        text.append("?" if load.wiring == "suspected" else "", style="yellow")
    return text


def _mode(load: LoadDecision) -> Text:
    text = Text(load.mode)
    if load.by_hand:
        text.append(" by hand", style="magenta")
    elif load.by_plan or load.by_schedule:
        text.append(" by plan" if load.by_plan else " by schedule", style="cyan")
    return text


def _status(load: LoadDecision, state: LoadState | None) -> Text:
    status = state.status if state is not None else load.status
    text = Text(status.replace("_", " "), style=_STATUS.get(status, ""))
    if state is not None and state.temperature_c is not None:
        text.append(f" {state.temperature_c:.1f} °C", style="dim")
    if state is not None and not state.reachable:
        text.append(" no contact", style="red")
    if state is not None and not state.obeys:
        text.append(" disobeys", style="bold red")
    return text


def _measured(measured_a: PerPhase | None) -> str:
    """Return the current of each line; one figure where all draw the same, or where one alone draws."""
    values = [] if measured_a is None else [(phase, f"{value_a:4.1f}") for phase, value_a in measured_a.items()]
    drawn = [(phase, value) for phase, value in values if value.strip("- ") != "0.0"]
    if len(drawn) == 1 and len(values) > 1:
        return f"{drawn[0][1]} A {drawn[0][0]}"
    figures = [value for _, value in values]
    if len(set(figures)) == 1:
        return f"{figures[0]} A"
    return f"{' '.join(figures)} A" if figures else "   –"


def _reason(load: LoadDecision, since_s: float) -> str:
    """Return why, without the current that a decision's reason begins with: it has a column of its own."""
    reason = load.reason or load.rule
    told = _TOLD.fullmatch(reason)
    reason = told[1] if told else reason
    if load.timer is not None and _names(reason, load.timer) and load.timer.name != "ramp":
        reason = f"{reason}, {_left(load.timer, since_s)} more"
    idle = load.setpoint_a == 0 and load.could_get_a > 0
    return f"{reason}; could get {load.could_get_a:.1f} A" if idle else reason


def _next(load: LoadDecision, site: SiteView, since_s: float) -> str:
    """Return what comes next and when: its timer where the reason does not say it, and when its mode or limit ends."""
    parts = []
    if load.timer is not None and not _names(load.reason, load.timer):
        parts.append(f"{load.timer.name.replace('_', ' ')} {_left(load.timer, since_s)}")
    if load.until is not None:
        parts.append(f"{'by hand' if load.by_hand else 'so'} until {load.until.astimezone(site.zone):%a %H:%M}")
    plan = site.plans.get(load.load)
    if plan is not None and plan.ready_at is not None:
        parts.append(f"plan: {progress(plan, site.zone)}")
    return ", ".join(parts)


def _names(reason: str, timer: Timer) -> bool:
    return timer.name.replace("_", " ") in reason


def _left(timer: Timer, since_s: float) -> str:
    return _seconds(max(0.0, timer.in_s - since_s))


def _seconds(duration_s: float) -> str:
    minutes, seconds = divmod(round(duration_s), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def _limits(decision: Decision) -> Iterator[Text]:
    """Yield one line that names the limits from outside that are in force; nothing without one."""
    held = [limit for limit in decision.limits if limit.limit_w is not None]
    if held:
        words = [f"{limit.source} {limit.limit_w:g} W ({limit.state}, {limit.scope})" for limit in held]
        yield Text(f"limited from outside: {', '.join(words)}", style="yellow")


def _inputs(decision: Decision) -> Iterator[Text]:
    """Yield one line that names the facts which are not fresh; nothing when all are."""
    doubtful = [_input(used) for used in decision.inputs if used.state != "fresh"]
    if doubtful:
        yield Text(f"not fresh: {', '.join(doubtful)}", style="yellow")


def _input(used: InputUsed) -> str:
    return f"{used.name} {used.state}" + ("" if used.age_s is None else f" for {_seconds(used.age_s)}")


def _alert(alert: Alert) -> Text:
    text = Text.assemble((f"{alert.severity}: ", _SEVERITY[alert.severity]), f"{alert.about}: {alert.text}")
    return text.append(f"; {alert.remedy}", style="dim") if alert.remedy else text
