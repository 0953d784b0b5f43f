"""The thermal integral of a breaker."""

import pytest

from evenload.site.breaker import BORNE_RATIO, THERMAL_LIMIT, heat_after


def test_the_rating_for_long_is_one_and_what_is_borne_for_an_hour_is_the_limit() -> None:
    assert heat_after(0.0, 1.0, 3600) == pytest.approx(1.0, abs=1e-4)
    assert heat_after(1.0, BORNE_RATIO, 1e6) == pytest.approx(THERMAL_LIMIT, abs=1e-3)


def test_it_does_not_depend_on_how_time_is_cut() -> None:
    once = heat_after(0.3, 1.4, 100)
    twice = heat_after(heat_after(0.3, 1.4, 33), 1.4, 67)
    assert once == pytest.approx(twice)


def test_145_percent_passes_the_limit_within_two_minutes_and_cools_again() -> None:
    hot = heat_after(1.0, 1.45, 120)
    assert hot > THERMAL_LIMIT
    assert heat_after(hot, 0.2, 300) < 1.0
