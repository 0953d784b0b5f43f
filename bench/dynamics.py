"""Dynamics in closed loop: how long a breaker is overloaded, what is delivered, and what is made of a cloudy day.

The plant is `closed_loop.py`: 25 A breaker, base load 5 A, a vehicle at 16 A (dead time 1 s, first-order lag 2 s), the
allocator's real core in virtual time, raises let through at least 10 s apart as the gateway does. Every row is played
with the house's step at all phases of meter and station; figures are the worst of them. "energy" is what was delivered
against a perfect controller that knows the house and leaves the breaker exactly at its rating. Beside ours the
peer (`field_pipeline.py`) is played; theta is the breaker's thermal integral (faults.md section 1, limit 1.277).

The house that goes on and off is played with 40 s on and 40 s off, and with 20 s each. The cloudy day is 14.5 h of
`weather.cloudy_day_w` on a peak of 5.5 kW beside 2 A of house.
Run: python -m bench.dynamics [--seeds 1,2] [--plot docs/pictures/dynamics.svg] [--jobs 2]
"""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, NamedTuple

from bench.closed_loop import VOLTS, ClosedLoop, Controller, Ours, Tally, Timing, site_of
from bench.field_pipeline import Pipeline
from evenload.simulation.weather import SUNRISE_S, SUNSET_S, cloudy_day_w
from evenload.site.breaker import THERMAL_LIMIT

BASE_A, WARM_S = 5.0, 900.0
DAY_HOUSE_A, DAY_PEAK_W = 2.0, 5520.0
OURS, PEER = "ours", "peer"


class House:
    """Base load, and from `start_s` on a step that is on for `on_s` and off for `off_s`."""

    def __init__(self) -> None:
        self.start_s, self.step_a, self.on_s, self.off_s = float("inf"), 0.0, 1.0, 0.0

    def __call__(self, now_s: float) -> float:
        """Return A at `now_s`."""
        since_s = now_s - self.start_s + 1e-6
        if since_s < 0 or since_s % (self.on_s + self.off_s) >= self.on_s:
            return BASE_A
        return BASE_A + self.step_a


@dataclass(frozen=True)
class Case:
    """One row: what the house does, how often is measured, at which phases it is played, and the targets."""

    name: str
    step_a: float
    timing: Timing
    phases_s: tuple[float, ...]
    lasts_s: float = 120.0
    on_s: float = 1e6
    off_s: float = 0.0
    most_113_s: float = 5.0
    most_145_s: float = 0.0
    most_stops: int | None = None
    least_energy: float | None = None


class Worst(NamedTuple):
    """The worst of all phases."""

    above_113_s: float
    above_145_s: float
    stops: int
    energy: float
    theta: float


def phases(until_s: float, every_s: float) -> tuple[float, ...]:
    """Return the phases from 0 to `until_s`."""
    return tuple(round(number * every_s, 1) for number in range(round(until_s / every_s)))


def toggling(every_s: float) -> Case:
    """Return the row of a house that goes on for `every_s` and off for as long."""
    return Case(
        f"12 A {every_s:g} s on {every_s:g} s off, 1 s / 30 s",
        12.0,
        Timing(1.0, 30.0),
        phases(30.0, 1.3),
        lasts_s=900.0,
        on_s=every_s,
        off_s=every_s,
        most_113_s=10.0,
        most_stops=3,
        least_energy=0.7,
    )


CASES = (
    Case("+12 A, 1 s / 5 s", 12.0, Timing(1.0, 5.0), phases(5.0, 0.1)),
    Case("+12 A, 10 s / 60 s", 12.0, Timing(10.0, 60.0), phases(60.0, 0.7), most_113_s=14.0),
    Case("+17 A, 1 s / 5 s", 17.0, Timing(1.0, 5.0), phases(5.0, 0.1), most_145_s=4.0),
    Case("+17 A, 10 s / 30 s", 17.0, Timing(10.0, 30.0), phases(30.0, 0.7), most_113_s=14.0, most_145_s=13.0),
    toggling(40.0),
    toggling(20.0),
)


def controller_of(who: str, case: Case) -> Controller:
    """Return ours or the peer."""
    return Ours(site_of(period_s=case.timing.meter_s)) if who == OURS else Pipeline(solar=False)


def settled(who: str, case: Case) -> ClosedLoop:
    """Return a loop in which the vehicle has settled; the peer sends when it likes."""
    timing = case.timing if who == OURS else Timing(case.timing.meter_s, case.timing.station_s, spacing_s=0.0)
    return ClosedLoop(controller_of(who, case), timing, House()).run(WARM_S)


def played(warm: ClosedLoop, case: Case, phase_s: float, keep_every: int = 0) -> Tally:
    """Return what came of a case that begins `phase_s` after the warm loop stopped."""
    loop = warm.copied().run(phase_s)
    assert isinstance(loop.house_a, House)
    house = loop.house_a
    house.start_s, house.step_a, house.on_s, house.off_s = loop.now_s + 0.1, case.step_a, case.on_s, case.off_s
    loop.start()
    loop.keep_every = keep_every
    return loop.run(case.lasts_s).tally


def worst_of(tallies: list[Tally]) -> Worst:
    """Return the worst figure of each kind."""
    return Worst(
        above_113_s=max(tally.above_113_s for tally in tallies),
        above_145_s=max(tally.above_145_s for tally in tallies),
        stops=max(tally.stops for tally in tallies),
        energy=min(tally.charged_as / tally.ideal_as if tally.ideal_as else 1.0 for tally in tallies),
        theta=max(tally.theta_most for tally in tallies),
    )


def row_of(asked: tuple[str, Case]) -> Worst:
    """Play one row at all its phases."""
    who, case = asked
    warm = settled(who, case)
    return worst_of([played(warm, case, phase_s) for phase_s in case.phases_s])


class Day(NamedTuple):
    """What a controller made of a cloudy day."""

    stops_per_h: float
    imported: float
    used: float


def day_of(asked: tuple[str, int]) -> Day:
    """Play the daylight of one cloudy day."""
    who, seed = asked
    sun_w = cloudy_day_w(seed, DAY_PEAK_W)
    controller: Controller = Ours(site_of("solar_only")) if who == OURS else Pipeline(solar=True)
    timing = Timing(1.0, 10.0) if who == OURS else Timing(1.0, 10.0, spacing_s=0.0)
    loop = ClosedLoop(
        controller, timing, lambda now_s: DAY_HOUSE_A, lambda now_s: sun_w[int(SUNRISE_S + now_s)] / VOLTS
    )
    tally = loop.run(SUNSET_S - SUNRISE_S - 1.0).tally
    return Day(
        stops_per_h=tally.stops / ((SUNSET_S - SUNRISE_S) / 3600),
        imported=tally.imported_as / tally.charged_as,
        used=tally.usable_used_as / tally.usable_as,
    )


def missed(case: Case, ours: Worst) -> list[str]:
    """Return which targets a row misses."""
    found = []
    if ours.above_113_s > case.most_113_s + 1e-6:
        found.append(f"1.13 In: {case.most_113_s:g} s")
    if ours.above_145_s > case.most_145_s + 1e-6:
        found.append(f"1.45 In: {case.most_145_s:g} s")
    if case.most_stops is not None and ours.stops > case.most_stops:
        found.append(f"stops: {case.most_stops}")
    if case.least_energy is not None and ours.energy < case.least_energy:
        found.append(f"energy: {case.least_energy:.0%}")
    if ours.theta >= THERMAL_LIMIT:
        found.append(f"theta: {THERMAL_LIMIT}")
    return found


def targets(case: Case) -> str:
    """Return a row's targets in words."""
    words = [f"<= {case.most_113_s:g} / {case.most_145_s:g}"]
    if case.most_stops is not None:
        words.append(f"<= {case.most_stops} stops")
    if case.least_energy is not None:
        words.append(f">= {case.least_energy:.0%}")
    return ", ".join(words)


def show_case(case: Case, ours: Worst, peer: Worst) -> list[str]:
    """Print a row; return what it misses."""
    faults = missed(case, ours)
    said = f"MISSED {'; '.join(faults)}" if faults else "met"
    print(f"{case.name:36}{targets(case):30}{said}")
    for who, worst in ((OURS, ours), (PEER, peer)):
        print(
            f"  {who:34}> 1.13 In {worst.above_113_s:6.1f} s   > 1.45 In {worst.above_145_s:5.1f} s   "
            f"stops {worst.stops}   energy {worst.energy:6.1%}   theta {worst.theta:.3f}"
        )
    return faults


def show_day(seed: int, ours: Day, peer: Day) -> list[str]:
    """Print a cloudy day; return what it misses: better than the peer in two figures, not worse in the third."""
    better = (ours.stops_per_h < peer.stops_per_h, ours.imported < peer.imported, ours.used > peer.used)
    worse = (ours.stops_per_h > peer.stops_per_h, ours.imported > peer.imported, ours.used < peer.used)
    met = sum(better) >= 2 and not any(worse)
    print(f"{f'cloudy day {seed}, 1 s / 10 s':36}{'better in 2, not worse in 1':30}{'met' if met else 'MISSED'}")
    for who, day in ((OURS, ours), (PEER, peer)):
        print(
            f"  {who:34}stops/h {day.stops_per_h:5.2f}   imported {day.imported:6.1%} of the charge   "
            f"usable surplus used {day.used:6.1%}"
        )
    return [] if met else [f"cloudy day {seed}"]


def main() -> int:
    """Print the table; exit status 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", default="1,2,3", help="cloudy days, by comma")
    parser.add_argument("--plot", metavar="FILE", help="sweep the law and draw the trade-off")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    seeds = [int(seed) for seed in asked.seeds.split(",") if seed]
    with get_context("spawn").Pool(asked.jobs) as pool:
        if asked.plot:
            from bench.dynamics_plot import draw_trade_off

            draw_trade_off(asked.plot, pool.map)
            return 0
        return 1 if show(pool.map, seeds) else 0


def show(run: Callable[..., list[Any]], seeds: list[int]) -> list[str]:
    """Play and print everything; return what is missed."""
    found: list[str] = []
    rows: list[Worst] = run(row_of, [(who, case) for case in CASES for who in (OURS, PEER)], 1)
    for number, case in enumerate(CASES):
        found += show_case(case, rows[2 * number], rows[2 * number + 1])
    days: list[Day] = run(day_of, [(who, seed) for seed in seeds for who in (OURS, PEER)], 1)
    for number, seed in enumerate(seeds):
        found += show_day(seed, days[2 * number], days[2 * number + 1])
    print("all targets met" if not found else f"{len(found)} missed")
    return found


if __name__ == "__main__":
    sys.exit(main())
