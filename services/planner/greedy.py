"""The plain answer: by deadline and rank, each in its cheapest slots, within what those before it left. Pure.

It stands in where the question is too large for the solver or the solver ends without an answer, and tests hold the two
against each other. It keeps every limit, but whoever comes first may take what only others could have used.
"""

from services.planner.problem import Ask, Problem, Solved, cost_of, limit_in_a, most_a


def by_order(problem: Problem) -> Solved:
    """Return an answer that keeps every limit."""
    count = len(problem.lengths_h)
    left = [[limit_in_a(room, slot) for slot in range(count)] for room in problem.rooms]
    sun_left = list(problem.sun_w)
    grid = [[0.0] * count for _ in problem.asks]
    sun = [[0.0] * count for _ in problem.asks]
    short = [0.0] * len(problem.asks)
    order = sorted(range(len(problem.asks)), key=lambda index: (problem.asks[index].slots, problem.asks[index].rank))
    for index in order:
        ask = problem.asks[index]
        missing_wh = ask.need_wh
        for slot in sorted(range(ask.slots), key=lambda each: (_cost(problem, ask, (sun_left, each)), each)):
            if missing_wh <= 0.0:
                break
            rooms = [
                (place, weight)
                for place, room in enumerate(problem.rooms)
                for who, weight in room.members
                if who == index
            ]
            free_a = min((left[place][slot] / weight for place, weight in rooms), default=most_a(ask, slot))
            wh_a = ask.watts_a_ratio * problem.lengths_h[slot]
            wanted_a = max(ask.min_a, missing_wh / wh_a) if wh_a > 0.0 else 0.0
            given_a = min(free_a, most_a(ask, slot), wanted_a)
            if given_a < ask.min_a or wh_a <= 0.0:
                continue
            from_sun_a = min(given_a, sun_left[slot] / ask.watts_a_ratio)
            sun[index][slot], grid[index][slot] = from_sun_a, given_a - from_sun_a
            sun_left[slot] -= from_sun_a * ask.watts_a_ratio
            missing_wh -= given_a * wh_a
            for place, weight in rooms:
                left[place][slot] -= given_a * weight
        short[index] = max(0.0, missing_wh)
    return Solved(grid_a=tuple(map(tuple, grid)), sun_a=tuple(map(tuple, sun)), short_wh=tuple(short), how="by order")


def _cost(problem: Problem, ask: Ask, where: tuple[list[float], int]) -> float:
    sun_left, slot = where
    return problem.sun_cost if sun_left[slot] > 0.0 else cost_of(problem, ask, slot)
