"""A body of first order: where it goes, when it gets there, how long it coasts."""

import pytest

from evenload.thermal.model import Around, Model, coast_s, heating_s, temperature_after, time_to

TANK = Model(capacity_wh_per_k=200.0, loss_w_per_k=2.0)
CELLAR = Around(power_w=2000.0, ambient_c=15.0)


def test_a_kelvin_costs_its_capacity() -> None:
    tight = Model(capacity_wh_per_k=200.0, loss_w_per_k=0.0)
    assert temperature_after(tight, 40.0, CELLAR, 3600.0) == pytest.approx(50.0)
    assert time_to(tight, 40.0, 50.0, CELLAR) == pytest.approx(3600.0)


def test_it_ends_where_loss_and_power_meet() -> None:
    assert temperature_after(TANK, 40.0, Around(power_w=100.0, ambient_c=15.0), 1e8) == pytest.approx(65.0)


@pytest.mark.parametrize(("start_c", "target_c"), [(40.0, 55.0), (15.0, 90.0), (60.0, 80.0)])
def test_the_time_to_a_target_is_when_it_is_there(start_c: float, target_c: float) -> None:
    after_s = time_to(TANK, start_c, target_c, CELLAR)
    assert after_s is not None
    assert temperature_after(TANK, start_c, CELLAR, after_s) == pytest.approx(target_c)


@pytest.mark.parametrize(
    ("start_c", "target_c", "power_w"),
    [(40.0, 55.0, 0.0), (55.0, 50.0, 2000.0), (40.0, 70.0, 100.0), (40.0, 64.99999, 100.0)],
)
def test_what_is_never_reached_has_no_time(start_c: float, target_c: float, power_w: float) -> None:
    assert time_to(TANK, start_c, target_c, Around(power_w=power_w, ambient_c=15.0)) is None


def test_what_is_there_takes_no_time() -> None:
    assert time_to(TANK, 55.0, 55.0, CELLAR) == 0.0


def test_a_coast_ends_at_the_floor() -> None:
    lasts_s = coast_s(TANK, 60.0, 50.0, 15.0)
    assert lasts_s is not None
    assert temperature_after(TANK, 60.0, Around(power_w=0.0, ambient_c=15.0), lasts_s) == pytest.approx(50.0)
    assert coast_s(TANK, 60.0, 10.0, 15.0) is None


def test_heating_late_is_just_in_time() -> None:
    run_s = heating_s(TANK, 45.0, 55.0, CELLAR, by_s=6 * 3600.0)
    assert run_s is not None
    before_c = temperature_after(TANK, 45.0, Around(power_w=0.0, ambient_c=15.0), 6 * 3600.0 - run_s)
    assert temperature_after(TANK, before_c, CELLAR, run_s) == pytest.approx(55.0)


def test_what_is_warm_enough_needs_no_heating_and_what_is_too_late_has_none() -> None:
    assert heating_s(TANK, 70.0, 55.0, CELLAR, by_s=3600.0) == 0.0
    assert heating_s(TANK, 40.0, 55.0, CELLAR, by_s=3600.0) is None


def test_cooling_runs_the_other_way() -> None:
    room = Model(capacity_wh_per_k=3000.0, loss_w_per_k=150.0, gain_w=300.0)
    cooler = Around(power_w=-4000.0, ambient_c=32.0)
    run_s = heating_s(room, 26.0, 23.0, cooler, by_s=8 * 3600.0)
    assert run_s is not None
    assert 0.0 < run_s < 8 * 3600.0
    lasts_s = coast_s(room, 23.0, 25.0, 32.0)
    assert lasts_s is not None
    assert 0.0 < lasts_s < 8 * 3600.0
