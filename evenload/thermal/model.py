"""A heated or cooled body of first order: where its temperature goes, when it gets there, how long it coasts. Pure.

One heat store with one loss:  C · dT/dt = P − U · (T − Ta) + G, with C in Wh/K, U in W/K, the electric power P in W (of
a heat pump the efficiency is inside C, U and G; cooling counts negative), Ta the temperature around it and G what sun
and people add. So the temperature goes to T∞ = Ta + (P + G) / U with the time constant C / U:
T(t) = T∞ + (T₀ − T∞) · e^(−t·U/C). All answers are solutions of this one line.
"""

import math

from msgspec import Struct

HOUR_S = 3600.0
FOREVER_S = 30 * 86_400.0
"""Answers beyond a month are `None`: no model of first order is good for longer."""
_HALVINGS = 24
"""To a hundredth of a second of two days."""


class Model(Struct, frozen=True, kw_only=True):
    """A body: heat capacity in Wh/K, loss in W/K, and what it gains beside its heater, W; all in electric terms."""

    capacity_wh_per_k: float
    """Wh of electric energy for one kelvin, > 0."""
    loss_w_per_k: float
    """W of electric power that hold one kelvin above the surroundings, ≥ 0."""
    gain_w: float = 0.0


class Around(Struct, frozen=True, kw_only=True):
    """What a prediction assumes: the heater's power while it is on, W (cooling < 0), and the temperature around."""

    power_w: float
    ambient_c: float


def temperature_after(model: Model, start_c: float, around: Around, after_s: float) -> float:
    """Return the temperature after `after_s` of constant `around.power_w`, °C."""
    hours_h = after_s / HOUR_S
    push_w = around.power_w + model.gain_w
    if model.loss_w_per_k <= 0.0:
        return start_c + push_w * hours_h / model.capacity_wh_per_k
    final_c = around.ambient_c + push_w / model.loss_w_per_k
    return final_c + (start_c - final_c) * math.exp(-hours_h * model.loss_w_per_k / model.capacity_wh_per_k)


def time_to(model: Model, start_c: float, target_c: float, around: Around) -> float | None:
    """Return after how many s of constant power the temperature passes `target_c`; 0 when there, None when never."""
    drift_w = around.power_w + model.gain_w - model.loss_w_per_k * (start_c - around.ambient_c)
    if start_c == target_c:
        return 0.0
    if drift_w * (target_c - start_c) <= 0.0:
        return None
    if model.loss_w_per_k <= 0.0:
        after_s = (target_c - start_c) * model.capacity_wh_per_k / drift_w * HOUR_S
    else:
        final_c = around.ambient_c + (around.power_w + model.gain_w) / model.loss_w_per_k
        if (final_c - target_c) * (target_c - start_c) <= 0.0:
            return None
        constant_s = model.capacity_wh_per_k / model.loss_w_per_k * HOUR_S
        after_s = constant_s * math.log((final_c - start_c) / (final_c - target_c))
    return after_s if after_s <= FOREVER_S else None


def coast_s(model: Model, start_c: float, floor_c: float, ambient_c: float) -> float | None:
    """Return how long it stays on the good side of `floor_c` with its heater off, s; None = longer than a month."""
    return time_to(model, start_c, floor_c, Around(power_w=0.0, ambient_c=ambient_c))


def heating_s(model: Model, start_c: float, target_c: float, around: Around, *, by_s: float) -> float | None:
    """Return for how many of the last seconds before `by_s` the heater must run to be at the target then.

    It coasts until then, so that it loses least; 0 when coasting alone ends at the target or beyond it, None when even
    running all the time does not get there.
    """
    rising = around.power_w > 0.0
    idle = Around(power_w=0.0, ambient_c=around.ambient_c)

    def reached(run_s: float) -> bool:
        before_c = temperature_after(model, start_c, idle, by_s - run_s)
        end_c = temperature_after(model, before_c, around, run_s)
        return end_c >= target_c if rising else end_c <= target_c

    if reached(0.0):
        return 0.0
    if not reached(by_s):
        return None
    low_s, high_s = 0.0, by_s
    for _ in range(_HALVINGS):
        middle_s = (low_s + high_s) / 2
        low_s, high_s = (low_s, middle_s) if reached(middle_s) else (middle_s, high_s)
    return high_s
