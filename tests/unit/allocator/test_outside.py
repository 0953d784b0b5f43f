"""Limits from outside: heartbeats, floors, scopes, and what is refused."""

from typing import Any

import pytest
from msgspec.structs import replace

from evenload.contracts.events import SiteLimit
from evenload.site.limits import OutsideLimit
from evenload.site.schema import Site
from services.allocator.facts import Facts, Heard
from services.allocator.keeping import KeptLimit
from services.allocator.outside import (
    acceptable,
    completed,
    expected,
    heard_limit,
    limit_in_force_w,
    limits_in_force,
    state_of,
    still_known,
)
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


def heard_all(*told: tuple[float, SiteLimit], first: Heard[SiteLimit] | None = None) -> Heard[SiteLimit]:
    """Return what is held after each (time, limit)."""
    held = first
    for at_s, event in told:
        held = heard_limit(held, event, at_s)
    assert held is not None
    return held


LEASED = limit(limit_w=9000.0, valid_s=60.0, failsafe_s=7200.0)
BEAT = limit(limit_w=9000.0, valid_s=60.0, failsafe_s=7200.0, heartbeat_only=True)
LOW = limit(limit_w=100.0, valid_s=60.0, failsafe_s=7200.0)


def test_the_failsafe_ends_by_itself_after_its_time() -> None:
    held = Heard(LEASED, 0.0)
    seen = [(state_of(held, at_s), limit_in_force_w(held, at_s)) for at_s in (60.0, 61.0, 7259.0, 7260.0)]
    assert seen == [("told", 9000.0), ("failsafe", 4200.0), ("failsafe", 4200.0), ("released", None)]


def test_heartbeats_alone_do_not_end_a_failsafe_and_a_write_after_them_does() -> None:
    held = heard_all((0.0, LEASED), (100.0, BEAT), (130.0, BEAT), (160.0, BEAT))
    assert (state_of(held, 160.0), held.lapsed_s) == ("failsafe", 60.0)
    assert state_of(heard_all((170.0, LEASED), first=held), 170.0) == "told"


def test_a_source_that_goes_again_while_it_comes_back_begins_anew() -> None:
    held = heard_all((0.0, LEASED), (100.0, BEAT), (300.0, LEASED))
    assert (state_of(held, 300.0), held.lapsed_s) == ("failsafe", 60.0)
    assert state_of(heard_all((310.0, LEASED), first=held), 310.0) == "told"


def test_a_lower_limit_counts_while_a_source_comes_back() -> None:
    held = heard_all((0.0, LEASED), (100.0, LOW))
    assert (state_of(held, 100.0), limit_in_force_w(held, 100.0)) == ("failsafe", 100.0)


def test_after_its_release_a_write_counts_at_once_and_a_heartbeat_does_not() -> None:
    held = heard_all((0.0, LEASED), (9000.0, BEAT))
    assert (state_of(held, 9000.0), limit_in_force_w(held, 9000.0)) == ("released", None)
    assert state_of(heard_all((9001.0, LEASED), first=held), 9001.0) == "told"


def test_a_floor_lifts_the_failsafe_too() -> None:
    held = Heard(limit(limit_w=0.0, valid_s=60.0, floor_w=7560.0), 0.0)
    assert [limit_in_force_w(held, at_s) for at_s in (1.0, 100.0)] == [7560.0, 7560.0]


def with_limit(**values: Any) -> Site:
    """Return a home whose site file names a source on the bus."""
    return replace(site({"car": evse()}), limits={"dso": OutsideLimit(driver="bus", **values)})


def test_a_source_that_the_file_names_counts_as_missing_until_it_is_heard() -> None:
    held = expected(with_limit(), {}, 100.0, NOW)["dso"]
    assert (state_of(held, 100.0), limit_in_force_w(held, 100.0)) == ("failsafe", 4200.0)
    assert state_of(heard_all((110.0, LEASED), first=held), 110.0) == "told"
    assert state_of(held, 7300.0) == "released"
    assert limits_in_force(Facts(limits={"dso": held}), 200.0)[0].heard_s is None


def test_nothing_is_expected_of_one_without_a_heartbeat_or_that_was_heard() -> None:
    assert expected(with_limit(heartbeat_s=0.0), {}, 100.0, NOW) == {}
    assert expected(with_limit(), {"dso": Heard(LEASED, 0.0)}, 100.0, NOW) == {}


def test_the_file_says_what_a_source_on_the_bus_leaves_out() -> None:
    told = completed(limit(limit_w=1000.0, floor_w=100.0), with_limit(rule="14a", devices=2))
    assert (told.floor_w, told.valid_s, told.failsafe_w, told.failsafe_s) == (7560.0, 120.0, 7560.0, 7200.0)
    assert completed(LEASED, with_limit()).valid_s == 60.0
    assert completed(LEASED, site({"car": evse()})) == LEASED


def test_an_entry_that_goes_takes_its_limit_along() -> None:
    held = {"dso": Heard(LEASED, 0.0), "tariff": Heard(LEASED, 0.0)}
    assert set(still_known(held, with_limit(), site({"car": evse()}))) == {"tariff"}
    assert set(still_known(held, with_limit(), with_limit(devices=2))) == {"dso", "tariff"}


def test_a_kept_failsafe_goes_on_where_it_was() -> None:
    held = heard_all((0.0, LEASED), (100.0, BEAT))
    kept = KeptLimit(held.event, held.at_s, held.returning, held.lapsed_s)
    assert kept.heard() == held


def test_what_is_in_force_is_told_with_the_decision() -> None:
    home = Home(site({"car": evse()})).limit("dso", scope="managed", limit_w=1000.0, floor_w=5520.0).pass_s(5)
    assert home.outcome is not None
    (found,) = home.outcome.decision.limits
    assert (found.source, found.state, found.limit_w, found.told_w) == ("dso", "told", 5520.0, 1000.0)


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
