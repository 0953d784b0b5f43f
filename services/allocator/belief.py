"""What may be believed of the site's meters: the grid connection by its age, and sun, battery and house beside it.

Ages at which raises freeze and failsafe comes are those of faults.md section 2; what was never read counts as at the
breaker's rating, a phase without a value as at its limit.
"""

from typing import Literal

from msgspec import Struct

from evenload.contracts.events import Health, InputKind, InputUsed, LoadState, MeterReading, SiteLimit
from evenload.contracts.phases import PHASES, PerPhase
from services.allocator.draws import NOTHING, Phases, on_phases
from services.allocator.facts import Facts, Heard
from services.allocator.memory import Memory
from services.allocator.plan import MA, MASK_PHASES, Plan

FREEZE_PERIODS, FREEZE_S, FAILSAFE_S = 2.5, 5.0, 12.0
SOC_KEPT_S = 600.0
SIDE_METER_S = 30.0
_KINDS: dict[type, InputKind] = {MeterReading: "meter", LoadState: "load", SiteLimit: "limit"}


class Grid(Struct, frozen=True, kw_only=True):
    """The grid connection as last read."""

    current_ma: Phases
    health: Health
    age_s: float | None
    doubted: bool = False
    """Whoever read it calls it suspect."""
    missing_mask: int = 0
    """Phases that the meter did not give; they count as at their limit."""
    period_s: float = 1.0


class Sides(Struct, frozen=True, kw_only=True):
    """What is read beside the grid meter, mA over all phases; None = not known."""

    solar_ma: int | None
    battery_ma: int | None
    soc_pct: float | None
    soc_is_fresh: bool
    output_ma: Phases | None
    household_ma: Phases | None
    believed_ma: Phases | None
    """The household per phase as last found behind an asymmetric inverter."""
    inputs: tuple[InputUsed, ...]


def read_grid(plan: Plan, facts: Facts, now_s: float) -> Grid:
    """Return the grid's currents and how far they may be believed (ages of faults.md section 2)."""
    if plan.limit_ma is None:
        return _island(plan, facts, now_s)
    heard = first_heard(plan, facts, "grid")
    if heard is None:
        return Grid(current_ma=NOTHING, health="failsafe", age_s=None, missing_mask=plan.site_mask)
    age_s = now_s - heard.at_s
    health = _health(heard, now_s)
    currents, missing = _grid_currents(plan, heard.event)
    if missing == plan.site_mask:
        health = "failsafe"
    doubted = heard.event.quality == "suspect"
    return Grid(
        current_ma=currents,
        health=health,
        age_s=age_s,
        doubted=doubted,
        missing_mask=missing,
        period_s=heard.event.period_s,
    )


def _island(plan: Plan, facts: Facts, now_s: float) -> Grid:
    """Off-grid the meters of production and battery take the grid meter's place: the oldest of them tells how far to
    trust."""
    roles = ["inverter" if meter_names(plan, facts, "inverter") else "solar"]
    roles += ["battery"] if plan.battery is not None else []
    health: Health = "normal"
    oldest_s = 0.0
    for heard in (first_heard(plan, facts, role) for role in roles):
        if heard is None:
            return Grid(current_ma=NOTHING, health="failsafe", age_s=None)
        oldest_s = max(oldest_s, now_s - heard.at_s)
        health = _worse(health, _health(heard, now_s))
    return Grid(current_ma=NOTHING, health=health, age_s=oldest_s)


def _worse(one: Health, other: Health) -> Health:
    order: tuple[Health, ...] = ("normal", "frozen", "failsafe")
    return order[max(order.index(one), order.index(other))]


def _health(heard: Heard[MeterReading], now_s: float) -> Health:
    """Return how far a reading may be believed at its age (faults.md section 2)."""
    age_s, period_s = now_s - heard.at_s, heard.event.period_s
    if age_s > max(FREEZE_PERIODS * period_s, FAILSAFE_S):
        return "failsafe"
    if age_s > max(FREEZE_PERIODS * period_s, FREEZE_S) or heard.event.quality == "suspect":
        return "frozen"
    return "normal"


def _grid_currents(plan: Plan, reading: MeterReading) -> tuple[Phases, int]:
    """Return mA per phase and the mask of phases without a value.

    A total alone says nothing about the phases of a site with several: they are missing then.
    """
    volts = plan.site.voltage_v
    if reading.current_a is None and reading.power_w is None:
        if reading.total_power_w is None or plan.phase_count > 1:
            return NOTHING, plan.site_mask
        return on_phases(plan.site_mask, round(reading.total_power_w * MA / volts)), 0
    values, missing = [0, 0, 0], 0
    for phase in MASK_PHASES[plan.site_mask]:
        current_a = reading.current_a.get(PHASES[phase]) if reading.current_a is not None else None
        if current_a is None and reading.power_w is not None:
            power_w = reading.power_w.get(PHASES[phase])
            current_a = None if power_w is None else power_w / volts
        if current_a is None:
            missing |= 1 << phase
        else:
            values[phase] = round(current_a * MA)
    return (values[0], values[1], values[2]), missing


def meter_names(plan: Plan, facts: Facts, role: str) -> tuple[str, ...]:
    """Return the meters of a role: the site file's; of a site file without meters (scenarios) those that were heard."""
    if plan.site.meters:
        return plan.meters.get(role, ())
    return tuple(sorted(name for name, heard in facts.readings.items() if heard.event.role == role))


def first_heard(plan: Plan, facts: Facts, role: str) -> Heard[MeterReading] | None:
    """Return the newest reading of the first meter of a role that was heard."""
    for name in meter_names(plan, facts, role):
        if name in facts.readings:
            return facts.readings[name]
    return None


def used(
    name: str,
    heard: Heard[MeterReading] | Heard[LoadState] | Heard[SiteLimit] | None,
    age_s: float,
    state: Literal["fresh", "frozen", "stale", "missing"],
) -> InputUsed:
    """Return a fact as a decision lists it: with the stamps of the event that it used."""
    if heard is None:
        return InputUsed(name=name, age_s=None, state="missing")
    event = heard.event
    of: InputKind = _KINDS[type(event)]
    age_s = round(max(0.0, age_s), 3)
    return InputUsed(name=name, of=of, age_s=age_s, state=state, boot=event.boot, seq=event.seq, heard_s=heard.at_s)


def _fresh(plan: Plan, facts: Facts, role: str, now_s: float) -> tuple[list[MeterReading], list[InputUsed]]:
    readings, inputs = [], []
    for name in meter_names(plan, facts, role):
        heard = facts.readings.get(name)
        if heard is None:
            inputs.append(used(name, None, 0.0, "missing"))
            continue
        age_s = max(0.0, now_s - heard.at_s)
        stale = age_s > max(FREEZE_PERIODS * heard.event.period_s, SIDE_METER_S)
        inputs.append(used(name, heard, age_s, "stale" if stale else "fresh"))
        if not stale:
            readings.append(heard.event)
    return readings, inputs


def _total_ma(plan: Plan, reading: MeterReading) -> int | None:
    if reading.total_power_w is not None:
        return round(reading.total_power_w * MA / plan.site.voltage_v)
    power_w = reading.power_w.total() if reading.power_w is not None else None
    if power_w is not None:
        return round(power_w * MA / plan.site.voltage_v)
    current_a = reading.current_a.total() if reading.current_a is not None else None
    return None if current_a is None else round(current_a * MA)


def _sum_ma(plan: Plan, readings: list[MeterReading]) -> int | None:
    totals = [total for total in (_total_ma(plan, reading) for reading in readings) if total is not None]
    return sum(totals) if totals else None


def _per_phase_ma(plan: Plan, readings: list[MeterReading]) -> Phases | None:
    if not readings:
        return None
    sums = [0, 0, 0]
    for reading in readings:
        currents, missing = _grid_currents(plan, reading)
        if missing or (reading.current_a is None and reading.power_w is None):
            return None
        sums = [sums[phase] + currents[phase] for phase in range(3)]
    return (sums[0], sums[1], sums[2])


def read_sides(plan: Plan, facts: Facts, memory: Memory, now_s: float) -> Sides:
    """Return sun, battery, soc and household as far as they are fresh; soc is kept for ten minutes."""
    solar, solar_in = _fresh(plan, facts, "solar", now_s)
    battery, battery_in = _fresh(plan, facts, "battery", now_s)
    inverter, inverter_in = _fresh(plan, facts, "inverter", now_s)
    household, household_in = _fresh(plan, facts, "household", now_s)
    socs = [reading.soc_pct for reading in battery if reading.soc_pct is not None]
    soc_pct = sum(socs) / len(socs) if socs else None
    if soc_pct is None and now_s - memory.soc_s <= SOC_KEPT_S:
        soc_pct = memory.soc_pct
    return Sides(
        solar_ma=_sum_ma(plan, solar),
        battery_ma=_sum_ma(plan, battery),
        soc_pct=soc_pct,
        soc_is_fresh=bool(socs),
        output_ma=_per_phase_ma(plan, inverter),
        household_ma=_per_phase_ma(plan, household),
        believed_ma=memory.household_ma,
        inputs=tuple(solar_in + battery_in + inverter_in + household_in),
    )


def as_per_phase(plan: Plan, currents_ma: Phases) -> PerPhase:
    """Return mA per phase as A, for the site's phases only."""
    return PerPhase.of({PHASES[phase]: round(currents_ma[phase] / MA, 2) for phase in MASK_PHASES[plan.site_mask]})
