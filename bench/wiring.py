"""Wrong wiring found, and right wiring left alone, in simulated homes of all kinds (engine.md section 6).

* right: `--days` simulated days of homes wired as their site file says: corrections, suspicions and inverted meters,
  all of them false alarms.
* wrong: each order of a three-phase station, each wrong phase of a station and of a plug on one phase, an inverted
  meter, in `--homes` homes each: found, and after which weight of steps (15 is the least; 3 = one step of 15 A up).

Homes differ by seed: sun, its meter, battery, inverter, modes, how often cars come, noise, the meter's period. Loads
switch at the same time. Run: make wiring DAYS=100, or python -m bench.wiring --days 100 --homes 6
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations

from evenload.contracts.phases import PHASES
from tests.sim.homes import DAY_S, AtReadings, Kind, Lines, Watched, kind_of

DAYS_A_HOME = 5
SEARCH_S = 12 * 3600.0


@dataclass
class Row:
    """What came of one kind of mistake."""

    tried: int = 0
    found: int = 0
    wrong: int = 0
    weights: tuple[float, ...] = ()
    hours: tuple[float, ...] = ()


def mistakes() -> Iterator[tuple[str, Lines, Lines]]:
    """Yield (load, phases in the site file, phases it is on)."""
    for wired in permutations(PHASES):
        if wired != PHASES:
            yield "three", PHASES, wired
    for name in ("one", "heater"):
        for filed, really in permutations(PHASES, 2):
            yield name, (filed,), (really,)


def searched(seed: int, name: str, filed: Lines, wired: Lines) -> Watched:
    """Let a home with one mistake live until it is found."""
    kind = replace(
        kind_of(seed), busy=12.0, asymmetric=False, car_lines=(1, 2), filed={name: filed}, wired={name: wired},
        modes=("standard", "standard", "standard"),
    )  # fmt: skip
    here = Watched(kind, SEARCH_S)
    here.search(SEARCH_S, lambda home: home.found(name) == wired)
    return here


def wrong(homes: int) -> Iterator[tuple[str, Row]]:
    """Yield what came of each mistake."""
    for name, filed, wired in mistakes():
        row = Row()
        for seed in range(homes):
            here = searched(seed, name, filed, wired)
            row.tried += 1
            row.found += here.found(name) == wired
            row.wrong += any(each != name for _, each, _ in here.corrections) or here.inverted_s is not None
            row.weights += tuple(weight for _, each, weight in here.corrections if each == name)
            row.hours += tuple(at_s / 3600 for at_s, each, _ in here.corrections[-1:] if each == name)
        yield f"{name} {'-'.join(filed)} on {'-'.join(wired)}", row
    row = Row()
    for seed in range(homes):
        here = Watched(replace(kind_of(seed), busy=12.0, inverted=True, modes=("standard",) * 3), SEARCH_S)
        row.tried += 1
        row.found += here.search(SEARCH_S, lambda home: home.inverted_s is not None)
        row.wrong += bool(here.corrections)
        row.weights += (float(here.signs),)
        row.hours += () if here.inverted_s is None else (here.inverted_s / 3600,)
    yield "grid meter inverted (steps, not weight)", row


def right(days: int, first: int) -> Iterator[tuple[Kind, Watched, int]]:
    """Yield homes that are wired as their site file says, from seed `first` on, with the days that they lived."""
    for number in range(-(-days // DAYS_A_HOME)):
        lived = min(DAYS_A_HOME, days - number * DAYS_A_HOME)
        kind = replace(kind_of(first + number), period_s=10.0)
        yield kind, Watched(kind, lived * DAY_S, AtReadings).run(lived * DAY_S), lived


def print_right(days: int, first: int) -> int:
    """Print what was wrongly concluded; return how much."""
    total = corrections = suspicions = inverted = confirmed = 0
    for kind, here, lived in right(days, first):
        total += lived
        corrections += len(here.corrections)
        suspicions += sum(what == "wiring_suspected" for what, _ in here.alarms)
        inverted += here.inverted_s is not None
        confirmed += sum(bool(load.wiring and any(load.wiring.confirmed)) for load in here.loop.memory.loads.values())
        steps = sum(here.steps.values())
        print(f"  home {kind.seed}: {lived} days, {steps} steps, {here.corrections or 'nothing'} corrected", flush=True)
        bad = [alarm for alarm in sorted(here.alarms) if alarm[0].startswith("wiring")]
        print(f"    {bad}" if bad else "", end="\n" if bad else "", flush=True)
    print(
        f"right wiring: {total} days: {corrections} corrections, {suspicions} suspicions, {inverted} inverted meters;"
    )
    print(f"  {confirmed} of {3 * -(-days // DAYS_A_HOME)} loads confirmed in the end")
    return corrections + suspicions + inverted


def print_wrong(homes: int) -> int:
    """Print what was found of wrong wiring; return how much was not."""
    print(f"{'wrong wiring':44} found   other alarms  weight of steps: median  most   hours: median")
    missed = 0
    for name, row in wrong(homes):
        missed += row.tried - row.found + row.wrong
        weight = statistics.median(row.weights) if row.weights else float("nan")
        hours = statistics.median(row.hours) if row.hours else float("nan")
        most = max(row.weights, default=float("nan"))
        print(
            f"{name:44} {row.found} of {row.tried}  {row.wrong:12}  {weight:23.1f}  {most:4.1f}  {hours:14.1f}",
            flush=True,
        )
    return missed


def main() -> int:
    """Run both; exit status 1 when something was missed or wrongly found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--homes", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="seed of the first home that is wired right")
    options = parser.parse_args()
    began_s = time.monotonic()
    bad = print_wrong(options.homes) if options.homes else 0
    bad += print_right(options.days, options.first) if options.days else 0
    print(f"{time.monotonic() - began_s:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
