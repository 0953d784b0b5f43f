"""Values set by hand: laid over the file, ended by time, by hand, and by a changed file."""

from datetime import timedelta

from evenload.contracts.commands import (
    ClearOverride,
    CommandAccepted,
    CommandRejected,
    SetDistribution,
    SetLimit,
    SetMode,
    SetPriority,
    SiteCommand,
)
from services.allocator.overrides import Overrides, applied, in_force
from tests.property.allocator.ideal import NOW
from tests.unit.allocator.builders import evse, plug, site

HOME = site({"car": evse(), "heater": plug()})
LATER = NOW + timedelta(hours=1)


def after(*commands: SiteCommand) -> Overrides:
    """Return the overrides after commands that are all accepted."""
    items: Overrides = ()
    for command in commands:
        items, reply = applied(HOME, items, command, NOW)
        assert isinstance(reply, CommandAccepted), reply
    return items


def refusal(command: SiteCommand) -> CommandRejected:
    """Return why a command is refused; nothing may change."""
    items, reply = applied(HOME, (), command, NOW)
    assert isinstance(reply, CommandRejected)
    assert items == ()
    return reply


def test_each_value_is_an_override_of_its_own() -> None:
    items = after(
        SetMode(site="home", load="car", mode="off"),
        SetPriority(site="home", load="car", priority=3),
        SetLimit(site="home", load="car", max_a=10.0),
        SetDistribution(site="home", distribution="strict"),
    )
    assert len(items) == 4


def test_the_newer_one_replaces_the_older_one() -> None:
    items = after(SetMode(site="home", load="car", mode="off"), SetMode(site="home", load="car", mode="excess"))
    assert [item.mode for item in items] == ["excess"]


def test_an_override_ends_at_its_time() -> None:
    items = after(SetMode(site="home", load="car", mode="off", until=LATER))
    assert in_force(HOME, items, LATER - timedelta(seconds=1)) == items
    assert in_force(HOME, items, LATER) == ()


def test_an_override_ends_when_the_file_changes_its_value() -> None:
    items = after(SetMode(site="home", load="car", mode="off"), SetPriority(site="home", load="car", priority=3))
    changed = site({"car": evse("solar_only"), "heater": plug()})
    assert [item.priority for item in in_force(changed, items, NOW)] == [3]


def test_an_override_ends_with_its_load() -> None:
    items = after(SetMode(site="home", load="car", mode="off"))
    assert in_force(site({"heater": plug()}), items, NOW) == ()


def test_clearing_ends_all_of_one_load_only() -> None:
    items = after(
        SetMode(site="home", load="car", mode="off"),
        SetMode(site="home", load="heater", mode="off"),
        ClearOverride(site="home", load="car"),
    )
    assert [item.load for item in items] == ["heater"]


def test_clearing_the_site_returns_its_distribution() -> None:
    assert after(SetDistribution(site="home", distribution="shared"), ClearOverride(site="home")) == ()


def test_an_unknown_load_is_refused_with_those_there_are() -> None:
    assert "car, heater" in refusal(SetMode(site="home", load="cra", mode="off")).remedy
    assert "car, heater" in refusal(ClearOverride(site="home", load="cra")).remedy


def test_a_limit_is_only_ever_lowered() -> None:
    assert "above" in refusal(SetLimit(site="home", load="car", max_a=17.0)).why
    assert "under" in refusal(SetLimit(site="home", load="car", max_a=5.0)).why


def test_a_plug_has_no_limit() -> None:
    assert "all or nothing" in refusal(SetLimit(site="home", load="heater", max_a=5.0)).why


def test_an_end_in_the_past_or_without_a_zone_is_refused() -> None:
    assert "future" in refusal(SetMode(site="home", load="car", mode="off", until=NOW)).why
    bare = LATER.replace(tzinfo=None)
    assert "future" in refusal(SetMode(site="home", load="car", mode="off", until=bare)).why
