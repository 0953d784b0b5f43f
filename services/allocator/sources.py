"""What a load may draw from: the rooms that bind it by its mode, its minimum, and how far it may still rise."""

from collections.abc import Callable

from msgspec import Struct

from evenload.contracts.events import Bound
from services.allocator.board import Board
from services.allocator.limits import EXCESS
from services.allocator.plan import STEP_MA, PlannedLoad

OWN_LIMIT = Bound(kind="load")
Room = Callable[[PlannedLoad, int], int]


class Want(Struct, frozen=True):
    """What one load takes part with; currents in mA per line."""

    index: int
    max_ma: int
    keeps_minimum: bool = False
    """Its minimum may come from any source although its mode says surplus (grace)."""
    reserve_ma: int = 0
    """Drawn above its setpoint whenever it is on."""
    first: bool = False
    """It must stay on for now: its minimum is served before everybody else's."""
    last: bool = False
    """It lost its place: its minimum is served after everybody else."""


def room_now(board: Board, load: PlannedLoad, want_ma: int) -> int:
    """Return how much of `want_ma` a load that is on may rise now, in whole steps, with what is placed."""
    return max(0, room(board, load, want_ma, above_minimum=True)) // STEP_MA * STEP_MA


def may_start(board: Board, want: Want) -> bool:
    """Tell whether the load's minimum fits now, with what is placed, from a source that its mode may use."""
    load = board.loads[want.index]
    return want.max_ma >= load.min_ma and _may_start(board, load, want)


def could_get(board: Board, want: Want) -> int:
    """Return what an idle load would get with what is placed and nobody else changing, in mA; 0 or ≥ its minimum."""
    load = board.loads[want.index]
    if not may_start(board, want):
        return 0
    if load.all_or_nothing or (load.urgency in (1, 2) and board.caps.battery_first):
        return load.min_ma
    return max(load.min_ma, room_now(board, load, want.max_ma))


def _sources(board: Board, load: PlannedLoad, above_minimum: bool) -> tuple[Room, ...]:
    """Return the rooms that bind a load of this mode: for its minimum, or for more than it."""
    if load.urgency == 0 or (load.urgency == 1 and not above_minimum):
        return (board.hard_room,)
    if load.urgency == 3 and not board.caps.battery_full:
        return (board.hard_room, board.guard_room, board.excess_room)
    return (board.hard_room, board.surplus_room)


def room(board: Board, load: PlannedLoad, want_ma: int, *, above_minimum: bool) -> int:
    """Return how much of `want_ma` all limits and sources of the load's mode leave; 0 when nothing."""
    left_ma = want_ma
    for source in _sources(board, load, above_minimum):
        left_ma = source(load, left_ma)
        if left_ma <= 0:
            return 0
    return left_ma


def minimum(board: Board, want: Want) -> None:
    """Give the load its minimum when it fits and its source carries it."""
    load = board.loads[want.index]
    if board.given[want.index]:
        return
    if want.max_ma < load.min_ma:
        board.bounds[load.index] = OWN_LIMIT
        return
    if not _may_start(board, load, want):
        return
    board.give(load, load.min_ma)
    if want.reserve_ma:
        board.place(load, want.reserve_ma)
    if not want.first and (load.urgency == 2 or (load.urgency == 3 and board.caps.battery_full)):
        board.guarded |= load.mask
    if load.urgency == 3:
        board.excess_ma += load.min_ma * len(load.phases)


def _may_start(board: Board, load: PlannedLoad, want: Want) -> bool:
    need_ma = load.min_ma + want.reserve_ma
    if board.hard_room(load, need_ma) < need_ma:
        return False
    if load.urgency < 2:
        return board.guard_room(load, need_ma) >= need_ma
    if _has_source(board, load, need_ma):
        return True
    if want.keeps_minimum:
        board.graced.add(load.index)
    return want.keeps_minimum


def _has_source(board: Board, load: PlannedLoad, need_ma: int) -> bool:
    """Tell whether the sun (or the excess) carries the minimum of a load that lives from it alone."""
    if load.urgency == 2 or board.caps.battery_full:
        if load.urgency == 2 and board.caps.battery_first:
            board.bounds[load.index] = Bound(kind="battery")
            return False
        from_sun_ma = load.exact_ma if load.all_or_nothing else need_ma
        return board.surplus_room(load, from_sun_ma) >= from_sun_ma
    if board.guard_room(load, need_ma) < need_ma:
        return False
    left_ma = board.export_ma - board.excess_ma - board.caps.excess_threshold_ma
    exceeds = left_ma >= need_ma * len(load.phases) if board.excess_filled else left_ma > 0
    if not exceeds:
        board.bounds[load.index] = EXCESS
    return exceeds


def gap(board: Board, want: Want) -> int:
    """Return how far a load that is on may still rise, in mA."""
    load = board.loads[want.index]
    given = board.given[want.index]
    if not given or load.all_or_nothing:
        return 0
    if load.urgency in (1, 2) and board.caps.battery_first:
        board.bounds[load.index] = Bound(kind="battery")
        return 0
    return max(0, want.max_ma - given)


def raise_by(board: Board, load: PlannedLoad, current_ma: int) -> None:
    """Give the load more, with what that means for others: guarded sun, excess used up."""
    board.give(load, current_ma)
    if load.urgency in (1, 2):
        board.guarded |= load.mask
    if load.urgency == 3:
        board.excess_ma += current_ma * len(load.phases)
        board.excess_filled = True
