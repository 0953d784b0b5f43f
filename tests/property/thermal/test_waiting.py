"""Tanks, rooms and heat pumps that must be ready by times of the day, by their cores; `make thermal` runs longer."""

import os

import pytest

from bench.waiting import BODIES, Life, within

MANY = max(2, round(3 * float(os.environ.get("EVENLOAD_EXAMPLES", "1"))))
DAYS = 8


@pytest.mark.parametrize("kind", BODIES)
def test_targets_are_met_while_it_waits_for_the_sun(kind: str) -> None:
    lives = [Life(kind, seed, waits=True).run(DAYS) for seed in range(MANY)]
    assert all(within(life) for life in lives), "a week is enough to learn it to 10 %"
    assert all("waits for the sun" in life.reasons for life in lives)
    assert sum(life.met for life in lives) >= 0.99 * sum(life.asked for life in lives)
    assert all(life.asked == 2 * DAYS for life in lives)


def test_a_tank_that_waits_takes_less_from_the_grid() -> None:
    waiting, plain = (Life("tanks", 1, waits=waits).run(DAYS) for waits in (True, False))
    assert waiting.grid_wh < 0.8 * plain.grid_wh
