"""The rules of engine.md sections 1 and 2, written a second time: the judge that the allocator is held to.

Written from the formulas (net_p = household_p − solar_p − discharge_p + Σ draws on p, shared as design.md section 7
says), by names and phases, in whole numbers and without any of the allocator's caps, masks or boards. Currents are mA;
amounts that an inverter divides by 1, 2 or 3 phases are kept in sixths of a mA, so that nothing is rounded.

A plug counts its rated current rounded up to 0.1 A against hard limits, to the mA against the sun.
"""

import math
from collections.abc import Mapping

from evenload.contracts.phases import PHASES, Phase
from evenload.site.schema import Evse, Load, Plug, Site
from services.allocator.limits import Surroundings

SIXTHS = 6
TOLERANCE_MA = 20
ENDLESS = 10**12
URGENCY = {"standard": 0, "solar_priority": 1, "solar_only": 2, "excess": 3}

Amounts = Mapping[str, int]
"""Load → mA per line; 0 = off."""


class Rules:
    """One site in its surroundings; tells what a set of currents breaks."""

    def __init__(self, site: Site, around: Surroundings) -> None:
        self.site, self.around = site, around
        self.phases = [PHASES.index(phase) for phase in site.phases]
        self.lines = {
            name: [PHASES.index(phase) for phase in load.phases or site.phases] for name, load in site.loads.items()
        }
        self.above = {name: _above(site, load) for name, load in site.loads.items()}
        self.asymmetric = site.inverter is not None and site.inverter.asymmetric and len(site.phases) > 1
        self.net = site.grid is None or site.grid.metering == "net"
        self.whole_ma = {name: most_ma(site, name) for name in site.loads}

    def broken(self, amounts: Amounts) -> list[str]:
        """Return every hard limit that `amounts` break, in words."""
        found = [*self._circuits(amounts), *self._ranges(amounts), *self._managed(amounts)]
        if self.site.grid is None:
            return found + self._supply(amounts)
        return found + self._grid(amounts) + self._no_import(amounts)

    def unsourced(self, amounts: Amounts, graced: frozenset[str] = frozenset()) -> list[str]:
        """Return every load that has more than its mode may draw, in words."""
        found = []
        for name, amount_ma in amounts.items():
            if amount_ma and name not in graced and not self._may(name, amount_ma, amounts):
                found.append(f"{name} has {amount_ma} mA without a source")
        return found + self._excess(amounts)

    def holds(self, amounts: Amounts) -> bool:
        """Tell whether nothing is broken and every load has a source."""
        return not self.broken(amounts) and not self.unsourced(amounts)

    def fits(self, amounts: Amounts) -> bool:
        """The same for amounts that need not be whole steps."""
        limits = [*self._circuits(amounts), *self._managed(amounts)]
        limits += self._supply(amounts) if self.site.grid is None else self._grid(amounts) + self._no_import(amounts)
        return not limits and not self.unsourced(amounts)

    def house_alone_breaks(self) -> bool:
        """Tell whether breaker or import limit are broken already with every load off."""
        if self.site.grid is None:
            return False
        net = self._net(dict.fromkeys(self.phases, 0))
        limit = math.floor((self.site.grid.breaker_a - self.site.grid.margin_a) * 1000 + 1e-6)
        imported = sum(max(0, value) for value in net.values())
        return max(net.values()) > limit * SIXTHS or any(imported > most * SIXTHS for most in self._import_bounds())

    def is_full(self, name: str) -> bool:
        """Tell whether the load's mode is excess and the battery full: then it behaves as solar_only."""
        return self.site.loads[name].mode == "excess" and self.around.battery_full

    def on_phase(self, amounts: Amounts, phase: int, *, exact: bool) -> int:
        """Return what all loads draw on a phase, plugs rounded up or to the mA."""
        return sum(
            self._exact(name, amount) if exact else amount
            for name, amount in amounts.items()
            if amount and phase in self.lines[name]
        )

    def export_left_ma(self, amounts: Amounts) -> int:
        """Return by how much the export without any excess load exceeds the threshold, mA over all phases."""
        others = {name: amount for name, amount in amounts.items() if self.site.loads[name].mode != "excess"}
        used = sum(self.on_phase(others, phase, exact=True) for phase in self.phases)
        battery = self.site.battery
        raised_w = battery.max_charge_w if battery is not None and self.around.battery_first else 0.0
        threshold_ma = self._ma(self.site.excess_threshold_w + raised_w)
        return -sum(self.around.base_ma) - used - threshold_ma

    def _exact(self, name: str, amount_ma: int) -> int:
        load = self.site.loads[name]
        if isinstance(load, Plug) and amount_ma:
            return math.ceil(load.power_w * 1000 / (self.site.voltage_v * len(self.lines[name])) - 1e-6)
        return amount_ma

    def _ma(self, power_w: float) -> int:
        return math.floor(power_w * 1000 / self.site.voltage_v + 1e-6)

    def _ranges(self, amounts: Amounts) -> list[str]:
        found = []
        for name, amount in amounts.items():
            low, high = least_ma(self.site, name), self.whole_ma[name]
            if amount and not (low <= amount <= high and amount % 100 == 0):
                found.append(f"{name} has {amount} mA, not 0 nor within {low}..{high} in whole steps")
        return found

    def _circuits(self, amounts: Amounts) -> list[str]:
        sums: dict[tuple[str, int], int] = {}
        for name, amount in amounts.items():
            for circuit in self.above[name]:
                for phase in self.lines[name]:
                    sums[circuit, phase] = sums.get((circuit, phase), 0) + amount
        limits = {name: circuit.limit_a for name, circuit in self.site.circuits.items()}
        limits.update({f"station {name}": station.max_a or 1e6 for name, station in self.site.stations.items()})
        return [
            f"{circuit} {PHASES[phase]}: {total} mA above {limits[circuit]:g} A"
            for (circuit, phase), total in sums.items()
            if total > math.floor(limits[circuit] * 1000 + 1e-6)
        ]

    def _managed(self, amounts: Amounts) -> list[str]:
        most = self.around.outside_managed_ma
        used = sum(self.on_phase(amounts, phase, exact=False) for phase in self.phases)
        if most is None or not used or used <= most + max(0, -sum(self.around.base_ma)):
            return []
        return [f"outside managed limit: {used} mA"]

    def _supply(self, amounts: Amounts) -> list[str]:
        """Off-grid: sun and battery carry house and loads, through the inverter."""
        inverter = self.site.inverter
        total = self.around.solar_ma + self.around.no_import_discharge_ma
        if inverter is not None and inverter.max_w is not None:
            total = min(total, self._ma(inverter.max_w))
        used = {phase: self.on_phase(amounts, phase, exact=False) for phase in self.phases}
        found = []
        if sum(used.values()) and sum(used.values()) + sum(self.around.household_ma) > total:
            found.append("supply")
        if inverter is not None and inverter.max_per_phase_w is not None:
            most = self._ma(inverter.max_per_phase_w)
            found += [f"supply {p}" for p in self.phases if used[p] and used[p] + self.around.household_ma[p] > most]
        return found

    def _grid(self, amounts: Amounts) -> list[str]:
        assert self.site.grid is not None
        grid = self.site.grid
        used = {phase: self.on_phase(amounts, phase, exact=False) for phase in self.phases}
        before = dict.fromkeys(self.phases, 0)
        net, idle = self._net(used), self._net(before)
        limit = math.floor((grid.breaker_a - grid.margin_a) * 1000 + 1e-6) * SIXTHS
        found = [
            f"breaker {PHASES[p]}: {net[p] / SIXTHS:.1f} mA" for p in self.phases if net[p] > limit and net[p] > idle[p]
        ]
        imported, unmanaged = (sum(max(0, value) for value in each.values()) for each in (net, idle))
        found += [
            f"import: {imported / SIXTHS:.1f} mA above {most}"
            for most in self._import_bounds()
            if imported > most * SIXTHS and imported > unmanaged
        ]
        return found

    def _import_bounds(self) -> list[int]:
        """Return the limits on the sum of importing phases, mA."""
        grid, outside = self.site.grid, self.around.outside_import_ma
        own = (
            [self._ma(grid.max_import_w - grid.buffer_w)] if grid is not None and grid.max_import_w is not None else []
        )
        return own if outside is None else [*own, outside]

    def _net(self, used: Mapping[int, int]) -> dict[int, int]:
        """Return the grid current of each phase with the discharge as measured, in sixths of a mA."""
        around = self.around
        if not self.asymmetric:
            return {p: SIXTHS * (around.base_ma[p] + used[p] - around.discharge_ma[p]) for p in self.phases}
        needs = {p: SIXTHS * (around.household_ma[p] + used[p]) for p in self.phases}
        total = SIXTHS * (around.solar_ma + sum(around.discharge_ma))
        most = SIXTHS * self._per_phase_ma()
        made = shared_equally(total, {p: min(need, most) for p, need in needs.items()})
        return {p: needs[p] - made[p] for p in self.phases}

    def _per_phase_ma(self) -> int:
        inverter = self.site.inverter
        limit_w = inverter.max_per_phase_w if inverter is not None else None
        return self._ma(limit_w) if limit_w is not None else ENDLESS

    def _no_import(self, amounts: Amounts) -> list[str]:
        battery = self.site.battery
        if battery is None or battery.grid_charging:
            return []
        around, most = self.around, self.around.no_import_discharge_ma
        used = {phase: self.on_phase(amounts, phase, exact=False) for phase in self.phases}
        on = {phase for name, amount in amounts.items() if amount for phase in self.lines[name]}
        if not on:
            return []
        if self.net or self.asymmetric:
            return ["no import"] if self._imports(on, used, most, TOLERANCE_MA) else []
        needs = {phase: around.base_ma[phase] + used[phase] for phase in self.phases}
        nulled = min(max(sum(needs.values()), -around.battery_charge_ma), most)
        count = len(self.phases)
        return [f"no import {p}" for p in on if (needs[p] - TOLERANCE_MA) * count > nulled]

    def _may(self, name: str, amount_ma: int, amounts: Amounts) -> bool:
        """Tell whether a load may have `amount_ma` by its mode (standard always; excess is judged as a whole)."""
        load, first = self.site.loads[name], self.around.battery_first
        if load.mode == "standard" or (load.mode == "solar_priority" and amount_ma <= least_ma(self.site, name)):
            return True
        if load.mode == "excess" and not self.is_full(name):
            return True
        if first and load.mode != "excess":
            return False
        used = {phase: self.on_phase(amounts, phase, exact=True) for phase in self.phases}
        return not self._imports(set(self.lines[name]), used, self.around.surplus_discharge_ma, 0)

    def _imports(self, phases: set[int], used: Mapping[int, int], discharge_ma: int, tolerance_ma: int) -> bool:
        """Tell whether one of `phases` imports when the battery gives up to `discharge_ma`."""
        around = self.around
        if self.net:
            return sum(around.base_ma) + sum(used.values()) > discharge_ma + tolerance_ma
        if self.asymmetric:
            return self._imports_asymmetric(phases, used, discharge_ma, tolerance_ma)
        count = len(self.phases)
        return any((around.base_ma[p] + used[p] - tolerance_ma) * count > discharge_ma for p in phases)

    def _imports_asymmetric(
        self, phases: set[int], used: Mapping[int, int], discharge_ma: int, tolerance_ma: int
    ) -> bool:
        """The sum over the phases that the inverter can still cover; the others take all it can put there."""
        around, most = self.around, self._per_phase_ma()
        needs = {p: around.household_ma[p] + used[p] for p in self.phases}
        if any(needs[p] > most + tolerance_ma for p in phases):
            return True
        total = around.solar_ma + discharge_ma
        inverter = self.site.inverter
        if inverter is not None and inverter.max_w is not None:
            total = min(total, self._ma(inverter.max_w))
        covered = [p for p in self.phases if around.household_ma[p] <= most]
        left = total - most * (len(self.phases) - len(covered))
        return bool(phases & set(covered)) and sum(needs[p] for p in covered) > left + tolerance_ma

    def _excess(self, amounts: Amounts) -> list[str]:
        """Starts when the export without it and those after it exceeds the threshold; in total at most the rest."""
        left, found = self.export_left_ma(amounts), []
        running = [name for name in amounts if self.site.loads[name].mode == "excess" and not self.around.battery_full]
        drawn = {name: amounts[name] * len(self.lines[name]) for name in running}
        before = 0
        for name in sorted(running, key=lambda each: (self.site.loads[each].priority, each)):
            if amounts[name] and left - before <= 0:
                found.append(f"{name} runs on excess that is not there")
            before += drawn[name]
            is_above = amounts[name] > least_ma(self.site, name)
            if is_above and sum(drawn.values()) > left:
                found.append(f"{name} has more than the excess")
        return found


def least_ma(site: Site, name: str) -> int:
    """Return the least that a load draws when it is on: min_a, or a plug's rated current, rounded up to 0.1 A."""
    load = site.loads[name]
    if isinstance(load, Evse):
        return math.ceil(load.min_a * 10 - 1e-6) * 100
    lines = len(load.phases or site.phases)
    return math.ceil(load.power_w * 10 / (site.voltage_v * lines) - 1e-6) * 100


def most_ma(site: Site, name: str) -> int:
    """Return the most that a load may have, rounded down to 0.1 A."""
    load = site.loads[name]
    return math.floor(load.max_a * 10 + 1e-6) * 100 if isinstance(load, Evse) else least_ma(site, name)


def shared_equally(total: int, needs: Mapping[int, int]) -> dict[int, int]:
    """Share `total` in equal amounts, each up to its need; what is left over is not given. Exact in sixths."""
    made = dict.fromkeys(needs, 0)
    left = max(0, total)
    for need_of in sorted(needs, key=lambda phase: needs[phase]):
        still = [phase for phase in needs if needs[phase] >= needs[need_of] and made[phase] < needs[phase]]
        if not still:
            continue
        step = min(needs[need_of] - made[need_of], left // len(still))
        for phase in still:
            made[phase] += step
        left -= step * len(still)
    return made


def _above(site: Site, load: Load) -> list[str]:
    """Return the circuits and the station above a load."""
    found = []
    if isinstance(load, Evse) and load.station is not None and load.station in site.stations:
        found.append(f"station {load.station}")
    name = load.circuit
    while name is not None:
        found.append(name)
        name = site.circuits[name].within
    return found


def order_of(site: Site, names: list[str]) -> list[str]:
    """Return the loads in the order (urgency, priority, name)."""
    return sorted(names, key=lambda name: (URGENCY[site.loads[name].mode], site.loads[name].priority, name))


def phases_named(site: Site, name: str) -> tuple[Phase, ...]:
    """Return a load's site phases."""
    return site.loads[name].phases or site.phases
