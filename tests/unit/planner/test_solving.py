"""The cheapest answer, and the plain one: needs met, limits kept, minimums kept."""

import pytest

from services.planner.greedy import by_order
from services.planner.problem import Problem, Solved
from services.planner.solving import solved
from tests.unit.planner.builders import ask, circuit, problem

FULL_WH = 16 * 690 / 4
"""A quarter hour at 16 A."""


def on(answer: Solved, index: int = 0) -> list[int]:
    return [slot for slot, amps in enumerate(answer.grid_a[index]) if amps > 0.0]


@pytest.mark.parametrize("solve", [solved, by_order])
def test_the_cheapest_quarter_hours_are_taken(solve: object) -> None:
    costs = (9.0, 9.0, 1.0, 1.0, 5.0, 5.0, 9.0, 9.0)
    answer = solve(problem(ask(need_wh=3 * FULL_WH), costs=costs))  # type: ignore[operator]  # either of the two
    assert on(answer) in ([2, 3, 4], [2, 3, 5])
    assert answer.short_wh == (0.0,)


def test_what_cannot_be_met_says_by_how_much() -> None:
    for solve in (solved, by_order):
        answer = solve(problem(ask(need_wh=10 * FULL_WH)))
        assert answer.short_wh[0] == pytest.approx(2 * FULL_WH, abs=1.0)
        assert on(answer) == list(range(8))


def test_two_cars_never_count_on_the_same_amperes() -> None:
    cars = ask("a", need_wh=4 * FULL_WH), ask("b", need_wh=4 * FULL_WH)
    answer = solved(problem(*cars, rooms=(circuit(16.0, 2),)))
    assert [a + b for a, b in zip(*answer.grid_a, strict=True)] == pytest.approx([16.0] * 8)
    assert answer.short_wh == pytest.approx((0.0, 0.0), abs=1.0)


def test_three_cars_on_a_circuit_for_two_minimums_take_turns() -> None:
    cars = [ask(name, need_wh=6 * 690 / 4 * 5) for name in "abc"]
    answer = solved(problem(*cars, rooms=(circuit(12.0, 3),)))
    for amps in zip(*answer.grid_a, strict=True):
        assert all(each == 0.0 or each >= 6.0 - 1e-6 for each in amps)
        assert sum(amps) <= 12.0 + 1e-6
    assert answer.short_wh == pytest.approx((0.0, 0.0, 0.0), abs=1.0)


def test_the_later_deadline_gives_way_to_the_earlier() -> None:
    soon, late = ask("soon", need_wh=4 * FULL_WH, slots=4), ask("late", need_wh=4 * FULL_WH)
    answer = solved(problem(soon, late, rooms=(circuit(16.0, 2),)))
    assert on(answer, 0) == [0, 1, 2, 3]
    assert on(answer, 1) == [4, 5, 6, 7]


def test_of_what_cannot_all_be_met_the_first_in_rank_is() -> None:
    first, second = ask("a", need_wh=8 * FULL_WH, rank=0), ask("b", need_wh=8 * FULL_WH, rank=5)
    answer = solved(problem(second, first, rooms=(circuit(16.0, 2),)))
    assert answer.short_wh[1] == pytest.approx(0.0, abs=1.0)
    assert answer.short_wh[0] == pytest.approx(8 * FULL_WH, abs=1.0)


def test_the_sun_is_taken_first() -> None:
    sun_w = (0.0, 0.0, 0.0, 16 * 690.0, 16 * 690.0, 0.0, 0.0, 0.0)
    answer = solved(problem(ask(need_wh=2 * FULL_WH), sun_w=sun_w))
    assert on(answer) == []
    assert [amps > 0.0 for amps in answer.sun_a[0]] == [watts > 0.0 for watts in sun_w]


def test_a_plug_is_on_or_off() -> None:
    plug = ask("heater", min_a=8.7, max_a=8.7, watts_a_ratio=2000 / 8.7, need_wh=1200.0)
    amps = solved(problem(plug)).grid_a[0]
    assert sum(each == pytest.approx(8.7) for each in amps) == 3
    assert sum(each == 0.0 for each in amps) == 5


def test_nothing_asked_is_nothing_given() -> None:
    assert solved(problem()).grid_a == ()
    assert solved(problem(ask(need_wh=0.0))).grid_a == ((0.0,) * 8,)


def test_a_load_that_is_off_is_short_of_all() -> None:
    assert solved(problem(ask(max_a=0.0))).short_wh == pytest.approx((5_520.0,))


def test_the_same_question_gives_the_same_answer() -> None:
    cars = [ask(str(number), need_wh=FULL_WH * (1 + number % 4)) for number in range(6)]
    asked: Problem = problem(*cars, rooms=(circuit(20.0, 6),))
    assert solved(asked) == solved(asked)
