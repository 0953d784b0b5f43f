"""From grid, sun, battery and the loads' draws to the site's surroundings: what is there beside the loads.

base_p = grid_p − Σ draws_p + battery_p, with battery charging credited and discharge taken out; behind an asymmetric
inverter the household per phase is found as the one whose needs, shared as that inverter shares, give the grid reading.
"""

from msgspec.structs import replace

from services.allocator.belief import Grid, Sides
from services.allocator.draws import Phases
from services.allocator.limits import Surroundings
from services.allocator.memory import Memory
from services.allocator.plan import MA, MASK_PHASES, Plan

FULL_PCT = 98.0
CHARGES_BELOW_PCT = 97.0
_ROUNDS = 24
IMPORTS_MA = 50
"""What a phase must import to be taken for one that the inverter does not cover: more than a meter's noise."""


def surroundings(plan: Plan, grid: Grid, sides: Sides, draws_ma: Phases) -> Surroundings:
    """Return what is beside the loads when they draw `draws_ma` per phase, without the battery's rules."""
    if plan.limit_ma is None:
        around = _off_grid(plan, grid, sides, draws_ma)
    elif plan.inverter.asymmetric and plan.phase_count > 1:
        around = _asymmetric(plan, grid, sides, draws_ma)
    else:
        around = _symmetric(plan, grid, sides, draws_ma)
    return _with_missing(plan, grid, around)


def _symmetric(plan: Plan, grid: Grid, sides: Sides, draws_ma: Phases) -> Surroundings:
    battery_ma = _battery_ma(plan, sides)
    base = [0, 0, 0]
    discharge = [0, 0, 0]
    for phase in MASK_PHASES[plan.site_mask]:
        base[phase] = grid.current_ma[phase] - draws_ma[phase] + battery_ma // plan.phase_count
        discharge[phase] = max(0, battery_ma) // plan.phase_count
    solar_ma = _solar(plan, grid, sides, sum(base))
    return Surroundings(
        base_ma=(base[0], base[1], base[2]),
        household_ma=_positive(plan, base, solar_ma // plan.phase_count),
        discharge_ma=(discharge[0], discharge[1], discharge[2]),
        solar_ma=solar_ma,
    )


def _battery_ma(plan: Plan, sides: Sides) -> int:
    """Return the battery's current; unknown, it may be discharging all it can, which is neither sun nor a help."""
    if sides.battery_ma is not None:
        return sides.battery_ma
    return plan.watts_ma(plan.battery.max_discharge_w) if plan.battery is not None else 0


def _positive(plan: Plan, base: list[int], each_ma: int) -> Phases:
    found = [0, 0, 0]
    for phase in MASK_PHASES[plan.site_mask]:
        found[phase] = max(0, base[phase] + each_ma)
    return found[0], found[1], found[2]


def _solar(plan: Plan, grid: Grid, sides: Sides, base_total_ma: int) -> int:
    """Return production: measured; from the inverter's output (in series wiring grid and battery flow through it);
    else at least what is exported and stored beyond the loads."""
    if sides.solar_ma is not None:
        return max(0, sides.solar_ma)
    if sides.output_ma is None:
        return max(0, -base_total_ma)
    through_ma = sum(grid.current_ma) + _battery_ma(plan, sides) if plan.inverter.wiring == "series" else 0
    return max(0, sum(sides.output_ma) - through_ma)


def _off_grid(plan: Plan, grid: Grid, sides: Sides, draws_ma: Phases) -> Surroundings:
    """Grid current is 0 by definition; production comes from the inverter's output (engine.md section 2)."""
    battery_ma = _battery_ma(plan, sides)
    solar_ma = _solar(plan, grid, sides, 0)
    household = sides.household_ma
    if household is None and sides.output_ma is not None and plan.inverter.wiring == "series":
        household = _less(plan, sides.output_ma, draws_ma)
    if household is None:
        each = max(0, solar_ma + battery_ma - sum(draws_ma)) // plan.phase_count
        household = _positive(plan, [0, 0, 0], each)
    return _from_household(plan, household, solar_ma, battery_ma)


def _less(plan: Plan, output_ma: Phases, draws_ma: Phases) -> Phases:
    found = [0, 0, 0]
    for phase in MASK_PHASES[plan.site_mask]:
        found[phase] = max(0, output_ma[phase] - draws_ma[phase])
    return found[0], found[1], found[2]


def _from_household(plan: Plan, household: Phases, solar_ma: int, battery_ma: int) -> Surroundings:
    base, discharge = [0, 0, 0], [0, 0, 0]
    for phase in MASK_PHASES[plan.site_mask]:
        base[phase] = household[phase] - solar_ma // plan.phase_count
        discharge[phase] = max(0, battery_ma) // plan.phase_count
    return Surroundings(
        base_ma=(base[0], base[1], base[2]),
        household_ma=household,
        discharge_ma=(discharge[0], discharge[1], discharge[2]),
        solar_ma=solar_ma,
    )


def _asymmetric(plan: Plan, grid: Grid, sides: Sides, draws_ma: Phases) -> Surroundings:
    battery_ma = _battery_ma(plan, sides)
    balance_ma = sum(grid.current_ma) + battery_ma - sum(draws_ma)
    solar_ma = _solar(plan, grid, sides, balance_ma)
    household = sides.household_ma
    if household is None and sides.output_ma is not None and plan.inverter.wiring == "series":
        household = _less(plan, sides.output_ma, draws_ma)
    if household is None:
        total_ma = max(0, balance_ma + solar_ma)
        start = _spread(plan, sides.believed_ma, total_ma)
        household = _fitted(plan, grid.current_ma, draws_ma, (start, solar_ma + battery_ma))
        around = _from_household(plan, household, solar_ma, battery_ma)
        return replace(around, unseen_ma=_unseen(plan, grid.current_ma, draws_ma, solar_ma + battery_ma))
    return _from_household(plan, household, solar_ma, battery_ma)


def _unseen(plan: Plan, grid_ma: Phases, draws_ma: Phases, output_ma: int) -> tuple[Phases, ...]:
    """Return the households that explain the reading as well as any, each with the most that one phase may have.

    All phases that import get the same level L of the output; one that does not import may need anything up to L. So
    the most on phase p is there when the others that do not import need only what loads draw: L = (output − that) /
    (number of importing phases, with p). Nothing is unseen when all phases import.
    """
    phases = MASK_PHASES[plan.site_mask]
    importing = [phase for phase in phases if grid_ma[phase] > IMPORTS_MA]
    if output_ma <= 0 or len(importing) == len(phases):
        return ()
    limit_w, grid = plan.inverter.max_per_phase_w, plan.site.grid
    inverter_ma = plan.watts_ma(limit_w) if limit_w is not None else output_ma
    house_ma = round(grid.household_max_a * MA) if grid is not None and grid.household_max_a is not None else output_ma
    found = []
    for most in phases:
        level = {*importing, most}
        rest = [phase for phase in phases if phase not in level]
        least = {phase: draws_ma[phase] - min(0, grid_ma[phase]) for phase in rest}
        bounds_ma = (inverter_ma, max(0, house_ma + draws_ma[most] - grid_ma[most]))
        level_ma = min(max(0, output_ma - sum(least.values())) // len(level), *bounds_ma)
        left_ma = output_ma - level_ma * len(level) - sum(least.values())
        house = [0, 0, 0]
        for phase in phases:
            made_ma = level_ma if phase in level else least[phase] + max(0, left_ma) // len(rest)
            house[phase] = max(0, made_ma + grid_ma[phase] - draws_ma[phase])
        found.append((house[0], house[1], house[2]))
    return tuple(found)


def _spread(plan: Plan, believed_ma: Phases | None, total_ma: int) -> list[float]:
    """Return a household of `total_ma` with the believed differences between the phases; even while none are known."""
    phases = MASK_PHASES[plan.site_mask]
    believed = believed_ma if believed_ma is not None else (0, 0, 0)
    more = (total_ma - sum(believed)) / len(phases)
    return [max(0.0, believed[phase] + more) if phase in phases else 0.0 for phase in range(3)]


def _fitted(plan: Plan, grid_ma: Phases, draws_ma: Phases, made: tuple[list[float], int]) -> Phases:
    """Return the household per phase that explains the grid reading; what cannot be told apart stays as believed.

    `made` = (household per phase to start from, inverter output over all phases).
    """
    phases = MASK_PHASES[plan.site_mask]
    found, output_ma = list(made[0]), made[1]
    limit_w = plan.inverter.max_per_phase_w
    most_ma = float(plan.watts_ma(limit_w)) if limit_w is not None else 1e9
    for _ in range(_ROUNDS):
        needs = [found[phase] + draws_ma[phase] for phase in phases]
        shared = shared_output(needs, float(output_ma), most_ma)
        off = [grid_ma[phase] - (need - out) for phase, need, out in zip(phases, needs, shared, strict=True)]
        if max(abs(value) for value in off) < 1.0:
            break
        for phase, value in zip(phases, off, strict=True):
            found[phase] = max(0.0, found[phase] + value)
    return round(found[0]), round(found[1]), round(found[2])


def shared_output(needs_ma: list[float], total_ma: float, most_ma: float) -> list[float]:
    """Return what an asymmetric inverter puts on each phase: equal amounts up to each need and `most_ma`; the rest
    equally up to `most_ma` (design.md section 7). A negative total (charging) is spread evenly."""
    if total_ma <= 0:
        return [total_ma / len(needs_ma)] * len(needs_ma)
    bounded = [min(max(need, 0.0), most_ma) for need in needs_ma]
    out = _filled([0.0] * len(needs_ma), bounded, total_ma)
    left = total_ma - sum(out)
    return _filled(out, [most_ma] * len(needs_ma), left) if left > 1e-9 else out


def _filled(start: list[float], tops: list[float], total: float) -> list[float]:
    """Raise all by equal amounts, each up to its top, until `total` is used."""
    out = list(start)
    for _ in range(len(out)):
        open_ones = [index for index, top in enumerate(tops) if top - out[index] > 1e-9]
        if not open_ones or total <= 1e-9:
            break
        step = min(total / len(open_ones), min(tops[index] - out[index] for index in open_ones))
        for index in open_ones:
            out[index] += step
        total -= step * len(open_ones)
    return out


def _with_missing(plan: Plan, grid: Grid, around: Surroundings) -> Surroundings:
    """A phase that the meter did not give counts as at its limit (faults.md A6)."""
    if not grid.missing_mask or plan.limit_ma is None:
        return around
    base = list(around.base_ma)
    household = list(around.household_ma)
    for phase in MASK_PHASES[grid.missing_mask]:
        base[phase] = household[phase] = plan.limit_ma
    return replace(around, base_ma=(base[0], base[1], base[2]), household_ma=(household[0], household[1], household[2]))


def latched(plan: Plan, memory: Memory, soc_pct: float | None) -> Memory:
    """Return the memory with both soc thresholds latched: once reached they hold until soc is a hysteresis below.

    An unknown soc is below both.
    """
    battery = plan.battery
    if battery is None:
        return memory
    if soc_pct is None:
        return replace(memory, above_min=False, above_target=False)
    low = battery.soc_min_pct - (battery.soc_hysteresis_pct if memory.above_min else 0.0)
    target = battery.soc_target_pct - (battery.soc_hysteresis_pct if memory.above_target else 0.0)
    return replace(memory, above_min=soc_pct >= low, above_target=soc_pct >= target)


def with_battery(plan: Plan, around: Surroundings, soc_pct: float | None, memory: Memory) -> Surroundings:
    """Lay the battery's rules over the surroundings (engine.md section 2); unknown soc counts as below target."""
    battery = plan.battery
    if battery is None:
        return around
    inverter_w = plan.inverter.max_w
    discharge_ma = plan.watts_ma(battery.max_discharge_w)
    if inverter_w is not None:
        discharge_ma = min(discharge_ma, max(0, plan.watts_ma(inverter_w) - around.solar_ma))
    target = battery.soc_target_pct - (battery.soc_hysteresis_pct if memory.above_target else 0.0)
    strictly_above = soc_pct is not None and memory.above_target and soc_pct > target
    charges = soc_pct is not None and soc_pct < CHARGES_BELOW_PCT
    return replace(
        around,
        surplus_discharge_ma=discharge_ma if strictly_above else 0,
        no_import_discharge_ma=discharge_ma if memory.above_min else 0,
        battery_charge_ma=plan.watts_ma(battery.max_charge_w) if charges else 0,
        battery_first=not memory.above_target,
        battery_full=soc_pct is not None and soc_pct >= FULL_PCT,
    )


def no_grid(plan: Plan) -> Surroundings:
    """Return the worst surroundings: nothing is known, the breaker is taken (faults.md I6)."""
    limit = plan.limit_ma or 0
    each = [limit + MA if plan.site_mask >> phase & 1 else 0 for phase in range(3)]
    return Surroundings(base_ma=(each[0], each[1], each[2]), household_ma=(each[0], each[1], each[2]))
