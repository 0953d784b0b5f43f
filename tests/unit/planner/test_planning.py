"""From what was asked to what is guaranteed: deadlines, prices, sun, circuits, and what is said when it cannot be."""

from datetime import UTC, datetime, timedelta

import pytest

from evenload.contracts.events import Decision, LoadDecision, LoadState, MeterReading
from evenload.contracts.phases import PerPhase
from evenload.contracts.plan_events import LoadPlan
from evenload.contracts.plans import Need
from evenload.contracts.records import Override
from evenload.contracts.schedules import ScheduleWindow
from evenload.site.money import Prices, PriceWindow
from evenload.site.schema import Evse, Meter, Plug
from services.planner.facts import House, Memory
from services.planner.sight import load_seen
from tests.unit.planner.builders import EVENING, GARAGE, asked, forecast, made, site

READY = datetime(2026, 6, 23, 7, 0, tzinfo=UTC)


def car(outcome_plans: tuple[LoadPlan, ...], name: str = "car") -> LoadPlan:
    return next(plan for plan in outcome_plans if plan.load == name)


def guaranteed(plan: LoadPlan) -> list[str]:
    return [f"{slot.starts_at:%H:%M}" for slot in plan.slots if slot.guaranteed_a > 0]


def guaranteed_wh(plan: LoadPlan) -> float:
    return sum(slot.guaranteed_a * 690 / 4 for slot in plan.slots)


def test_without_a_price_it_begins_at_the_latest_safe_start() -> None:
    plan = car(made(site(), asked("car", energy_wh=22_000.0))[1].plans)
    assert plan.ready_at == READY
    assert guaranteed(plan)[0] in ("04:30", "04:45")
    assert guaranteed(plan)[-1] == "06:30", "the last quarter hour is kept in hand"
    assert guaranteed_wh(plan) == pytest.approx(22_000.0 * 1.05, rel=0.03)
    assert {slot.allowed_a for slot in plan.slots} == {16.0}


def test_with_prices_it_takes_the_cheapest_hours() -> None:
    night = PriceWindow(when="01:00-03:00", price_per_kwh=0.10)
    tariff = Prices(table=(PriceWindow(when="mon-sun", price_per_kwh=0.30), night))
    plan = car(made(site(prices=tariff), asked("car", energy_wh=20_000.0))[1].plans)
    assert guaranteed(plan) == [f"{hour:02d}:{minute:02d}" for hour in (1, 2) for minute in (0, 15, 30, 45)]
    assert plan.cost == pytest.approx(0.10 * guaranteed_wh(plan) / 1000, rel=0.03)


def test_a_forecast_of_prices_goes_over_the_table_and_co2_counts_beside_it() -> None:
    tariff = Prices(table=(PriceWindow(when="mon-sun", price_per_kwh=0.30),), co2_price_per_kg=1.0)
    cheap = forecast("price", 0.3, 0.3, 0.3, 0.1, 0.3)
    dirty = forecast("co2", 100.0, 100.0, 100.0, 900.0, 50.0, *[400.0] * 8)
    need = asked("car", energy_wh=10_000.0)
    assert guaranteed(car(made(site(prices=tariff), need, forecasts={"price": cheap})[1].plans))[0] == "23:00"
    both = {"price": cheap, "co2": dirty}
    assert guaranteed(car(made(site(prices=tariff), need, forecasts=both)[1].plans))[0] == "00:00"


def test_two_cars_on_one_circuit_share_the_hours() -> None:
    garage = site({name: Evse(circuit="garage") for name in ("a", "b")}, circuits=GARAGE)
    needs = [asked(name, energy_wh=50_000.0) for name in ("a", "b")]
    _, outcome = made(garage, *needs)
    both = [
        sum(slot.guaranteed_a for slot in slots) for slots in zip(*(plan.slots for plan in outcome.plans), strict=True)
    ]
    assert max(both) <= 16.0
    assert sum(plan.short_wh for plan in outcome.plans) == 0.0


def test_what_cannot_be_met_is_said_at_once_and_taken_back() -> None:
    memory, outcome = made(site(), asked("car", energy_wh=200_000.0))
    plan = car(outcome.plans)
    assert plan.short_wh == pytest.approx(200_000.0 - 11 * 16 * 690, rel=0.02)
    (alert,) = outcome.alerts
    assert (alert.kind, alert.about, alert.active) == ("plan_short", "car", True)
    assert "200 kWh by 07:00 cannot be met: 78" in alert.text
    memory, outcome = made(site(), asked("car", energy_wh=200_000.0), memory=memory)
    assert outcome.alerts == ()
    _, outcome = made(site(), asked("car", energy_wh=20_000.0), memory=memory)
    assert [alert.active for alert in outcome.alerts] == [False]


def test_a_load_that_is_switched_off_cannot_be_met() -> None:
    off = Decision(
        site="home",
        decided_at=EVENING,
        loads=(LoadDecision(load="car", mode="off", setpoint_a=0.0, target_a=0.0, could_get_a=0.0),),
    )
    assert car(made(site(), asked("car", energy_wh=5_000.0), decision=off)[1].plans).short_wh == pytest.approx(5_000.0)


def test_the_house_and_a_load_without_a_plan_keep_theirs() -> None:
    home = site({"car": Evse(), "guest": Evse()})
    guest = LoadDecision(load="guest", mode="standard", setpoint_a=12.0, target_a=12.0, could_get_a=12.0)
    decision = Decision(site="home", decided_at=EVENING, loads=(guest,))
    memory = Memory(house=House(peak_a=(20.0, 5.0, 5.0)))
    plan = car(made(home, asked("car", energy_wh=30_000.0), memory=memory, decision=decision)[1].plans)
    assert max(slot.guaranteed_a for slot in plan.slots) == 9.0


def test_it_waits_for_the_sun_as_long_as_there_is_time_to_do_without() -> None:
    morning = datetime(2026, 6, 22, 8, 0, tzinfo=UTC)
    tariff = Prices(
        table=(PriceWindow(when="mon-sun", price_per_kwh=0.30), PriceWindow(when="08:00-10:00", price_per_kwh=0.20))
    )
    home, need = site(prices=tariff), asked("car", by="18:00", energy_wh=20_000.0)
    sunny = {"solar": forecast("solar", 0, 0, 0, 14_000, 14_000, 14_000, 0, 0, 0, 0, begin=morning)}
    waits = car(made(home, need, now=morning, forecasts=sunny)[1].plans)
    assert waits.slots[0].guaranteed_a == 0.0
    assert waits.why.startswith("waits for the sun")
    assert guaranteed_wh(waits) == pytest.approx(21_000.0, rel=0.03), "and can do without it from then on"
    assert car(made(home, need, now=morning)[1].plans).slots[0].guaranteed_a == 16.0
    late = datetime(2026, 6, 22, 16, 10, tzinfo=UTC)
    hope = {"solar": forecast("solar", 14_000, 14_000, 14_000, begin=late)}
    assert car(made(home, need, now=late, forecasts=hope)[1].plans).slots[0].guaranteed_a == 16.0


def test_energy_is_counted_from_when_it_was_asked_for() -> None:
    need, home = asked("car", energy_wh=10_000.0), site()

    def heard(memory: Memory, counter_wh: float, minutes: int) -> Memory:
        at = EVENING + timedelta(minutes=minutes)
        state = LoadState(site="home", load="car", measured_at=at, status="charging", energy_wh=counter_wh)
        return load_seen(home, memory, state, at)

    memory, _ = made(home, need, memory=heard(Memory(), 500_000.0, 0))
    memory = heard(memory, 504_000.0, 30)
    memory, outcome = made(home, need, memory=memory, now=EVENING + timedelta(minutes=30))
    assert (car(outcome.plans).done_wh, car(outcome.plans).missing_wh) == (4_000.0, 6_000.0)
    _, outcome = made(home, need, memory=heard(memory, 510_500.0, 60), now=EVENING + timedelta(hours=1))
    done = car(outcome.plans)
    assert (done.missing_wh, guaranteed(done)) == (0.0, [])
    assert done.slots[0].allowed_a == 16.0


def test_a_state_of_charge_is_what_the_vehicle_told_less_what_it_drew_since() -> None:
    home = site(meters={"ev": Meter(role="vehicle", driver="mqtt")})
    need = asked("car", soc_pct=80.0, battery_wh=60_000.0)
    unknown = car(made(home, need)[1].plans)
    assert unknown.missing_wh == pytest.approx(0.8 * 60_000 / 0.9, abs=1.0)
    assert "counts as empty" in unknown.why
    told = MeterReading(site="home", meter="ev", role="vehicle", measured_at=EVENING, soc_pct=50.0)
    assert car(made(home, need, readings={"ev": told})[1].plans).missing_wh == pytest.approx(20_000.0)


def test_a_vehicle_on_one_line_has_a_third_of_the_power() -> None:
    state = LoadState(
        site="home", load="car", measured_at=EVENING, status="charging", measured_a=PerPhase(l1=16.0, l2=0.0, l3=0.0)
    )
    three = car(made(site(), asked("car", energy_wh=10_000.0))[1].plans)
    one = car(made(site(), asked("car", energy_wh=10_000.0), states={"car": state})[1].plans)
    assert len(guaranteed(one)) >= 2.9 * len(guaranteed(three))


def test_a_tank_without_a_model_keeps_two_hours_in_hand_and_one_without_a_sensor_has_no_plan() -> None:
    home = site({"boiler": Plug(power_w=2000.0, phases=("L1",))})
    cold = LoadState(site="home", load="boiler", measured_at=EVENING, status="charging", temperature_c=40.0)
    need = asked("boiler", target_c=55.0)
    plan = car(made(home, need, states={"boiler": cold})[1].plans, "boiler")
    assert len(guaranteed(plan)) in (8, 9)
    assert "not learned" in plan.why
    blind = car(made(home, need)[1].plans, "boiler")
    assert (blind.missing_wh, guaranteed(blind)) == (None, [])


def test_the_earliest_deadline_counts_and_a_repeating_one_comes_again() -> None:
    home = site(plans={"car": (Need(by="tue 18:00", energy_wh=9_000.0), Need(by="mon-fri 07:00", energy_wh=5_000.0))})
    assert car(made(home)[1].plans).ready_at == READY
    noon = datetime(2026, 6, 23, 12, tzinfo=UTC)
    assert car(made(home, now=noon)[1].plans).ready_at == datetime(2026, 6, 23, 18, tzinfo=UTC)
    friday = datetime(2026, 6, 26, 12, tzinfo=UTC)
    late = car(made(home, now=friday)[1].plans)
    assert late.ready_at == datetime(2026, 6, 29, 7, tzinfo=UTC)
    assert late.short_wh == 0.0


def test_a_load_without_a_goal_has_an_empty_plan() -> None:
    plan = car(made(site())[1].plans)
    assert (plan.ready_at, plan.slots, plan.ends_at) == (None, (), None)


def test_a_schedule_is_minded_before_its_time_comes() -> None:
    windows = (ScheduleWindow(when="02:00-06:45", mode="off"), ScheduleWindow(when="00:00-02:00", max_a=8.0))
    plan = car(made(site(schedules={"car": windows}), asked("car", energy_wh=15_000.0))[1].plans)
    assert not [hour for hour in guaranteed(plan) if "02:00" <= hour < "06:45"]
    night = [slot.guaranteed_a for slot in plan.slots if f"{slot.starts_at:%H:%M}" < "02:00"]
    assert max(night) == 8.0
    assert plan.short_wh == 0.0
    by_hand = Override(load="car", mode="solar_only", at=EVENING)
    freed = car(made(site(schedules={"car": windows}), asked("car", energy_wh=15_000.0), by_hand)[1].plans)
    assert "06:00" in guaranteed(freed)
