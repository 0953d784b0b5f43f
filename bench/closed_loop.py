"""A controller in closed loop with one vehicle behind one breaker, in virtual time, in steps of 0.1 s.

On one phase without a battery what flows in is house − sun + vehicle. Leases, reports and the vehicle (dead time 1 s,
then a first-order lag of 2 s) are the simulation's `outlet` and `draw`. Grid meter and station sample with periods of
their own; what is sampled arrives at once, a setpoint is in force after `BUS_S`. Controllers: `Ours` is the allocator's
real core, `Pipeline` (`field_pipeline.py`) the peer. Equal arguments give equal runs.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from evenload.contracts.events import LoadState, MeterReading, Setpoint
from evenload.contracts.phases import PerPhase
from evenload.simulation import draw, outlet
from evenload.simulation.draw import Appetite, Track
from evenload.simulation.outlet import Outlet
from evenload.simulation.virtual_time import MONOTONIC_START_S, utc
from evenload.site.breaker import BORNE_RATIO, heat_after
from evenload.site.schema import Evse, Grid, Meter, Mode, Site
from services.allocator.engine import decide
from services.allocator.facts import Facts, Heard
from services.allocator.memory import first_memory
from services.allocator.plan import compile_plan

STEP_S, BUS_S, STATE_S, SPACING_S = 0.1, 0.1, 4.0, 10.0
TICKS = round(1 / STEP_S)
BREAKER_A, MOST_A, LEAST_A, VOLTS = 25.0, 16.0, 6.0, 230.0
VEHICLE = Appetite(lines=(0,), lag_s=1.0, tau_s=2.0)
Curve = Callable[[float], float]


def site_of(mode: Mode = "standard", period_s: float = 1.0) -> Site:
    """Return the site of the table: one phase, 25 A, one vehicle of 6 to 16 A."""
    return Site(
        site="bench",
        phases=("L1",),
        grid=Grid(breaker_a=BREAKER_A),
        meters={"p1": Meter(role="grid", driver="simulated", period_s=period_s)},
        loads={"car": Evse(station="CP1", min_a=LEAST_A, max_a=MOST_A, mode=mode)},
    )


class Controller(Protocol):
    """What is in the loop: hears readings and states, says setpoints in A."""

    def hear(self, news: MeterReading | LoadState, now_s: float) -> None:
        """Take a fact."""

    def act(self, now_s: float) -> list[float]:
        """Return the setpoints to send now."""


class Ours:
    """The allocator's real core, woken by facts and by its own timers."""

    def __init__(self, site: Site) -> None:
        self._plan, self._memory = compile_plan(site), first_memory()
        self._readings: dict[str, Heard[MeterReading]] = {}
        self._loads: dict[str, Heard[LoadState]] = {}
        self._news, self._wake_s = False, math.inf

    def hear(self, news: MeterReading | LoadState, now_s: float) -> None:
        """Keep the newest fact of each source."""
        if isinstance(news, MeterReading):
            self._readings[news.meter] = Heard(news, MONOTONIC_START_S + now_s)
        else:
            self._loads[news.load] = Heard(news, MONOTONIC_START_S + now_s)
        self._news = True

    def act(self, now_s: float) -> list[float]:
        """Decide when there is news or the timer is due."""
        if not self._news and now_s < self._wake_s - 1e-6:
            return []
        facts = Facts(readings=dict(self._readings), loads=dict(self._loads))
        self._memory, outcome = decide(self._plan, self._memory, facts, MONOTONIC_START_S + now_s, now=utc(now_s))
        self._news, self._wake_s = False, now_s + outcome.wake_in_s
        return [setpoint.setpoint_a for setpoint in outcome.setpoints]


@dataclass
class Tally:
    """What is counted while the loop runs; seconds, A, ampere seconds."""

    above_113_s: float = 0.0
    above_145_s: float = 0.0
    theta: float = 1.0
    theta_most: float = 1.0
    stops: int = 0
    charged_as: float = 0.0
    imported_as: float = 0.0
    usable_as: float = 0.0
    usable_used_as: float = 0.0
    ideal_as: float = 0.0
    trace: list[tuple[float, float, float, float]] = field(default_factory=list)

    def count(self, net_a: float, drawn_a: float, rest_a: float) -> None:
        """Count one step in which `net_a` flowed in, `drawn_a` into the vehicle; `rest_a` = house less sun."""
        ratio = max(0.0, net_a) / BREAKER_A
        self.theta = heat_after(self.theta, ratio, STEP_S)
        self.theta_most = max(self.theta_most, self.theta)
        self.above_113_s += STEP_S * (ratio > BORNE_RATIO)
        self.above_145_s += STEP_S * (ratio > 1.45)
        self.charged_as += drawn_a * STEP_S
        self.imported_as += min(drawn_a, max(0.0, net_a)) * STEP_S
        self.ideal_as += _within_range(BREAKER_A - rest_a) * STEP_S
        usable_a = _within_range(-rest_a)
        self.usable_as += usable_a * STEP_S
        self.usable_used_as += min(usable_a, drawn_a) * STEP_S


def _within_range(room_a: float) -> float:
    """Return what a perfect controller lets the vehicle draw."""
    return min(MOST_A, room_a) if room_a >= LEAST_A else 0.0


@dataclass(frozen=True)
class Timing:
    """Periods of grid meter and station's meter values, s, how far the station's lag behind the meter's, s, and how
    far apart raises are at least (faults.md section 2); a cut is let through at once."""

    meter_s: float
    station_s: float
    shift_s: float = 0.0
    spacing_s: float = SPACING_S


class ClosedLoop:
    """Plant and controller; `run` goes on, `tally` has the counts since the last `start`."""

    def __init__(self, controller: Controller, timing: Timing, house_a: Curve, sun_a: Curve | None = None) -> None:
        self.controller, self.timing = controller, timing
        self.house_a, self.sun_a = house_a, sun_a or (lambda now_s: 0.0)
        self.tick = 0
        self.outlet = Outlet(load="car", site="bench", lines=("L1",), given="charging")
        self.track = Track()
        self.tally = Tally()
        self.keep_every = 0
        self._told: list[tuple[int, Setpoint]] = []
        self._waits: Setpoint | None = None
        self._raised_s = -math.inf
        self._seq = 0
        self._published = 0
        self._reported: Outlet | None = None

    @property
    def now_s(self) -> float:
        """Return the virtual time, s."""
        return self.tick * STEP_S

    def start(self) -> None:
        """Count anew from here."""
        self.tally = Tally()

    def run(self, seconds: float) -> "ClosedLoop":
        """Go on for so long."""
        for _ in range(round(seconds / STEP_S)):
            self._step()
        return self

    def copied(self) -> "ClosedLoop":
        """Return a copy that goes on by itself."""
        other = copy.deepcopy(self)
        other._reported = None
        return other

    def _step(self) -> None:
        self.tick += 1
        now_s = self.now_s
        while self._told and self._told[0][0] <= self.tick:
            self._waits = self._told.pop(0)[1]
            self.outlet = replace(self.outlet, lease_end_s=now_s + self._waits.valid_s)
        self._give(now_s)
        self._offer(outlet.at_time(self.outlet, now_s))
        self.track = draw.at_time(self.track, now_s)
        rest_a, drawn_a = self.house_a(now_s) - self.sun_a(now_s), self.track.now_a
        net_a = rest_a + drawn_a
        self.tally.count(net_a, drawn_a, rest_a)
        self._measure(net_a, drawn_a)
        for setpoint_a in self.controller.act(now_s):
            self._send(setpoint_a)
        if self.keep_every and self.tick % self.keep_every == 0:
            self.tally.trace.append((now_s, net_a, drawn_a, self.outlet.offers_a))

    def _give(self, now_s: float) -> None:
        """Let the newest setpoint take force, as the gateway does: a raise not sooner than 10 s after the last one.

        Until then the lease of what is in force goes on.
        """
        told = self._waits
        if told is None:
            return
        raises = told.setpoint_a > self.outlet.offers_a
        if raises and now_s - self._raised_s < self.timing.spacing_s - 1e-6:
            return
        self._raised_s = now_s if raises else self._raised_s
        self._waits = None
        self._offer(outlet.take(self.outlet, told, now_s))

    def _measure(self, net_a: float, drawn_a: float) -> None:
        """Let meter and station sample when it is their time; the station's service publishes what changed."""
        timing, now_s = self.timing, self.now_s
        if self.tick % round(timing.meter_s * TICKS) == 0:
            self.controller.hear(_reading(net_a, now_s, timing.meter_s), now_s)
        if (self.tick - round(timing.shift_s * TICKS)) % round(timing.station_s * TICKS) == 0 or self.tick == 1:
            self.outlet = outlet.measure(self.outlet, drawn_a, ("L1",), now_s)
        if self.tick - self._published >= STATE_S * TICKS or self.outlet is not self._reported:
            self._published, self._reported = self.tick, self.outlet
            self.controller.hear(outlet.report(self.outlet, now_s, utc(now_s), VOLTS), now_s)

    def _send(self, setpoint_a: float) -> None:
        self._seq += 1
        setpoint = Setpoint(
            site="bench",
            load="car",
            setpoint_a=setpoint_a,
            issued_at=utc(self.now_s),
            valid_s=15.0,
            seq=self._seq,
        )
        self._told.append((self.tick + round(BUS_S * TICKS), setpoint))

    def _offer(self, after: Outlet) -> None:
        before, self.outlet = self.outlet, after
        if after.offers_a != before.offers_a:
            self.tally.stops += after.offers_a == 0
            self.track = draw.offer(self.track, VEHICLE, after.offers_a, self.now_s)


def _reading(net_a: float, now_s: float, period_s: float) -> MeterReading:
    return MeterReading(
        site="bench",
        meter="p1",
        role="grid",
        measured_at=utc(now_s),
        current_a=PerPhase(l1=net_a),
        period_s=period_s,
    )
