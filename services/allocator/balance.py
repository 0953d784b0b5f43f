"""The grid meter against the sum of what is measured below it (faults.md A11). Pure.

What loads and metered circuits draw on a phase, beyond what sun and battery may put there, must come through the grid
meter:

    least_p = Σ loads_p + the rest of a metered circuit_p − produced_p

A meter that says less for 30 s, in samples that were all taken since, is proven to: a car that has just stopped by
itself, and has not said so yet, must not pass for a faulty meter. From then on the higher counts at once wherever it
says less, until ten minutes after the last proof: whoever draws little agrees with any meter.
What the house draws only adds to the sum; who may produce without a meter and without a bound is not judged.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.phases import PHASES
from services.allocator.belief import Grid, Short, Sides, tolerance_ma
from services.allocator.disagreement import AGREE_S, DISAGREE_S
from services.allocator.draws import NOTHING, Draw, Phases
from services.allocator.facts import Facts
from services.allocator.memory import Memory
from services.allocator.plan import MA, MASK_PHASES, Node, Plan


class Below(Struct, frozen=True):
    """What is measured below the grid meter, mA per phase, and when the oldest of its samples was taken, s."""

    drawn_ma: Phases
    sample_s: float


def drawn_below(plan: Plan, memory: Memory, facts: Facts, draws: Sequence[Draw]) -> Below:
    """Return at least what loads and metered circuits draw; a load that does not measure counts as nothing.

    Of metered circuits the one with the largest rest counts on each phase, as they may lie in one another.
    """
    drawn, oldest_s = [0, 0, 0], 1e9
    for load in plan.loads:
        low, heard = draws[load.index].low, facts.loads.get(load.name)
        if low == NOTHING or heard is None or heard.event.measured_a is None:
            continue
        drawn = [drawn[phase] + low[phase] for phase in range(3)]
        oldest_s = min(oldest_s, memory.loads[load.name].sample_s)
    rests = [0, 0, 0]
    for node in plan.nodes:
        rest, read_s = _rest(node, facts, draws)
        if any(rest):
            rests, oldest_s = [max(rests[phase], rest[phase]) for phase in range(3)], min(oldest_s, read_s)
    return Below((drawn[0] + rests[0], drawn[1] + rests[1], drawn[2] + rests[2]), oldest_s)


def _rest(node: Node, facts: Facts, draws: Sequence[Draw]) -> tuple[Phases, float]:
    """Return what a metered circuit carries beyond the most that its loads draw, and when it was read."""
    heard = facts.readings.get(node.meter) if node.meter is not None else None
    if heard is None or heard.event.current_a is None:
        return NOTHING, 1e9
    told_a = heard.event.current_a
    carried = (round((told_a.l1 or 0.0) * MA), round((told_a.l2 or 0.0) * MA), round((told_a.l3 or 0.0) * MA))
    high = [sum(draws[index].high[phase] for index in node.loads) for phase in range(3)]
    return (max(0, carried[0] - high[0]), max(0, carried[1] - high[1]), max(0, carried[2] - high[2])), heard.at_s


def balanced(plan: Plan, memory: Memory, grid: Grid, seen: tuple[Sides, Below, float]) -> tuple[Memory, Grid]:
    """Return memory and grid with the higher of what the meter says and what is measured below it.

    `seen` = what is read beside the grid meter, what is drawn below it, now in s.
    """
    sides, below, now_s = seen
    if sides.made_ma is None or grid.health != "normal" or grid.age_s is None:
        return (memory if memory.short_s is None else replace(memory, short_s=None)), grid
    short = _short(plan, grid, below, sides.made_ma)
    since_s = None if not short else memory.short_s if memory.short_s is not None else now_s
    told_s = memory.underread_s
    proven = since_s is not None and now_s - grid.age_s - since_s >= DISAGREE_S and below.sample_s >= since_s
    if proven:
        told_s = now_s
    elif told_s is not None and now_s - told_s >= AGREE_S:
        told_s = None
    if (since_s, told_s) != (memory.short_s, memory.underread_s):
        memory = replace(memory, short_s=since_s, underread_s=told_s)
    return memory, grid if told_s is None or not short else _higher(grid, short)


def _short(plan: Plan, grid: Grid, below: Below, made_ma: Phases) -> tuple[Short, ...]:
    found = []
    for phase in MASK_PHASES[plan.site_mask & ~grid.missing_mask]:
        said_ma, least_ma = grid.current_ma[phase], below.drawn_ma[phase] - made_ma[phase]
        if least_ma - said_ma > tolerance_ma((least_ma, said_ma)):
            found.append(Short(phase, said_ma, least_ma))
    return tuple(found)


def _higher(grid: Grid, short: tuple[Short, ...]) -> Grid:
    currents = list(grid.current_ma)
    for each in short:
        currents[each.phase] = each.below_ma
    return replace(grid, current_ma=(currents[0], currents[1], currents[2]), short=short)


def shortfall_words(grid: Grid) -> str:
    """Return where it says too little: `L1 3.2 A, where at least 15.8 A must flow by what is measured below it`."""
    return "; ".join(
        f"{PHASES[each.phase]} {each.said_ma / MA:.1f} A, where at least {each.below_ma / MA:.1f} A must flow"
        for each in grid.short
    )
