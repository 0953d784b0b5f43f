"""Finds on which site phase each line of a load really is, and a grid meter with the wrong sign (engine.md section 6).

Pure: (plan of the site file, memory, facts) → memory. A step is what changed within a window between two samples of a
load, with the grid reading that followed each. With a step of |Δ| ≥ 0.5 A, weight w = min(|Δ|, 15 A)/5:
* one line draws: each site phase whose current moved ≥ 0.5 A the same way scores w for that line;
* two lines draw: the phase that moved least scores w for the third one; three lines say nothing.
Nothing is concluded below a score of 6, nor while the best phase holds less than 70 % of it: then, from 10 on, all
scores of the line halve. From 15 on the line takes the best phase, in exchange for its own. A meter moved the other way
in 10 of 15 steps ≥ 1 A is inverted.

What other loads moved is taken off where their own wiring is known, and so are sun and battery where they are measured;
behind an asymmetric inverter, which answers a step on other phases too, its output must be measured per phase.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import LoadState, WiringState
from services.allocator.belief import Grid, Sides
from services.allocator.draws import NOTHING, Phases, measured_ma, sampled_s
from services.allocator.facts import Facts, Heard
from services.allocator.memory import GridWiring, LoadMemory, Memory, Window, Wiring
from services.allocator.plan import Plan, PlannedLoad
from services.allocator.watch import IDLE_MA, presence

WINDOW_S, WINDOW_MOST_S = 8.0, 75.0
"""A window is about 10 s; a station that measures each minute has longer ones."""
TOGETHER_S, WINDOW_APART_S = 2.5, 20.0
"""Sample and grid reading should be of one moment; where they never are, windows are longer."""
FOLLOWS_S = 5.0
"""A vehicle follows its command within 0.5 to 5 s."""
LATE_S = 12.0
"""So much later than the sample the grid reading may have been taken."""
STEP_MA, MOST_MA, PER_SCORE_MA = 500, 15_000, 5000
DOUBTFUL_SCORE, HALVE_SCORE, CORRECT_SCORE, MOST_SCORE = 6.0, 10.0, 15.0, 30.0
"""A score is kept from growing without end, so that a house that is wired anew is found out as soon."""
CLEAR_SHARE = 0.7
SIGN_STEP_MA, SIGN_STEPS, SIGN_WRONG = 1000, 15, 10
SIGN_GAIN = (0.4, 2.5)
"""Only an answer of about the step's own size counts as one: sun and house move more, or less."""
TRIED_AGAIN_S = 3600.0
QUIET_MA = 300
Lines = tuple[int, int, int]


class Moment(Struct, frozen=True, kw_only=True):
    """The site at one grid reading."""

    now_s: float
    grid_s: float
    grid_ma: Phases
    beside_ma: Phases | None
    """What sun and battery put on each phase; None = it cannot be told, so a step shows nothing."""
    version: int


class Step(Struct, frozen=True, kw_only=True):
    """What changed within a window."""

    lines_ma: Lines
    used: tuple[int, ...]
    """Lines that drew at its begin or its end."""
    grid_ma: Phases
    rest_ma: Phases
    managed_ma: Phases


def learned(plan: Plan, memory: Memory, facts: Facts, seen: tuple[Grid, Sides, float]) -> Memory:
    """Return the memory with what newly measured steps say; `seen` = (grid, sun and battery, now)."""
    grid, sides, now_s = seen
    if plan.phase_count < 3 or plan.limit_ma is None:
        return memory
    about = _of_meter(memory.grid_wiring, plan, now_s)
    memory = _forgotten(memory, about)
    grid_s = now_s - (grid.age_s or 0.0)
    trusted = grid.age_s is not None and grid.health == "normal" and not grid.missing_mask and not grid.doubted
    if not trusted or grid_s <= about.read_s:
        return memory if about is memory.grid_wiring else replace(memory, grid_wiring=about)
    about = replace(about, read_s=grid_s)
    moment = Moment(
        now_s=now_s, grid_s=grid_s, grid_ma=grid.current_ma, beside_ma=_beside(plan, sides), version=about.version
    )
    ends: list[PlannedLoad] = []
    filed: list[PlannedLoad] = []
    for load in plan.loads:
        known = memory.loads.get(load.name)
        heard = facts.loads.get(load.name)
        if known is None or heard is None:
            continue
        wiring = known.wiring
        if wiring is not None and wiring.file != load.phases:
            filed.append(load)
        elif wiring is not None and wiring.window is not None and heard.at_s - wiring.window.at_s < WINDOW_S:
            continue
        elif _ends(known, heard, moment):
            ends.append(load)
    memory = _filed(replace(memory, grid_wiring=about), filed)
    return _stepped(plan, memory, facts, (ends, moment)) if ends else memory


def _filed(memory: Memory, changed: Sequence[PlannedLoad]) -> Memory:
    """Return the memory after the site file got other phases for some loads: they hold, what was seen counts half."""
    if not changed:
        return memory
    loads = dict(memory.loads)
    for load in changed:
        known = loads[load.name]
        wiring = _first(load)
        if known.wiring is not None and len(known.wiring.file) == len(load.phases):
            scores = tuple((one / 2, two / 2, three / 2) for one, two, three in known.wiring.scores)
            wiring = judged(replace(wiring, scores=scores))
        loads[load.name] = replace(known, wiring=wiring)
    about = replace(memory.grid_wiring, version=memory.grid_wiring.version + 1, notable=_notable(loads))
    return replace(memory, loads=loads, grid_wiring=about)


def _notable(loads: dict[str, LoadMemory]) -> tuple[str, ...]:
    return tuple(
        name
        for name, load in sorted(loads.items())
        if load.wiring is not None and load.wiring.state in ("suspected", "corrected")
    )


def _first(load: PlannedLoad) -> Wiring:
    """Return the wiring as the site file says, without evidence."""
    first, second, third = (*load.phases, *(phase for phase in range(3) if phase not in load.phases))
    return Wiring(file=load.phases, found=(first, second, third))


def _of_meter(about: GridWiring, plan: Plan, now_s: float) -> GridWiring:
    """Return what is known of the meter: nothing of another one; one taken to be inverted is tried again each hour,
    and one more step the other way ends that."""
    if about.meter != plan.grid_meter:
        return GridWiring(meter=plan.grid_meter, version=about.version + 1)
    if about.inverted_s is not None and now_s - about.inverted_s >= TRIED_AGAIN_S:
        return replace(about, inverted_s=None, steps=(True,) * (SIGN_WRONG - 1))
    return about


def _forgotten(memory: Memory, about: GridWiring) -> Memory:
    """Return the memory without what another meter told of the loads: its phases may have had other names."""
    if memory.grid_wiring.meter in ("", about.meter):
        return memory
    loads = {
        name: load if load.wiring is None else replace(load, wiring=None, mask=0, mask_seen=0, mask_count=0)
        for name, load in memory.loads.items()
    }
    return replace(memory, loads=loads)


def _ends(memory: LoadMemory, heard: Heard[LoadState], moment: Moment) -> bool:
    """Tell whether a window of the load ends, or its first begins, with this grid reading."""
    if heard.event.measured_a is None:
        return False
    window = memory.wiring.window if memory.wiring is not None else None
    sample_s = sampled_s(heard)
    if not moment.grid_s - LATE_S <= sample_s <= moment.grid_s:
        return False
    there = presence(heard, moment.now_s)
    if not (there.active and there.reachable):
        return window is not None
    least_s = WINDOW_S if moment.grid_s - sample_s <= TOGETHER_S else WINDOW_APART_S
    ripe = window is None or sample_s - window.at_s >= least_s
    return ripe and not _jumped(memory, sample_s - FOLLOWS_S, moment.grid_s)


def _jumped(memory: LoadMemory, since_s: float, until_s: float) -> bool:
    """Tell whether a command changed by a step in that time: sample and grid reading may show different sides of it."""
    pairs = zip(memory.history, memory.history[1:], strict=False)
    return any(
        since_s < after.at_s <= until_s and abs(after.setpoint_ma - before.setpoint_ma) >= SIGN_STEP_MA
        for before, after in pairs
    )


def _beside(plan: Plan, sides: Sides) -> Phases | None:
    """Return what inverter and battery put on each phase, mA, as far as it is measured; None = cannot be told."""
    if plan.inverter.asymmetric:
        if sides.output_ma is not None:
            return sides.output_ma
        rests = sides.solar_ma is not None and abs(sides.solar_ma) + abs(sides.battery_ma or 0) < QUIET_MA
        return NOTHING if rests and (plan.battery is None or sides.battery_ma is not None) else None
    each_ma = ((sides.solar_ma or 0) + (sides.battery_ma or 0)) // plan.phase_count
    return (each_ma, each_ma, each_ma)


def _stepped(plan: Plan, memory: Memory, facts: Facts, ending: tuple[Sequence[PlannedLoad], Moment]) -> Memory:
    """Return the memory after the windows of some loads ended: what their steps say, and their next windows begun."""
    ends, moment = ending
    managed_ma, known_ma = _drawn(plan, memory, facts)
    loads, about = dict(memory.loads), memory.grid_wiring
    for load in ends:
        known, heard = loads[load.name], facts.loads[load.name]
        before = known.wiring or _first(load)
        lines_ma = lines_of(load, heard.event)
        own_ma = _known_part(lines_ma, before)
        rest = [grid - other + own for grid, other, own in zip(moment.grid_ma, known_ma, own_ma, strict=True)]
        beside_ma = moment.beside_ma if moment.beside_ma is not None else NOTHING
        window = Window(
            at_s=sampled_s(heard),
            lines_ma=lines_ma,
            grid_ma=moment.grid_ma,
            rest_ma=(rest[0] + beside_ma[0], rest[1] + beside_ma[1], rest[2] + beside_ma[2]),
            managed_ma=managed_ma,
            version=moment.version,
        )
        step = _step(before.window, window)
        active = presence(heard, moment.now_s).active
        after = replace(before, window=window if active else None)
        if step is not None and active:
            if moment.beside_ma is not None:
                after = judged(corrected(scored(after, step)))
            about = signed(about, after, step, moment.grid_s)
        if _changes(before, after):
            about = replace(about, version=about.version + 1)
        loads[load.name] = _rewired(replace(known, wiring=after), before)
        if after.state != before.state:
            about = replace(about, notable=_notable(loads))
    return replace(memory, loads=loads, grid_wiring=about)


def lines_of(load: PlannedLoad, state: LoadState) -> Lines:
    """Return mA on each line of a load, as its service maps them to the phases of the site file."""
    measured = measured_ma(state)
    if measured is None or measured == NOTHING:
        return NOTHING
    lines = [measured[phase] for phase in load.phases] + [0, 0]
    return lines[0], lines[1], lines[2]


def _drawn(plan: Plan, memory: Memory, facts: Facts) -> tuple[Phases, Phases]:
    """Return what all loads draw per site phase, and what of it is known to be on its phase, mA."""
    managed, known = [0, 0, 0], [0, 0, 0]
    for load in plan.loads:
        heard = facts.loads.get(load.name)
        lines_ma = lines_of(load, heard.event) if heard is not None else NOTHING
        if lines_ma == NOTHING:
            continue
        wiring = memory.loads[load.name].wiring if load.name in memory.loads else None
        three = min(lines_ma) >= IDLE_MA
        for line, phase in enumerate(load.phases if wiring is None else wiring.found[: len(load.phases)]):
            managed[phase] += lines_ma[line]
            if three or (wiring is not None and wiring.confirmed[line]):
                known[phase] += lines_ma[line]
    return (managed[0], managed[1], managed[2]), (known[0], known[1], known[2])


def _known_part(lines_ma: Lines, wiring: Wiring) -> Phases:
    """Return what a load draws on lines whose phase is known, per site phase: confirmed ones, and three at once."""
    three = min(lines_ma) >= IDLE_MA
    found = [0, 0, 0]
    for line, phase in enumerate(wiring.found):
        if three or wiring.confirmed[line]:
            found[phase] += lines_ma[line]
    return found[0], found[1], found[2]


def _step(begun: Window | None, ended: Window) -> Step | None:
    """Return what changed within a window; None when it was too long, or what is known of the others changed."""
    if begun is None or begun.version != ended.version or ended.at_s - begun.at_s > WINDOW_MOST_S:
        return None
    return Step(
        lines_ma=_less(ended.lines_ma, begun.lines_ma),
        used=tuple(line for line in range(3) if max(begun.lines_ma[line], ended.lines_ma[line]) >= IDLE_MA),
        grid_ma=_less(ended.grid_ma, begun.grid_ma),
        rest_ma=_less(ended.rest_ma, begun.rest_ma),
        managed_ma=_less(ended.managed_ma, begun.managed_ma),
    )


def _less(these: Phases, those: Phases) -> Phases:
    return these[0] - those[0], these[1] - those[1], these[2] - those[2]


def scored(wiring: Wiring, step: Step) -> Wiring:
    """Return the scores after a step of one or two lines."""
    if len(step.used) not in (1, 2):
        return wiring
    delta_ma = sum(step.lines_ma[line] for line in step.used) / len(step.used)
    if abs(delta_ma) < STEP_MA:
        return wiring
    sign = 1 if delta_ma > 0 else -1
    moved = [sign * each for each in step.rest_ma]
    same = [phase for phase in range(3) if moved[phase] >= STEP_MA]
    line = step.used[0]
    if len(step.used) == 2:
        least = min(range(3), key=lambda phase: moved[phase])
        line = 3 - sum(step.used)
        same = [least] if all(phase in same for phase in range(3) if phase != least) else []
    return _added(wiring, line, same, min(abs(delta_ma), MOST_MA) / PER_SCORE_MA)


def _added(wiring: Wiring, line: int, phases: Sequence[int], weight: float) -> Wiring:
    """Return the scores with `weight` more for some phases of a line; unclear ones halve, large ones stay bounded."""
    score = [value + (weight if phase in phases else 0.0) for phase, value in enumerate(wiring.scores[line])]
    total = sum(score)
    if total >= HALVE_SCORE and max(score) < CLEAR_SHARE * total:
        score = [value / 2 for value in score]
    elif total > MOST_SCORE:
        score = [value * MOST_SCORE / total for value in score]
    scores = list(wiring.scores)
    scores[line] = (score[0], score[1], score[2])
    return replace(wiring, scores=tuple(scores))


def best(wiring: Wiring, line: int) -> int | None:
    """Return the site phase on which a line is by its scores; None while nothing is to be concluded."""
    score = wiring.scores[line]
    total = sum(score)
    if total < DOUBTFUL_SCORE or max(score) < CLEAR_SHARE * total:
        return None
    return max(range(3), key=lambda phase: score[phase])


def judged(wiring: Wiring) -> Wiring:
    """Return the wiring with what its scores say of its lines in force: confirmed, in doubt, or neither."""
    found = [best(wiring, line) for line in range(3)]
    own = [found[line] == wiring.found[line] for line in range(3)]
    lines = range(len(wiring.file))
    doubts = tuple(
        (wiring.found[line], phase)
        for line, phase in enumerate(found[: len(wiring.file)])
        if phase is not None and not own[line]
    )
    state: WiringState = "confirmed" if any(own[line] for line in lines) else "unproven"
    if wiring.found[: len(wiring.file)] != wiring.file:
        state = "corrected"
    if doubts:
        state = "suspected"
    return replace(wiring, confirmed=(own[0], own[1], own[2]), doubts=doubts, state=state)


def corrected(wiring: Wiring) -> Wiring:
    """Return the wiring with the first line that is proven to be elsewhere put there, in exchange for its own phase.

    Not against a line with as much evidence for the same phase.
    """
    for line in range(3):
        phase = best(wiring, line)
        if phase is None or phase == wiring.found[line] or sum(wiring.scores[line]) < CORRECT_SCORE:
            continue
        other = wiring.found.index(phase)
        if best(wiring, other) == phase and sum(wiring.scores[other]) >= sum(wiring.scores[line]):
            continue
        found = list(wiring.found)
        found[line], found[other] = phase, wiring.found[line]
        return replace(wiring, found=(found[0], found[1], found[2]))
    return wiring


def _changes(before: Wiring, after: Wiring) -> bool:
    return before.found != after.found or before.confirmed != after.confirmed


def _rewired(memory: LoadMemory, before: Wiring) -> LoadMemory:
    """Return the memory with its lines in use, which are kept as site phases, moved with the lines."""
    after = memory.wiring
    assert after is not None, "wiring was just learned"
    if after.found == before.found:
        return memory
    return replace(memory, mask=_moved(memory.mask, before, after), mask_seen=_moved(memory.mask_seen, before, after))


def _moved(mask: int, before: Wiring, after: Wiring) -> int:
    return sum(1 << after.found[line] for line in range(3) if mask >> before.found[line] & 1)


def signed(about: GridWiring, wiring: Wiring, step: Step, at_s: float) -> GridWiring:
    """Return what is known of the meter's sign after a step, looked at on the phases of the lines that moved."""
    phases = [wiring.found[line] for line in step.used]
    if not phases or abs(sum(step.lines_ma[line] for line in step.used)) < SIGN_STEP_MA * len(phases):
        return about
    drawn_ma = sum(step.managed_ma[phase] for phase in phases) / len(phases)
    if abs(drawn_ma) < SIGN_STEP_MA:
        return about
    moved_ma = sum(step.grid_ma[phase] for phase in phases) / len(phases)
    gain = moved_ma / drawn_ma
    wrong = abs(moved_ma) >= STEP_MA and SIGN_GAIN[0] <= -gain <= SIGN_GAIN[1]
    steps = (*about.steps, wrong)[-SIGN_STEPS:]
    is_inverted = sum(steps) >= SIGN_WRONG
    inverted_s = about.inverted_s if about.inverted_s is not None else at_s
    return replace(about, steps=steps, inverted_s=inverted_s if is_inverted else None)
