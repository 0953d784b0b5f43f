"""Wrong wiring is found by itself in homes that live, and right wiring is left alone (engine.md section 6).

A score of 15 corrects a line: five steps of 15 A and more. House, other loads, noise and the time between a sample and
the grid reading hide some, so that up to twice as many may have to be made. `make wiring` runs more homes, for longer.
"""

from itertools import permutations

import pytest

from evenload.contracts.phases import PHASES, Phase
from services.allocator.rewired import turned_meter
from tests.sim.homes import DAY_S, AtReadings, Kind, Watched, kind_of

HOUR_S = 3600.0
MOST_WEIGHT = 30.0
SUN = Kind(seed=5, solar_w=9000.0, solar_meter=True, battery=True)


def home(seed: int, *, sunny: bool, **values: object) -> Watched:
    start = SUN if sunny else Kind(seed=seed)
    return Watched(replaced(start, seed=seed, period_s=5.0, busy=12.0, **values), 10 * HOUR_S)


def replaced(kind: Kind, **values: object) -> Kind:
    return Kind(**{**kind.__dict__, **values})  # type: ignore[arg-type]  # names of Kind's own fields


@pytest.mark.parametrize("wired", [each for each in permutations(PHASES) if each != PHASES], ids="".join)
def test_each_order_of_three_lines_is_found(wired: tuple[Phase, ...]) -> None:
    here = home(3, sunny=wired[0] == "L3", wired={"three": wired}, car_lines=(1, 2))
    assert here.search(10 * HOUR_S, lambda home: home.found("three") == wired)
    assert all(weight <= MOST_WEIGHT for _, _, weight in here.corrections)
    assert {name for _, name, _ in here.corrections} == {"three"}
    assert ("wiring_corrected", "three") in here.loop.memory.alerts


@pytest.mark.parametrize("name", ["one", "heater"])
@pytest.mark.parametrize(("filed", "wired"), list(permutations(PHASES, 2)))
def test_each_wrong_phase_of_a_load_on_one_line_is_found(name: str, filed: Phase, wired: Phase) -> None:
    here = home(4, sunny=False, wired={name: (wired,)}, filed={name: (filed,)})
    assert here.search(10 * HOUR_S, lambda home: home.found(name) == (wired,))
    assert [each[1] for each in here.corrections] == [name]
    assert here.corrections[0][2] <= MOST_WEIGHT


@pytest.mark.parametrize("wired", [each for each in permutations(PHASES) if each != PHASES], ids="".join)
def test_a_meter_with_exchanged_phases_is_found_to_be_what_is_wrong(wired: tuple[Phase, ...]) -> None:
    """faults.md A7: what each load draws appears under another name, in one and the same exchange."""
    here = home(5, sunny=False, meter_wired=wired, car_lines=(1, 2))
    assert here.search(10 * HOUR_S, lambda home: ("grid_phases", "grid") in home.loop.memory.alerts)
    assert turned_meter(here.loop.plan, here.loop.memory) == tuple(wired.index(phase) for phase in PHASES)
    assert "wiring_corrected" not in {kind for kind, _ in here.loop.memory.alerts}


@pytest.mark.parametrize("sunny", [False, True], ids=["night", "sun"])
def test_an_inverted_meter_is_found_within_15_steps(sunny: bool) -> None:
    here = home(6, sunny=sunny, inverted=True)
    assert here.search(4 * HOUR_S, lambda home: home.inverted_s is not None)
    assert here.signs <= 15
    assert any(kind == "grid_inverted" for kind, _ in here.alarms)
    assert not here.corrections


def test_a_day_of_right_wiring_corrects_nothing() -> None:
    here = Watched(replaced(kind_of(2), period_s=10.0), DAY_S, AtReadings).run(DAY_S)
    assert not here.corrections
    assert here.inverted_s is None
