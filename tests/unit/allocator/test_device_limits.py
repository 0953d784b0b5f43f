"""Limits, modes and targets by hand of devices: what is accepted, and what the plan makes of it."""

from datetime import UTC, datetime

import pytest

from evenload.contracts.commands import CommandAccepted, SetLimit, SetMode, SetTarget, SiteCommand
from evenload.site.schema import HeatPump, Modulating, Plug, Pump, Tank
from services.allocator.overrides import applied
from services.allocator.plan import compile_plan
from tests.unit.allocator.builders import site

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SITE = site(
    {
        "plug": Plug(power_w=2000, phases=("L1",)),
        "pool": Pump(power_w=1000, phases=("L1",), run_h=4),
        "pump": HeatPump(power_w=2000, boost_w=1000, phases=("L1",)),
        "rod": Modulating(power_w=3000, phases=("L1",)),
        "tank": Tank(power_w=2000, phases=("L1",)),
    }
)


@pytest.mark.parametrize(
    ("command", "accepted"),
    [
        (SetLimit(site="home", load="rod", max_a=5.0), True),
        (SetLimit(site="home", load="rod", max_a=13.2), False),
        (SetLimit(site="home", load="rod", max_a=0.2), False),
        (SetLimit(site="home", load="pump", max_a=8.7), True),
        (SetLimit(site="home", load="pump", max_a=8.0), False),
        (SetLimit(site="home", load="plug", max_a=5.0), False),
        (SetLimit(site="home", load="tank", max_a=8.7), False),
        (SetMode(site="home", load="tank", mode="boost"), True),
        (SetMode(site="home", load="pump", mode="boost"), False),
        (SetMode(site="home", load="plug", mode="boost"), False),
        (SetTarget(site="home", load="tank", target_c=60), True),
        (SetTarget(site="home", load="tank", target_c=30), True),
        (SetTarget(site="home", load="tank", target_c=81), False),
        (SetTarget(site="home", load="tank", target_c=20), False),
        (SetTarget(site="home", load="pool", target_c=30), False),
    ],
)
def test_what_is_accepted(command: SiteCommand, accepted: bool) -> None:
    overrides, reply = applied(SITE, (), command, NOW)
    assert isinstance(reply, CommandAccepted) is accepted, reply
    assert len(overrides) == accepted


def test_a_limit_by_hand_is_the_most_of_a_set_power() -> None:
    overrides, _ = applied(SITE, (), SetLimit(site="home", load="rod", max_a=5.0), NOW)
    rod = next(load for load in compile_plan(SITE, overrides).loads if load.name == "rod")
    assert (rod.min_ma, rod.max_ma, rod.rating_ma, rod.by_hand) == (500, 5000, 13100, True)


def test_a_boost_by_hand_is_standard_until_the_load_offers_otherwise() -> None:
    overrides, _ = applied(SITE, (), SetMode(site="home", load="tank", mode="boost"), NOW)
    assert next(load for load in compile_plan(SITE, overrides).loads if load.name == "tank").mode == "standard"
