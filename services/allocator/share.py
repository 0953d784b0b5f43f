"""The joint decision: what each load gets, so that every limit holds, in the order and distribution asked for.

Each limit is a residual current that placements use up. A load's room is the least residual over all limits that it
touches; since every limit only ever shrinks as currents are added, placing within the room keeps all of them, and the
order of placing is the order of who is served. Limits are inside the decision: what one breaker cannot carry stays for
loads elsewhere. All arithmetic is in whole milliamperes; placements are whole steps of 0.1 A.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from evenload.contracts.events import Bound
from services.allocator.board import Board
from services.allocator.limits import Caps, Nulling
from services.allocator.plan import STEP_MA, Plan, PlannedLoad
from services.allocator.sources import OWN_LIMIT, Want, gap, minimum, raise_by, room
from services.allocator.waterfill import fill_shared


class Share(Struct, frozen=True, kw_only=True):
    """What one load got in mA, and what bound it."""

    given_ma: int
    bound: Bound | None
    rule: str
    graced: bool = False
    """It holds its minimum although its source is gone."""


def allocate(
    plan: Plan,
    loads: Sequence[PlannedLoad],
    caps: Caps,
    asked: tuple[Sequence[Want], Sequence[tuple[int, int]]],
) -> list[Share]:
    """Return each load's share, by index.

    `loads` are the plan's, narrowed to the lines in use. `asked` = (wants in the order of service, (index, mA) of loads
    beyond control that count as they are).
    """
    wants, fixed = asked
    board = Board(plan, loads, caps)
    for index, current_ma in fixed:
        board.place(loads[index], current_ma)
    in_place = [want for want in wants if not want.last]
    distribute = _strict if plan.distribution == "strict" else _joint
    distribute(board, in_place)
    if any(isinstance(limit, Nulling) for limit, _ in caps.bent):
        _again(board, in_place, distribute)
    count_export(board)
    for want in wants:
        if want.last:
            minimum(board, want)
    wanted = {want.index: want for want in wants}
    return [_share(board, load, wanted.get(load.index)) for load in loads]


def _again(board: Board, wants: Sequence[Want], distribute: Callable[[Board, Sequence[Want]], None]) -> None:
    """Ask again whoever got less than it may have, until nobody rises: what others draw makes a battery that nulls the
    total give more on every phase. All other limits only shrink."""
    for _ in wants:
        before = list(board.given)
        if all(before[want.index] >= want.max_ma for want in wants):
            return
        distribute(board, wants)
        if board.given == before:
            return


def _joint(board: Board, wants: Sequence[Want]) -> None:
    """Minimums of urgency 0 and 1 in order, then urgency by urgency minimums and fill (engine.md section 3)."""
    for want in wants:
        if want.first:
            minimum(board, want)
    classes: list[list[Want]] = [[], [], [], []]
    for want in wants:
        classes[board.loads[want.index].urgency].append(want)
    for want in classes[0] + classes[1]:
        minimum(board, want)
    fill = fill_shared if board.plan.distribution == "shared" else _fill_in_order
    fill(board, classes[0])
    fill(board, classes[1])
    for group in classes[2:]:
        count_export(board)
        for want in group:
            minimum(board, want)
        fill(board, group)


def _strict(board: Board, wants: Sequence[Want]) -> None:
    """In order, minimum and fill at once; nothing is held back for later loads."""
    counted = False
    for want in wants:
        if want.first:
            minimum(board, want)
    for want in wants:
        if not counted and board.loads[want.index].urgency == 3:
            count_export(board)
            counted = True
        minimum(board, want)
        _fill_in_order(board, [want])


def count_export(board: Board) -> None:
    """Note the export without any excess load; what fixed and more urgent loads draw is taken off."""
    board.export_ma = board.caps.surplus_ma - sum(board.used) + board.excess_ma


def _fill_in_order(board: Board, wants: Sequence[Want]) -> None:
    for want in wants:
        load = board.loads[want.index]
        wanted_ma = gap(board, want)
        rise_ma = room(board, load, wanted_ma, above_minimum=True) // STEP_MA * STEP_MA if wanted_ma else 0
        if rise_ma > 0:
            raise_by(board, load, rise_ma)


def _share(board: Board, load: PlannedLoad, want: Want | None) -> Share:
    given = board.given[load.index]
    if want is None:
        return Share(given_ma=0, bound=Bound(kind="idle"), rule="idle")
    if given >= want.max_ma:
        bound = OWN_LIMIT if want.max_ma < load.max_ma else None
    else:
        bound = board.bounds.get(load.index)
    graced = load.index in board.graced and given == load.min_ma
    return Share(given_ma=given, bound=bound, rule="grace" if graced else _rule(load, given), graced=graced)


def _rule(load: PlannedLoad, given_ma: int) -> str:
    if given_ma == 0:
        return "waits"
    if given_ma == load.min_ma and load.urgency == 1:
        return "minimum from any source"
    return "fill"
