"""The simulated site in motion: plant, outlets and vehicles together, moved from one moment to the next.

Everything is piecewise constant: between two moments nothing changes, so `next_s` says when something will and
`advance` goes there. All rules are in the pure parts; this file only keeps their state.
"""

from dataclasses import replace
from datetime import datetime

from evenload.contracts.events import LoadState, MeterReading, Setpoint
from evenload.contracts.records import OverrideRecord
from evenload.simulation import draw, outlet, plant, thermal
from evenload.simulation.draw import Appetite, Track
from evenload.simulation.meters import Shown
from evenload.simulation.outlet import Outlet
from evenload.simulation.plant import Flows, PhaseValues, Surroundings
from evenload.simulation.scenario import Given, LoadFacts
from evenload.simulation.thermal import Mass
from evenload.simulation.virtual_time import Wall, clock_text, utc
from evenload.site.failsafe import failsafe_currents
from evenload.site.heat import HeatPump
from evenload.site.schema import Device, Evse, Load, Site, phases_of

STATION_PERIOD_S = 10.0
PLUG_PERIOD_S = 5.0
STILL_A = 0.5
RAISED_A = 0.2
"""Let draw so much more than its own power, a device's thermostat is raised."""
_NEVER_S = float("inf")


class World:
    """State of one simulated site at `now_s` (virtual time, s from the start)."""

    def __init__(self, site: Site, given: Given, wall: Wall = utc) -> None:
        self.now_s, self.wall = 0.0, wall
        self.site, self.given = site, given
        self.soc_pct = given.soc_pct
        self.battery_w = 0.0
        self.outlets: dict[str, Outlet] = {}
        self.appetites: dict[str, Appetite] = {}
        self.tracks: dict[str, Track] = {}
        self.masses: dict[str, Mass] = {}
        self.changed_s = 0.0
        self.fallen_s = float("-inf")
        """When a lease last ended and its outlet fell back by itself."""
        self._active: dict[str, int] = {}
        """On how many lines a load's station gives current, where it can switch them."""
        self.found: list[str] = []
        """What must not happen to a vehicle, and did."""
        self._answer_s: float | None = None
        self.set_facts(site, given)

    def set_facts(self, site: Site, given: Given) -> None:
        """Put a (changed) site file and facts in force now."""
        if given.soc_pct != self.given.soc_pct:
            self.soc_pct = given.soc_pct
        self.site, self.given = site, given
        self.config = plant.plant_config(site, given.battery_answer_s, given.capacity_wh)
        self.around = Surroundings(
            household_a=tuple(given.household_a.get(phase, 0.0) for phase in site.phases), solar_w=given.solar_w
        )
        failsafe = failsafe_currents(site)
        for name, load in sorted(site.loads.items()):
            self._set_load(name, load, given.loads.get(name, LoadFacts(status="available")), failsafe.get(name, 0.0))
        self.masses = {name: thermal.with_facts(self.masses.get(name), each) for name, each in given.thermal.items()}
        self._flows_changed()

    def feel(self, reading: MeterReading) -> None:
        """Let a temperature arrive at the services; plain outlets have none."""

    def tell(self, record: OverrideRecord, now: datetime) -> None:
        """Let what is set by hand or scheduled at `now`, UTC, arrive at the services; plain outlets know of none."""

    def alerts(self, name: str) -> frozenset[str]:
        """Return the kinds of alert that its service has standing about a load; plain outlets raise none."""
        return frozenset()

    def deliver(self, setpoint: Setpoint) -> None:
        """Let a setpoint arrive at its outlet now."""
        self._replace(setpoint.load, outlet.take(self.outlets[setpoint.load], setpoint, self.now_s))

    def link(self, load: str, up: bool) -> None:
        """Cut or restore the link between a load's device and its service."""
        self._replace(load, replace(self.outlets[load], linked=up))

    def next_s(self) -> float:
        """Return when the next thing changes by itself; infinite when nothing will."""
        ends = [end_s for each in self.outlets.values() if (end_s := outlet.falls_s(each)) is not None]
        coming = [track.coming[0][0] for track in self.tracks.values() if track.coming]
        return min([*ends, *coming, _NEVER_S if self._answer_s is None else self._answer_s], default=_NEVER_S)

    def advance(self, to_s: float) -> None:
        """Move on to `to_s`, which is not after `next_s`, and let what is due happen."""
        self.soc_pct = plant.soc_after(self.config, self.soc_pct, self.battery_w, to_s - self.now_s)
        for name, mass in self.masses.items():
            self.masses[name] = thermal.after(mass, self.power_w(name), to_s - self.now_s)
        self.now_s = to_s
        for name in self.masses:
            self._call(name)
        for name, each in list(self.outlets.items()):
            fallen = outlet.at_time(each, to_s)
            if fallen is not each:
                self.fallen_s = to_s
                self._replace(name, fallen)
            self._follow(name)
        if self._answer_s is not None and to_s >= self._answer_s:
            self._answer()

    def read_outlet_meters(self) -> None:
        """Let stations and plugs whose own period is over measure what they draw."""
        for name, each in self.outlets.items():
            period_s = PLUG_PERIOD_S if each.is_plug else STATION_PERIOD_S
            if each.measured_a is None or self.now_s >= each.measured_at_s + period_s - 1e-6:
                self.measure(name)

    def measure(self, name: str) -> None:
        """Let one outlet measure now."""
        lines = self.outlets[name].lines[: len(self.appetites[name].lines)]
        self.outlets[name] = outlet.measure(self.outlets[name], self.tracks[name].now_a, lines, self.now_s)

    def state_of(self, name: str) -> LoadState:
        """Return a load's state as its service would publish it now."""
        return outlet.report(self.outlets[name], self.now_s, self.wall(self.now_s), self.site.voltage_v)

    def changed(self, name: str, old: LoadState) -> bool:
        """Tell whether a load's state is no longer what was published."""
        each = self.outlets[name]
        return (
            old.status != outlet.status(each)
            or old.setpoint_a != each.setpoint_a
            or old.offered_a != each.offers_a
            or (old.measured_a is None) != (each.measured_a is None)
            or (old.measured_a is not None and max(value for _, value in old.measured_a.items()) != each.measured_a)
        )

    def draws_a(self) -> PhaseValues:
        """Return what all loads draw on each site phase, A."""
        return draw.per_phase([(self.appetites[name], self.tracks[name]) for name in self.tracks], self.config.phases)

    def power_w(self, name: str) -> float:
        """Return what a load draws now, W over its lines."""
        return self.tracks[name].now_a * len(self.appetites[name].lines) * self.site.voltage_v

    def _temperatures_c(self) -> dict[str, float]:
        """Return what each temperature meter shows: its load's mass."""
        return {
            load.sensor: thermal.sensed_c(self.masses[name])
            for name, load in self.site.loads.items()
            if isinstance(load, Device) and load.sensor is not None and name in self.masses
        }

    def flows(self) -> Flows:
        """Return all currents now."""
        return plant.flows(self.config, self.around, self.draws_a(), self.battery_w)

    def shown(self) -> Shown:
        """Return what meters see now."""
        return Shown(
            flows=self.flows(),
            solar_w=self.around.solar_w,
            battery_w=self.battery_w,
            soc_pct=self.soc_pct,
            circuits_a={
                circuit.meter: self._circuit_a(name) for name, circuit in self.site.circuits.items() if circuit.meter
            },
            temperatures_c=self._temperatures_c(),
        )

    def _circuit_a(self, name: str) -> PhaseValues:
        """Return all that flows into a circuit: its foreign draw and the managed loads below it, A per phase."""
        below = {name}
        for _ in self.site.circuits:
            below |= {each for each, circuit in self.site.circuits.items() if circuit.within in below}
        loads = [each for each, load in self.site.loads.items() if load.circuit in below]
        drawn = draw.per_phase([(self.appetites[each], self.tracks[each]) for each in loads], self.config.phases)
        foreign = [self.given.circuit_a.get(each, {}) for each in sorted(below)]
        return tuple(
            value + sum(part.get(phase, 0.0) for part in foreign)
            for phase, value in zip(self.site.phases, drawn, strict=True)
        )

    def _set_load(self, name: str, load: Load, facts: LoadFacts, failsafe_a: float) -> None:
        lines = phases_of(load, self.site)
        fresh = Outlet(load=name, site=self.site.site, lines=lines, given=facts.status, offers_a=failsafe_a)
        old = self.outlets.get(name, fresh)
        changed = replace(old, lines=lines, given=facts.status, is_plug=isinstance(load, Device), failsafe_a=failsafe_a)
        self.outlets[name] = changed
        self.tracks.setdefault(name, Track())
        self._set_appetite(name)

    def _call(self, name: str) -> None:
        """Let a device's own thermostat look; what it wants counts beside what it is let draw."""
        load, offers_a = self.site.loads[name], self.outlets[name].offers_a
        own_a = (
            load.power_w / self.site.voltage_v / len(self.outlets[name].lines) if isinstance(load, HeatPump) else 0.0
        )
        mass = thermal.called(self.masses[name], raised=offers_a > own_a + RAISED_A)
        if mass is self.masses[name]:
            return
        self.masses[name] = mass
        self._set_appetite(name)

    def _set_appetite(self, name: str) -> None:
        mass = self.masses.get(name)
        wants = outlet.draws(self.outlets[name]) and (mass is None or mass.calls)
        facts = self.given.loads.get(name, LoadFacts(status="available"))
        appetite = _appetite(self.site, self.site.loads[name], facts, wants)
        self.appetites[name] = replace(appetite, lines=appetite.lines[: self._active.get(name)])
        self._offer(name)

    def restart_gateway(self, load: str) -> None:
        """Let the gateway of a load's station start anew; plain outlets have none."""

    def _use_lines(self, name: str, count: int) -> None:
        """Let a load's station give current on so many of its lines; under current that faults the vehicle."""
        self._active[name] = count
        appetite = self.appetites[name]
        lines = self._lines_of(name)[:count]
        if lines == appetite.lines:
            return
        if self.tracks[name].now_a > STILL_A and outlet.draws(self.outlets[name]):
            self.found.append(f"{clock_text(self.now_s)} {name}: its lines were switched while it drew")
            appetite = replace(appetite, sleeps=True)
        self.appetites[name] = replace(appetite, lines=lines)
        self._flows_changed()
        self._offer(name)

    def _lines_of(self, name: str) -> tuple[int, ...]:
        """Return the site phase of each line that the vehicle would use."""
        facts = self.given.loads.get(name, LoadFacts())
        lines = facts.wired or phases_of(self.site.loads[name], self.site)
        return tuple(self.site.phases.index(phase) for phase in lines)[: facts.lines]

    def _replace(self, name: str, changed: Outlet) -> None:
        old = self.outlets[name]
        self.outlets[name] = changed
        if changed.offers_a != old.offers_a:
            self._offer(name)

    def _offer(self, name: str) -> None:
        appetite, track = self.appetites[name], self.tracks[name]
        wanted_a = draw.follows_a(appetite, self.outlets[name].offers_a)
        last_a = track.coming[-1][1] if track.coming else track.now_a
        if wanted_a != last_a:
            self.tracks[name] = draw.offer(track, appetite, self.outlets[name].offers_a, self.now_s)

    def _follow(self, name: str) -> None:
        track = draw.at_time(self.tracks[name], self.now_s)
        if track.now_a != self.tracks[name].now_a:
            self._flows_changed()
        self.tracks[name] = track

    def _flows_changed(self) -> None:
        self.changed_s = self.now_s
        if self.config.battery is not None and self._answer_s is None:
            self._answer_s = self.now_s + self.config.answer_s

    def _answer(self) -> None:
        """Let the battery answer; once more when the flows changed while it was on its way."""
        wanted_w = plant.battery_answer_w(self.config, self.around, self.draws_a(), self.soc_pct)
        late = self.changed_s + self.config.answer_s
        self._answer_s = late if late > self.now_s else None
        if wanted_w != self.battery_w:
            self.battery_w, self.changed_s = wanted_w, self.now_s

    def soc_moved(self) -> None:
        """Let the battery look at its soc again (it moves only with a capacity)."""
        if self.config.capacity_wh and self._answer_s is None:
            wanted_w = plant.battery_answer_w(self.config, self.around, self.draws_a(), self.soc_pct)
            if wanted_w != self.battery_w:
                self._flows_changed()


def _appetite(site: Site, load: Load, facts: LoadFacts, wants: bool) -> Appetite:
    lines = tuple(site.phases.index(phase) for phase in facts.wired or phases_of(load, site))
    follows = isinstance(load, Evse) or not load.all_or_nothing
    rated_a = None
    if isinstance(load, Device) and not follows:
        rated_a = (load.most_w if facts.draws_w is None else facts.draws_w) / site.voltage_v / len(lines)
    return Appetite(
        lines=lines[: facts.lines],
        lag_s=facts.lag_s if isinstance(load, Evse) else min(facts.lag_s, 0.5),
        tau_s=facts.tau_s if isinstance(load, Evse) else 0.0,
        lowest_a=draw.LOWEST_A if isinstance(load, Evse) else 0.05,
        offset_a=facts.offset_a,
        own_max_a=facts.own_max_a,
        extra_a=facts.extra_a,
        sleeps=not wants,
        rated_a=rated_a,
        stuck_on=facts.stuck_on,
    )
