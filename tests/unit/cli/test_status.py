"""What `evenload status` shows, from events to text."""

import io
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from evenload.cli.status_table import BAR_CELLS, bar, render
from evenload.cli.status_view import MAX_ALERTS, View, as_json, heard, noted, without
from evenload.contracts.events import Alert, Decision, LoadState, MeterReading, Timer
from evenload.contracts.phases import PerPhase
from tests.golden.samples import SAMPLES

DECISION, STATE, ALERT, READING = (SAMPLES[name] for name in ("Decision", "LoadState", "Alert", "MeterReading"))
assert isinstance(DECISION, Decision)
assert isinstance(STATE, LoadState)
assert isinstance(ALERT, Alert)
assert isinstance(READING, MeterReading)


def shown(view: View, now_s: float = 0.0, width: int = 140) -> str:
    """Return what a terminal of so many columns shows."""
    console = Console(width=width, no_color=True, record=True, file=io.StringIO())
    console.print(render(view, now_s, width))
    return console.export_text()


def seen(*events: Any) -> View:
    """Return the view after these events at time 0."""
    view = View()
    for event in events:
        view = heard(view, event, 0.0)
    return view


def test_a_load_shows_mode_state_setpoint_measured_reason_and_timer() -> None:
    text = shown(seen(DECISION, STATE), now_s=2.0)
    assert "solar_priority by hand" in text
    assert "charging" in text
    assert "10.4 A" in text
    assert "circuit garage L2" in text
    assert " 4.2 -1.5  0.0 A" in text
    assert "ramp 4 s" in text


def test_a_load_on_other_phases_than_filed_says_so_and_shows_its_current_there() -> None:
    moved = replace(DECISION.loads[0], wiring="corrected", phases=("L2",), measured_a=PerPhase(l2=7.0))
    text = shown(seen(replace(DECISION, loads=(moved,)), STATE))
    assert "wallbox on L2" in text
    assert "7.0 A" in text
    doubted = replace(moved, wiring="suspected")
    assert "wallbox not on L2?" in shown(seen(replace(DECISION, loads=(doubted,)), STATE))


def test_the_reason_does_not_repeat_the_setpoint() -> None:
    assert "(circuit garage L2)" not in shown(seen(DECISION, STATE), width=80)


def test_a_reason_that_names_its_timer_says_how_long() -> None:
    grace = Timer(name="grace", in_s=30.0)
    held = replace(DECISION.loads[0], reason="6.0 A (grace: holds its minimum)", timer=grace)
    assert "grace: holds its minimum, 28 s more" in shown(seen(replace(DECISION, loads=(held,))), now_s=2.0)


def test_equal_lines_are_one_figure() -> None:
    text = shown(seen(DECISION, replace(STATE, measured_a=PerPhase(6.0, 6.0, 6.0))))
    assert " 6.0 A" in text
    assert "6.0  6.0" not in text


def test_one_line_that_draws_is_named() -> None:
    assert " 6.0 A L2" in shown(seen(DECISION, replace(STATE, measured_a=PerPhase(0.0, 6.0, 0.0))))


def test_grid_shows_import_and_export_against_the_breaker() -> None:
    text = shown(seen(DECISION))
    assert "4.2 A import of 25 A" in text
    assert "1.5 A export of 25 A" in text


def test_sun_and_battery_are_shown() -> None:
    text = shown(seen(DECISION))
    assert "6.9 kW" in text
    assert "82 % charging 500 W" in text


def test_unknown_grid_is_not_shown_as_zero() -> None:
    text = shown(seen(replace(DECISION, grid_a=None, health="failsafe")))
    assert "unknown, breaker 25 A" in text
    assert "failsafe" in text


def test_off_grid_site_has_no_breaker() -> None:
    assert "off-grid" in shown(seen(replace(DECISION, breaker_a=None)))


def test_idle_load_shows_what_it_could_get() -> None:
    idle = replace(DECISION.loads[0], setpoint_a=0.0, could_get_a=9.0, reason="no vehicle")
    assert "no vehicle; could get 9.0 A" in shown(seen(replace(DECISION, loads=(idle,))))


def test_alert_is_shown_until_it_is_cleared() -> None:
    assert "p1 has not been heard for 12 s; check its power" in shown(seen(DECISION, ALERT))
    assert "not been heard" not in shown(seen(DECISION, ALERT, replace(ALERT, active=False)))


def test_alerts_are_bounded() -> None:
    view = seen(*(replace(ALERT, about=f"m{number}") for number in range(2 * MAX_ALERTS)))
    assert len(view.sites["home"].alerts) == MAX_ALERTS


def test_silent_allocator_is_told() -> None:
    assert "is the allocator running?" not in shown(seen(DECISION), now_s=60.0)
    assert "no decision for 1 min 10 s: is the allocator running?" in shown(seen(DECISION), now_s=70.0)


def test_disobeying_and_unreachable_loads_are_told() -> None:
    text = shown(seen(DECISION, replace(STATE, reachable=False, obeys=False)))
    assert "no contact disobeys" in text


def test_doubtful_inputs_are_named() -> None:
    stale = replace(DECISION.inputs[0], state="stale", age_s=12.0)
    assert "not fresh: p1 stale for 12 s" in shown(seen(replace(DECISION, inputs=(stale,))))


def test_nothing_heard_says_what_is_awaited() -> None:
    assert "waiting for meters" in shown(View())
    assert "no decision yet" in shown(seen(STATE))


def test_notes_are_shown_and_bounded() -> None:
    view = View()
    for number in range(5):
        view = noted(view, f"note {number}")
    assert "note 1" not in shown(view)
    assert "note 4" in shown(view)


def test_a_terminal_of_80_columns_shows_everything() -> None:
    text = shown(seen(DECISION, STATE), width=80)
    for part in ("25 A", "charging 500 W", "solar_priority by hand", "circuit garage L2", "ramp 6 s"):
        assert part in text
    assert "…" not in text


def test_80_columns_hold_the_longest_words_of_the_battery() -> None:
    battery = replace(READING, meter="bat", role="battery", total_power_w=12_800.0, soc_pct=100.0)
    assert "100 % discharging 12.8 kW" in shown(seen(DECISION, battery), width=80)


def test_removed_site_is_gone() -> None:
    assert without(seen(DECISION), "home").sites == {}


@pytest.mark.parametrize(
    ("current_a", "filled"),
    [(0.0, 0), (12.5, BAR_CELLS // 2), (25.0, BAR_CELLS), (40.0, BAR_CELLS), (-12.5, BAR_CELLS // 2)],
)
def test_bar_is_as_long_as_the_current(current_a: float, filled: int) -> None:
    text = bar(current_a, 25.0).plain
    assert (text.count("█"), len(text)) == (filled, BAR_CELLS)


@pytest.mark.parametrize(
    ("current_a", "style"), [(5.0, "blue"), (22.0, "yellow"), (26.0, "bold red"), (-22.0, "green")]
)
def test_bar_is_coloured_by_how_near_the_breaker_is(current_a: float, style: str) -> None:
    assert bar(current_a, 25.0).spans[0].style == style


def test_one_phase_site_shows_one_bar() -> None:
    text = shown(seen(replace(DECISION, grid_a=PerPhase(l1=3.0))))
    assert text.count("of 25 A") == 1


def test_a_newer_reading_moves_the_grid_between_decisions() -> None:
    reading = replace(READING, current_a=PerPhase(9.9, 0.0, 0.0))
    assert "9.9 A import of 25 A" in shown(seen(DECISION, reading), now_s=1.0)


def test_an_old_reading_says_so() -> None:
    assert "ago" not in shown(seen(DECISION, READING), now_s=4.0)
    assert "4.2 A import of 25 A 12 s ago" in shown(seen(DECISION, READING), now_s=12.0)


def test_sun_and_battery_follow_their_meters() -> None:
    solar = replace(READING, meter="pv", role="solar", total_power_w=3_210.0)
    battery = replace(READING, meter="bat", role="battery", total_power_w=750.0, soc_pct=55.0)
    text = shown(seen(DECISION, solar, battery))
    assert "3.2 kW" in text
    assert "55 % discharging 750 W" in text


def test_json_has_decision_loads_and_alerts() -> None:
    site = as_json(seen(DECISION, STATE, ALERT))["sites"]["home"]
    assert site["decision"]["loads"][0]["setpoint_a"] == 10.4
    assert site["loads"]["wallbox"]["status"] == "charging"
    assert site["alerts"][0]["kind"] == "meter_stale"
