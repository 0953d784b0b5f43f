"""Reasons, timers and alerts: what is said of a decision."""

import pytest

from evenload.contracts.events import Bound
from evenload.contracts.records import Override
from evenload.site.schema import Circuit
from services.allocator.explain import bound_text
from services.allocator.plan import compile_plan
from tests.property.allocator.ideal import NOW
from tests.unit.allocator.builders import Home, battery, evse, site


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (Bound(kind="circuit", name="garage", phase="L2"), "circuit garage L2"),
        (Bound(kind="breaker", phase="L1"), "breaker L1"),
        (Bound(kind="surplus", phase="L3"), "sun L3"),
        (Bound(kind="import"), "import limit"),
        (Bound(kind="outside", name="dso"), "outside limit dso"),
        (Bound(kind="battery"), "battery first"),
        (Bound(kind="load"), "its own limit"),
    ],
)
def test_a_limit_in_words(bound: Bound, text: str) -> None:
    assert bound_text(bound) == text


def test_the_reason_names_what_bound_it() -> None:
    home = Home(site({"car": evse(circuit="garage")}, circuits={"garage": Circuit(limit_a=8.0)})).pass_s(60)
    assert home.line("car").reason == "8.0 A (circuit garage L1)"


def test_a_load_at_its_maximum_says_so() -> None:
    assert Home(site({"car": evse()})).pass_s(200).line("car").reason == "16.0 A (its maximum)"


def test_a_solar_load_without_sun_says_so() -> None:
    assert "sun" in Home(site({"car": evse("solar_only")})).pass_s(2).line("car").reason


def test_a_battery_that_goes_first_says_so() -> None:
    where = site({"car": evse("solar_only")}, battery=battery())
    assert "battery first" in Home(where, sun_a=30.0, soc_pct=50.0).pass_s(2).line("car").reason


def test_a_hold_has_a_timer_that_runs_down() -> None:
    home = Home(site({"car": evse()})).pass_s(200).now((12.0, 0.0, 0.0)).pass_s(1).now().pass_s(5)
    first = home.line("car").timer
    second = home.pass_s(5).line("car").timer
    assert first is not None
    assert second is not None
    assert (first.name, first.in_s - second.in_s) == ("hold", 5.0)


def test_grace_and_pause_have_timers() -> None:
    home = Home(site({"car": evse("solar_only", grace_s=60.0)}), sun_a=30.0).pass_s(100).now().pass_s(10)
    grace = home.line("car").timer
    pause = home.pass_s(60).line("car").timer
    assert (grace is not None and grace.name, pause is not None and pause.name) == ("grace", "pause")


def test_an_override_is_shown_as_by_hand() -> None:
    home = Home(site({"car": evse()}))
    home.plan = compile_plan(home.site, (Override(load="car", mode="off", at=NOW),))
    assert home.pass_s(1).line("car").by_hand


def test_an_alert_is_raised_once_and_cleared_once() -> None:
    home = Home(site({"car": evse()})).pass_s(20)
    seen = []
    home.silent.add("p1")
    for second in range(60):
        if second == 30:
            home.silent.clear()
        seen += [(alert.kind, alert.active) for alert in home.step().alerts]
    assert seen == [("grid_unknown", True), ("grid_unknown", False)]


def test_an_overload_that_nothing_can_shed_is_an_alert_with_figures() -> None:
    home = Home(site({"car": evse()})).pass_s(20).now((31.0, 0.0, 0.0)).pass_s(3)
    assert ("overload_not_shed", "L1") in home.memory.alerts


def test_a_decision_names_what_it_stood_on() -> None:
    home = Home(site({"car": evse()})).pass_s(2)
    assert home.outcome is not None
    assert {used.name: used.state for used in home.outcome.decision.inputs} == {
        "p1": "fresh",
        "pv": "fresh",
        "car": "fresh",
    }
