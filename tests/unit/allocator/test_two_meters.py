"""Two grid meters: the higher import of both, one alone when the other is silent, and what is told (faults.md A11)."""

import pytest
from msgspec import json, structs

from evenload.contracts.events import MeterReading
from evenload.contracts.phases import PerPhase
from evenload.site.schema import Meter
from services.allocator.belief import Grid, read_grid
from services.allocator.disagreement import AGREE_S, DISAGREE_S
from services.allocator.facts import Facts, Heard
from services.allocator.memory import Memory, rebased
from services.allocator.plan import compile_plan
from tests.property.allocator.ideal import NOW
from tests.unit.allocator.builders import Home, evse, on_all, site

METERS = {"a_check": Meter(role="grid", driver="ideal", checks="p1"), "p1": Meter(role="grid", driver="ideal")}
CHECKED = site({"car": evse()}, meters=METERS)
LATER_S = 100.0
APART = "grid_meters_disagree"


def grid(own_a: PerPhase | None, check_a: PerPhase | None, **ages_s: float) -> Grid:
    """Return what is believed of two readings, which are `ages_s` old; None = never heard."""
    said = {"p1": own_a, "a_check": check_a}
    readings = {
        name: Heard(
            MeterReading(site="home", meter=name, role="grid", measured_at=NOW, current_a=current_a),
            LATER_S - ages_s.get(name, 0.0),
        )
        for name, current_a in said.items()
        if current_a is not None
    }
    return read_grid(compile_plan(CHECKED), Facts(readings=readings), LATER_S)


def test_the_higher_import_counts_on_each_phase() -> None:
    assert grid(PerPhase(3.0, -2.0, 5.0), PerPhase(4.0, -3.0, 5.0)).current_ma == (4000, -2000, 5000)


def test_one_that_is_too_old_does_not_count() -> None:
    found = grid(on_all(20.0), on_all(1.0), p1=5.1)
    assert (found.current_ma, found.health, found.age_s) == ((1000, 1000, 1000), "normal", 0.0)


def test_one_that_was_never_heard_does_not_count() -> None:
    assert grid(on_all(2.0), None).health == "normal"
    assert grid(None, on_all(2.0)).current_ma == (2000, 2000, 2000)


@pytest.mark.parametrize(("age_s", "health"), [(5.1, "frozen"), (12.1, "failsafe")])
def test_both_too_old_are_as_one_too_old(age_s: float, health: str) -> None:
    assert grid(on_all(2.0), on_all(1.0), p1=age_s, a_check=age_s).health == health


def test_a_phase_that_one_does_not_give_is_the_others() -> None:
    found = grid(PerPhase(1.0, None, 1.0), on_all(3.0))
    assert (found.current_ma, found.missing_mask) == ((3000, 3000, 3000), 0)
    assert grid(PerPhase(1.0, None, 1.0), PerPhase(2.0, None, 2.0)).missing_mask == 2


@pytest.mark.parametrize(
    ("one_a", "other_a", "phases"),
    [(2.0, 2.9, 0), (2.0, 3.1, 3), (-0.6, 0.6, 3), (20.0, 18.1, 0), (20.0, 17.9, 3), (-20.0, -18.1, 0)],
)
def test_they_may_differ_by_an_ampere_or_a_tenth(one_a: float, other_a: float, phases: int) -> None:
    assert len(grid(on_all(one_a), on_all(other_a)).apart) == phases


def home(**checks: float) -> Home:
    """Return a settled home whose second meter begins to say so much on each phase."""
    living = Home(CHECKED, house_a=(2.0, 2.0, 2.0)).pass_s(200)
    return says(living, **checks)


def says(living: Home, **checks: float) -> Home:
    """Let meters say so much on each phase from now on."""
    living.reads = {name: {"current_a": on_all(current_a)} for name, current_a in checks.items()}
    return living


def test_a_lasting_difference_is_told_with_what_to_do() -> None:
    living = home(a_check=9.0)
    assert living.told(APART, int(DISAGREE_S)) == []
    (alert,) = living.told(APART, 2)
    assert (alert.about, alert.active) == ("a_check", True)
    assert "L1 9.0 A, p1 says 18.0 A" in alert.text
    assert all(word in alert.remedy for word in ("scale", "invert", "phases"))


def test_a_passing_difference_is_not_told() -> None:
    living = home(a_check=9.0)
    for _ in range(5):
        says(living, a_check=9.0).told(APART, int(DISAGREE_S) - 2)
        assert says(living).told(APART, 1) == []


def test_an_hour_of_agreement_costs_nothing_and_tells_nothing() -> None:
    living = home()
    assert living.told(APART, 600) == []
    assert living.amps("car") == 16.0


def test_agreement_is_told_when_it_has_lasted() -> None:
    living = home(a_check=9.0)
    living.told(APART, 40)
    assert says(living).told(APART, int(AGREE_S) - 5) == []
    assert [alert.active for alert in living.told(APART, 20)] == [False]


def test_the_difference_lowers_at_once() -> None:
    """The check shows 7 A more than the breaker carries: the car gives way by them."""
    assert home(a_check=32.0).pass_s(1).amps("car") == 9.0


def test_what_is_known_of_the_two_survives_a_restart() -> None:
    living = home(a_check=9.0)
    living.told(APART, 40)
    kept = json.decode(json.encode(living.memory), type=Memory)
    moved = rebased(kept, 1000.0)
    assert (moved.apart_s, moved.disagree_s) == (None, (living.memory.disagree_s or 0.0) + 1000.0)


def test_both_stand_among_the_inputs_each_with_its_age() -> None:
    living = home()
    living.silent.add("p1")
    living.pass_s(20)
    assert living.outcome is not None
    inputs = {item.name: item for item in living.outcome.decision.inputs}
    assert (inputs["p1"].state, inputs["a_check"].state) == ("stale", "fresh")
    assert (inputs["p1"].age_s or 0.0) > (inputs["a_check"].age_s or 0.0)


def test_a_meter_that_no_longer_checks_is_another_meter() -> None:
    alone = structs.replace(CHECKED, meters={"p1": METERS["p1"]})
    assert compile_plan(alone).grid_meter != compile_plan(CHECKED).grid_meter
