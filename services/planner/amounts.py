"""How much a goal still needs, Wh of electric energy. Pure.

Energy: what was asked for less what was drawn since. State of charge: what its vehicle told last, less what was drawn
since that. Temperature: by the learned model, how long the heater must run of the time that is left; before the model
is learned, two hours of heating are kept in hand while the target is not reached. What is not known counts at its
worst: a vehicle that never told its charge as empty.
"""

from datetime import datetime

from msgspec import Struct

from evenload.contracts.events import MeterReading
from evenload.contracts.records import Counted
from evenload.site.schema import Site
from evenload.thermal.learning import Fit, Learning, fitted
from evenload.thermal.model import Around, heating_s
from services.planner.counting import drawn_wh
from services.planner.facts import Facts
from services.planner.goals import Goal
from services.planner.shapes import Shape

CHARGING_RATIO = 0.9
"""Of what a vehicle draws, what reaches its battery."""
AMBIENT_C = 20.0
"""Around a tank; where it is another, the loss that is learned makes up for it."""
SPARE_C = 0.5
UNLEARNED_H = 2.0


class Missing(Struct, frozen=True, kw_only=True):
    """What is still needed, and on what that stands."""

    energy_wh: float
    why: str = ""


def missing(
    goal: Goal, site: Site, facts: Facts, known: tuple[Counted, Learning, Shape], *, now: datetime
) -> Missing | None:
    """Return what a goal still needs; None when nothing can be said of it."""
    counted, learning, shape = known
    if goal.offered:
        return Missing(energy_wh=goal.need.energy_wh or 0.0, why="as its device says")
    if goal.need.energy_wh is not None:
        return Missing(energy_wh=max(0.0, goal.need.energy_wh - (drawn_wh(counted) - counted.goal_wh)))
    if goal.need.soc_pct is not None:
        return _of_vehicle(goal, site, facts, counted)
    return _of_tank(goal, facts, (learning, shape), now=now)


def _of_vehicle(goal: Goal, site: Site, facts: Facts, counted: Counted) -> Missing:
    need, size_wh = goal.need, goal.need.battery_wh or 0.0
    reading = vehicle_reading(goal, site, facts)
    soc_pct = reading.soc_pct if reading is not None else None
    since_wh = drawn_wh(counted) - (counted.soc_wh if soc_pct is not None else counted.goal_wh)
    gap_wh = ((need.soc_pct or 0.0) - (soc_pct or 0.0)) / 100 * size_wh / CHARGING_RATIO
    why = "" if soc_pct is not None else "its charge is not known: counts as empty"
    return Missing(energy_wh=max(0.0, gap_wh - since_wh), why=why)


def vehicle_reading(goal: Goal, site: Site, facts: Facts) -> MeterReading | None:
    """Return the newest reading of the vehicle's meter."""
    names = [name for name, meter in site.meters.items() if meter.role == "vehicle"]
    name = goal.need.meter or (names[0] if len(names) == 1 else None)
    return facts.readings.get(name) if name is not None else None


def temperature_of(goal: Goal, facts: Facts) -> float | None:
    """Return the temperature that a goal is about, °C."""
    if goal.need.meter is not None:
        reading = facts.readings.get(goal.need.meter)
        return reading.temperature_c if reading is not None else None
    state = facts.states.get(goal.load)
    return state.temperature_c if state is not None else None


def _of_tank(goal: Goal, facts: Facts, known: tuple[Learning, Shape], *, now: datetime) -> Missing | None:
    learning, shape = known
    temperature_c, target_c = temperature_of(goal, facts), goal.need.target_c or 0.0
    if temperature_c is None:
        return None
    fit = fitted(learning, gains=False)
    left_s = max(0.0, (goal.ready_at - now).total_seconds())
    if fit is None:
        cold = temperature_c < target_c
        return Missing(energy_wh=shape.power_w * UNLEARNED_H if cold else 0.0, why="its model is not learned yet")
    around = Around(power_w=shape.power_w, ambient_c=AMBIENT_C)
    run_s = heating_s(fit.model, temperature_c, target_c + SPARE_C, around, by_s=left_s)
    if run_s is None:
        gap_c = target_c - temperature_c
        lost_wh = fit.model.loss_w_per_k * max(0.0, target_c - AMBIENT_C) * left_s / 3600
        return Missing(energy_wh=max(0.0, gap_c * fit.model.capacity_wh_per_k + lost_wh), why=_fit_text(fit))
    return Missing(energy_wh=run_s / 3600 * shape.power_w, why=_fit_text(fit))


def _fit_text(fit: Fit) -> str:
    model = fit.model
    return (
        f"model of {fit.rows} rows: {model.capacity_wh_per_k:.0f} Wh/K ± {fit.capacity_error_ratio:.0%}, "
        f"{model.loss_w_per_k:.1f} W/K ± {fit.loss_error_ratio:.0%}, residual {fit.residual_c:.2f} K"
    )
