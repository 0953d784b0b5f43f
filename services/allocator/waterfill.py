"""Water-filling: equal increments to all that are on, each stopping at its own bottleneck only (engine.md section 3).

The same step for all is one subtraction per limit, so a round costs as much as there are limits and loads, not their
product. What is left after equal increments goes out in single steps, in order.
"""

from collections.abc import Sequence

from services.allocator.board import HITS, Board
from services.allocator.plan import STEP_MA, PlannedLoad
from services.allocator.sources import Want, gap, raise_by, room


def fill_shared(board: Board, wants: Sequence[Want]) -> None:
    """Equal increments to all that are on, each stopping at its own bottleneck only; the rest in single steps."""
    rising = [want for want in wants if gap(board, want) >= STEP_MA]
    if not rising:
        return
    waiting = list(rising)
    weights = _Weights(board, rising)
    while rising:
        step = _common_step(board, rising, weights)
        if step:
            _raise_all(board, rising, weights, step)
        left = _still_free(board, rising, weights)
        if not step and len(left) == len(rising):
            break
        rising = left
    _single_steps(board, waiting)


class _Weights:
    """How many of the rising loads lean on each limit."""

    def __init__(self, board: Board, rising: Sequence[Want]) -> None:
        self.nodes: dict[int, int] = {}
        self.masks = [0] * 8
        self.lines = [0, 0, 0]
        for want in rising:
            self._count(board.loads[want.index], 1)

    def _count(self, load: PlannedLoad, sign: int) -> None:
        nodes, masks, lines = self.nodes, self.masks, self.lines
        for slot in load.slots:
            nodes[slot] = nodes.get(slot, 0) + sign
        for mask, hit in HITS[load.mask]:
            masks[mask] += sign * hit
        for phase in load.phases:
            lines[phase] += sign

    def drop(self, load: PlannedLoad) -> None:
        """Count a load no longer."""
        self._count(load, -1)


def _raise_all(board: Board, rising: Sequence[Want], weights: _Weights, step_ma: int) -> None:
    """Raise all by the same step, limit by limit."""
    for slot, count in weights.nodes.items():
        board.nodes[slot] -= count * step_ma
    for mask in board.active:
        board.hard[mask] -= weights.masks[mask] * step_ma
    for phase in range(3):
        board.used[phase] += weights.lines[phase] * step_ma
        board.counted[phase] += weights.lines[phase] * step_ma
    given, urgency = board.given, board.loads[rising[0].index].urgency
    for want in rising:
        given[want.index] += step_ma
    if urgency in (1, 2):
        for want in rising:
            board.guarded |= board.loads[want.index].mask
    if urgency == 3:
        board.excess_ma += sum(weights.lines) * step_ma
        board.excess_filled = True


def _solar_limits(board: Board, urgency: int) -> list[tuple[int, int]]:
    """Return (mask, what is left) of the surplus limits that bind loads of this urgency."""
    if urgency == 0:
        return []
    every = urgency in (1, 2) or board.caps.battery_full
    return [(mask, cap_ma - board.on(mask)) for mask, cap_ma in board.caps.solar if every or mask & board.guarded]


def _common_step(board: Board, rising: Sequence[Want], weights: _Weights) -> int:
    """Return the largest equal increment for all, in whole steps."""
    step = min(want.max_ma - board.given[want.index] for want in rising)
    for slot, count in weights.nodes.items():
        if count:
            step = min(step, board.nodes[slot] // count)
    for mask in board.active:
        if weights.masks[mask]:
            step = min(step, board.hard[mask] // weights.masks[mask])
    urgency = board.loads[rising[0].index].urgency
    for mask, left_ma in _solar_limits(board, urgency):
        if weights.masks[mask]:
            step = min(step, left_ma // weights.masks[mask])
    if urgency == 3 and not board.caps.battery_full:
        left_ma = board.export_ma - board.caps.excess_threshold_ma - board.excess_ma
        step = min(step, left_ma // sum(weights.lines))
    step = max(0, step) // STEP_MA * STEP_MA
    return _bent_step(board, weights.lines, step) if board.caps.bent else step


def _bent_step(board: Board, lines: Sequence[int], step_ma: int) -> int:
    """Lower an equal increment to what the limits bear that are not linear."""
    low, high = 0, step_ma // STEP_MA + 1
    while high - low > 1:
        middle = (low + high) // 2
        counted = [board.counted[phase] + lines[phase] * middle * STEP_MA for phase in range(3)]
        if all(limit.holds(counted, board.on_mask) for limit, _ in board.caps.bent):
            low = middle
        else:
            high = middle
    return low * STEP_MA


def _still_free(board: Board, rising: Sequence[Want], weights: _Weights) -> list[Want]:
    """Drop loads that reached their maximum or lean on a limit that cannot give all of its loads a step."""
    if board.caps.bent and not _bent_step(board, weights.lines, STEP_MA):
        return []
    urgency = board.loads[rising[0].index].urgency
    full_slots = {slot for slot, count in weights.nodes.items() if board.nodes[slot] < count * STEP_MA}
    full = 0
    for mask in board.active:
        if board.hard[mask] < weights.masks[mask] * STEP_MA:
            full |= mask
    for mask, left_ma in _solar_limits(board, urgency):
        if left_ma < weights.masks[mask] * STEP_MA:
            full |= mask
    if urgency == 3 and not board.caps.battery_full:
        left_ma = board.export_ma - board.caps.excess_threshold_ma - board.excess_ma
        full = 7 if left_ma < sum(weights.lines) * STEP_MA else full
    left = []
    for want in rising:
        load = board.loads[want.index]
        at_its_end = want.max_ma - board.given[want.index] < STEP_MA
        if at_its_end or load.mask & full or not full_slots.isdisjoint(load.slots):
            weights.drop(load)
        else:
            left.append(want)
    return left


def _single_steps(board: Board, waiting: Sequence[Want]) -> None:
    """Give what equal increments left over in single steps, in order, until nobody can rise."""
    full_slots = {slot for slot, residual in enumerate(board.nodes) if residual < STEP_MA}
    left = list(waiting)
    while left:
        moved = []
        for want in left:
            load = board.loads[want.index]
            if not full_slots.isdisjoint(load.slots) or want.max_ma - board.given[want.index] < STEP_MA:
                _note_bound(board, load)
                continue
            if room(board, load, STEP_MA, above_minimum=True) >= STEP_MA:
                raise_by(board, load, STEP_MA)
                full_slots.update(slot for slot in load.slots if board.nodes[slot] < STEP_MA)
                moved.append(want)
        left = moved


def _note_bound(board: Board, load: PlannedLoad) -> None:
    """Note what bound a load that stops short."""
    if load.index not in board.bounds:
        board.hard_room(load, STEP_MA)
