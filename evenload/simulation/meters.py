"""What the site's meters show, as the readings that meter_ingest would publish; pure.

Names: `grid`, `solar`, `battery`, `inverter`, unless the site file names meters of these roles; and circuits' meters,
and one that checks the grid meter.
"""

import dataclasses
import random
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.structs import replace

from evenload.contracts.events import MeterReading, MeterRole
from evenload.contracts.phases import PerPhase, Phase
from evenload.simulation.plant import Flows, PhaseValues
from evenload.simulation.scenario import Given
from evenload.site.schema import Device, Meter, Site


@dataclass(frozen=True)
class Shown:
    """What flows at the moment of measuring; W and %, + as in the conventions. `circuits_a` by circuit meter."""

    flows: Flows
    solar_w: float
    battery_w: float
    soc_pct: float | None
    circuits_a: dict[str, PhaseValues]
    temperatures_c: dict[str, float]
    """By temperature meter."""


def roles(site: Site, given: Given) -> dict[str, MeterRole]:
    """Return the meters there are: name → role."""
    there: list[MeterRole] = ["grid"] if site.grid is not None else []
    if given.meters.solar:
        there.append("solar")
    if given.meters.inverter or (given.meters.inverter is None and site.grid is None):
        there.append("inverter")
    if site.battery is not None:
        there.append("battery")
    own = {name: meter for name, meter in site.meters.items() if meter.checks is None}
    named = {meter.role: name for name, meter in sorted(own.items(), reverse=True)}
    found = {named.get(role, str(role)): role for role in there}
    found.update({name: "grid" for name, meter in site.meters.items() if meter.checks in found})
    found.update({circuit.meter: "circuit" for circuit in site.circuits.values() if circuit.meter})
    sensors = {load.sensor for load in site.loads.values() if isinstance(load, Device)} - {None}
    found.update({sensor: "temperature" for sensor in sensors if sensor is not None})
    return found


def fitted(site: Site, given: Given) -> Site:
    """Return the site with exactly the meters that the simulation provides."""
    there = {
        name: replace(site.meters[name], role=role) if name in site.meters else Meter(role=role, driver="simulated")
        for name, role in roles(site, given).items()
    }
    return replace(site, meters=there)


def readings(site: Site, given: Given, shown: Shown, *, at: datetime, tick: int) -> list[MeterReading]:
    """Return one reading of each meter, measured `at`; noise is drawn from the scenario's seed and the tick."""
    noise_a, shown = _noise(given, len(site.phases), tick), _as_wired(site, given, shown)
    return [
        replace(
            _values(site, shown, (name, role), noise_a, sign=_sign(given, role)),
            measured_at=at,
            period_s=given.meters.period_s,
        )
        for name, role in sorted(roles(site, given).items())
        if role != "temperature" or name in shown.temperatures_c
    ]


def thousandth(reading: MeterReading) -> MeterReading:
    """Return the reading of a meter that says kW where W are expected."""
    small = {phase: value / 1000 for phase, value in reading.current_a.items()} if reading.current_a is not None else {}
    power = {phase: value / 1000 for phase, value in reading.power_w.items()} if reading.power_w is not None else {}
    return replace(
        reading,
        current_a=PerPhase.of(small) if small else None,
        power_w=PerPhase.of(power) if power else None,
        total_power_w=None if reading.total_power_w is None else reading.total_power_w / 1000,
    )


def _noise(given: Given, phases: int, tick: int) -> PhaseValues:
    bound_a = given.meters.noise_a
    if bound_a == 0:
        return (0.0,) * phases
    dice = random.Random(f"{given.seed}:{tick}")
    return tuple(dice.uniform(-bound_a, bound_a) for _ in range(phases))


def _sign(given: Given, role: MeterRole) -> float:
    return -1.0 if given.meters.inverted and role == "grid" else 1.0


def _values(
    site: Site, shown: Shown, meter: tuple[str, MeterRole], noise_a: PhaseValues, *, sign: float
) -> MeterReading:
    name, role = meter
    blank = MeterReading(site=site.site, meter=name, role=role, measured_at=datetime.min.replace(tzinfo=UTC))
    if role == "solar":
        return replace(blank, total_power_w=shown.solar_w)
    if role == "battery":
        return replace(blank, total_power_w=shown.battery_w, soc_pct=shown.soc_pct)
    if role == "temperature":
        return replace(blank, temperature_c=shown.temperatures_c[name])
    if role == "inverter":
        current_a = shown.flows.output_a
    elif role == "circuit":
        current_a = shown.circuits_a[name]
    else:
        current_a = tuple(sign * net + noise for net, noise in zip(shown.flows.net_a, noise_a, strict=True))
    volts = site.voltage_v
    phases = _labels(site, name)
    return replace(
        blank,
        current_a=per_phase(phases, current_a),
        power_w=per_phase(phases, current_a, volts),
        total_power_w=sum(current_a) * volts,
    )


def _labels(site: Site, name: str) -> tuple[Phase, ...]:
    """Return the phases that the site file names for a meter's lines."""
    meter = site.meters.get(name)
    return site.phases if meter is None or meter.phases is None else meter.phases


def _as_wired(site: Site, given: Given, shown: Shown) -> Shown:
    """Return what is seen where each line of the grid meter really is."""
    wired, net_a = given.meters.wired, shown.flows.net_a
    if wired is None:
        return shown
    seen_a = tuple(net_a[site.phases.index(phase)] for phase in wired)
    return dataclasses.replace(shown, flows=dataclasses.replace(shown.flows, net_a=seen_a))


def per_phase(phases: tuple[Phase, ...], values: PhaseValues, factor: float = 1.0) -> PerPhase:
    """Return `values`, in the order of `phases`, times `factor` by phase."""
    return PerPhase.of(zip(phases, (value * factor for value in values), strict=True))
