"""The demo's house as numbers: what sun, house, battery and grid do at a moment; pure, on the plant of `plant.py`.

Real seconds since the start move house, cars and battery; the sun's day runs `speed` times as fast.
"""

from dataclasses import dataclass, replace

from evenload.simulation import plant
from evenload.simulation.plant import Flows, PhaseValues, PlantConfig, Surroundings
from evenload.simulation.weather import FROM_DAY_S, house_a, sun_w
from evenload.site.schema import Battery, Inverter

START_SOC_PCT = 80.5
"""Just over the target: loads go first until the battery has given 3 %, then it is filled again."""
ANSWER_S = 1.0
CONFIG = PlantConfig(
    phases=3,
    voltage_v=230.0,
    on_grid=True,
    inverter=Inverter(max_w=14_000.0),
    battery=Battery(max_charge_w=1_500.0, max_discharge_w=3_000.0),
    answer_s=ANSWER_S,
    capacity_wh=10_000.0,
)


@dataclass(frozen=True)
class Habits:
    """What makes one day differ from another."""

    seed: int
    speed: float


@dataclass(frozen=True)
class HomeState:
    """The house at `at_s` real seconds: battery W (+ discharging), soc %, and what flows."""

    at_s: float
    battery_w: float
    soc_pct: float
    answered_s: float
    solar_w: float
    flows: Flows


def around_at(habits: Habits, real_s: float) -> Surroundings:
    """Return house and sun at `real_s`."""
    day_s = FROM_DAY_S + real_s * habits.speed
    return Surroundings(household_a=house_a(real_s, habits.seed), solar_w=sun_w(day_s, habits.seed))


def first_state(habits: Habits) -> HomeState:
    """Return the house at the start, all loads off."""
    around = around_at(habits, 0.0)
    return HomeState(
        at_s=0.0,
        battery_w=0.0,
        soc_pct=START_SOC_PCT,
        answered_s=0.0,
        solar_w=around.solar_w,
        flows=plant.flows(CONFIG, around, (0.0, 0.0, 0.0), 0.0),
    )


def moved(state: HomeState, habits: Habits, draws_a: PhaseValues, real_s: float) -> HomeState:
    """Return the house at `real_s` with the loads drawing `draws_a`; the battery answers once a second."""
    around = around_at(habits, real_s)
    soc_pct = plant.soc_after(CONFIG, state.soc_pct, state.battery_w, real_s - state.at_s) or 0.0
    battery_w, answered_s = state.battery_w, state.answered_s
    if real_s - answered_s >= ANSWER_S:
        battery_w, answered_s = plant.battery_answer_w(CONFIG, around, draws_a, soc_pct), real_s
    return replace(
        state,
        at_s=real_s,
        battery_w=battery_w,
        soc_pct=soc_pct,
        answered_s=answered_s,
        solar_w=around.solar_w,
        flows=plant.flows(CONFIG, around, draws_a, battery_w),
    )
