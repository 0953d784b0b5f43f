"""A place's days: sun by the season, clouds and house by the seed, and a scenario's course made of them."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from evenload.simulation.scenario import ThermalFacts
from evenload.simulation.scenario_files import load_paths
from evenload.simulation.seasons import MINUTES, Place, cover_of, day_of, trip_of
from evenload.simulation.thermal import Mass, called
from evenload.site.findings import ConfigError

HOME = Place(seed=4)
JUNE, DECEMBER = date(2026, 6, 21), date(2026, 12, 21)
SCENARIO = """\
name: a-day
site: {site: home, time_zone: Europe/Berlin, grid: {breaker_a: 25}, loads: {car: {type: evse, mode: solar_only}}}
starts_at: "2026-06-21T00:00:00+02:00"
given: {household_a: {L1: 9}, thermal: {car: {temperature_c: 20}}}
course: {seed: 4, hours: 14, every_s: 600, outdoor: [car]}
timeline: [{at_s: 36000, given: {household_a: {L1: 7}}}]
"""


def light_minutes(day: date) -> int:
    return sum(power_w > 0 for power_w in day_of(HOME, day).sun_w)


def test_days_are_long_in_june_and_short_in_december() -> None:
    assert 15.5 * 60 < light_minutes(JUNE) < 17 * 60
    assert 7.5 * 60 < light_minutes(DECEMBER) < 8.7 * 60
    assert max(day_of(HOME, JUNE).expected_w) <= HOME.peak_w


def test_equal_seeds_give_equal_days_and_others_others() -> None:
    assert day_of(HOME, JUNE) == day_of(Place(seed=4), JUNE)
    assert day_of(HOME, JUNE).sun_w != day_of(Place(seed=5), JUNE).sun_w
    assert trip_of(HOME, JUNE) == trip_of(Place(seed=4), JUNE)


def test_every_minute_of_a_day_has_its_numbers() -> None:
    for offset in range(0, 365, 45):
        day = day_of(HOME, JUNE + timedelta(days=offset))
        lengths = {len(day.sun_w), len(day.expected_w), len(day.outdoor_c), len(day.house_a), len(day.water_w)}
        assert lengths == {MINUTES}
        assert 0.0 <= cover_of(HOME, JUNE + timedelta(days=offset)) <= 1.0
        assert min(day.sun_w) >= 0.0
        assert min(min(each) for each in day.house_a) > 0.0


def test_a_trip_ends_on_its_day() -> None:
    trips = [trip_of(HOME, JUNE + timedelta(days=offset)) for offset in range(60)]
    assert all(trip is None or 0 < trip.leaves_min < trip.returns_min < MINUTES for trip in trips)
    assert 30 < sum(trip is not None for trip in trips) < 60


def test_a_course_becomes_moments_and_what_is_written_goes_over_it(tmp_path: Path) -> None:
    path = tmp_path / "day.yaml"
    path.write_text(SCENARIO)
    (scenario,) = load_paths([path])
    assert [turn.at_s for turn in scenario.moments[:3]] == [0.0, 600.0, 1200.0]
    noon = next(turn.given for turn in scenario.moments if turn.at_s == 12 * 3600.0)
    first = scenario.moments[0].given
    assert noon is not None
    assert first is not None
    assert noon.solar_w > first.solar_w == 0.0
    assert len(first.forecasts["solar"]) == 48
    assert noon.thermal["car"].ambient_c > first.thermal["car"].ambient_c
    at_ten = [turn.given for turn in scenario.moments if turn.at_s == 36_000.0]
    assert at_ten[-1] is not None
    assert at_ten[-1].household_a["L1"] == 7.0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [("{seed: 4, outdoor: [tank]}", "nothing is known of tank"), ("{sed: 4}", "did you mean seed?")],
)
def test_a_course_that_means_nothing_is_refused(tmp_path: Path, wrong: str, says: str) -> None:
    path = tmp_path / "day.yaml"
    path.write_text(SCENARIO.replace("{seed: 4, hours: 14, every_s: 600, outdoor: [car]}", wrong))
    with pytest.raises(ConfigError) as refused:
        load_paths([path])
    assert says in "\n".join(map(str, refused.value.findings))


def test_a_device_of_its_own_thermostat_calls_a_kelvin_below_and_more_when_raised() -> None:
    room = Mass(20.4, ThermalFacts(temperature_c=20.4, keeps_c=21.0, raised_k=2.0), calls=False)
    assert not called(room, raised=False).calls
    assert called(room, raised=True).calls
    assert called(replace(room, temperature_c=19.9), raised=False).calls
    assert not called(replace(room, temperature_c=23.1, calls=True), raised=True).calls
