"""Residuals of all limits while one decision is made: what is placed uses them up, what is left is room.

Every limit only ever shrinks as currents are added, so placing within the room keeps all of them.
"""

from collections.abc import Iterable, Sequence
from functools import cache

from evenload.contracts.events import Bound
from evenload.contracts.phases import PHASES, Phase
from services.allocator.limits import EXCESS, SURPLUS, Caps, Nulling, Sharing
from services.allocator.plan import MASK_SIZE, Plan, PlannedLoad

HITS = tuple(tuple((other, MASK_SIZE[other & mask]) for other in range(8) if other & mask) for mask in range(8))
"""Per mask of phases: every set of phases that it touches, and in how many."""

NOTHING_MA = (0, 0, 0)


@cache
def _hits(active: tuple[int, ...]) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return `HITS` without the sets on which nothing is limited; there are 128 choices of sets."""
    return tuple(tuple(hit for hit in hits if hit[0] in active) for hits in HITS)


class Board:
    """Residuals of all limits while one decision is made; lives within one call."""

    def __init__(self, plan: Plan, loads: Sequence[PlannedLoad], caps: Caps) -> None:
        self.plan, self.loads, self.caps = plan, loads, caps
        self.nodes = list(caps.node_ma)
        self.hard = list(caps.hard_ma)
        self.used = [0, 0, 0]
        self.counted = [0, 0, 0]
        self.given = [0] * len(loads)
        self.active = caps.active
        self.hits = _hits(self.active)
        self.bounds: dict[int, Bound] = {}
        self.graced: set[int] = set()
        self.on_mask = 0
        self.guarded = 0
        self.settled_guard = 0
        self.excess_ma = 0
        self.excess_filled = False
        self.export_ma = caps.surplus_ma

    def place(self, load: PlannedLoad, current_ma: int) -> None:
        """Use up `current_ma` on each of the load's lines, whether it fits or not.

        Limits count a plug's current rounded up to a step; what is left of sun and export counts it to the mA.
        """
        nodes, hard, used = self.nodes, self.hard, self.used
        for slot in load.slots:
            nodes[slot] -= current_ma
        for mask, lines in self.hits[load.mask]:
            hard[mask] -= lines * current_ma
        drawn_ma = load.exact_ma if current_ma == load.rating_ma and load.all_or_nothing else current_ma
        for phase in load.phases:
            used[phase] += drawn_ma
            self.counted[phase] += current_ma

    def give(self, load: PlannedLoad, current_ma: int) -> None:
        """Place and count it as the load's setpoint."""
        self.place(load, current_ma)
        self.given[load.index] += current_ma
        self.on_mask |= load.mask

    def settle(self, load: PlannedLoad, current_ma: int, reserve_ma: int) -> None:
        """Place what a load has by command, with what it draws above it."""
        if reserve_ma:
            self.place(load, reserve_ma)
        if current_ma <= 0:
            return
        self.give(load, current_ma)
        if load.urgency == 3:
            self.excess_ma += current_ma * len(load.phases)
        if load.urgency == 2 or (load.urgency == 1 and current_ma > load.min_ma):
            self.settled_guard |= load.mask

    def hold(self, load: PlannedLoad, floor_ma: tuple[int, int, int], placed_ma: int) -> None:
        """Use up what the load is known to draw, per site phase, beyond the `placed_ma` that it has on its lines."""
        if floor_ma == NOTHING_MA:
            return
        for phase in range(3):
            extra_ma = floor_ma[phase] - (placed_ma if load.mask >> phase & 1 else 0)
            if extra_ma <= 0:
                continue
            for node in load.nodes:
                self.nodes[node * 3 + phase] -= extra_ma
            for mask, _ in self.hits[1 << phase]:
                self.hard[mask] -= extra_ma
            self.used[phase] += extra_ma
            self.counted[phase] += extra_ma

    def hard_room(self, load: PlannedLoad, want_ma: int) -> int:
        """Return how much of `want_ma` all hard limits leave; notes what bound when it is less. May be negative."""
        room, slot_at, mask_at = want_ma, -1, 0
        nodes, hard = self.nodes, self.hard
        for slot in load.slots:
            if nodes[slot] < room:
                room, slot_at = nodes[slot], slot
        for mask, lines in self.hits[load.mask]:
            if hard[mask] < room * lines:
                room, slot_at, mask_at = hard[mask] // lines, -1, mask
        if room < want_ma:
            self.bounds[load.index] = self._bound(slot_at, mask_at)
        for limit, bound in self.caps.bent if room > 0 else ():
            left = self._bent_room(limit, load, room)
            if left < room:
                room = left
                self.bounds[load.index] = bound
        return room

    def surplus_room(self, load: PlannedLoad, want_ma: int) -> int:
        """Return how much of `want_ma` fits before a phase that the load uses would import; a plug counts to the mA."""
        room = want_ma
        for mask, cap_ma in self.caps.solar:
            lines = MASK_SIZE[mask & load.mask]
            if lines:
                left = (cap_ma - self.on(mask)) // lines
                if left < room:
                    room = left
                    self.bounds[load.index] = Bound(kind="surplus", phase=_single(mask))
        return room

    def guard_room(self, load: PlannedLoad, want_ma: int) -> int:
        """Return how much of `want_ma` keeps phases from importing on which a more urgent solar load runs.

        Loads that merely run by command (`settle`) are guarded against excess only: in the order of service they may
        stand after a load that asks for its minimum.
        """
        room = want_ma
        guarded = self.guarded | (self.settled_guard if load.urgency == 3 else 0)
        for mask, cap_ma in self.caps.solar:
            lines = MASK_SIZE[mask & load.mask]
            if lines and mask & guarded:
                left = (cap_ma - self.on(mask)) // lines
                if left < room:
                    room = left
                    self.bounds[load.index] = SURPLUS
        return room

    def excess_room(self, load: PlannedLoad, want_ma: int) -> int:
        """Return how much of `want_ma` the export above the threshold leaves beside what excess loads have."""
        left = (self.export_ma - self.caps.excess_threshold_ma - self.excess_ma) // len(load.phases)
        if left < want_ma:
            self.bounds[load.index] = EXCESS
            return left
        return want_ma

    def holds(self) -> bool:
        """Tell whether every hard limit holds with what is placed."""
        return (
            min(self.nodes, default=0) >= 0
            and all(self.hard[mask] >= 0 for mask in self.active)
            and all(limit.holds(self.counted, self.on_mask) for limit, _ in self.caps.bent)
        )

    def on(self, mask: int) -> int:
        """Return the sum of load currents on the phases of `mask`, mA."""
        used = self.used
        return (used[0] if mask & 1 else 0) + (used[1] if mask & 2 else 0) + (used[2] if mask & 4 else 0)

    def _bent_room(self, limit: Sharing | Nulling, load: PlannedLoad, want_ma: int) -> int:
        """Bisect a limit that is not linear, to the mA; −1 when not even 0 holds."""
        on_mask = self.on_mask | load.mask
        if limit.holds(self._with(load.phases, want_ma), on_mask):
            return want_ma
        low, high = -1, want_ma
        while high - low > 1:
            middle = (low + high) // 2
            if limit.holds(self._with(load.phases, middle), on_mask):
                low = middle
            else:
                high = middle
        return low

    def _with(self, phases: Iterable[int], current_ma: int) -> list[int]:
        counted = list(self.counted)
        for phase in phases:
            counted[phase] += current_ma
        return counted

    def _bound(self, slot: int, mask: int) -> Bound:
        if slot >= 0:
            node = self.plan.nodes[slot // 3]
            return Bound(kind=node.kind, name=node.name, phase=PHASES[slot % 3])
        return self.caps.hard_bound[mask]


def _single(mask: int) -> Phase | None:
    return PHASES[mask.bit_length() - 1] if MASK_SIZE[mask] == 1 else None
