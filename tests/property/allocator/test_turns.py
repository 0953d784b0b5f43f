"""Property 9: when k of m equal loads fit, nobody waits longer than ceil((m − k) / k) turns."""

from math import ceil

import pytest

from evenload.site.schema import Evse, Grid, Site
from services.allocator.wants import TURN_S
from tests.property.allocator.ideal import Around, Loop

HOLD_S = 330.0
"""A turn that begins waits for the hold (at most 300 s) and for what was cut to be measured."""
STEP_S = 5.0


def longest_waits_s(loop: Loop, hours: float) -> dict[str, float]:
    """Return each load's longest time without current, with the wait that is still going on."""
    since_s = dict.fromkeys(loop.setpoints, loop.now_s)
    longest_s = dict.fromkeys(loop.setpoints, 0.0)
    for _ in range(int(hours * 3600 / STEP_S)):
        loop.step(STEP_S)
        for name, amount in loop.setpoints.items():
            longest_s[name] = max(longest_s[name], loop.now_s - since_s[name])
            if amount:
                since_s[name] = loop.now_s
    return longest_s


@pytest.mark.parametrize(("loads", "fit"), [(2, 1), (3, 1), (3, 2), (5, 2), (6, 4)])
def test_everybody_gets_a_turn(loads: int, fit: int) -> None:
    cars = {f"car{number}": Evse(min_a=6.0, max_a=6.0, phases=("L1",)) for number in range(loads)}
    site = Site(site="turns", phases=("L1",), grid=Grid(breaker_a=6.0 * fit + 1.0, margin_a=0.5), loads=cars)
    waits_s = longest_waits_s(Loop(site, Around()), hours=3.0)
    most_s = ceil((loads - fit) / fit) * (TURN_S + HOLD_S)
    assert max(waits_s.values()) <= most_s


@pytest.mark.parametrize(("loads", "fit"), [(2, 1), (3, 1), (4, 2)])
def test_a_newcomer_keeps_nobody_waiting_who_has_had_much_before(loads: int, fit: int) -> None:
    """The last vehicle comes when the others have charged for two hours: it must not have all it missed at once."""
    cars = {f"car{number}": Evse(min_a=6.0, max_a=6.0, phases=("L1",)) for number in range(loads)}
    site = Site(site="turns", phases=("L1",), grid=Grid(breaker_a=6.0 * fit + 1.0, margin_a=0.5), loads=cars)
    loop = Loop(site, Around(), frozenset({f"car{loads - 1}"}))
    longest_waits_s(loop, hours=2.0)
    loop.idle = frozenset()
    waits_s = longest_waits_s(loop, hours=3.0)
    assert max(waits_s.values()) <= ceil((loads - fit) / fit) * (TURN_S + HOLD_S)


@pytest.mark.parametrize("amps", [(6.0, 16.0), (16.0, 6.0)])
def test_who_draws_much_in_a_turn_waits_no_longer_for_the_next(amps: tuple[float, float]) -> None:
    cars = {f"car{n}": Evse(min_a=6.0, max_a=most_a, phases=("L1",)) for n, most_a in enumerate((*amps, 16.0))}
    site = Site(site="turns", phases=("L1",), grid=Grid(breaker_a=11.0, margin_a=0.5), loads=cars)
    waits_s = longest_waits_s(Loop(site, Around()), hours=4.0)
    assert max(waits_s.values()) <= 2 * (TURN_S + HOLD_S)


def test_nobody_is_switched_more_often_than_its_budget() -> None:
    cars = {f"car{number}": Evse(min_a=6.0, max_a=16.0, phases=("L1",)) for number in range(4)}
    site = Site(site="turns", phases=("L1",), grid=Grid(breaker_a=9.0), loads=cars)
    loop = Loop(site, Around())
    starts = dict.fromkeys(cars, 0)
    before = dict(loop.setpoints)
    for _ in range(int(3600 / STEP_S)):
        loop.step(STEP_S)
        for name in cars:
            starts[name] += int(loop.setpoints[name] > 0 and before[name] == 0)
        before = dict(loop.setpoints)
    assert max(starts.values()) <= 6
