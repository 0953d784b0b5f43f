"""A grid meter that repeats itself: its value stands still while a managed load's draw has moved (faults.md A2).

The battery may null a step, and the sun may hide one, so what battery and sun moved is taken off. Stations measure less
often than the grid meter: draws are compared only between samples that were all taken while the value stood still.
Found frozen, or called suspect by who read it, a reading is no longer believed: raises stop at once, and after the
failsafe age it counts as not read.
"""

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import Health
from services.allocator.belief import FAILSAFE_S, Grid, Sides
from services.allocator.draws import SETTLE_S, Phases
from services.allocator.memory import Memory, Repeated

MOVED_MA = 3000
NULLED_MA = 1000
"""Within this a battery, even one that is not in the site file, may be holding the total at zero: proves nothing."""
SAMPLES = 3
PART = 10


class Seen(Struct, frozen=True):
    """Arrival of the newest grid reading, s; time of the oldest sample of an active load; draws, mA per phase.

    `draws_ma` None = they are not settled.
    """

    reading_s: float
    sample_s: float
    draws_ma: Phases | None


def _beside_ma(sides: Sides) -> int:
    return (sides.battery_ma or 0) + (sides.solar_ma or 0)


def repeated(memory: Memory, grid: Grid, sides: Sides, seen: Seen) -> Memory:
    """Return the memory of how long, and against what, the grid meter has repeated its value."""
    known = memory.repeated
    if known is None or known.current_ma != grid.current_ma:
        was_ma = grid.current_ma if known is None else known.current_ma
        fresh = Repeated(current_ma=grid.current_ma, since_s=seen.reading_s, reading_s=seen.reading_s, was_ma=was_ma)
        return replace(memory, repeated=fresh)
    if seen.reading_s > known.reading_s:
        known = replace(known, reading_s=seen.reading_s, samples=known.samples + 1)
    if known.draws_ma is None and seen.draws_ma is not None and seen.sample_s >= known.since_s + SETTLE_S:
        known = replace(known, draws_ma=seen.draws_ma, beside_ma=_beside_ma(sides))
    return memory if known is memory.repeated else replace(memory, repeated=known)


def is_frozen(memory: Memory, sides: Sides, seen: Seen) -> bool:
    """Tell whether a draw moved by more than 3 A while the meter repeated its value at least three times."""
    known = memory.repeated
    if known is None or known.samples < SAMPLES or known.draws_ma is None or seen.draws_ma is None:
        return False
    moved_ma = max(abs(now - then) for now, then in zip(seen.draws_ma, known.draws_ma, strict=True))
    beside_ma = abs(_beside_ma(sides) - known.beside_ma)
    nulled = abs(sum(known.current_ma)) <= NULLED_MA
    return not nulled and moved_ma > MOVED_MA and beside_ma * PART < moved_ma


def doubted(memory: Memory, grid: Grid, now_s: float, *, frozen: bool) -> tuple[Memory, Grid]:
    """Return memory and grid with what a doubted reading is worth: frozen, after the failsafe age failsafe.

    A value once found frozen is doubted until it changes.
    """
    same = memory.repeated is not None and memory.doubted_s is not None and memory.repeated.since_s < memory.doubted_s
    if grid.health == "failsafe" or not (frozen or same or grid.doubted):
        return (memory if memory.doubted_s is None else replace(memory, doubted_s=None)), grid
    since_s = memory.doubted_s if memory.doubted_s is not None else now_s
    health: Health = "failsafe" if now_s - since_s > FAILSAFE_S else "frozen"
    return replace(memory, doubted_s=since_s), replace(grid, health=health)
