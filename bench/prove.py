"""The joint decision on random sites, held against an independent judge, an exact solver and water-filling.

Each site (1–3 phases, nested circuits, stations, battery, both inverter kinds, import limits, off-grid, 1–8 loads in
all modes) is decided with each of the four distributions. Counted for each, without any tolerance:

* broken: hard limits that do not hold on the integers; unsourced: loads with more than their mode may draw;
* addable: sites on which a load could rise by a step or start; what rounding leaves is given as a share of the optimum
  (what the solver could still add in parts of steps, taking from nobody), and its most in steps per load and line;
* deviates: sites of up to 6 loads for which HiGHS finds a decision that comes first in lexicographic order (with
  shared: in who starts), each proven by the judge;
* short: how far at most a load of `shared` is below its exact water-filling share.

Sites whose house alone breaks a limit are judged for broken and unsourced only.
Run: python -m bench.prove --sites 10000
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from random import Random

from evenload.contracts.events import Distribution
from tests.property.allocator.cases import DISTRIBUTIONS, Case, random_case
from tests.property.allocator.exact import better, could_be_added_ma
from tests.property.allocator.profile import active, decided
from tests.property.allocator.rules import Rules, least_ma
from tests.property.allocator.water import filled

STEP_MA = 100
SOLVED_LOADS = 6
CHUNK = 25


@dataclass(frozen=True)
class Verdict:
    """What came of one site under one distribution; `left` = what could be added, A, and the optimum, A."""

    seed: int
    distribution: Distribution
    broken: bool = False
    unsourced: bool = False
    judged: bool = False
    addable: bool = False
    left_a: float = 0.0
    optimum_a: float = 0.0
    left_steps: float = 0.0
    solved: bool = False
    deviates: bool = False
    short_steps: float = 0.0


def judge(seed: int, distribution: Distribution) -> Verdict:
    """Decide one site and hold it against everything."""
    case = random_case(Random(seed), distribution)
    rules, amounts = Rules(case.site, case.around), decided(case)
    verdict = Verdict(seed, distribution, bool(rules.broken(amounts)), bool(rules.unsourced(amounts)))
    if verdict.broken or verdict.unsourced or rules.house_alone_breaks():
        return verdict
    left_ma = could_be_added_ma(case, rules, amounts)
    given_ma = sum(amount * len(rules.lines[name]) for name, amount in amounts.items())
    lines = sum(len(rules.lines[name]) for name, amount in amounts.items() if amount)
    solved = len(case.site.loads) <= SOLVED_LOADS
    return Verdict(
        seed,
        distribution,
        judged=True,
        addable=_addable(case, rules, amounts),
        left_a=left_ma / 1000,
        optimum_a=(given_ma + left_ma) / 1000,
        left_steps=left_ma / STEP_MA / max(1, lines),
        solved=solved,
        deviates=solved and better(case, rules, amounts) is not None,
        short_steps=_short_steps(case, rules, amounts) if distribution == "shared" else 0.0,
    )


def _addable(case: Case, rules: Rules, amounts: dict[str, int]) -> bool:
    for name in active(case):
        more = amounts[name] + STEP_MA if amounts[name] else least_ma(case.site, name)
        if more <= rules.whole_ma[name] and rules.holds({**amounts, name: more}):
            return True
    return False


def _short_steps(case: Case, rules: Rules, amounts: dict[str, int]) -> float:
    fair_ma = filled(case, rules, amounts)
    return max((fair_ma[name] - amounts[name]) / STEP_MA for name in amounts)


def judge_site(seed: int) -> list[Verdict]:
    """Judge one site under every distribution."""
    return [judge(seed, distribution) for distribution in DISTRIBUTIONS]


def quiet() -> None:
    """Silence a worker: the solver prints a line of its own now and then."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def judged(first: int, sites: int, jobs: int) -> Iterator[Verdict]:
    """Yield all verdicts, showing how far it is."""
    began_s = time.monotonic()
    with get_context("spawn").Pool(jobs, initializer=quiet) as pool:
        for done, verdicts in enumerate(pool.imap_unordered(judge_site, range(first, first + sites), CHUNK), start=1):
            yield from verdicts
            if done % 100 == 0 or done == sites:
                print(f"\r{done} of {sites} sites, {time.monotonic() - began_s:.0f} s", end="", file=sys.stderr)
    print(file=sys.stderr)


HEADER = (
    "distribution", "decisions", "broken", "unsourced", "addable", "left of optimum", "left at most", "solved",
    "deviates", "short at most",
)  # fmt: skip


def row(distribution: Distribution, verdicts: list[Verdict]) -> tuple[str, ...]:
    """Return one line of the table."""
    optimum_a = sum(each.optimum_a for each in verdicts)
    left_pct = 100 * sum(each.left_a for each in verdicts) / optimum_a if optimum_a else 0.0
    shortest = f"{max(each.short_steps for each in verdicts):.2f} steps" if distribution == "shared" else "–"
    return (
        distribution,
        str(len(verdicts)),
        str(sum(each.broken for each in verdicts)),
        str(sum(each.unsourced for each in verdicts)),
        str(sum(each.addable for each in verdicts)),
        f"{left_pct:.3f} %",
        f"{max(each.left_steps for each in verdicts):.2f} steps",
        str(sum(each.solved for each in verdicts)),
        str(sum(each.deviates for each in verdicts)),
        shortest,
    )


def faults(verdicts: list[Verdict]) -> list[str]:
    """Return the seeds of what went wrong, to be looked at one by one."""
    kinds = {
        "broken": lambda each: each.broken,
        "unsourced": lambda each: each.unsourced,
        "addable": lambda each: each.addable,
        "deviates": lambda each: each.deviates,
        "short": lambda each: each.short_steps > 1,
    }
    found = []
    for kind, is_so in kinds.items():
        seeds = [f"{each.seed} {each.distribution}" for each in verdicts if is_so(each)]
        if seeds:
            found.append(f"{kind}: {', '.join(seeds[:8])}{' …' if len(seeds) > 8 else ''}")
    return found


def main() -> int:
    """Print the table; exit status 1 when anything is broken, unsourced, addable, deviates or is unfair."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sites", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first site")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    verdicts = sorted(judged(asked.seed, asked.sites, asked.jobs), key=lambda each: (each.distribution, each.seed))
    rows = [HEADER]
    rows += [row(name, [each for each in verdicts if each.distribution == name]) for name in DISTRIBUTIONS]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(HEADER))]
    for cells in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    skipped = sum(not each.judged for each in verdicts)
    print(f"{skipped} of {len(verdicts)} decisions judged for broken and unsourced only")
    found = faults(verdicts)
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
