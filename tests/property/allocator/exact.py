"""The best decision in lexicographic order, found by a MILP solver (HiGHS) that knows nothing of how we decide.

The rules of engine.md sections 1 and 2 as linear constraints over whole steps of 0.1 A: x_i (a plug's is its rated
current), on_i, above_i (more than the minimum). Limits that are not linear get binaries: an asymmetric inverter's
breaker (Σ_q min(n_q, over_p) ≤ T for every phase p that would be over), a battery that nulls the total. Every better
answer that the solver finds is proven by `rules.Rules` before it counts: the solver's tolerance cannot accuse anyone.
"""

import math
from collections.abc import Mapping

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from evenload.site.schema import Plug
from tests.property.allocator.cases import Case
from tests.property.allocator.rules import TOLERANCE_MA, URGENCY, Rules, least_ma, order_of

STEP_MA = 100
BIG = 1e5
OTHERS_MOST = 16
"""So many sets of loads that only fit together are passed over before the search for a better decision ends."""
Terms = dict[int, float]


class Model:
    """Variables and constraints of one case; amounts in steps of 0.1 A."""

    def __init__(self, case: Case, rules: Rules) -> None:
        self.case, self.rules = case, rules
        self.low: list[float] = []
        self.high: list[float] = []
        self.whole: list[int] = []
        self.rows: list[tuple[Terms, float]] = []
        names = [name for name in case.site.loads if name not in case.idle and case.site.loads[name].mode != "off"]
        self.names = order_of(case.site, [name for name in names if least_ma(case.site, name) <= rules.whole_ma[name]])
        self.x = {name: self.variable(0, rules.whole_ma[name] / STEP_MA) for name in self.names}
        self.on = {name: self.variable(0, 1) for name in self.names}
        self.above = {name: self.variable(0, 1) for name in self.names}
        self._ranges()
        self._circuits()
        if case.site.grid is None:
            self._supply()
        else:
            self._breaker()
            self._import()
            self._no_import()
        self._managed()
        self._sources()
        self._excess()

    def variable(self, low: float, high: float, *, whole: bool = True) -> int:
        """Add a variable; return its number."""
        self.low.append(low)
        self.high.append(high)
        self.whole.append(int(whole))
        return len(self.low) - 1

    def at_most(self, terms: Terms, bound: float) -> None:
        """Add Σ terms ≤ bound."""
        self.rows.append((terms, bound))

    def best(self, weights: Mapping[int, float], fixed: Mapping[int, float]) -> np.ndarray | None:
        """Return the values that maximise Σ weights · variables beside what is fixed; None when there are none."""
        count = len(self.low)
        if not count:
            return np.zeros(0)
        cost = np.zeros(count)
        for number, weight in weights.items():
            cost[number] = -weight
        low, high = np.array(self.low), np.array(self.high)
        for number, value in fixed.items():
            low[number] = high[number] = value
        matrix = np.zeros((len(self.rows), count))
        for row, (terms, _) in enumerate(self.rows):
            for number, factor in terms.items():
                matrix[row, number] = factor
        bounds = np.array([bound for _, bound in self.rows])
        limits = LinearConstraint(matrix, -np.inf, bounds)
        found = milp(cost, constraints=limits, bounds=Bounds(low, high), integrality=np.array(self.whole))
        return found.x if found.x is not None else None

    def amounts(self, values: np.ndarray) -> dict[str, int]:
        """Return the solver's values as whole mA by load, idle ones included."""
        found = dict.fromkeys(self.case.site.loads, 0)
        found.update({name: round(values[self.x[name]]) * STEP_MA for name in self.names})
        return found

    def _ranges(self) -> None:
        for name in self.names:
            least, most = least_ma(self.case.site, name) / STEP_MA, self.rules.whole_ma[name] / STEP_MA
            self.at_most({self.on[name]: least, self.x[name]: -1}, 0)
            self.at_most({self.x[name]: 1, self.on[name]: -least, self.above[name]: least - most}, 0)
            self.at_most({self.above[name]: 1, self.on[name]: -1}, 0)

    def _circuits(self) -> None:
        site = self.case.site
        limits = {name: circuit.limit_a for name, circuit in site.circuits.items()}
        limits.update({f"station {name}": station.max_a or 1e4 for name, station in site.stations.items()})
        for circuit, limit_a in limits.items():
            below = [name for name in self.names if circuit in self.rules.above[name]]
            for phase in self.rules.phases:
                terms = {self.x[name]: 1.0 for name in below if phase in self.rules.lines[name]}
                if terms:
                    self.at_most(terms, limit_a * 10)

    def used(self, phase: int, *, exact: bool = False) -> Terms:
        """Return the terms of what all loads draw on a phase."""
        return {
            (self.on if exact and self._is_plug(name) else self.x)[name]: self._factor(name, exact=exact)
            for name in self.names
            if phase in self.rules.lines[name]
        }

    def _is_plug(self, name: str) -> bool:
        return isinstance(self.case.site.loads[name], Plug)

    def _factor(self, name: str, *, exact: bool) -> float:
        load = self.case.site.loads[name]
        if not exact or not isinstance(load, Plug):
            return 1.0
        lines = len(self.rules.lines[name])
        return math.ceil(load.power_w * 1000 / (self.case.site.voltage_v * lines) - 1e-6) / STEP_MA

    def sum_used(self, phases: list[int], *, exact: bool = False) -> Terms:
        """Return the terms of what all loads draw on `phases`."""
        found: Terms = {}
        for phase in phases:
            for number, factor in self.used(phase, exact=exact).items():
                found[number] = found.get(number, 0.0) + factor
        return found

    def _supply(self) -> None:
        around, rules = self.case.around, self.rules
        inverter = self.case.site.inverter
        total = around.solar_ma + around.no_import_discharge_ma
        if inverter is not None and inverter.max_w is not None:
            total = min(total, rules._ma(inverter.max_w))
        self.at_most(self.sum_used(rules.phases), max(0, total - sum(around.household_ma)) / STEP_MA)
        if inverter is not None and inverter.max_per_phase_w is not None:
            most = rules._ma(inverter.max_per_phase_w)
            for phase in rules.phases:
                self.at_most(self.used(phase), max(0, most - around.household_ma[phase]) / STEP_MA)

    def _limit_ma(self) -> int:
        grid = self.case.site.grid
        assert grid is not None
        return math.floor((grid.breaker_a - grid.margin_a) * 1000 + 1e-6)

    def _breaker(self) -> None:
        around, limit_ma = self.case.around, self._limit_ma()
        if self.rules.asymmetric:
            self._breaker_asymmetric(limit_ma / STEP_MA)
            return
        for phase in self.rules.phases:
            left = limit_ma + around.discharge_ma[phase] - around.base_ma[phase]
            self.at_most(self.used(phase), left / STEP_MA)

    def _breaker_asymmetric(self, limit: float) -> None:
        """over_p = n_p − limit: at most M, and 0 or less, or reached by the fill: Σ_q min(n_q, over_p) ≤ T."""
        around, phases = self.case.around, self.rules.phases
        total = (around.solar_ma + sum(around.discharge_ma)) / STEP_MA
        most = min(self.rules._per_phase_ma() / STEP_MA, BIG)
        house = {phase: around.household_ma[phase] / STEP_MA for phase in phases}
        for phase in phases:
            self.at_most(self.used(phase), limit + most - house[phase])
            free = self.variable(0, 1)
            self.at_most(_plus(self.used(phase), {free: BIG}), limit - house[phase] + BIG)
            parts: Terms = {free: -BIG}
            for other in phases:
                part, pick = self.variable(0, BIG, whole=False), self.variable(0, 1)
                self.at_most(_plus(self.used(other), {part: -1, pick: -BIG}), -house[other])
                self.at_most(_plus(self.used(phase), {part: -1, pick: BIG}), limit - house[phase] + BIG)
                parts[part] = 1
            self.at_most(parts, total)

    def _import(self) -> None:
        around, phases = self.case.around, self.rules.phases
        for bound_ma in self.rules._import_bounds():
            for mask in range(1, 1 << len(phases)):
                some = [phase for place, phase in enumerate(phases) if mask >> place & 1]
                if self.rules.asymmetric:
                    most = min(self.rules._per_phase_ma(), 10**8)
                    left = bound_ma + len(some) * most - sum(around.household_ma[p] for p in some)
                else:
                    left = bound_ma + sum(around.discharge_ma[p] - around.base_ma[p] for p in some)
                self.at_most(self.sum_used(some), left / STEP_MA)
            if self.rules.asymmetric:
                total = around.solar_ma + sum(around.discharge_ma)
                left = bound_ma + total - sum(around.household_ma)
                self.at_most(self.sum_used(phases), left / STEP_MA)

    def _managed(self) -> None:
        around = self.case.around
        if around.outside_managed_ma is not None:
            left = around.outside_managed_ma + max(0, -sum(around.base_ma))
            self.at_most(self.sum_used(self.rules.phases), left / STEP_MA)

    def _no_import(self) -> None:
        battery, around, rules = self.case.site.battery, self.case.around, self.rules
        if battery is None or battery.grid_charging:
            return
        most = around.no_import_discharge_ma
        if rules.net or rules.asymmetric:
            for name in self.names:
                self._only_if_covered(name, self.on[name], (most, TOLERANCE_MA), exact=False)
            return
        nulled, is_low = self.variable(-BIG, most / STEP_MA, whole=False), self.variable(0, 1)
        total = sum(around.base_ma) / STEP_MA
        drawn = {number: -factor for number, factor in self.sum_used(rules.phases).items()}
        self.at_most(_plus(drawn, {nulled: 1, is_low: -BIG}), total)
        self.at_most({nulled: 1, is_low: BIG}, BIG - around.battery_charge_ma / STEP_MA)
        for name in self.names:
            for phase in rules.lines[name]:
                left = TOLERANCE_MA - around.base_ma[phase]
                terms = _plus(self.used(phase), {nulled: -1 / len(rules.phases), self.on[name]: BIG})
                self.at_most(terms, left / STEP_MA + BIG)

    def _sources(self) -> None:
        around = self.case.around
        for name in self.names:
            mode, full = self.case.site.loads[name].mode, self.rules.is_full(name)
            if mode == "standard" or (mode == "excess" and not full):
                continue
            switch = self.above[name] if mode == "solar_priority" else self.on[name]
            if around.battery_first and mode != "excess":
                self.at_most({switch: 1}, 0)
            else:
                self._only_if_covered(name, switch, (around.surplus_discharge_ma, 0), exact=True)

    def _only_if_covered(self, name: str, switch: int, credit_ma: tuple[int, int], *, exact: bool) -> None:
        """Add: `switch` may be 1 only while no phase that the load uses imports."""
        around, rules = self.case.around, self.rules
        discharge_ma, tolerance_ma = credit_ma
        if rules.net:
            left = discharge_ma + tolerance_ma - sum(around.base_ma)
            self._if(switch, self.sum_used(rules.phases, exact=exact), left)
            return
        if not rules.asymmetric:
            for phase in rules.lines[name]:
                left = discharge_ma // len(rules.phases) + tolerance_ma - around.base_ma[phase]
                self._if(switch, self.used(phase, exact=exact), left)
            return
        most = min(rules._per_phase_ma(), 10**8)
        for phase in rules.lines[name]:
            self._if(switch, self.used(phase, exact=exact), most + tolerance_ma - around.household_ma[phase])
        covered = [phase for phase in rules.phases if around.household_ma[phase] <= most]
        total = around.solar_ma + discharge_ma
        inverter = self.case.site.inverter
        if inverter is not None and inverter.max_w is not None:
            total = min(total, rules._ma(inverter.max_w))
        if set(covered) & set(rules.lines[name]):
            left = total - most * (len(rules.phases) - len(covered)) - sum(around.household_ma[p] for p in covered)
            self._if(switch, self.sum_used(covered, exact=exact), left + tolerance_ma)

    def _if(self, switch: int, terms: Terms, left_ma: float) -> None:
        """Add: when `switch` is 1, Σ terms ≤ left_ma."""
        self.at_most(_plus(terms, {switch: BIG}), left_ma / STEP_MA + BIG)

    def _excess(self) -> None:
        if self.case.around.battery_full:
            return
        excess = [name for name in self.names if self.case.site.loads[name].mode == "excess"]
        others = self.sum_used(self.rules.phases, exact=True)
        for name in excess:
            for number in (self.x[name], self.on[name]):
                others.pop(number, None)
        left = self.rules.export_left_ma({})
        own = {self.x[name]: float(len(self.rules.lines[name])) for name in excess}
        for place, name in enumerate(excess):
            before = {self.x[other]: own[self.x[other]] for other in excess[:place]}
            self._if(self.on[name], _plus(others, before), left - 1)
            self._if(self.above[name], _plus(others, own), left)


def _plus(first: Terms, second: Terms) -> Terms:
    found = dict(first)
    for number, factor in second.items():
        found[number] = found.get(number, 0.0) + factor
    return found


def stages(model: Model) -> list[dict[int, float]]:
    """Return what is maximised one after the other, as weights of variables (engine.md section 3).

    With `shared` only who starts has an order; how far they fill is taken as it is (weight 0, then fixed) and judged by
    `water.filled`.
    """
    site = model.case.site
    urgency = {name: URGENCY[site.loads[name].mode] for name in model.names}
    if site.distribution == "strict":
        return [{model.x[name]: 1.0} for name in model.names]
    first = [name for name in model.names if urgency[name] <= 1]
    worth = 0.0 if site.distribution == "shared" else 1.0
    found = [_started(model, first)]
    found += [{model.x[name]: worth} for name in first]
    for klass in (2, 3):
        some = [name for name in model.names if urgency[name] == klass]
        found += [_started(model, some), *({model.x[name]: worth} for name in some)]
    return [stage for stage in found if stage]


def _started(model: Model, names: list[str]) -> dict[int, float]:
    """Weights that make an earlier minimum count more than all later ones together."""
    return {model.on[name]: float(2 ** (len(names) - place)) for place, name in enumerate(names)}


def better(case: Case, rules: Rules, amounts: Mapping[str, int]) -> dict[str, int] | None:
    """Return amounts before `amounts` in lexicographic order, proven by the rules; None when there are none.

    They must be reached by raising one load after the other, with every rule kept on the way: loads start one by one,
    and when one stops the others must not be left without what they may draw from (faults.md C1).
    """
    model = Model(case, rules)
    mine = _of(model, amounts)
    fixed: dict[int, float] = {}
    for stage in stages(model):
        have = sum(weight * mine[number] for number, weight in stage.items())
        most = sum(weight * model.high[number] for number, weight in stage.items())
        if have < most - 0.5:
            other = _reachable_better(model, stage, fixed, have)
            if other is not None:
                return other
        fixed.update({number: mine[number] for number in stage})
    return None


def _reachable_better(
    model: Model, stage: Mapping[int, float], fixed: Mapping[int, float], have: float
) -> dict[str, int] | None:
    """Return what is worth more in a stage and is reached load by load; the solver is asked for other loads to be on
    while what it finds is not."""
    kept = len(model.rows)
    for _ in range(OTHERS_MOST):
        found = model.best(stage, fixed)
        if found is None or sum(weight * found[number] for number, weight in stage.items()) <= have + 0.5:
            break
        other = model.amounts(found)
        if not model.rules.holds(other):
            break
        near = reached(model, other)
        if _value(model, stage, near) > have and all(_of(model, near)[number] == fixed[number] for number in fixed):
            return near
        is_on = {model.on[name]: other[name] > 0 for name in model.names}
        model.at_most({number: 1.0 if on else -1.0 for number, on in is_on.items()}, sum(is_on.values()) - 1)
    del model.rows[kept:]
    return None


def reached(model: Model, goal: Mapping[str, int]) -> dict[str, int]:
    """Return how far towards `goal` loads can rise one after the other, in steps, with every rule kept.

    The order does not matter: a raise takes from no limit that another load of the goal then lacks.
    """
    now, moves = dict.fromkeys(goal, 0), True
    while moves:
        moves = False
        for name, most in goal.items():
            while now[name] < most:
                more = now[name] + STEP_MA if now[name] else least_ma(model.case.site, name)
                if not model.rules.holds({**now, name: more}):
                    break
                now[name], moves = more, True
    return now


def _of(model: Model, amounts: Mapping[str, int]) -> dict[int, float]:
    """Return the variables that `amounts` stand for."""
    values = {model.x[name]: amounts[name] / STEP_MA for name in model.names}
    values.update({model.on[name]: float(amounts[name] > 0) for name in model.names})
    return values


def _value(model: Model, stage: Mapping[int, float], amounts: Mapping[str, int]) -> float:
    values = _of(model, amounts)
    return sum(weight * values[number] for number, weight in stage.items())


def could_be_added_ma(case: Case, rules: Rules, amounts: Mapping[str, int]) -> float:
    """Return how much current, summed over lines, could be added without taking from anyone; parts of steps count.

    Loads that are on may rise to any current; who is off stays off (that nobody could start is proven apart).
    """
    model = Model(case, rules)
    fixed: dict[int, float] = {}
    for name in model.names:
        number = model.x[name]
        if not amounts[name]:
            fixed[number] = fixed[model.on[name]] = 0.0
        else:
            model.low[number], model.whole[number] = amounts[name] / STEP_MA, 0
            fixed[model.on[name]] = 1.0
    lines = {model.x[name]: float(len(rules.lines[name])) for name in model.names}
    found = model.best(lines, fixed)
    if found is None:
        return 0.0
    return sum(lines[model.x[name]] * (found[model.x[name]] * STEP_MA - amounts[name]) for name in model.names)
