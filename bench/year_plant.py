"""The physics of the simulated year, minute by minute: sun, house, battery, tank, room and car, with its counters.

The rules are the simulation's own (`plant.py`, `thermal.py`, `seasons.py`); here is only what keeps their state.
"""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import structs

from bench.year_home import (
    CAPACITY_WH,
    CAR,
    COMFORT_C,
    EXPORT_PRICE,
    FIRST_SOC_PCT,
    HEAT_PUMP,
    POOL,
    POOL_H,
    READY_C,
    READY_MIN,
    ROOM_MASS,
    STEP_S,
    TANK,
    TANK_MASS,
    WARM_C,
    Car,
    Tally,
    price_at,
)
from evenload.simulation import plant, thermal
from evenload.simulation.plant import PhaseValues, Surroundings
from evenload.simulation.seasons import Day, Place, Trip, day_of, trip_of
from evenload.simulation.thermal import Mass
from evenload.site.breaker import THERMAL_LIMIT, heat_after
from evenload.site.schema import Site, phases_of

OWN_W = 2_000.0
"""What the heat pump draws by its own control; more raises its room."""
POOL_SLACK_S = 600.0
SET_MIN = 120
"""The clock is set at 02:00: on to 03:00, or back to it at 03:00 (Central Europe)."""
LINES = ("L1", "L2", "L3")


class Plant:
    """All that is not decided. `draws_a` is what each load draws per line now, A."""

    def __init__(self, site: Site, place: Place, tally: Tally, first: date) -> None:
        self.site, self.place, self.tally = site, place, tally
        assert site.grid is not None
        self.breaker_a = site.grid.breaker_a
        self.config = plant.plant_config(site, capacity_wh=CAPACITY_WH)
        self.soc_pct: float = FIRST_SOC_PCT
        self.car = Car()
        self.tank, self.room = Mass(TANK_MASS.temperature_c, TANK_MASS), Mass(ROOM_MASS.temperature_c, ROOM_MASS)
        self.draws_a = dict.fromkeys(sorted(site.loads), 0.0)
        self._on = {
            name: tuple(LINES.index(phase) for phase in phases_of(load, site)) for name, load in site.loads.items()
        }
        self._lines = tuple((name, line) for name in self.draws_a for line in self._on[name])
        self._drawn_a: PhaseValues | None = None
        self._pool_s = self._borne_s = 0.0
        self.heat_ratios = [0.0, 0.0, 0.0]
        self.date = first
        self.minute = 0
        self._begin_day()
        self._shine()

    def power_w(self, name: str) -> float:
        """Return what a load draws now, W."""
        return self.draws_a[name] * len(self._on[name]) * self.site.voltage_v

    def on_phases_a(self) -> PhaseValues:
        """Return what all loads draw on each phase, A."""
        if self._drawn_a is None:
            found = [0.0, 0.0, 0.0]
            for name, line in self._lines:
                found[line] += self.draws_a[name]
            self._drawn_a = found[0], found[1], found[2]
        return self._drawn_a

    def flows(self) -> tuple[PhaseValues, float]:
        """Return what flows from the grid on each phase now, A, and what the battery does, W (+ discharging)."""
        drawn = self.on_phases_a()
        battery_w = plant.battery_answer_w(self.config, self.around, drawn, self.soc_pct)
        return plant.net_a(self.config, self.around, drawn, battery_w), battery_w

    def offered(self, name: str, offers_a: float) -> None:
        """Let a load draw up to `offers_a` per line: the car while it has room, the heat pump while its room calls."""
        if name == CAR:
            wants = self.car.home and not self.car.full and offers_a >= 6.0
            drawn_a = offers_a if wants else 0.0
        elif name == HEAT_PUMP:
            raised = offers_a * 3 * self.site.voltage_v > OWN_W + 150.0
            self.room = thermal.called(self.room, raised=raised)
            drawn_a = offers_a if self.room.calls else 0.0
        else:
            drawn_a = offers_a
        if drawn_a != self.draws_a[name]:
            self.draws_a[name], self._drawn_a = drawn_a, None

    def bear(self, seconds: float) -> None:
        """Let the breaker bear what flows now for a part of this minute, until loads follow."""
        seconds = min(seconds, STEP_S - self._borne_s)
        self._bear(self.flows()[0], seconds)
        self._borne_s += seconds

    def exceeds(self, limit_a: float) -> bool:
        """Tell whether a phase imports more than so much."""
        most_a = max([house + load for house, load in zip(self.around.household_a, self.on_phases_a(), strict=True)])
        return most_a > limit_a and max(self.flows()[0]) > limit_a

    def pass_minute(self) -> None:
        """Let a minute pass as things are now, count it, and go to the next."""
        net_a, battery_w = self.flows()
        self._count(net_a)
        self._bear(net_a, STEP_S - self._borne_s)
        self._borne_s = 0.0
        self.soc_pct = plant.soc_after(self.config, self.soc_pct, battery_w, STEP_S) or 0.0
        self.car.charged(self.power_w(CAR), STEP_S)
        self._warm()
        self._pool_s += STEP_S * (self.draws_a[POOL] > 0.0)
        self._next_minute()
        if self.minute == len(self.day.sun_w):
            self._end_day()
            self._begin_day()
        self._shine()
        self._drive()

    def _next_minute(self) -> None:
        """Go on by the clock on the wall: it leaps over an hour in spring, and comes back to it once in autumn."""
        self.minute += 1
        if self._set_min > 0 and self.minute == SET_MIN:
            self.minute, self._set_min = self.minute + self._set_min, 0
        elif self._set_min < 0 and self.minute == SET_MIN - self._set_min:
            self.minute, self._set_min = SET_MIN, 0

    def _begin_day(self) -> None:
        zone = ZoneInfo(self.place.time_zone)
        before, after = (datetime.combine(self.date + timedelta(days=ahead), time(0), zone) for ahead in (0, 1))
        set_by = (after.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
        self._set_min = round(set_by.total_seconds() / 60)
        self.day: Day = day_of(self.place, self.date)
        self.trip: Trip | None = trip_of(self.place, self.date)

    def _shine(self) -> None:
        """Let house and sun be as they are in this minute."""
        self.around = Surroundings(household_a=self.day.house_a[self.minute], solar_w=self.day.sun_w[self.minute])

    def _end_day(self) -> None:
        tally = self.tally
        tally.days += 1
        tally.pool_days_short += self._pool_s < POOL_H * 3600.0 - POOL_SLACK_S
        self._pool_s, self.minute = 0.0, 0
        self.date += timedelta(days=1)

    def _drive(self) -> None:
        trip = self.trip
        if trip is not None and self.minute == trip.leaves_min:
            self.car.leaves(trip.used_wh, self.tally)
            self.offered(CAR, 0.0)
        elif trip is not None and self.minute == trip.returns_min:
            self.car.returns(trip.used_wh)

    def _warm(self) -> None:
        drawn_w = self.day.water_w[self.minute]
        if drawn_w == 0.0 or self.tank.temperature_c < 15.0:
            self.tank = thermal.after(self.tank, self.power_w(TANK), STEP_S)
        else:
            emptied = replace(self.tank, facts=replace_gain(-drawn_w))
            self.tank = replace(thermal.after(emptied, self.power_w(TANK), STEP_S), facts=TANK_MASS)
        outdoor_c = self.day.outdoor_c[self.minute]
        if outdoor_c != self.room.facts.ambient_c:
            self.room = replace(self.room, facts=outside(outdoor_c))
        self.room = thermal.after(self.room, self.power_w(HEAT_PUMP), STEP_S)
        tally = self.tally
        tally.water_min += drawn_w > 0.0
        tally.water_cold_min += drawn_w > 0.0 and self.tank.temperature_c < WARM_C
        tally.mornings_cold += self.minute == READY_MIN and self.tank.temperature_c < READY_C
        tally.room_kelvin_h += max(0.0, COMFORT_C - self.room.temperature_c) * STEP_S / 3600

    def _count(self, net_a: PhaseValues) -> None:
        tally, hours, volts = self.tally, STEP_S / 3600, self.site.voltage_v
        net_w = sum(net_a) * volts
        used_w = (sum(self.around.household_a) + sum(self.on_phases_a())) * volts
        sun_w = self.around.solar_w
        imported_wh, exported_wh = max(0.0, net_w) * hours, max(0.0, -net_w) * hours
        tally.sun_wh += sun_w * hours
        tally.used_wh += used_w * hours
        tally.imported_wh += imported_wh
        tally.exported_wh += exported_wh
        rate = price_at(self.minute) if net_w > 0.0 else EXPORT_PRICE
        tally.cost += net_w * hours / 1000 * rate
        if len(tally.monthly) < self.date.month:
            tally.monthly.append({"sun": 0.0, "import": 0.0, "export": 0.0})
        month = tally.monthly[-1]
        month["sun"] += sun_w * hours
        month["import"] += imported_wh
        month["export"] += exported_wh
        for name, drawn_a in self.draws_a.items():
            tally.loads_wh[name] = tally.loads_wh.get(name, 0.0) + (self.power_w(name) * hours if drawn_a else 0.0)

    def _bear(self, net_a: PhaseValues, seconds: float) -> None:
        """Count the time above the breaker's rating, and the heat that is in it."""
        tally, limit_a = self.tally, self.breaker_a
        tally.above_breaker_s += seconds * (max(net_a) > limit_a)
        self.heat_ratios = [
            heat_after(heat, each_a / limit_a, seconds) for heat, each_a in zip(self.heat_ratios, net_a, strict=True)
        ]
        tally.breaker_heat_ratio = max(tally.breaker_heat_ratio, max(self.heat_ratios) / THERMAL_LIMIT)


def replace_gain(gain_w: float) -> thermal.ThermalFacts:
    """Return the tank while water is drawn."""
    return structs.replace(TANK_MASS, gain_w=gain_w)


def outside(ambient_c: float) -> thermal.ThermalFacts:
    """Return the room in this weather."""
    return structs.replace(ROOM_MASS, ambient_c=ambient_c)
