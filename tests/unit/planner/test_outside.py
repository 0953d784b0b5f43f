"""Plans under limits from outside, and beside loads that say themselves what they need."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from evenload.contracts.events import Decision, LoadState, Offer
from evenload.contracts.limits import LimitInForce
from evenload.contracts.plan_events import LoadPlan
from evenload.site.load import load_text
from evenload.site.schema import Site
from evenload.site.windows import zone_of
from services.planner.facts import Facts, Memory
from services.planner.planning import Outcome, planned

NOW = datetime(2026, 6, 22, 20, 0, tzinfo=UTC)
TEXT = """
site: home
phases: [L1]
grid: {breaker_a: 40, margin_a: 0, household_max_a: 4}
meters: {m: {role: grid, driver: homewizard, host: 127.0.0.1:9}}
circuits: {yard: {limit_a: 20}}
loads:
  car: {type: evse, station: C1, min_a: 6, max_a: 32, circuit: yard}
  pool: {type: pump, power_w: 2300, run_h: 2, priority: 0, circuit: yard, driver: shelly, host: 127.0.0.1}
plans: {car: [{by: "22:00", energy_wh: 6000}]}
"""


def site(more: str = "") -> Site:
    loaded = load_text(TEXT + more, "home.yaml")
    assert loaded.site is not None, loaded.findings
    return loaded.site


def plan_of(where: Site, facts: Facts) -> tuple[dict[str, LoadPlan], Outcome]:
    _, outcome = planned(where, facts, Memory(), NOW, zone=zone_of(where.time_zone))
    return {plan.load: plan for plan in outcome.plans}, outcome


def limited(limit_w: float | None, left_s: float | None = None, scope: str = "import") -> Facts:
    limit = LimitInForce(source="grid_operator", scope=scope, state="told", limit_w=limit_w, left_s=left_s)  # type: ignore[arg-type]  # a word of the contract
    return Facts(decision=Decision(site="home", decided_at=NOW, limits=(limit,)))


def wh(plan: LoadPlan) -> float:
    """What is guaranteed, Wh at 230 V in whole quarter hours."""
    return sum(slot.guaranteed_a * 230 / 4 for slot in plan.slots)


def test_without_a_limit_it_can_be_met() -> None:
    plans, outcome = plan_of(site(), Facts())
    assert plans["car"].short_wh == 0.0
    assert wh(plans["car"]) >= 6000.0
    assert not outcome.alerts


def test_a_limit_of_the_connection_leaves_what_the_house_does_not_draw() -> None:
    """2,300 W are 10 A, less 4 A for the house 6 A: 2 h of them are 2,760 Wh, so 3,240 of 6,000 Wh will be missing."""
    plans, outcome = plan_of(site(), limited(2300.0))
    assert max(slot.guaranteed_a for slot in plans["car"].slots) == 6.0
    assert 3_000.0 <= plans["car"].short_wh <= 3_300.0
    assert "limit of grid_operator" in plans["car"].why
    assert [alert.kind for alert in outcome.alerts] == ["plan_short"]


def test_a_limit_of_the_loads_leaves_the_house_out() -> None:
    plans, _ = plan_of(site(), limited(2300.0, scope="managed"))
    assert max(slot.guaranteed_a for slot in plans["car"].slots) == 10.0


def test_a_limit_that_ends_by_itself_moves_the_plan_behind_its_end() -> None:
    plans, _ = plan_of(site(), limited(0.0, left_s=1800.0))
    amps = [slot.guaranteed_a for slot in plans["car"].slots]
    assert amps[:2] == [0.0, 0.0]
    assert plans["car"].short_wh == 0.0


def test_a_lifted_limit_bounds_nothing() -> None:
    plans, _ = plan_of(site(), limited(None))
    assert plans["car"].short_wh == 0.0


def offering(need_wh: float, hours: float, mode: str = "solar_only") -> Facts:
    offer = Offer(
        mode=mode,  # type: ignore[arg-type]  # a word of the contract
        min_a=10.0,
        max_a=10.0,
        all_or_nothing=True,
        need_wh=need_wh,
        until=NOW + timedelta(hours=hours),
        reason="still to run",
    )
    pool = LoadState(site="home", load="pool", measured_at=NOW, status="suspended_evse", offer=offer)
    return Facts(states={"pool": pool})


def test_a_plan_leaves_room_for_what_another_load_says_it_needs() -> None:
    """The yard carries 20 A: while the pool has its 10 A all the time, 10 A are left for the car, 4,600 Wh in 2 h."""
    alone, _ = plan_of(site(), Facts())
    beside, _ = plan_of(site(), offering(4600.0, 2.0))
    assert alone["car"].short_wh == 0.0
    assert 1_000.0 <= beside["car"].short_wh <= 1_800.0
    assert beside["pool"].slots == (), "it minds its own deadline"


def test_it_is_told_when_it_pays_to_run_where_the_price_moves() -> None:
    prices = "prices: {table: [{when: mon-sun, price_per_kwh: 0.3}, {when: 20:30-21:30, price_per_kwh: 0.1}]}\n"
    plans, outcome = plan_of(replace(site(prices), plans={}), offering(2150.0, 4.0))
    on = [f"{slot.starts_at:%H:%M}" for slot in plans["pool"].slots if slot.guaranteed_a > 0]
    assert on == ["20:30", "20:45", "21:00", "21:15"]
    assert not outcome.alerts


def test_one_that_is_served_from_any_source_already_is_no_question() -> None:
    plans, _ = plan_of(site(), offering(4600.0, 2.0, mode="standard"))
    assert plans["car"].short_wh == 0.0
    assert plans["pool"].slots == ()
