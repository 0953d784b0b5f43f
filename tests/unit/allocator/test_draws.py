"""What a load drew at the time of a grid reading: an interval of commands and samples (engine.md section 4)."""

from services.allocator.draws import Moment, draw_of
from services.allocator.facts import Heard
from services.allocator.memory import Command, LoadMemory
from services.allocator.plan import compile_plan
from tests.unit.allocator.builders import evse, on_all, site, state

CAR = compile_plan(site({"car": evse()})).loads[0]
CUT = LoadMemory(
    setpoint_ma=8000,
    history=(Command(0.0, 16_000), Command(100.0, 8000)),
    in_force_ma=8000,
    in_force_was_ma=16_000,
    in_force_s=100.0,
    active=True,
    adopts=False,
)


def interval(measured_a: float, sample_s: float, grid_s: float, memory: LoadMemory = CUT) -> tuple[int, int]:
    """Return the least and the most on L1 at `grid_s`, with the newest sample taken at `sample_s`, mA."""
    heard = Heard(state("car", measured_a=on_all(measured_a), setpoint_a=8.0, transaction="1"), sample_s)
    draw = draw_of(CAR, memory, heard, Moment(grid_s))
    return draw.low[0], draw.high[0]


def test_a_sample_from_before_a_cut_counts_for_the_settle_time() -> None:
    assert interval(16.0, 90.0, 104.0) == (8000, 16_000)
    assert interval(16.0, 90.0, 107.0) == (8000, 8000)


def test_a_sample_of_a_vehicle_on_its_way_down_counts_until_it_must_have_come_down() -> None:
    assert interval(12.0, 103.0, 110.0) == (8000, 12_000)
    assert interval(12.0, 103.0, 113.0) == (8000, 8000)
    assert interval(9.0, 107.0, 113.0) == (8000, 8000), "a station may measure once a minute only"


def test_what_is_drawn_long_after_a_cut_is_believed() -> None:
    assert interval(9.0, 113.0, 130.0) == (9000, 9000)


def test_a_sample_below_a_settled_command_is_believed() -> None:
    assert interval(7.4, 107.0, 130.0) == (7400, 7400)


def test_an_empty_outlet_draws_what_it_measured_last_whatever_it_may() -> None:
    """It takes no samples while nobody is there, and falls back to its failsafe: that is no draw."""
    empty = LoadMemory(in_force_ma=8000, in_force_s=100.0, history=(Command(0.0, 0),), active_s=50.0, adopts=False)
    assert interval(0.0, 60.0, 500.0, empty) == (0, 0)
    assert interval(16.0, 45.0, 500.0, empty) == (0, 0), "what the last vehicle drew is gone with it"
