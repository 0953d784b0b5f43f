"""What may be believed of the site's meters: the grid connection by its age, and sun, battery and house beside it.

Ages at which raises freeze and failsafe comes are those of faults.md section 2; what was never read counts as at the
breaker's rating, a phase without a value as at its limit. Of two grid meters the more trustworthy counts, of two that
are equally so the higher import on each phase (faults.md A11).
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import Health, InputKind, InputUsed, LoadState, MeterReading, SiteLimit
from evenload.contracts.phases import PHASES, PerPhase
from services.allocator.draws import NOTHING, Phases, on_phases
from services.allocator.facts import Facts, Heard
from services.allocator.memory import Memory
from services.allocator.plan import MA, MASK_PHASES, Plan

FREEZE_PERIODS, FREEZE_S, FAILSAFE_S = 2.5, 5.0, 12.0
SOC_KEPT_S = 600.0
SIDE_METER_S = 30.0
_SIDES = ("solar", "battery", "inverter", "household")
APART_MA, APART_PART = 1000, 10
"""Two meters may differ by 1 A, or by a tenth of the larger value."""
_HEALTHS: tuple[Health, ...] = ("normal", "frozen", "failsafe")
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
    apart: tuple["Apart", ...] = ()
    """Phases on which two fresh grid meters do not say the same."""
    short: tuple["Short", ...] = ()
    """Phases on which it says less than what is measured below it."""


class Apart(Struct, frozen=True):
    """Two meters that differ on a phase (0 to 2); mA."""

    phase: int
    names: tuple[str, str]
    """The site's grid meter, and the one that checks it."""
    said_ma: tuple[int, int]


class Short(Struct, frozen=True):
    """A phase (0 to 2) on which the grid meter says less than what is measured below it must import; mA."""

    phase: int
    said_ma: int
    below_ma: int


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
    made_ma: Phases | None
    """The most that sun and battery may put on each phase; None = nobody measures that."""


def read_grid(plan: Plan, facts: Facts, now_s: float) -> Grid:
    """Return the grid's currents and how far they may be believed (ages of faults.md section 2)."""
    if plan.limit_ma is None:
        return _island(plan, facts, now_s)
    names = [name for name in meter_names(plan, facts, "grid") if name in facts.readings]
    if not names:
        return Grid(current_ma=NOTHING, health="failsafe", age_s=None, missing_mask=plan.site_mask)
    if len(names) == 1:
        return _read_one(plan, facts.readings[names[0]], now_s)
    read = {name: _read_one(plan, facts.readings[name], now_s) for name in main_first(plan, names)}
    best = min((one.health for one in read.values()), key=_HEALTHS.index)
    believed = {name: one for name, one in read.items() if one.health == best}
    higher = _higher(tuple(believed.values()))
    return replace(higher, apart=_apart(plan, believed)) if best == "normal" else higher


def main_first(plan: Plan, names: Sequence[str]) -> list[str]:
    """Return the grid meters with the site's own before those that check it."""
    meters = plan.site.meters
    return sorted(names, key=lambda name: name in meters and meters[name].checks is not None)


def _higher(grids: tuple[Grid, ...]) -> Grid:
    """Return the higher import of several readings on each phase; a phase is missing where none gives it.

    Its age is the newest's: what was commanded before it counts with all that it may have been, so that the higher of
    two values about a step, whichever is older, is never taken for the house.
    """
    currents, missing = [0, 0, 0], 0
    for phase in range(3):
        said = [grid.current_ma[phase] for grid in grids if not grid.missing_mask >> phase & 1]
        if said:
            currents[phase] = max(said)
        else:
            missing |= 1 << phase
    return Grid(
        current_ma=(currents[0], currents[1], currents[2]),
        health=grids[0].health,
        age_s=min(grid.age_s or 0.0 for grid in grids),
        doubted=any(grid.doubted for grid in grids),
        missing_mask=missing,
        period_s=max(grid.period_s for grid in grids),
    )


def _apart(plan: Plan, grids: dict[str, Grid]) -> tuple[Apart, ...]:
    """Return the phases on which the first two meters differ by more than a meter may."""
    if len(grids) < 2:
        return ()
    (main, one), (check, other) = list(grids.items())[:2]
    found = []
    for phase in MASK_PHASES[plan.site_mask & ~one.missing_mask & ~other.missing_mask]:
        said_ma = (one.current_ma[phase], other.current_ma[phase])
        if abs(said_ma[0] - said_ma[1]) > tolerance_ma(said_ma):
            found.append(Apart(phase, (main, check), said_ma))
    return tuple(found)


def tolerance_ma(said_ma: tuple[int, int]) -> int:
    """Return by how much two measurements of the same may differ."""
    return max(APART_MA, max(map(abs, said_ma)) // APART_PART)


def _read_one(plan: Plan, heard: Heard[MeterReading], now_s: float) -> Grid:
    """Return the grid as one meter tells it, and how far it may be believed."""
    age_s = now_s - heard.at_s
    health = health_of(heard, now_s)
    currents, missing = grid_currents(plan, heard.event)
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
        health = worse(health, health_of(heard, now_s))
    return Grid(current_ma=NOTHING, health=health, age_s=oldest_s)


def worse(one: Health, other: Health) -> Health:
    """Return the less trustworthy of two."""
    return _HEALTHS[max(_HEALTHS.index(one), _HEALTHS.index(other))]


def health_of(heard: Heard[MeterReading], now_s: float) -> Health:
    """Return how far a reading may be believed at its age (faults.md section 2)."""
    age_s, period_s = now_s - heard.at_s, heard.event.period_s
    if age_s > max(FREEZE_PERIODS * period_s, FAILSAFE_S):
        return "failsafe"
    if age_s > max(FREEZE_PERIODS * period_s, FREEZE_S) or heard.event.quality == "suspect":
        return "frozen"
    return "normal"


def grid_currents(plan: Plan, reading: MeterReading) -> tuple[Phases, int]:
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


def _is_stale(heard: Heard[MeterReading], now_s: float) -> bool:
    return now_s - heard.at_s > max(FREEZE_PERIODS * heard.event.period_s, SIDE_METER_S)


def _fresh(plan: Plan, facts: Facts, role: str, now_s: float) -> list[MeterReading]:
    readings = []
    for name in meter_names(plan, facts, role):
        heard = facts.readings.get(name)
        if heard is not None and not _is_stale(heard, now_s):
            readings.append(heard.event)
    return readings


def side_inputs(plan: Plan, facts: Facts, now_s: float) -> list[InputUsed]:
    """Return what `read_sides` looked at, as a decision lists it."""
    inputs = []
    for role in _SIDES:
        for name in meter_names(plan, facts, role):
            heard = facts.readings.get(name)
            if heard is None:
                inputs.append(used(name, None, 0.0, "missing"))
            else:
                inputs.append(used(name, heard, now_s - heard.at_s, "stale" if _is_stale(heard, now_s) else "fresh"))
    return inputs


def _total_ma(plan: Plan, reading: MeterReading) -> int | None:
    if reading.total_power_w is not None:
        return round(reading.total_power_w * MA / plan.site.voltage_v)
    power_w = reading.power_w.total() if reading.power_w is not None else None
    if power_w is not None:
        return round(power_w * MA / plan.site.voltage_v)
    current_a = reading.current_a.total() if reading.current_a is not None else None
    return None if current_a is None else round(current_a * MA)


def _sum_ma(plan: Plan, readings: list[MeterReading]) -> int | None:
    sum_ma = None
    for reading in readings:
        total_ma = _total_ma(plan, reading)
        if total_ma is not None:
            sum_ma = total_ma + (sum_ma or 0)
    return sum_ma


def _per_phase_ma(plan: Plan, readings: list[MeterReading]) -> Phases | None:
    if not readings:
        return None
    sums = [0, 0, 0]
    for reading in readings:
        currents, missing = grid_currents(plan, reading)
        if missing or (reading.current_a is None and reading.power_w is None):
            return None
        sums = [sums[phase] + currents[phase] for phase in range(3)]
    return (sums[0], sums[1], sums[2])


def read_sides(plan: Plan, facts: Facts, memory: Memory, now_s: float) -> Sides:
    """Return sun, battery, soc and household as far as they are fresh; soc is kept for ten minutes."""
    solar, battery, inverter, household = [_fresh(plan, facts, role, now_s) for role in _SIDES]
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
        made_ma=_made_ma(plan, facts, {"solar": solar, "battery": battery, "inverter": inverter}),
    )


def _made_ma(plan: Plan, facts: Facts, fresh: dict[str, list[MeterReading]]) -> Phases | None:
    """Return the most that sun and battery may put on each phase.

    Every producer that the site file names must be measured; where none is, the inverter's `max_w` bounds them. What a
    meter does not tell by phase may all be on any one of them, up to `max_per_phase_w`.
    """
    named = {role: len(meter_names(plan, facts, role)) for role in fresh}
    sun = "solar" if named["solar"] or plan.inverter.wiring == "series" else "inverter"
    roles = [sun, "battery"] if plan.battery is not None or named["battery"] else [sun]
    max_w, phase_w = plan.inverter.max_w, plan.inverter.max_per_phase_w
    phase_ma = plan.watts_ma(phase_w) if phase_w is not None else None
    if all(named[role] and len(fresh[role]) == named[role] for role in roles):
        made = _put(plan, [reading for role in roles for reading in fresh[role]])
    else:
        made = None if max_w is None else on_phases(plan.site_mask, plan.watts_ma(max_w))
    if made is None or phase_ma is None:
        return made
    return min(made[0], phase_ma), min(made[1], phase_ma), min(made[2], phase_ma)


def _put(plan: Plan, producers: list[MeterReading]) -> Phases | None:
    """Return the most that producers put on each phase; None when one of them tells no power."""
    most = [0, 0, 0]
    for reading in producers:
        currents, missing = grid_currents(plan, reading)
        total_ma = _total_ma(plan, reading)
        told = missing != plan.site_mask and not plan.inverter.asymmetric
        if not told and total_ma is None:
            return None
        for phase in MASK_PHASES[plan.site_mask]:
            most[phase] += max(0, currents[phase] if told else total_ma or 0)
    return most[0], most[1], most[2]


def as_per_phase(plan: Plan, currents_ma: Phases) -> PerPhase:
    """Return mA per phase as A, for the site's phases only."""
    return PerPhase.of({PHASES[phase]: round(currents_ma[phase] / MA, 2) for phase in MASK_PHASES[plan.site_mask]})
