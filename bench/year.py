"""A simulated year of one house under seven strategies: own use of the sun, cost, comfort and deadline misses.

Each strategy runs in a process of its own, in steps of a minute, with the real cores (`year_loop.py`). The same seed
gives the same table, byte by byte. Prints the table; with --paper writes it and the pictures into docs.
Run: python -m bench.year [--seed N] [--days N] [--paper docs/year.md] [--json FILE]
"""

import argparse
import dataclasses
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import date
from multiprocessing import get_context
from pathlib import Path

from bench.year_home import CAR, HEAT_PUMP, NO_CONTROL, PLANS, POOL, STRATEGIES, TANK, Tally
from bench.year_loop import FIRST, simulated

LONGEST_FIRST = (PLANS, "schedules", "solar_priority", "standard", "solar_only", "excess", NO_CONTROL)
Cell = Callable[[Tally], str]
COLUMNS: dict[str, Cell] = {
    "sun used at home, %": lambda tally: f"{tally.own_use_pct:.1f}",
    "own supply, %": lambda tally: f"{tally.own_supply_pct:.1f}",
    "import, kWh": lambda tally: f"{tally.imported_wh / 1000:.0f}",
    "export, kWh": lambda tally: f"{tally.exported_wh / 1000:.0f}",
    "cost, €": lambda tally: f"{tally.cost:.0f}",
    "car, kWh": lambda tally: f"{tally.loads_wh[CAR] / 1000:.0f}",
    "tank, kWh": lambda tally: f"{tally.loads_wh[TANK] / 1000:.0f}",
    "heat pump, kWh": lambda tally: f"{tally.loads_wh[HEAT_PUMP] / 1000:.0f}",
    "pool, kWh": lambda tally: f"{tally.loads_wh[POOL] / 1000:.0f}",
    "trips short": lambda tally: f"{tally.trips_short} of {tally.trips}",
    "charged elsewhere, kWh": lambda tally: f"{tally.short_wh / 1000:.0f}",
    "mornings under 45 °C": lambda tally: f"{tally.mornings_cold} of {tally.days}",
    "cold water, %": lambda tally: f"{100 * tally.water_cold_min / max(1, tally.water_min):.1f}",
    "room under 20 °C, K·h": lambda tally: f"{tally.room_kelvin_h:.0f}",
    "pool short, days": lambda tally: f"{tally.pool_days_short} of {tally.days}",
    "deadline misses": lambda tally: f"{tally.misses}",
    "starts a day": lambda tally: f"{tally.starts / max(1, tally.days):.1f}",
    "min above the breaker": lambda tally: f"{tally.above_breaker_s / 60:.1f}",
    "breaker's heat, % of its trip": lambda tally: f"{100 * tally.breaker_heat_ratio:.0f}",
}


def year_of(asked: tuple[str, int, int, date]) -> tuple[Tally, float]:
    """Return a strategy's year, and how many s of CPU it took."""
    strategy, seed, days, first = asked
    gc.set_threshold(100_000)  # a year leaves hardly a cycle behind: looking for them takes a thirtieth of the time
    begun_s = time.process_time()
    tally = simulated(strategy, seed, days, first)
    return tally, time.process_time() - begun_s


def table(tallies: list[Tally]) -> str:
    """Return the figures as a table of Markdown, one row a figure."""
    lines = ["| | " + " | ".join(tally.strategy for tally in tallies) + " |", "|---|" + "---:|" * len(tallies)]
    lines += [f"| {name} | " + " | ".join(cell(tally) for tally in tallies) + " |" for name, cell in COLUMNS.items()]
    return "\n".join(lines)


def as_json(tallies: list[Tally]) -> str:
    """Return all that was counted; equal years give equal text."""
    return json.dumps([dataclasses.asdict(tally) for tally in tallies], indent=1, sort_keys=True) + "\n"


def read(path: Path) -> list[Tally]:
    """Return years as `as_json` wrote them."""
    return [Tally(**values) for values in json.loads(path.read_text(encoding="utf-8"))]


def played(strategies: tuple[str, ...], asked: tuple[int, int, date], jobs: int) -> list[tuple[Tally, float]]:
    """Return all years; the longest begin first, so that both cores are busy to the end."""
    with get_context("spawn").Pool(jobs, maxtasksperchild=1) as pool:
        waiting = {name: pool.apply_async(year_of, ((name, *asked),)) for name in LONGEST_FIRST if name in strategies}
        return [waiting[name].get() for name in strategies]


def main() -> int:
    """Print the table; write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seed", type=int, default=1, help="weather, habits, trips")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--first", type=date.fromisoformat, default=FIRST, help="first day")
    parser.add_argument("--only", help="strategies, by comma")
    parser.add_argument("--paper", metavar="FILE", help="put the table into this paper, and the pictures beside it")
    parser.add_argument("--json", metavar="FILE", help="write all that was counted")
    parser.add_argument(
        "--from", dest="files", nargs="*", default=[], help="years that were written before with --json"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    strategies = tuple(asked.only.split(",")) if asked.only else STRATEGIES
    begun_s = time.monotonic()
    if asked.files:
        tallies = [tally for name in asked.files for tally in read(Path(name))]
        tallies.sort(key=lambda tally: STRATEGIES.index(tally.strategy))
    else:
        found = played(strategies, (asked.seed, asked.days, asked.first), asked.jobs)
        tallies = [tally for tally, _ in found]
        print(f"{asked.days} days from {asked.first}, seed {asked.seed}")
        cpu = ", ".join(f"{tally.strategy} {cpu_s:.0f}" for tally, cpu_s in found)
        print(f"{time.monotonic() - begun_s:.0f} s on {asked.jobs} cores; s of CPU: {cpu}", file=sys.stderr)
    print(table(tallies))
    if asked.json:
        Path(asked.json).write_text(as_json(tallies), encoding="utf-8")
    if asked.paper:
        from bench.year_plot import drawn

        put_in(Path(asked.paper), tallies)
        drawn(tallies, Path(asked.paper).parent / "pictures")
    return 0


MARK, END = "<!-- table -->", "<!-- end of table -->"


def put_in(paper: Path, tallies: list[Tally]) -> None:
    """Put the table between the marks of a paper."""
    text = paper.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARK)
    _, _, after = rest.partition(END)
    paper.write_text(f"{before}{MARK}\n{table(tallies)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
