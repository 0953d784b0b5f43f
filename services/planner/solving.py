"""The cheapest answer, by linear and, where it must be, mixed integer programming (HiGHS). Pure.

Per ask and slot: A from the grid, A from the sun. All needs are met as far as the limits allow: what will be missing
costs more than any price, by rank. That a load is either off or at its minimum at least needs a whole number for each
slot, which makes the search long. So the question is first asked without, and again with them for those asks whose
answer was between off and the minimum somewhere, until none is. What then follows for whole numbers, and not for what
lies between them, is said too: it changes no answer and shortens the search.
    A of an ask    ≤ on · the least of its maximum and of what each room leaves it
    A from the sun ≤ on · what the sun gives
    Σ on           ≤ 1 over asks of which no two fit into a room together, at their minimum

The same question gives the same answer: one thread, a fixed seed, a bound on the search. Where it is too large, or ends
without an answer, the plain one of `greedy.py` stands in.
"""

import highspy
import numpy as np
from highspy._core import _Highs
from msgspec.structs import replace

from services.planner.greedy import by_order
from services.planner.problem import Ask, Problem, Room, Solved, cost_of, limit_in_a, most_a

COLUMNS_MOST = 20_000
WHOLE_MOST = 1200
"""Ten loads over a day take a quarter of a second; more take long."""
ROUNDS_MOST = 12
NODES_MOST = 50
GAP = 0.005
SHORT_COST = 100.0
"""Of a kWh that will be missing; the first in rank a little more."""
_INFINITY = 1e30
_SLACK = 1e-6
Place = tuple[int, int]
"""(index of the ask, slot)."""


class _Model:
    """Columns and rows as they are added."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.high: list[float] = []
        self.low: list[float] = []
        self.whole: list[bool] = []
        self.row_low: list[float] = []
        self.row_high: list[float] = []
        self.starts: list[int] = [0]
        self.index: list[int] = []
        self.value: list[float] = []

    def column(self, cost: float, high: float, *, whole: bool = False, low: float = 0.0) -> int:
        """Add a column in [low, high]; return its number."""
        self.cost.append(cost)
        self.low.append(low)
        self.high.append(high)
        self.whole.append(whole)
        return len(self.cost) - 1

    def row(self, low: float, high: float, *terms: tuple[int, float]) -> None:
        """Add low ≤ Σ value · column ≤ high."""
        self.row_low.append(low)
        self.row_high.append(high)
        self.index += [column for column, _ in terms]
        self.value += [value for _, value in terms]
        self.starts.append(len(self.index))


class _Columns:
    """Where each ask's columns are, by slot; None where there is none."""

    def __init__(self, slots: int) -> None:
        self.grid: list[int | None] = [None] * slots
        self.sun: list[int | None] = [None] * slots
        self.on: list[int | None] = [None] * slots
        self.short = 0


def solved(problem: Problem) -> Solved:
    """Return the cheapest answer that meets most."""
    if _alone(problem):
        return replace(by_order(problem), how="cheapest")
    if sum(ask.slots for ask in problem.asks) > COLUMNS_MOST:
        return by_order(problem)
    whole: frozenset[Place] = frozenset()
    for _ in range(ROUNDS_MOST):
        model = _Model()
        columns = [_ask_columns(model, problem, index, whole) for index in range(len(problem.asks))]
        _shared_rows(model, problem, columns)
        values = _run(model)
        if values is None:
            break
        between = _between(problem, columns, values)
        if not between:
            return _answer(problem, columns, values)
        if between <= whole or len(whole | between) > WHOLE_MOST:
            break
        whole |= between
    return by_order(problem)


def _alone(problem: Problem) -> bool:
    """Tell whether no ask can take from another: then each in its cheapest slots is the cheapest for all."""
    if any(problem.sun_w) or problem.fixed_a:
        return False
    highest_a = [max([ask.max_a, *ask.max_by_slot_a]) for ask in problem.asks]
    return all(
        sum(highest_a[index] * weight for index, weight in room.members) <= min([room.limit_a, *room.limit_by_slot_a])
        for room in problem.rooms
    )


def _between(problem: Problem, columns: list[_Columns], values: list[float]) -> frozenset[Place]:
    """Return all places of the asks that are somewhere neither off nor at their minimum."""
    found: set[Place] = set()
    for index, ask in enumerate(problem.asks):
        totals = [sum(_amps(columns[index], slot, values)) for slot in range(ask.slots)]
        if any(_SLACK < total_a < ask.min_a - _SLACK for total_a in totals):
            found |= {(index, slot) for slot in range(ask.slots)}
    return frozenset(found)


def _amps(columns: _Columns, slot: int, values: list[float]) -> tuple[float, float]:
    """Return A from the grid and from the sun in a slot."""
    grid, sun = columns.grid[slot], columns.sun[slot]
    grid_a = values[grid] if grid is not None else 0.0
    sun_a = values[sun] if sun is not None else 0.0
    return max(0.0, grid_a), max(0.0, sun_a)


def _ask_columns(model: _Model, problem: Problem, index: int, whole: frozenset[Place]) -> _Columns:
    """Add one ask: its columns, what ties them, and its need."""
    ask, found = problem.asks[index], _Columns(len(problem.lengths_h))
    energy: list[tuple[int, float]] = []
    for slot in range(ask.slots):
        highest_a, kwh_a = most_a(ask, slot), ask.watts_a_ratio * problem.lengths_h[slot] / 1000
        if highest_a < ask.min_a or kwh_a <= 0.0:
            continue
        grid = found.grid[slot] = _grid_column(model, problem, (index, slot), kwh_a)
        terms = [(grid, 1.0)]
        if problem.sun_w[slot] > 0.0:
            sun = found.sun[slot] = model.column(problem.sun_cost * kwh_a, highest_a)
            terms.append((sun, 1.0))
        if (index, slot) in whole:
            found.on[slot] = _switch(model, problem, (index, slot), terms)
        elif len(terms) > 1:
            model.row(-_INFINITY, highest_a, *terms)
        energy += [(column, kwh_a) for column, _ in terms]
    found.short = model.column(SHORT_COST * (1.0 + 0.1 / (1 + ask.rank)), max(0.0, ask.need_wh / 1000))
    model.row(ask.need_wh / 1000, _INFINITY, *energy, (found.short, 1.0))
    return found


def _switch(model: _Model, problem: Problem, where: Place, terms: list[tuple[int, float]]) -> int:
    """Add whether an ask is on in a slot, and what follows for its currents; `terms` = grid, and sun where there is."""
    index, slot = where
    ask = problem.asks[index]
    on = model.column(0.0, 1.0, whole=True)
    fits_a = [limit_in_a(room, slot) / weight for room, weight in _rooms_of(problem, index) if not room.grid_only]
    highest_a = max(ask.min_a, min([most_a(ask, slot), *fits_a]))
    if highest_a > ask.min_a:
        model.row(-_INFINITY, 0.0, *terms, (on, -highest_a))
        model.row(0.0, _INFINITY, *terms, (on, -ask.min_a))
    else:
        model.row(0.0, 0.0, *terms, (on, -ask.min_a))
    sun_a = problem.sun_w[slot] / ask.watts_a_ratio
    if len(terms) > 1 and sun_a < highest_a:
        model.row(-_INFINITY, 0.0, terms[1], (on, -sun_a))
    return on


def _rooms_of(problem: Problem, index: int) -> list[tuple[Room, float]]:
    """Return the rooms that an ask takes from, with its weight in each."""
    return [(room, weight) for room in problem.rooms for who, weight in room.members if who == index]


def _grid_column(model: _Model, problem: Problem, where: tuple[int, int], kwh_a: float) -> int:
    index, slot = where
    highest_a = most_a(problem.asks[index], slot)
    cost = cost_of(problem, problem.asks[index], slot) * kwh_a
    if slot == 0 and problem.fixed_a:
        fixed_a = min(problem.fixed_a[index], highest_a)
        return model.column(cost, fixed_a, low=fixed_a)
    return model.column(cost, highest_a)


def _shared_rows(model: _Model, problem: Problem, columns: list[_Columns]) -> None:
    """Add what the asks share: breakers and circuits, and the sun."""
    for slot in range(len(problem.lengths_h)):
        for room in problem.rooms:
            terms = [
                (column, weight)
                for index, weight in room.members
                for column in (columns[index].grid[slot], None if room.grid_only else columns[index].sun[slot])
                if column is not None
            ]
            if terms:
                model.row(-_INFINITY, max(0.0, limit_in_a(room, slot)), *terms)
            alone = _one_of(problem, room, columns, slot)
            if len(alone) > 1:
                model.row(-_INFINITY, 1.0, *((on, 1.0) for on in alone))
        suns = [
            (column, problem.asks[index].watts_a_ratio)
            for index, each in enumerate(columns)
            if (column := each.sun[slot]) is not None
        ]
        if suns:
            model.row(-_INFINITY, problem.sun_w[slot], *suns)


def _one_of(problem: Problem, room: Room, columns: list[_Columns], slot: int) -> list[int]:
    """Return the switches of asks of which a room bears one at most: already the least two do not fit together."""
    if room.grid_only:
        return []
    limit_a = limit_in_a(room, slot) + _SLACK
    least = [
        (problem.asks[index].min_a * weight, on)
        for index, weight in room.members
        if (on := columns[index].on[slot]) is not None
    ]
    least.sort(key=lambda each: -each[0])
    found = least[:1]
    for each in least[1:]:
        if found[-1][0] + each[0] <= limit_a:
            break
        found.append(each)
    return [on for _, on in found]


def _run(model: _Model) -> list[float] | None:
    """Return the columns' values; None when there is no answer within the bounds."""
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(model.cost), len(model.row_low)
    lp.col_cost_, lp.col_lower_ = np.array(model.cost), np.array(model.low)
    lp.col_upper_ = np.array(model.high)
    lp.row_lower_, lp.row_upper_ = np.array(model.row_low), np.array(model.row_high)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = np.array(model.starts), np.array(model.index)
    lp.a_matrix_.value_ = np.array(model.value)
    kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    lp.integrality_ = [kinds[whole] for whole in model.whole]
    highs = _Highs()  # its child `Highs` writes two lines to the output when it is made
    for name, value in (
        ("output_flag", False),
        ("threads", 1),
        ("random_seed", 0),
        ("mip_rel_gap", GAP),
        ("mip_max_nodes", NODES_MOST),
        ("mip_heuristic_run_root_reduced_cost", False),  # takes half of the time here and finds nothing better
    ):
        highs.setOptionValue(name, value)
    highs.passModel(lp)
    highs.run()
    info = highs.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    return list(highs.getSolution().col_value)


def _answer(problem: Problem, columns: list[_Columns], values: list[float]) -> Solved:
    grid, sun, short = [], [], []
    for ask, each in zip(problem.asks, columns, strict=True):
        pairs = [_cleared(ask, _amps(each, slot, values)) for slot in range(len(problem.lengths_h))]
        grid.append(tuple(pair[0] for pair in pairs))
        sun.append(tuple(pair[1] for pair in pairs))
        short.append(max(0.0, values[each.short] * 1000))
    return Solved(grid_a=tuple(grid), sun_a=tuple(sun), short_wh=tuple(short), how="cheapest")


def _cleared(ask: Ask, amps: tuple[float, float]) -> tuple[float, float]:
    """Return A from the grid and from the sun; what the solver's tolerance left on is off."""
    total_a = sum(amps)
    return (0.0, 0.0) if total_a < max(_SLACK, ask.min_a - _SLACK) else amps
