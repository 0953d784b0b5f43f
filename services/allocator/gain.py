"""A grid meter that reads a thousandth: kW taken for W (faults.md A5). A thousandfold is refused by who reads it.

Such a meter never shows 0.1 A on any phase, and moves by 1/1000 of what the loads do. A battery that nulls the grid
shows little too, but not in that proportion, and not while it answers. So readings that are all small are kept beside
the draws; a step of 3 A or more that battery and sun do not explain, on each of its phases with a gain of 0.0005 to
0.002, is the proof; of a slow meter, which does not see the battery answer, three in a row. One larger reading ends it.
"""

from msgspec.structs import replace

from services.allocator.belief import Grid, Sides
from services.allocator.draws import Phases
from services.allocator.frozen import MOVED_MA, PART
from services.allocator.memory import Gain, Memory

SMALL_MA = 100
GAIN_LEAST, GAIN_MOST = 0.0005, 0.002
SLOW_S, SLOW_STEPS = 5.0, 3


def weighed(memory: Memory, grid: Grid, sides: Sides, drawn: tuple[Phases, Phases]) -> Memory:
    """Return the memory of how the meter's small values move with the draws; None in it once one is not small.

    `drawn` = what the loads draw at least and at most, mA per phase.
    """
    known, (low, high) = memory.gain, drawn
    if max(map(abs, grid.current_ma)) > SMALL_MA or grid.missing_mask:
        return memory if known is None else replace(memory, gain=None)
    beside_ma = (sides.battery_ma or 0) + (sides.solar_ma or 0)
    fresh = Gain(current_ma=grid.current_ma, low_ma=low, high_ma=high, beside_ma=beside_ma)
    if known is None:
        return replace(memory, gain=fresh)
    steps = [step for phase in range(3) if (step := _step(known, fresh, phase)) is not None]
    if not steps:
        return memory
    explained = abs(beside_ma - known.beside_ma) * PART >= max(least for least, _, _ in steps)
    thousandth = all(GAIN_LEAST * most <= moved <= GAIN_MOST * least for least, most, moved in steps)
    return replace(memory, gain=replace(fresh, steps=known.steps + 1 if thousandth and not explained else 0))


def _step(then: Gain, now: Gain, phase: int) -> tuple[int, int, int] | None:
    """Return by how much the loads moved at least and at most, and the meter the same way, mA; None = too little."""
    moved_ma = now.current_ma[phase] - then.current_ma[phase]
    if now.low_ma[phase] - then.high_ma[phase] >= MOVED_MA:
        return now.low_ma[phase] - then.high_ma[phase], now.high_ma[phase] - then.low_ma[phase], moved_ma
    if then.low_ma[phase] - now.high_ma[phase] >= MOVED_MA:
        return then.low_ma[phase] - now.high_ma[phase], then.high_ma[phase] - now.low_ma[phase], -moved_ma
    return None


def reads_a_thousandth(memory: Memory, grid: Grid) -> bool:
    """Tell whether the meter's unit is proven wrong."""
    steps = memory.gain.steps if memory.gain is not None else 0
    return steps >= (SLOW_STEPS if grid.period_s > SLOW_S else 1)
