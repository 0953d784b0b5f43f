"""Limits from outside: heartbeats, floors, scopes, and what is refused."""

from typing import Any

import pytest

from evenload.contracts.events import SiteLimit
from services.allocator.facts import Heard
from services.allocator.outside import acceptable, heard_limit, limit_in_force_w
from tests.property.allocator.ideal import NOW
from tests.unit.allocator.builders import Home, evse, site


def limit(**values: Any) -> SiteLimit:
    """Return a limit on import from the grid operator."""
    return SiteLimit(site="home", source="dso", scope="import", issued_at=NOW, **values)


@pytest.mark.parametrize(
    ("values", "age_s", "wanted_w"),
    [
        ({"limit_w": 5000.0}, 1e6, 5000.0),
        ({"limit_w": None}, 0.0, None),
        ({"limit_w": 1000.0, "floor_w": 4200.0}, 0.0, 4200.0),
        ({"limit_w": 5000.0, "valid_s": 120.0}, 119.0, 5000.0),
        ({"limit_w": 5000.0, "valid_s": 120.0}, 121.0, 4200.0),
        ({"limit_w": None, "valid_s": 120.0}, 121.0, 4200.0),
        ({"limit_w": 5000.0, "valid_s": 120.0, "failsafe_w": 1000.0}, 121.0, 1000.0),
    ],
)
def test_what_is_in_force(values: dict[str, float | None], age_s: float, wanted_w: float | None) -> None:
    assert limit_in_force_w(Heard(limit(**values), 100.0), 100.0 + age_s) == wanted_w


@pytest.mark.parametrize("values", [{"limit_w": -1.0}, {"failsafe_w": -1.0}, {"floor_w": -5.0}])
def test_negative_limits_are_refused(values: dict[str, float]) -> None:
    assert "last" in acceptable(limit(**values), "dso", 0)


def test_a_limit_of_zero_is_accepted() -> None:
    assert acceptable(limit(limit_w=0.0), "dso", 0) == ""


def test_a_limit_on_somebody_elses_subject_is_refused() -> None:
    assert "subject of tariff" in acceptable(limit(limit_w=100.0), "tariff", 0)


def test_there_are_at_most_32_sources() -> None:
    assert acceptable(limit(limit_w=100.0), "dso", 31) == ""
    assert "already" in acceptable(limit(limit_w=100.0), "dso", 32)


def test_after_a_lapse_one_message_does_not_lift_the_failsafe() -> None:
    """It takes a heartbeat and a following write (faults.md section 2)."""
    told = limit(limit_w=9000.0, valid_s=60.0)
    first = heard_limit(Heard(told, 0.0), told, 100.0)
    second = heard_limit(first, told, 130.0)
    assert [limit_in_force_w(each, each.at_s) for each in (first, second)] == [4200.0, 9000.0]


def test_a_limit_on_import_cuts_at_once() -> None:
    home = Home(site({"car": evse()})).pass_s(200)
    home.limit("dso", scope="import", limit_w=6900.0).pass_s(1)
    assert home.amps("car") == 10.0


def test_the_strictest_of_several_sources_is_in_force() -> None:
    home = Home(site({"car": evse()}))
    home.limit("dso", scope="import", limit_w=6900.0).limit("tariff", scope="import", limit_w=5520.0)
    assert home.pass_s(200).amps("car") == 8.0
    assert "tariff" in home.line("car").reason


def test_a_limit_on_managed_loads_lets_own_sun_come_on_top() -> None:
    home = Home(site({"car": evse()}), sun_a=9.0).limit("dso", scope="managed", limit_w=5520.0)
    assert home.pass_s(300).amps("car") == 11.0


def test_a_lost_heartbeat_brings_the_failsafe_limit_and_an_alert() -> None:
    home = Home(site({"car": evse()})).limit("dso", scope="import", limit_w=11_040.0, valid_s=60.0, failsafe_w=4830.0)
    assert home.pass_s(55).amps("car") > 7.0
    home.pass_s(10)
    assert home.amps("car") == 7.0
    assert ("limit_source_lost", "dso") in home.memory.alerts
