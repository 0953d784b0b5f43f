"""A tank or a room as one mass: first order, exact for a power that is constant meanwhile. Pure.

C · dT/dt = factor · P + gain − loss · (T − ambient)
"""

import math
from dataclasses import dataclass, replace

from evenload.simulation.scenario import ThermalFacts

THERMOSTAT_K = 1.0
"""A device's own thermostat calls again when it is so far below what it keeps."""


@dataclass(frozen=True)
class Mass:
    """A mass: its temperature in °C now and what it is made of."""

    temperature_c: float
    facts: ThermalFacts
    calls: bool = True
    """Its device's own thermostat wants it warmer, or cooler."""


def after(mass: Mass, power_w: float, seconds: float) -> Mass:
    """Return the mass after `power_w` of electricity for so long."""
    facts = mass.facts
    heat_w = facts.factor * power_w + facts.gain_w
    if facts.loss_w_per_k <= 0:
        warmed_c = mass.temperature_c + heat_w * seconds / 3600 / facts.capacity_wh_per_k
        return Mass(warmed_c, facts, mass.calls)
    final_c = facts.ambient_c + heat_w / facts.loss_w_per_k
    left = math.exp(-seconds / 3600 * facts.loss_w_per_k / facts.capacity_wh_per_k)
    return Mass(final_c + (mass.temperature_c - final_c) * left, facts, mass.calls)


def called(mass: Mass, *, raised: bool) -> Mass:
    """Return the mass after its device's own thermostat looked at it; one without a thermostat always calls."""
    facts = mass.facts
    if facts.keeps_c is None:
        return mass if mass.calls else replace(mass, calls=True)
    sign = 1.0 if facts.factor >= 0 else -1.0
    ahead_k = sign * (facts.keeps_c - mass.temperature_c) + (facts.raised_k if raised else 0.0)
    calls = ahead_k > (0.0 if mass.calls else THERMOSTAT_K)
    return mass if calls == mass.calls else replace(mass, calls=calls)


def with_facts(mass: Mass | None, facts: ThermalFacts) -> Mass:
    """Return the mass under (changed) facts; its temperature goes on unless the facts name another."""
    if mass is None or facts.temperature_c != mass.facts.temperature_c:
        return Mass(facts.temperature_c, facts)
    return replace(mass, facts=facts)


def sensed_c(mass: Mass) -> float:
    """Return what its sensor says, °C."""
    return mass.temperature_c if mass.facts.says_c is None else mass.facts.says_c
