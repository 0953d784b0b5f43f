"""One raw sample as numbers: by site phase, in our units, in our signs. Pure.

Lines are mapped to site phases; a line on a phase that the site lacks is left out. `invert` is a negative scale, so
that every rule below already sees our signs. A total is never split over phases.
"""

from msgspec import Struct

from evenload.contracts.phases import PerPhase, Phase
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.lines import Line, LineLimits, line_limits, read_line
from services.meter_ingest.raw import Raw, RawLine, RawSample, Traits
from services.meter_ingest.values import Bounds, Fault, Read, read

_SOC = Bounds(0.0, 100.0, "%")
_TEMPERATURE = Bounds(-100.0, 1_000.0, "°C")
_ENERGY = Bounds(-1e13, 1e13, "Wh")
_SYSTEM_PHASES = 3


class Sample(Struct, frozen=True, kw_only=True):
    """What a sample says; None = not known."""

    current_a: PerPhase | None
    power_w: PerPhase | None
    voltage_v: PerPhase | None
    total_w: float | None
    import_wh: float | None
    export_wh: float | None
    soc_pct: float | None
    temperature_c: float | None
    derived: bool
    faults: tuple[Fault, ...]

    @property
    def flow_w(self) -> float | None:
        """Total power, from the phases when the source tells no total."""
        return self.total_w if self.total_w is not None else (self.power_w.total() if self.power_w else None)


def read_sample(plan: MeterPlan, raw: RawSample) -> Sample:
    """Return what `raw` says, with every value that was refused as a fault."""
    traits, limits = _traits(plan, raw.traits), line_limits(plan.voltage_v, plan.breaker_a)
    lines = _lines(plan, raw, traits, limits)
    total = read(raw.power, "total power", _total_bounds(limits), traits.power_scale)
    counters = (_energy(raw.imported, "energy in", traits), _energy(raw.exported, "energy out", traits))
    soc, temperature = read(raw.soc, "state of charge", _SOC), read(raw.temperature, "temperature", _TEMPERATURE)
    single_values = (total, *counters, soc, temperature)
    import_wh, export_wh = (one.value for one in (reversed(counters) if plan.invert else counters))
    return Sample(
        current_a=_per_phase({phase: line.current_a for phase, line in lines.items()}),
        power_w=_per_phase({phase: line.power_w for phase, line in lines.items()}),
        voltage_v=_per_phase({phase: line.voltage_v for phase, line in lines.items()}),
        total_w=_total(total.value, lines, plan),
        import_wh=import_wh,
        export_wh=export_wh,
        soc_pct=soc.value,
        temperature_c=temperature.value,
        derived=any(line.derived for line in lines.values()),
        faults=(*(fault for line in lines.values() for fault in line.faults), *_faults(single_values)),
    )


def _traits(plan: MeterPlan, traits: Traits) -> Traits:
    sign = -1.0 if plan.invert else 1.0
    return Traits(
        current_scale=sign * traits.current_scale,
        power_scale=sign * traits.power_scale,
        energy_scale=traits.energy_scale,
        resolution_a=traits.resolution_a,
        unsigned_current=traits.unsigned_current,
    )


def _lines(plan: MeterPlan, raw: RawSample, traits: Traits, limits: LineLimits) -> dict[Phase, Line]:
    given = raw.lines or (RawLine(),) * len(plan.lines)
    return {
        phase: read_line(_line_or_whole(plan, raw, line), phase, traits, limits)
        for phase, line in zip(plan.lines, given, strict=False)
        if phase is not None
    }


def _line_or_whole(plan: MeterPlan, raw: RawSample, line: RawLine) -> RawLine:
    """Return the line; on a one-phase meter what it says of the whole is what it says of the line."""
    voltage = line.voltage if line.voltage is not None else raw.voltage
    if not plan.single:
        return RawLine(current=line.current, power=line.power, voltage=voltage)
    return RawLine(
        current=line.current if line.current is not None else raw.current,
        power=line.power if line.power is not None else raw.power,
        voltage=voltage,
    )


def _total(told_w: float | None, lines: dict[Phase, Line], plan: MeterPlan) -> float | None:
    powers = [line.power_w for line in lines.values()]
    known = [power for power in powers if power is not None]
    complete = bool(known) and len(known) == len(powers) == len([line for line in plan.lines if line])
    if told_w is None and complete:
        return round(sum(known), 3)
    return told_w


def _total_bounds(limits: LineLimits) -> Bounds:
    return Bounds(_SYSTEM_PHASES * limits.power.low, _SYSTEM_PHASES * limits.power.high, "W")


def _energy(registers: tuple[Raw, ...], what: str, traits: Traits) -> Read:
    found = [read(register, what, _ENERGY, traits.energy_scale) for register in registers]
    fault = next((one.fault for one in found if one.fault), None)
    values = [one.value for one in found if one.value is not None]
    return Read(round(sum(values), 3) if values and fault is None else None, fault)


def _per_phase(values: dict[Phase, float | None]) -> PerPhase | None:
    known = {phase: round(value, 3) for phase, value in values.items() if value is not None}
    return PerPhase.of(known) if known else None


def _faults(found: tuple[Read, ...]) -> tuple[Fault, ...]:
    return tuple(one.fault for one in found if one.fault is not None)
