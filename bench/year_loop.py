"""A year of one house under one strategy: the real cores of allocator, plug_control and planner on the year's plant.

Steps of a minute. In each the devices' cores look and are given their setpoints, the allocator decides, and decides
again a few seconds later while setpoints still move; then the minute passes. What is simplified beside the real system:
* the bus, leases and renewals: a setpoint holds until the next one; its lease is made to last when its core is next
  run, and the looks between are made up for (a pump counts its run by looks); 1 s after a command the device looks;
* devices look, and decisions are made, when the car comes, goes or is full, when a phase imports more than the breaker
  less its margin, when with the sun one has moved by 1 A, while setpoints still move, and each 5 minutes; others would
  decide what was decided before. Without the sun, that is while it gives less than the house draws, now and at the last
  decision, there is no surplus to share: devices look each 10 minutes, and decisions without any news come each 15;
* from one decision to the next, and until loads follow, 4 s go by: so long the breaker bears what flowed before;
* the planner plans when the car comes or goes, each four hours while something is missing, else each twelve; in its own
  service it does each minute.
The same seed gives the same year, byte by byte.
"""

import dataclasses
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from bench.year_home import CAR, HEAT_PUMP, NO_CONTROL, PLANS, POOL, POOL_FROM_MIN, POOL_H, TANK, Tally, site_of
from bench.year_plant import Plant
from evenload.contracts.events import LoadState, LoadStatus, MeterReading, Setpoint
from evenload.contracts.phases import PerPhase
from evenload.contracts.records import OverrideRecord
from evenload.simulation import meters, outlet
from evenload.simulation.calendar import Calendar, Known
from evenload.simulation.outlet import Outlet
from evenload.simulation.plug_side import PlugSide
from evenload.simulation.scenario import ForecastFacts, Given, MeterFacts
from evenload.simulation.seasons import Place, day_of
from evenload.simulation.virtual_time import MONOTONIC_START_S
from evenload.site.schema import Device, phases_of
from services.allocator.engine import decide
from services.allocator.facts import Facts, Heard
from services.allocator.memory import Memory, first_memory
from services.plug_control.config import plug_plans
from services.plug_control.wishes import wish_of

LEASE_S, ROUND_S, ROUNDS = 120.0, 4.0, 4
ACT_S, LIVE_DECISION_S, QUIET_DECISION_S = 300.0, 300.0, 900.0
PLAN_EVERY_S, PLAN_SELDOM_S = 4 * 3600.0, 12 * 3600.0
MOVED_A, DARK_W, FELT_K, FELT_S = 1.0, 100.0, 0.3, 600.0
LOOK_S, QUIET_LOOK_S, SEEN_S = 300.0, 600.0, 1.0
DRIVER = "homewizard"
"""A device without a timer of its own: its relay stays as it was set."""
NORMAL_A, FIRST = 2.9, date(2026, 1, 1)
_GIVEN = Given(household_a={}, meters=MeterFacts(solar=True))


def simulated(strategy: str, seed: int, days: int = 365, first: date = FIRST) -> Tally:
    """Return what came of a year."""
    tally = Tally(strategy)
    place = Place(seed=seed)
    plant = Plant(site_of(strategy), place, tally, first)
    if strategy == NO_CONTROL:
        _uncontrolled(plant, days)
    else:
        _Controlled(plant, first, plans=strategy == PLANS).run(days)
    return tally


def _uncontrolled(plant: Plant, days: int) -> None:
    heats = False
    while plant.tally.days < days:
        plant.offered(CAR, 16.0)
        plant.offered(HEAT_PUMP, NORMAL_A)
        heats = plant.tank.temperature_c < (55.0 if heats else 50.0)
        plant.offered(TANK, 2_000 / 230 if heats else 0.0)
        runs = 0 <= plant.minute - POOL_FROM_MIN < POOL_H * 60
        plant.offered(POOL, 900 / 230 if runs else 0.0)
        plant.pass_minute()


class _Controlled:
    """The house with its services."""

    def __init__(self, plant: Plant, first: date, *, plans: bool) -> None:
        self.plant, self.site, self.plans = plant, plant.site, plans
        self.now_s = 0.0
        begin = datetime.combine(first, time(0), ZoneInfo(self.site.time_zone)).astimezone(UTC)
        self.calendar = Calendar(begin)
        loads = {
            name: replace(load, driver=DRIVER) if isinstance(load, Device) else load
            for name, load in self.site.loads.items()
        }
        self.sides = {
            name: PlugSide(plan, "charging", 0.0, wall=self.calendar.utc)
            for name, plan in sorted(plug_plans(replace(self.site, loads=loads)).items())
        }
        self._failsafe_a = {name: side.offers_a(0.0) for name, side in self.sides.items()}
        lines = phases_of(self.site.loads[CAR], self.site)
        self.car = Outlet(load=CAR, site=self.site.site, lines=lines, given="charging")
        assert self.site.grid is not None
        self._limit_a = self.site.grid.breaker_a - self.site.grid.margin_a
        self.fitted = meters.fitted(self.site, _GIVEN)
        self.plan = self.calendar.compiled(self.fitted, (), 0.0)
        self.memory: Memory = first_memory()
        self.setpoints: dict[str, Setpoint] = {}
        self.known: dict[str, Heard[LoadState]] = {}
        self.readings: dict[str, MeterReading] = {}
        self._felt: tuple[float, float] = (-1e9, -1e9)
        self._looked_s = dict.fromkeys(self.sides, -1e9)
        self._drawn_a = dict.fromkeys(self.sides, 0.0)
        self._decided_s, self._decided_on = -1e9, (0.0, 0.0, 0.0)
        self._planned_s, self._planned_for, self._unsettled = -1e9, "", True
        self._last = None
        self._seq = 0
        self._tell_wishes()

    def run(self, days: int) -> None:
        while self.plant.tally.days < days:
            self._minute()
            self.plant.pass_minute()
            self.now_s = round(self.now_s / 60.0) * 60.0 + 60.0 if self.now_s % 60.0 == 0.0 else self._next_minute()

    def _next_minute(self) -> float:
        return (self.now_s // 60.0 + 1) * 60.0

    def _minute(self) -> None:
        """Let the services do what they do in a minute."""
        plant = self.plant
        if self.now_s % LEASE_S == 0.0:
            self._move_by_themselves()
        due = self.now_s % ACT_S == 0.0 or self._unsettled or self._car_is() != self.car.given
        above = plant.exceeds(self._limit_a)
        if not (due or above or (self._sees_light() and self._moved())):
            return
        self._follow_calendar()
        self._look()
        news = self._hear()
        longest_s = LIVE_DECISION_S if self._sees_light() else QUIET_DECISION_S
        if not (news or above or self._unsettled or self._moved() or self.now_s - self._decided_s >= longest_s):
            return
        for _ in range(ROUNDS):
            plant.bear(ROUND_S)
            self._unsettled = self._decide()
            if not self._unsettled:
                break
            self.now_s += ROUND_S
            self._hear()

    def _sees_light(self) -> bool:
        """Tell whether the sun gives more than the house draws, now or when it was decided last."""
        around = self.plant.around
        return around.solar_w > DARK_W and (
            around.solar_w > sum(around.household_a) * self.site.voltage_v or sum(self._decided_on) < 0.0
        )

    def _move_by_themselves(self) -> None:
        """Let a pump see that it is done, and the devices' own thermostats switch."""
        if self.plant.draws_a[POOL]:
            self._advance(POOL)
        for name, side in self.sides.items():
            if self._is_held(name):
                self.plant.offered(name, side.offers_a(self.now_s))

    def _is_held(self, name: str) -> bool:
        """Tell whether a setpoint keeps a device from where it is without one."""
        held = self.setpoints.get(name)
        return held is not None and held.setpoint_a != self._failsafe_a[name]

    def _side(self, name: str) -> PlugSide:
        """Return a device's side, to be run now: what was given last holds, and it has looked all the while."""
        side = self.sides[name]
        if self._is_held(name):
            side.hold(self.now_s)
        side.watch(self.now_s)
        return side

    def _advance(self, name: str) -> None:
        """Let a device's core look."""
        drawn_a = self.plant.draws_a[name]
        self._drawn_a[name], self._looked_s[name] = drawn_a, self.now_s
        self._side(name).advance(self.now_s, drawn_a)

    def _look(self) -> None:
        """Let each device's core look, and feel its temperature."""
        plant, now_s = self.plant, self.now_s
        pause_s = LOOK_S if self._sees_light() else QUIET_LOOK_S
        for name, side in self.sides.items():
            # Never later than a full pause of the clock: windows of a day open at round times.
            due_s = self._looked_s[name] // pause_s * pause_s + pause_s
            if plant.draws_a[name] != self._drawn_a[name] or now_s >= due_s:
                self._advance(name)
            plant.offered(name, side.offers_a(now_s))
        tank_c = plant.tank.temperature_c
        if abs(tank_c - self._felt[1]) >= FELT_K or now_s - self._felt[0] >= FELT_S:
            self._felt = now_s, tank_c
            self._side(TANK).feel(self._temperature(tank_c), now_s)
            plant.offered(TANK, self.sides[TANK].offers_a(now_s))

    def _temperature(self, value_c: float) -> MeterReading:
        return MeterReading(
            site=self.site.site,
            meter="boiler",
            role="temperature",
            measured_at=self.calendar.utc(self.now_s),
            temperature_c=round(value_c, 2),
        )

    def _hear(self) -> bool:
        """Take the newest states; tell whether one says something new."""
        news = False
        states = {name: side.state(self.now_s) for name, side in self.sides.items()}
        states[CAR] = self._car_state()
        for name, state in states.items():
            old = self.known.get(name)
            news = news or old is None or (old.event is not state and _said(old.event) != _said(state))
            self.known[name] = Heard(state, MONOTONIC_START_S + self.now_s)
            if self.plans:
                self.calendar.heard(self.site, state, self.now_s)
                self.calendar.felt(state, self.now_s)
        return news

    def _car_is(self) -> LoadStatus:
        car = self.plant.car
        return "available" if not car.home else "suspended_ev" if car.full else "charging"

    def _car_state(self) -> LoadState:
        given = self._car_is()
        if given != self.car.given:
            self.car = outlet_given(self.car, given)
            self.plant.offered(CAR, self.car.offers_a)
        drawn_a = self.plant.draws_a[CAR]
        self.car = outlet.measure(self.car, drawn_a, self.car.lines, self.now_s)
        return outlet.report(self.car, self.now_s, self.calendar.utc(self.now_s), self.site.voltage_v)

    def _moved(self) -> bool:
        base_a = self._base_a()
        return any(abs(now - then) > MOVED_A for now, then in zip(base_a, self._decided_on, strict=True))

    def _base_a(self) -> tuple[float, ...]:
        around = self.plant.around
        each_a = around.solar_w / self.site.voltage_v / 3
        return tuple(house - each_a for house in around.household_a)

    def _decide(self) -> bool:
        """Decide once on what is measured now; tell whether a setpoint moved."""
        now = self.calendar.utc(self.now_s)
        at_s = MONOTONIC_START_S + self.now_s
        net_a, battery_w = self.plant.flows()
        volts = self.site.voltage_v
        one, two, three = net_a
        grid = MeterReading(
            site=self.site.site,
            meter="grid",
            role="grid",
            measured_at=now,
            current_a=PerPhase(l1=one, l2=two, l3=three),
            power_w=PerPhase(l1=one * volts, l2=two * volts, l3=three * volts),
            total_power_w=(one + two + three) * volts,
        )
        sun_w = self.plant.day.sun_w[self.plant.minute]
        solar = MeterReading(site=self.site.site, meter="solar", role="solar", measured_at=now, total_power_w=sun_w)
        battery = MeterReading(
            site=self.site.site,
            meter="battery",
            role="battery",
            measured_at=now,
            total_power_w=battery_w,
            soc_pct=self.plant.soc_pct,
        )
        readings = {each.meter: Heard(each, at_s) for each in (grid, solar, battery)}
        facts = Facts(readings=readings, loads=dict(self.known))
        self.memory, outcome = decide(self.plan, self.memory, facts, at_s, now=now)
        self.plant.tally.decisions += 1
        self._decided_s, self._decided_on, self._last = self.now_s, self._base_a(), outcome.decision
        return self._command(outcome.setpoints)

    def _command(self, sent: tuple[Setpoint, ...]) -> bool:
        moved = False
        for setpoint in sent:
            self._seq += 1
            old = self.setpoints.get(setpoint.load)
            if old is not None and old.setpoint_a == setpoint.setpoint_a:
                continue
            moved = True
            self.plant.tally.starts += setpoint.setpoint_a > 0.0 and (old is None or old.setpoint_a == 0.0)
            given = replace(setpoint, boot="year", seq=self._seq, valid_s=LEASE_S)
            if setpoint.load == CAR:
                self.setpoints[CAR] = given
                self.car = outlet_given(outlet.take(self.car, given, self.now_s), self.car.given)
                self.plant.offered(CAR, self.car.offers_a)
            else:
                side = self._side(setpoint.load)
                self.setpoints[setpoint.load] = given
                side.give(given, self.now_s)
                self.plant.offered(setpoint.load, side.offers_a(self.now_s))
                self._drawn_a[setpoint.load] = self.plant.draws_a[setpoint.load]
                side.advance(self.now_s + SEEN_S, self.plant.draws_a[setpoint.load])
        return moved

    def _follow_calendar(self) -> None:
        """Let schedules and plans come into force."""
        if self.plans and self._plan_is_due():
            self._planned_s, self._planned_for = self.now_s, self.car.given
            states = {name: heard.event for name, heard in self.known.items()}
            known = Known(states, {}, self._last, self._given())
            self.calendar.planned(self.site, known, self.now_s)
            self._compile()
        elif self.calendar.changes_s(self.now_s) <= self.now_s:
            self._compile()

    def _plan_is_due(self) -> bool:
        """Tell whether to plan: when the car comes or goes, and now and then; more often while it needs something."""
        if self._last is None:
            return False
        waits = self.car.given == "charging" and any(plan.missing_wh for plan in self.calendar.plans)
        period_s = PLAN_EVERY_S if waits else PLAN_SELDOM_S
        return self.car.given != self._planned_for or self.now_s - self._planned_s >= period_s

    def _compile(self) -> None:
        self.plan = self.calendar.compiled(self.fitted, (), self.now_s)
        self._tell_wishes()
        self._decided_s = -1e9

    def _tell_wishes(self) -> None:
        record = OverrideRecord(site=self.site.site, items=())
        for name in self.sides:
            self._side(name).tell(wish_of(name, self.site, record, self.calendar.utc(self.now_s)), self.now_s)

    def _given(self) -> Given:
        """Return the forecast of this day and the next, hour by hour."""
        found = []
        midnight_s = self.now_s - self.plant.minute * 60.0
        for hour in range(48):
            day = day_of(self.plant.place, date.fromordinal(self.plant.date.toordinal() + hour // 24))
            minute = hour % 24 * 60
            found.append(ForecastFacts(at_s=midnight_s + hour * 3600.0, value=day.expected_w[minute + 30]))
        return replace(_GIVEN, forecasts={"solar": tuple(found)})


def outlet_given(car: Outlet, given: LoadStatus) -> Outlet:
    """Return the car's outlet with what its vehicle does; leases last as long as they are the newest word."""
    return dataclasses.replace(car, given=given, lease_end_s=None, profile_end_s=None)


def _said(state: LoadState) -> tuple[object, ...]:
    """Return what a decision stands on."""
    measured = state.measured_a
    drawn_a = None if measured is None else max([value for _, value in measured.items()], default=0.0)
    return state.status, state.offered_a, state.offer, state.reachable, drawn_a
