"""The solver's answer against the plain question: what is said beside it, to shorten the search, takes nothing away."""

from random import Random

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from services.planner.problem import Problem, Solved, cost_of
from services.planner.solving import GAP, SHORT_COST, solved
from tests.unit.planner.builders import ask, circuit, problem

SLOTS = 8


def plain_cost(asked: Problem) -> float:
    """Return the least cost: per ask A from grid and sun and on or off in each slot, and what is missing."""
    asks, room = len(asked.asks), asked.rooms[0]
    width = 3 * SLOTS + 1
    cost, high, whole = (np.zeros(asks * width) for _ in range(3))
    rows: list[tuple[dict[int, float], float, float]] = []
    for index, each in enumerate(asked.asks):
        at, kwh_a = index * width, each.watts_a_ratio * 0.25 / 1000
        need = {at + 3 * SLOTS: 1.0}
        cost[at + 3 * SLOTS], high[at + 3 * SLOTS] = SHORT_COST * (1.0 + 0.1 / (1 + each.rank)), each.need_wh / 1000
        for slot in range(SLOTS):
            grid, sun, on = at + slot, at + SLOTS + slot, at + 2 * SLOTS + slot
            cost[grid], cost[sun] = cost_of(asked, each, slot) * kwh_a, asked.sun_cost * kwh_a
            high[grid], high[sun], high[on], whole[on] = each.max_a, each.max_a, 1.0, 1.0
            rows.append(({grid: 1.0, sun: 1.0, on: -each.max_a}, -np.inf, 0.0))
            rows.append(({grid: 1.0, sun: 1.0, on: -each.min_a}, 0.0, np.inf))
            need |= {grid: kwh_a, sun: kwh_a}
        rows.append((need, each.need_wh / 1000, np.inf))
    for slot in range(SLOTS):
        places = [(index * width + slot, each) for index, each in enumerate(asked.asks)]
        members = {place + part: 1.0 for place, _ in places for part in (0, SLOTS)}
        rows.append((members, -np.inf, room.limit_a))
        rows.append(({place + SLOTS: each.watts_a_ratio for place, each in places}, -np.inf, asked.sun_w[slot]))
    matrix = np.zeros((len(rows), asks * width))
    for number, (terms, _, _) in enumerate(rows):
        matrix[number, list(terms)] = list(terms.values())
    limits = LinearConstraint(matrix, np.array([row[1] for row in rows]), np.array([row[2] for row in rows]))
    return float(milp(cost, constraints=limits, integrality=whole, bounds=Bounds(np.zeros(asks * width), high)).fun)


def cost_in(asked: Problem, answer: Solved) -> float:
    total = 0.0
    for index, each in enumerate(asked.asks):
        kwh_a = each.watts_a_ratio * 0.25 / 1000
        total += sum(cost_of(asked, each, slot) * kwh_a * amps for slot, amps in enumerate(answer.grid_a[index]))
        total += asked.sun_cost * kwh_a * sum(answer.sun_a[index])
        total += SHORT_COST * (1.0 + 0.1 / (1 + each.rank)) * answer.short_wh[index] / 1000
    return total


@pytest.mark.parametrize("seed", range(12))
def test_no_answer_is_cheaper(seed: int) -> None:
    dice = Random(seed)
    tank_a = dice.choice((4.4, 8.7))
    asked = problem(
        ask("car", need_wh=dice.uniform(500.0, 9_000.0)),
        ask("tank", min_a=tank_a, max_a=tank_a, watts_a_ratio=230.0, need_wh=dice.uniform(200.0, 3_000.0), rank=2),
        ask("pump", min_a=0.0, max_a=4.0, watts_a_ratio=230.0, need_wh=dice.uniform(0.0, 1_500.0), rank=4),
        costs=tuple(dice.choice((0.24, 0.32)) + 0.001 * slot for slot in range(SLOTS)),
        sun_w=tuple(dice.choice((0.0, 1.0)) * dice.uniform(100.0, 9_000.0) for _ in range(SLOTS)),
        sun_cost=0.08,
        rooms=(circuit(dice.choice((7.0, 12.5, 13.0, 15.0, 20.0)), 3),),
    )
    answer = solved(asked)
    for slot in range(SLOTS):
        amps = [grid[slot] + sun[slot] for grid, sun in zip(answer.grid_a, answer.sun_a, strict=True)]
        assert sum(amps) <= asked.rooms[0].limit_a + 1e-5
        for each_a, each in zip(amps, asked.asks, strict=True):
            assert each_a == 0.0 or each.min_a - 1e-5 <= each_a <= each.max_a + 1e-5
    assert cost_in(asked, answer) <= plain_cost(asked) * (1.0 + GAP) + 1e-4
