"""Two grid meters that do not say the same, for longer than their delays explain (faults.md A11). Pure.

Meanwhile the higher import of both counts on each phase (`belief`). They are told to disagree after 30 s without one
moment of agreement, the time in which a frozen meter must be found; and to agree again after ten minutes without a
difference, because two meters always agree on a connection that carries little.
"""

from msgspec.structs import replace

from evenload.contracts.phases import PHASES
from services.allocator.belief import Grid
from services.allocator.memory import Memory
from services.allocator.plan import MA

DISAGREE_S = 30.0
AGREE_S = 600.0


def compared(memory: Memory, grid: Grid, now_s: float) -> Memory:
    """Return the memory of how long the two grid meters have differed, and when they last did for so long."""
    if grid.apart:
        since_s = memory.apart_s if memory.apart_s is not None else now_s
        told_s = now_s if now_s - since_s >= DISAGREE_S else memory.disagree_s
    else:
        since_s = None
        over = memory.disagree_s is not None and now_s - memory.disagree_s >= AGREE_S
        told_s = None if over else memory.disagree_s
    if (since_s, told_s) == (memory.apart_s, memory.disagree_s):
        return memory
    return replace(memory, apart_s=since_s, disagree_s=told_s)


def in_words(grid: Grid) -> str:
    """Return what the two meters say where they differ: `L1 9.8 A, p1 says 3.2 A`."""
    told = [
        f"{PHASES[each.phase]} {each.said_ma[1] / MA:.1f} A, {each.names[0]} says {each.said_ma[0] / MA:.1f} A"
        for each in grid.apart
    ]
    return "; ".join(told)
