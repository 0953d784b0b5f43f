"""What must hold in every simulation (faults.md section 1), watched from moment to moment; pure.

* Breaker, thermal: with r = I/In, dθ/dt = (r² − θ)/300 s from θ = 1 stays under 1.277, and a time above 1.13 · In stays
  under 7 s (12 s when the meter's period is 5 s or more) while managed loads draw on that phase.
* Circuits: the sum over their loads of the larger of offered and drawn stays within the limit. When leases end, outlets
  fall back each for itself, some up and some down: then for `FALLING_S` only what is offered counts.
* Setpoints: finite, 0 or within [min, max] of the load.
Each kind of violation is told once per object.
"""

import math
from dataclasses import dataclass, field, replace

from evenload.contracts.events import Setpoint
from evenload.contracts.units import plug_da
from evenload.simulation.plant import PhaseValues
from evenload.simulation.virtual_time import clock_text
from evenload.site.breaker import BORNE_RATIO, THERMAL_LIMIT, heat_after
from evenload.site.schema import Device, Site, phases_of

FAST_RATIO = BORNE_RATIO
FALLING_S = 8.0
"""A bus hop and the slowest vehicle, with a little to spare."""
_SLACK_A = 0.02


@dataclass(frozen=True)
class Watch:
    """Where the thermal integrals stand, since when each phase is above 1.13 · In, and what was violated."""

    at_s: float
    ratio: PhaseValues
    theta: PhaseValues
    above_s: PhaseValues
    found: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Moment:
    """What flows from now on: net and managed A per phase, and per load (offered A, drawn A); when a lease ended."""

    net_a: PhaseValues
    managed_a: PhaseValues
    loads: dict[str, tuple[float, float]]
    fallen_s: float = -math.inf


def first_watch(site: Site) -> Watch:
    """Return the watch of a breaker that was at its rating for long."""
    zeros = (0.0,) * len(site.phases)
    return Watch(at_s=0.0, ratio=zeros, theta=(1.0,) * len(site.phases), above_s=zeros)


def observe(watch: Watch, site: Site, moment: Moment, now_s: float) -> Watch:
    """Return the watch after what flowed until `now_s`, with `moment` flowing from then on."""
    passed_s = now_s - watch.at_s
    theta = tuple(heat_after(heat, ratio, passed_s) for ratio, heat in zip(watch.ratio, watch.theta, strict=True))
    above_s = tuple(
        spent + passed_s if ratio > FAST_RATIO else 0.0 for ratio, spent in zip(watch.ratio, watch.above_s, strict=True)
    )
    rated_a = site.grid.breaker_a if site.grid else math.inf
    found = [*_breaker(site, moment, (theta, above_s)), *_circuits(site, moment, now_s)]
    return Watch(
        at_s=now_s,
        ratio=tuple(max(0.0, net) / rated_a for net in moment.net_a),
        theta=theta,
        above_s=above_s,
        found=_added(watch.found, found, now_s),
    )


def judge_setpoint(watch: Watch, site: Site, setpoint: Setpoint, now_s: float) -> Watch:
    """Return the watch with a setpoint that is neither 0 nor within its load's range noted."""
    load = site.loads[setpoint.load]
    value_a = setpoint.setpoint_a
    if isinstance(load, Device):
        lines = len(phases_of(load, site))
        least_a, most_a = (plug_da(power_w, site.voltage_v, lines) / 10 for power_w in (load.least_w, load.most_w))
        fits = value_a == 0 or least_a - 1e-6 <= value_a <= most_a + 1e-6
    else:
        fits = value_a == 0 or load.min_a - 1e-6 <= value_a <= load.max_a + 1e-6
    if fits and math.isfinite(value_a):
        return watch
    return replace(
        watch, found=_added(watch.found, [f"setpoint of {setpoint.load} is neither 0 nor in its range"], now_s)
    )


def _breaker(site: Site, moment: Moment, watched: tuple[PhaseValues, PhaseValues]) -> list[str]:
    """Return the phases on which managed loads keep an overload alive."""
    longest_s = (
        12.0 if any(meter.role == "grid" and (meter.period_s or 1) >= 5 for meter in site.meters.values()) else 7.0
    )
    found = []
    for phase, managed, heat, spent_s in zip(site.phases, moment.managed_a, *watched, strict=True):
        if managed > 0 and heat > THERMAL_LIMIT:
            found.append(f"breaker {phase}: thermal integral over {THERMAL_LIMIT}")
        if managed > 0 and spent_s > longest_s:
            found.append(f"breaker {phase}: above {FAST_RATIO} of its rating for more than {longest_s:.0f} s")
    return found


def _circuits(site: Site, moment: Moment, now_s: float) -> list[str]:
    falling = now_s - moment.fallen_s < FALLING_S
    reserved_a = {load: offered if falling else max(offered, drawn) for load, (offered, drawn) in moment.loads.items()}
    found = []
    for name, circuit in site.circuits.items():
        below = _below(site, name)
        for phase in site.phases:
            total_a = sum(
                reserved_a[load]
                for load, entry in site.loads.items()
                if entry.circuit in below and phase in phases_of(entry, site)
            )
            if total_a > circuit.limit_a + _SLACK_A:
                found.append(f"circuit {name} {phase}: loads may draw more than {circuit.limit_a:g} A")
    return found


def _below(site: Site, name: str) -> set[str]:
    below = {name}
    for _ in site.circuits:
        below |= {each for each, circuit in site.circuits.items() if circuit.within in below}
    return below


def _added(before: tuple[str, ...], found: list[str], now_s: float) -> tuple[str, ...]:
    told = {text.partition(" ")[2] for text in before}
    return (*before, *(f"{clock_text(now_s)} {text}" for text in dict.fromkeys(found) if text not in told))
