"""The simulated year: the same seed gives the same days, byte by byte, and what is counted adds up."""

from datetime import date
from pathlib import Path

import pytest

from bench.year import as_json, put_in, table
from bench.year_home import MODES, NO_CONTROL, PLANS, STRATEGIES, Tally, site_of
from bench.year_loop import simulated
from bench.year_plant import Plant
from evenload.simulation.seasons import Place

JUNE = date(2026, 6, 10)


@pytest.mark.parametrize("strategy", ["solar_only", PLANS])
def test_the_same_seed_gives_the_same_bytes(strategy: str) -> None:
    assert as_json([simulated(strategy, 3, 1, JUNE)]) == as_json([simulated(strategy, 3, 1, JUNE)])


def test_another_seed_is_another_day() -> None:
    assert as_json([simulated(NO_CONTROL, 3, 1, JUNE)]) != as_json([simulated(NO_CONTROL, 4, 1, JUNE)])


@pytest.mark.parametrize("strategy", [NO_CONTROL, "solar_priority"])
def test_what_is_counted_adds_up(strategy: str) -> None:
    tally = simulated(strategy, 1, 1, JUNE)
    assert tally.days == 1
    assert sum(month["import"] for month in tally.monthly) == pytest.approx(tally.imported_wh)
    assert 0.0 < tally.own_use_pct <= 100.0
    # Sun and grid feed house, loads and battery; the battery holds at most its capacity.
    kept_wh = tally.sun_wh + tally.imported_wh - tally.exported_wh - tally.used_wh
    assert abs(kept_wh) <= 10_000.0
    assert tally.loads_wh["pool"] == pytest.approx(3_600.0, rel=0.05)


def test_an_overload_of_a_winter_evening_is_answered_within_seconds() -> None:
    at_once, answered = (simulated(strategy, 1, 2, date(2026, 1, 8)) for strategy in (NO_CONTROL, "standard"))
    assert at_once.above_breaker_s >= 240.0
    assert 0.0 < answered.above_breaker_s <= 30.0
    assert answered.breaker_heat_ratio < 1.0 < at_once.breaker_heat_ratio, "without control it would have tripped"


@pytest.mark.parametrize(("day", "minutes"), [(date(2026, 3, 29), 1380), (date(2026, 10, 25), 1500), (JUNE, 1440)])
def test_the_house_lives_by_the_clock_on_the_wall(day: date, minutes: int) -> None:
    tally = Tally(NO_CONTROL)
    plant = Plant(site_of(NO_CONTROL), Place(seed=1), tally, day)
    passed = 0
    while not tally.days:
        plant.pass_minute()
        passed += 1
    assert passed == minutes


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_is_a_site_file_that_is_accepted(strategy: str) -> None:
    site = site_of(strategy)
    modes = {load.mode for name, load in site.loads.items() if name != "heat_pump"}
    assert modes == ({strategy} if strategy in MODES else {"solar_only"})
    assert bool(site.plans) == (strategy == PLANS)


def test_the_table_is_put_between_its_marks(tmp_path: Path) -> None:
    paper = tmp_path / "year.md"
    paper.write_text("before\n<!-- table -->\nold\n<!-- end of table -->\nafter\n", encoding="utf-8")
    loads = dict.fromkeys(("car", "heat_pump", "pool", "tank"), 0.0)
    tally = Tally("plans", sun_wh=1000.0, exported_wh=250.0, loads_wh=loads)
    put_in(paper, [tally])
    text = paper.read_text(encoding="utf-8")
    assert text == f"before\n<!-- table -->\n{table([tally])}\n<!-- end of table -->\nafter\n"
    assert "| sun used at home, % | 75.0 |" in text
