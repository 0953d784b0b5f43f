"""What a vehicle says that it needs is a plan for once, unless the site file or a command says otherwise."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from evenload.contracts.events import Decision, LoadDecision, LoadState, Mode
from evenload.contracts.plan_events import LoadPlan
from evenload.contracts.plans import Need
from evenload.contracts.records import Override
from evenload.site.schema import Evse
from tests.unit.planner.builders import EVENING, asked, made, site

MORNING = EVENING + timedelta(hours=10, minutes=30)


def saying(**values: Any) -> dict[str, LoadState]:
    """Return the state of a car that wants 11 kWh by half past six."""
    said: dict[str, Any] = {"status": "suspended_evse", "needs_wh": 11_000.0, "leaves_at": MORNING, **values}
    return {"car": LoadState(site="home", load="car", measured_at=EVENING, **said)}


def plan_of(*overrides: Override, mode: Mode = "solar_only", plans: Any = None, **said: Any) -> LoadPlan:
    where = site({"car": Evse(mode=mode)}, plans={"car": plans} if plans is not None else {})
    return made(where, *overrides, states=saying(**said))[1].plans[0]


def test_a_vehicle_that_says_what_it_needs_has_it_when_it_leaves() -> None:
    plan = plan_of()
    assert plan.ready_at == MORNING
    assert plan.missing_wh == 11_000.0
    assert plan.short_wh == 0.0
    wh = sum(slot.guaranteed_a * 690.0 / 4 for slot in plan.slots)
    assert 11_000.0 <= wh <= 12_500.0
    assert "as its vehicle says" in plan.why


def test_what_it_draws_meanwhile_counts() -> None:
    where = site({"car": Evse(mode="solar_only")})
    memory, _ = made(where, states=saying())
    drew = replace(memory, counted={"car": replace(memory.counted["car"], total_wh=5_000.0)})
    assert made(where, memory=drew, states=saying())[1].plans[0].missing_wh == 6_000.0


@pytest.mark.parametrize(
    "otherwise",
    [
        {"plans": (Need(by="08:00", energy_wh=2_000.0),)},
        {"overrides": (asked("car", by="08:00", energy_wh=2_000.0),)},
    ],
    ids=["the site file", "a command"],
)
def test_others_plans_come_first(otherwise: dict[str, Any]) -> None:
    plan = plan_of(*otherwise.get("overrides", ()), plans=otherwise.get("plans"))
    assert plan.missing_wh == 2_000.0


@pytest.mark.parametrize(
    ("overrides", "mode", "said"),
    [
        ((Override(load="car", plan=(), at=EVENING),), "solar_only", {}),
        ((), "standard", {}),
        ((), "off", {}),
        ((), "solar_only", {"status": "available"}),
        ((), "solar_only", {"needs_wh": 0.0}),
        ((), "solar_only", {"needs_wh": None}),
        ((), "solar_only", {"leaves_at": None}),
        ((), "solar_only", {"leaves_at": EVENING - timedelta(minutes=1)}),
        ((), "solar_only", {"leaves_at": EVENING + timedelta(days=400)}),
    ],
)
def test_nothing_is_planned_where_there_is_nothing_to_plan(
    overrides: tuple[Override, ...], mode: Mode, said: dict[str, Any]
) -> None:
    assert plan_of(*overrides, mode=mode, **said).ready_at is None


def test_a_mode_set_by_hand_to_standard_needs_no_plan_and_a_plans_own_mode_does_not_end_it() -> None:
    where = site({"car": Evse(mode="solar_only")})
    for by_plan, planned in ((True, True), (False, False)):
        line = LoadDecision(
            load="car", mode="standard", by_plan=by_plan, setpoint_a=16.0, target_a=16.0, could_get_a=16.0, rule="fair"
        )
        decision = Decision(site="home", decided_at=EVENING, loads=(line,), health="normal", distribution="shared")
        _, outcome = made(where, states=saying(), decision=decision)
        assert (outcome.plans[0].ready_at is not None) == planned


def test_what_cannot_be_met_is_said_at_once() -> None:
    _, outcome = made(site({"car": Evse(mode="solar_only")}), states=saying(needs_wh=200_000.0))
    assert [(alert.kind, alert.active) for alert in outcome.alerts] == [("plan_short", True)]
