"""What is said of a decision: per load the limit that bound, the rule, the next timer, and the alerts.

Reasons are for people and for the trace: `8.0 A (circuit garage L2)`.
"""

from datetime import datetime
from functools import lru_cache
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import (
    Alert,
    Bound,
    Decision,
    Health,
    InputKind,
    InputUsed,
    LoadDecision,
    LoadState,
    MeterReading,
    Severity,
    Timer,
)
from services.allocator.balance import shortfall_words
from services.allocator.belief import (
    SIDE_METER_S,
    Sides,
    as_per_phase,
    health_of,
    main_first,
    meter_names,
    side_inputs,
    used,
    worse,
)
from services.allocator.cuts import Scene, settled_board
from services.allocator.disagreement import in_words
from services.allocator.facts import Facts, Heard
from services.allocator.gain import reads_a_thousandth
from services.allocator.memory import LoadMemory, Memory
from services.allocator.outside import is_lapsed, limits_in_force, lost_alerts
from services.allocator.phase_choice import pauses, switching_alerts
from services.allocator.plan import MA, MASK_PHASES, PlannedLoad
from services.allocator.raises import Rise
from services.allocator.rewired import wiring_alerts
from services.allocator.share import Share
from services.allocator.sources import Want, could_get
from services.allocator.watch import STATE_LOST_S

_WORDS = {
    "breaker": "breaker",
    "import": "import limit",
    "surplus": "sun",
    "excess": "excess threshold",
    "battery": "battery first",
    "no_import": "no import",
    "supply": "supply",
    "outside": "outside limit",
    "load": "its own limit",
}


OVER_RATING_MA = 1000
_GRID_STATES: dict[Health, Literal["fresh", "frozen", "stale"]] = {
    "normal": "fresh",
    "frozen": "frozen",
    "failsafe": "stale",
}


class Said(Struct, frozen=True, kw_only=True):
    """Everything that explanations look at."""

    scene: Scene
    sides: Sides
    facts: Facts
    rises: tuple[Rise, ...]
    memory: Memory
    now: datetime


class Found(Struct, frozen=True, kw_only=True):
    """Alerts to send, and those that stand."""

    events: tuple[Alert, ...]
    standing: tuple[tuple[str, str], ...]


_NOTHING_FOUND = Found(events=(), standing=())


@lru_cache(maxsize=512)
def bound_text(bound: Bound) -> str:
    """Return a limit in words: `circuit garage L2`."""
    words = [_WORDS.get(bound.kind, bound.kind), bound.name, bound.phase or ""]
    return " ".join(word for word in words if word)


def explained(said: Said) -> tuple[LoadDecision, ...]:
    """Return each load's part of the decision, by name; what it could get is left to `with_could_get`."""
    return tuple(_line(said, load) for load in said.scene.plan.loads)


def _line(said: Said, load: PlannedLoad) -> LoadDecision:
    scene = said.scene
    known = said.memory.loads[load.name]
    share = scene.raise_shares[load.index]
    heard = said.facts.loads.get(load.name)
    state = heard.event if heard is not None else None
    rule, timer = _rule(said, load, known)
    setpoint_a = known.setpoint_ma / MA
    return LoadDecision(
        load=load.name,
        mode=load.mode,
        by_hand=load.by_hand,
        by_schedule=load.by_schedule,
        by_plan=load.by_plan,
        until=load.until,
        status=state.status if state is not None else "unavailable",
        measured_a=state.measured_a if state is not None else None,
        phases=load.phase_names,
        wiring=known.wiring.state if known.wiring is not None else "unproven",
        lines=known.choice.lines if load.switching is not None and known.choice is not None else None,
        setpoint_a=setpoint_a,
        target_a=share.given_ma / MA,
        could_get_a=setpoint_a,
        bound=share.bound,
        rule=rule,
        reason=_reason(known.setpoint_ma, rule, share, load.wish),
        temperature_c=state.temperature_c if state is not None else None,
        timer=timer,
    )


def with_could_get(said: Said, lines: tuple[LoadDecision, ...]) -> tuple[LoadDecision, ...]:
    """Return the lines with what each idle load would get if a vehicle came now and nobody else changed."""
    scene = said.scene
    if scene.grid.health != "normal" or not scene.party.idle:
        return lines
    setpoints_ma = [said.memory.loads[load.name].setpoint_ma for load in scene.plan.loads]
    board = settled_board(scene, setpoints_ma, raising=True)
    found = list(lines)
    for index in scene.party.idle:
        load, line = scene.plan.loads[index], lines[index]
        if load.mode == "off":
            continue
        dead = load.name in said.facts.loads and line.status in ("faulted", "unavailable")
        found[index] = replace(line, could_get_a=0.0 if dead else could_get(board, Want(index, load.max_ma)) / MA)
    return tuple(found)


def told_line(line: LoadDecision) -> str:
    """Return what makes a decision worth telling again when it changes: all but figures that move with each reading."""
    bound = "" if line.bound is None else bound_text(line.bound)
    wired = line.wiring if line.wiring != "corrected" else f"on {line.phases}"
    who = f"{line.by_hand} {line.by_schedule} {line.by_plan} {line.until}"
    return f"{line.status} {line.mode} {who} {line.reason} {line.rule} {bound} {wired}"


def _reason(setpoint_ma: int, rule: str, share: Share, wish: str) -> str:
    bound = share.bound
    text = rule
    if rule in ("fill", "waits", "minimum from any source"):
        text = "its maximum" if bound is None else bound_text(bound)
    return f"{setpoint_ma / MA:.1f} A ({text if wish in ('', rule) else f'{wish}; {text}'})"


def _rule(said: Said, load: PlannedLoad, known: LoadMemory) -> tuple[str, Timer | None]:
    """Return the rule in words and the next timer."""
    scene, now_s = said.scene, said.scene.now_s
    if scene.grid.health == "failsafe":
        return "failsafe: no grid reading", None
    for index, counts_ma in scene.party.beyond:
        if index == load.index:
            words = "not connected" if index in scene.party.lost else "does not obey"
            return (f"{words}: counts as {counts_ma / MA:.1f} A" if counts_ma else words), None
    if load.index in scene.party.idle:
        return load.wish or ("off" if load.mode == "off" else "no vehicle"), None
    if load.index in scene.party.paused and pauses(known):
        return "switches phases", None
    if load.index in scene.party.paused:
        until_s = max(known.pause_until_s, known.since_s + load.min_off_s)
        return "paused", Timer(name="pause", in_s=round(max(0.0, until_s - now_s), 1))
    if known.grace_s is not None:
        return "grace: holds its minimum", _timer("grace", known.grace_s + load.grace_s, now_s)
    rise = said.rises[load.index]
    if rise.waits:
        if rise.until_s is None or rise.waits.startswith("waits"):
            return rise.waits, None
        return rise.waits, _timer(rise.waits, rise.until_s, now_s)
    return scene.raise_shares[load.index].rule, None


def _timer(name: str, until_s: float, now_s: float) -> Timer:
    return Timer(name=name, in_s=round(max(0.0, until_s - now_s), 1))


def site_decision(said: Said, loads: tuple[LoadDecision, ...]) -> Decision:
    """Return the whole decision as an event without its stamps."""
    scene, sides = said.scene, said.sides
    plan, grid = scene.plan, scene.grid
    volts = plan.site.voltage_v
    known = grid.age_s is not None
    phases = MASK_PHASES[plan.site_mask]
    base_ma = [0, 0, 0]
    for phase in phases:
        base_ma[phase] = grid.current_ma[phase] - sum(draw.low[phase] for draw in scene.draws)
    return Decision(
        site=plan.site.site,
        decided_at=said.now,
        cause=said.facts.cause,
        health=grid.health,
        distribution=plan.distribution,
        grid_a=as_per_phase(plan, grid.current_ma) if known else None,
        breaker_a=plan.breaker_ma / MA if plan.breaker_ma is not None else None,
        base_a=as_per_phase(plan, (base_ma[0], base_ma[1], base_ma[2])) if known else None,
        import_w=round(sum(max(0, grid.current_ma[phase]) for phase in phases) * volts / MA, 1) if known else None,
        solar_w=round(sides.solar_ma * volts / MA, 1) if sides.solar_ma is not None else None,
        battery_w=round(sides.battery_ma * volts / MA, 1) if sides.battery_ma is not None else None,
        soc_pct=sides.soc_pct,
        loads=loads,
        inputs=_inputs(said),
        limits=limits_in_force(said.facts, scene.now_s),
        now_s=scene.now_s,
    )


def _inputs(said: Said) -> tuple[InputUsed, ...]:
    scene, facts, now_s = said.scene, said.facts, said.scene.now_s
    grid = _grid_inputs(said)
    circuits = [
        _aged(name, facts.readings.get(name), (now_s, SIDE_METER_S), "meter")
        for name in sorted({node.meter for node in scene.plan.nodes if node.meter is not None})
    ]
    loads = [_aged(load.name, facts.loads.get(load.name), (now_s, STATE_LOST_S), "load") for load in scene.plan.loads]
    limits = [
        used(name, limit, now_s - limit.at_s, "stale" if is_lapsed(limit, now_s) else "fresh")
        for name, limit in sorted(facts.limits.items())
    ]
    return (*grid, *side_inputs(scene.plan, facts, now_s), *circuits, *loads, *limits)


def _grid_inputs(said: Said) -> list[InputUsed]:
    """Return each grid meter with the worse of how far it, and what was made of all, is believed."""
    grid, now_s = said.scene.grid, said.scene.now_s
    inputs = []
    for name in meter_names(said.scene.plan, said.facts, "grid"):
        heard = said.facts.readings.get(name) if grid.age_s is not None else None
        health = grid.health if heard is None else worse(grid.health, health_of(heard, now_s))
        age_s = 0.0 if heard is None else now_s - heard.at_s
        inputs.append(used(name, heard, age_s, _GRID_STATES[health]))
    return inputs


def _aged(
    name: str, heard: Heard[LoadState] | Heard[MeterReading] | None, age: tuple[float, float], of: InputKind
) -> InputUsed:
    """`age` = (now, the age from which it is stale), s."""
    now_s, most_s = age
    if heard is None:
        return InputUsed(name=name, of=of, age_s=None, state="missing")
    return used(name, heard, now_s - heard.at_s, "fresh" if now_s - heard.at_s < most_s else "stale")


def alerts(said: Said) -> Found:
    """Return alerts that begin or end now."""
    standing = {(kind, about): (text, remedy) for kind, about, text, remedy in _standing(said)}
    if not standing and not said.memory.alerts:
        return _NOTHING_FOUND
    before = set(said.memory.alerts)
    events = [_alert(said, key, True, standing[key]) for key in sorted(set(standing) - before)]
    events += [_alert(said, key, False, ("", "")) for key in sorted(before - set(standing))]
    return Found(events=tuple(events), standing=tuple(sorted(standing)))


def _alert(said: Said, key: tuple[str, str], active: bool, words: tuple[str, str]) -> Alert:
    kind, about = key
    severity: Severity = "critical" if kind in ("grid_unknown", "overload_not_shed") else "warning"
    return Alert(
        site=said.scene.plan.site.site,
        kind=kind,
        about=about,
        active=active,
        at=said.now,
        severity=severity if active else "info",
        text=words[0],
        remedy=words[1],
    )


def _standing(said: Said) -> list[tuple[str, str, str, str]]:
    """Return (kind, about, text, remedy) of everything that is wrong now."""
    scene = said.scene
    found = _grid_standing(said)
    for phase in _not_shed(said):
        found.append(
            (
                "overload_not_shed",
                f"L{phase + 1}",
                f"{scene.grid.current_ma[phase] / MA:.1f} A and nothing left to lower",
                "switch off large consumers in the house; check the breaker's rating in the site file",
            )
        )
    for index, _ in scene.party.beyond:
        name = scene.plan.loads[index].name
        heard = said.facts.loads.get(name)
        if heard is not None and heard.event.reachable and not heard.event.obeys:
            found.append(
                ("load_disobeys", name, "draws more than it was told to", "restart it; check its own settings")
            )
    for load in scene.plan.loads:
        over_ma = said.memory.loads[load.name].over_ma
        if load.all_or_nothing and said.memory.loads[load.name].setpoint_ma and over_ma >= OVER_RATING_MA:
            drawn_a = (load.max_ma + over_ma) / MA
            text = f"draws {drawn_a:.1f} A per line, its power_w allows {load.max_ma / MA:.1f} A"
            found.append(("plug_rating", load.name, text, "correct power_w in the site file"))
    found += lost_alerts(said.facts, scene.now_s)
    found += switching_alerts(said.memory) if scene.plan.switches else []
    return found + wiring_alerts(scene.plan, said.memory)


def _grid_standing(said: Said) -> list[tuple[str, str, str, str]]:
    """Return the same for what is wrong with the grid meter."""
    scene = said.scene
    found = []
    about = _grid_name(said)
    inverted = said.memory.grid_wiring.inverted_s is not None
    if inverted:
        text = "falls when loads draw more: it is taken to be inverted, all loads go to their failsafe"
        remedy = "set invert: for it in the site file, or turn its current transformers around; it is tried each hour"
        found.append(("grid_inverted", about, text, remedy))
    if scene.plan.limit_ma is not None and scene.grid.health == "failsafe" and not inverted:
        age = "never read" if scene.grid.age_s is None else "too old"
        found.append(
            (
                "grid_unknown",
                about,
                f"grid reading {age}: all loads at their failsafe",
                "check the meter and its network",
            )
        )
    if reads_a_thousandth(said.memory, scene.grid):
        text = "moves by a thousandth of what the loads draw: it is not believed"
        found.append(("grid_unit", about, text, "correct its unit in the site file: `scale: 1000` where it says kW"))
    elif said.memory.doubted_s is not None and not inverted:
        text = "repeats its value while loads move, or reads what cannot be"
        found.append(("grid_doubted", about, text, "restart the meter; check where it is mounted"))
    if said.memory.disagree_s is not None:
        found.append(_disagreement(said))
    if said.memory.underread_s is not None:
        words = shortfall_words(scene.grid) or "says less than what is measured below it"
        remedy = (
            "compare it with the fuse box: its unit (`scale`), its transformers, `phases` of it and of the loads; who"
            " produces without a meter needs one with `role: solar`, or `inverter: {max_w: …}`"
        )
        found.append(("grid_reads_low", about, f"{words}: the higher counts until they agree", remedy))
    return found


def _grid_name(said: Said) -> str:
    """Return the site's own grid meter, not one that checks it."""
    return next(iter(main_first(said.scene.plan, meter_names(said.scene.plan, said.facts, "grid"))), "grid")


def _disagreement(said: Said) -> tuple[str, str, str, str]:
    """Return (kind, about, text, remedy) of two grid meters that do not say the same (faults.md A11)."""
    meters = said.scene.plan.site.meters
    about = next((name for name, meter in sorted(meters.items()) if meter.checks is not None), "grid")
    words = in_words(said.scene.grid) or "did not say the same"
    remedy = (
        "look at the house's own meter and mend the one that is wrong: its unit (`scale`), sign (`invert`), order of"
        " `phases`, or where it is mounted"
    )
    return ("grid_meters_disagree", about, f"{words}: the higher import counts until they agree", remedy)


def _not_shed(said: Said) -> list[int]:
    """Return phases above the breaker on which nothing is left to lower."""
    scene = said.scene
    breaker_ma = scene.plan.breaker_ma
    if breaker_ma is None or scene.grid.age_s is None:
        return []
    found = []
    beyond = {index for index, _ in scene.party.beyond}
    for phase in MASK_PHASES[scene.plan.site_mask]:
        if scene.grid.current_ma[phase] <= breaker_ma:
            continue
        obedient = [load for load in scene.plan.loads if phase in load.phases and load.index not in beyond]
        on = any(said.memory.loads[load.name].setpoint_ma for load in obedient)
        if not on:
            found.append(phase)
    return found
