"""`evenload plan`: what is asked for, and how a plan reads."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import click
import pytest

from evenload.cli.plan_command import need_from
from evenload.cli.plan_text import guaranteed, plan_line, progress
from evenload.cli.set_command import until_from
from evenload.contracts.plan_events import LoadPlan, PlanSlot
from evenload.contracts.plans import Need

NOW = datetime(2026, 6, 22, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "by", "need"),
    [
        ("40kWh", "07:00", Need(by="2026-06-23T07:00+00:00", energy_wh=40_000.0)),
        ("1500 Wh", "mon-fri 07:00", Need(by="mon-fri 07:00", energy_wh=1_500.0)),
        ("80%", "2026-06-24T06:00", Need(by="2026-06-24T06:00+00:00", soc_pct=80.0)),
        ("55C", "sat 06:30", Need(by="sat 06:30", target_c=55.0)),
        ("55.5 °C", "06:30", Need(by="2026-06-23T06:30+00:00", target_c=55.5)),
    ],
)
def test_needs(amount: str, by: str, need: Need) -> None:
    assert need_from(amount, by, battery=None, meter=None, now=NOW) == need


def test_times_are_those_of_the_site_also_where_its_clock_is_changed() -> None:
    evening = datetime(2026, 3, 28, 22, 0, tzinfo=ZoneInfo("Europe/Berlin"))  # the night in which summer time begins
    assert need_from("9kWh", "07:00", battery=None, meter=None, now=evening).by == "2026-03-29T05:00+00:00"
    assert need_from("9kWh", "2026-03-29T07:00", battery=None, meter=None, now=evening).by == "2026-03-29T05:00+00:00"
    assert until_from("9h", evening) == datetime(2026, 3, 29, 6, 0, tzinfo=UTC)


def test_the_size_of_a_battery_is_energy() -> None:
    need = need_from("80%", "07:00", battery="60kWh", meter="ev", now=NOW)
    assert (need.battery_wh, need.meter) == (60_000.0, "ev")


@pytest.mark.parametrize(
    ("amount", "by", "battery"),
    [
        ("40", "07:00", None),
        ("40kWh", None, None),
        ("40kWh", "soon", None),
        ("80%", "07:00", "60"),
        ("80%", "07:00", "9C"),
    ],
)
def test_what_cannot_be_meant_is_refused(amount: str, by: str | None, battery: str | None) -> None:
    with pytest.raises(click.UsageError):
        need_from(amount, by, battery=battery, meter=None, now=NOW)


def plan(*amps: float, short_wh: float = 0.0, missing_wh: float | None = 5_000.0) -> LoadPlan:
    steps = tuple(
        PlanSlot(starts_at=NOW + timedelta(minutes=15 * n), guaranteed_a=a, allowed_a=16.0) for n, a in enumerate(amps)
    )
    ready_at = NOW + timedelta(minutes=15 * len(amps))
    return LoadPlan(
        site="home",
        load="car",
        made_at=NOW,
        ready_at=ready_at,
        need="5 kWh by 07:00",
        missing_wh=missing_wh,
        short_wh=short_wh,
        cost=1.5,
        slots=steps,
        ends_at=ready_at,
        why="cheapest: 3 of 5 quarter hours guaranteed",
    )


def test_equal_slots_that_follow_each_other_are_one_span() -> None:
    spans = guaranteed(plan(16.0, 16.0, 0.0, 16.0, 8.0), ZoneInfo("Asia/Kolkata"))
    assert spans == ["Tue 01:30-02:00 16 A", "Tue 02:15-02:30 16 A", "Tue 02:30-02:45 8 A"], "on the site's wall clock"


def test_a_plan_reads_in_one_line() -> None:
    line = plan_line(plan(16.0, 0.0), UTC)
    assert line.startswith("5 kWh by 07:00: 5.0 kWh to go; guaranteed ")
    assert "costs 1.50; cheapest: 3 of 5" in line
    assert "CANNOT BE MET: 2.0 kWh will be missing" in plan_line(plan(16.0, short_wh=2_000.0), UTC)
    assert progress(plan(0.0, missing_wh=0.0), UTC).startswith("done until ")
    assert "not known" in plan_line(plan(0.0, missing_wh=None), UTC)


def test_a_load_without_a_plan_has_no_line() -> None:
    nothing = LoadPlan(site="home", load="car", made_at=NOW)
    assert (plan_line(nothing, UTC), progress(nothing, UTC)) == ("", "")
