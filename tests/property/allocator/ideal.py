"""A closed loop around `decide` with an ideal plant: everybody obeys at once, everything is measured each second.

What is left is the engine's own dynamics: holds, ramps, grace, settling. The plant is design.md section 7 in whole mA
(`rules.shared_equally` shares an asymmetric inverter's output). The battery nulls the grid's total at each step.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec import structs

from evenload.contracts.events import LoadState, LoadStatus, MeterReading, SiteLimit
from evenload.contracts.phases import PHASES, PerPhase, Phase
from evenload.site.schema import Meter, Plug, Site
from services.allocator.engine import Outcome, decide
from services.allocator.facts import Facts, Heard
from services.allocator.memory import Memory, first_memory
from services.allocator.plan import compile_plan
from tests.property.allocator.cases import VOLTS
from tests.property.allocator.rules import ENDLESS, shared_equally

NOW = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
START_S = 1000.0
_LIVE: frozenset[LoadStatus] = frozenset({"preparing", "charging", "suspended_evse"})


@dataclass(frozen=True)
class Around:
    """What the plant is told from outside: mA per phase, mA in total, %."""

    household_ma: tuple[int, int, int] = (0, 0, 0)
    solar_ma: int = 0
    soc_pct: float | None = None


def metered(site: Site) -> Site:
    """Return the site with a meter for each thing there is.

    Behind an asymmetric inverter the grid meter cannot tell the phases' households apart: there the house has one.
    """
    meters = {"pv": Meter(role="solar", driver="ideal")}
    if site.grid is not None:
        meters["p1"] = Meter(role="grid", driver="ideal")
    if site.battery is not None:
        meters["bat"] = Meter(role="battery", driver="ideal")
    if site.grid is None or (site.inverter is not None and site.inverter.asymmetric):
        meters["house"] = Meter(role="household", driver="ideal")
    meters.update({name: meter for name, meter in site.meters.items() if meter.checks is not None})
    return structs.replace(site, meters=meters)


class Loop:
    """One site in motion; `step` moves on by a second and decides."""

    def __init__(self, site: Site, around: Around, idle: frozenset[str] = frozenset()) -> None:
        self.site = metered(site)
        self.plan = compile_plan(self.site)
        self.around, self.idle = around, idle
        self.memory: Memory = first_memory()
        self.now_s = START_S
        self.setpoints = dict.fromkeys(site.loads, 0)
        self.battery_ma = 0
        self.net_ma = (0, 0, 0)
        self.outcome: Outcome | None = None
        self.limits: dict[str, Heard[SiteLimit]] = {}
        self.changed_s = START_S

    def step(self, seconds: float = 1.0) -> Outcome:
        """Move on, measure, decide, let everybody obey."""
        self.now_s += seconds
        facts = self.facts()
        self.memory, outcome = decide(self.plan, self.memory, facts, self.now_s, now=NOW)
        for setpoint in outcome.setpoints:
            amount = round(setpoint.setpoint_a * 1000)
            if self.setpoints[setpoint.load] != amount:
                self.setpoints[setpoint.load], self.changed_s = amount, self.now_s
        self.outcome = outcome
        return outcome

    def run(self, seconds: int) -> None:
        """Take so many steps of a second."""
        for _ in range(seconds):
            self.step()

    def settle(self, quiet_s: float = 90.0, most_s: float = 3000.0, wait_s: float = 0.0) -> bool:
        """Step until nothing has changed for `quiet_s`; tell whether that came within `most_s`."""
        end_s, least_s = self.now_s + most_s, self.now_s + wait_s
        while self.now_s < end_s:
            self.step()
            if self.now_s >= least_s and self.now_s - self.changed_s >= quiet_s:
                return True
        return False

    def facts(self) -> Facts:
        """Return what everybody measures now."""
        self._flow()
        readings = {name: Heard(reading, self.now_s) for name, reading in self._readings().items()}
        loads = {name: Heard(self._state(name), self.now_s) for name in self.site.loads}
        return Facts(readings=readings, loads=loads, limits=self.limits)

    def drawn_ma(self, name: str) -> int:
        """Return what a load draws per line: its setpoint, or a plug's power to the mA."""
        load = self.site.loads[name]
        if name in self.idle or not self.setpoints[name]:
            return 0
        if isinstance(load, Plug):
            return round(load.power_w * 1000 / (VOLTS * len(load.phases or self.site.phases)))
        return self.setpoints[name]

    def lines_of(self, name: str) -> tuple[Phase, ...]:
        """Return the site phases that a load draws on."""
        return self.site.loads[name].phases or self.site.phases

    def _flow(self) -> None:
        phases = [PHASES.index(phase) for phase in self.site.phases]
        used = list(self.around.household_ma)
        for name in self.site.loads:
            for phase in self.lines_of(name):
                used[PHASES.index(phase)] += self.drawn_ma(name)
        self.battery_ma = self._battery(sum(used[phase] for phase in phases) - self.around.solar_ma)
        total = self.around.solar_ma + self.battery_ma
        net = [0, 0, 0]
        made = self._made({phase: used[phase] for phase in phases}, total)
        for phase in phases:
            net[phase] = round(used[phase] - made[phase])
        self.net_ma = (net[0], net[1], net[2])

    def _made(self, used: dict[int, int], total: int) -> dict[int, float]:
        inverter = self.site.inverter
        if inverter is None or not inverter.asymmetric or total <= 0 or len(used) == 1:
            return {phase: total / len(used) for phase in used}
        limit_w = inverter.max_per_phase_w
        most = ENDLESS if limit_w is None else int(limit_w * 1000 / VOLTS)
        needs = {phase: 6 * min(max(0, value), most) for phase, value in used.items()}
        made = shared_equally(6 * total, needs)
        rest = shared_equally(6 * total - sum(made.values()), {p: 6 * most - value for p, value in made.items()})
        return {phase: (made[phase] + rest[phase]) / 6 for phase in used}

    def _battery(self, need_ma: int) -> int:
        battery, soc = self.site.battery, self.around.soc_pct
        if battery is None or soc is None:
            return 0
        if need_ma > 0 and soc >= battery.soc_min_pct:
            most = int(battery.max_discharge_w * 1000 / VOLTS)
            inverter = self.site.inverter
            if inverter is not None and inverter.max_w is not None:
                most = min(most, max(0, int(inverter.max_w * 1000 / VOLTS) - self.around.solar_ma))
            return min(need_ma, most)
        if need_ma < 0 and soc < 97:
            return -min(-need_ma, int(battery.max_charge_w * 1000 / VOLTS))
        return 0

    def _readings(self) -> dict[str, MeterReading]:
        blank = MeterReading(site=self.site.site, meter="p1", role="grid", measured_at=NOW)
        found = {}
        for name, meter in self.site.meters.items():
            mine = _with(blank, meter=name, role=meter.role)
            if meter.role == "grid":
                found[name] = _with(mine, current_a=self._per_phase(self.net_ma))
            elif meter.role == "solar":
                found[name] = _with(mine, total_power_w=self.around.solar_ma * VOLTS / 1000)
            elif meter.role == "household":
                found[name] = _with(mine, current_a=self._per_phase(self.around.household_ma))
            else:
                power_w = self.battery_ma * VOLTS / 1000
                found[name] = _with(mine, total_power_w=power_w, soc_pct=self.around.soc_pct)
        return found

    def _per_phase(self, values_ma: tuple[int, int, int]) -> PerPhase:
        return PerPhase.of({phase: values_ma[PHASES.index(phase)] / 1000 for phase in self.site.phases})

    def _state(self, name: str) -> LoadState:
        amount_a = self.drawn_ma(name) / 1000
        status: LoadStatus = "available" if name in self.idle else "charging" if amount_a else "suspended_evse"
        return LoadState(
            site=self.site.site,
            load=name,
            measured_at=NOW,
            status=status,
            measured_a=PerPhase.of(dict.fromkeys(self.lines_of(name), amount_a)),
            measured_age_s=0.0,
            setpoint_a=self.setpoints[name] / 1000,
            failsafe_in_s=120.0,
            transaction=None if name in self.idle else "1",
        )


def _with(reading: MeterReading, **values: object) -> MeterReading:
    return structs.replace(reading, **values)
