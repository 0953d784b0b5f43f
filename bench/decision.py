"""CPU time of one decision for 1 to 1,000 loads: three phases, a circuit tree of three levels, 60 % of what all want.

* allocation: `share.allocate` from a ready image, the row of the performance paper, for each distribution;
* whole: `engine.decide` from facts to setpoints with reasons, as each reading leads to it (two beliefs, could_get, …);
* LP: scipy's HiGHS on the same limits with a weight for each priority, from ready matrices: an optimum without
  minimums, turns, fairness or reasons.

Medians of five rounds taken in turn, CPU time of this process; figures drift by two between runs and machines, ratios
less. The growth is the exponent between 50 and 5,000 loads. Run: python -m bench.decision [--json]
"""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import get_args

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from evenload.contracts.events import Distribution, LoadState, MeterReading
from evenload.contracts.phases import PHASES, PerPhase, Phase
from evenload.site.schema import Circuit, Evse, Grid, Meter, Site
from services.allocator.engine import Outcome, decide
from services.allocator.facts import Facts, Heard
from services.allocator.limits import Caps, Surroundings, caps_for
from services.allocator.memory import Memory, first_memory
from services.allocator.plan import Plan, compile_plan
from services.allocator.share import allocate
from services.allocator.sources import Want

SIZES = (1, 10, 100, 1000)
GROWTH_FROM, GROWTH_TO = 50, 5000
ROUNDS, LEAST_S = 5, 0.1
LOADS_A_GROUP, GROUPS_A_HALL = 10, 5
FILL, SUN_A_LOAD, HOUSE_A = 0.6, 3.0, 2.0
DISTRIBUTIONS: tuple[Distribution, ...] = get_args(Distribution)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WIRING: tuple[tuple[Phase, ...], ...] = (PHASES, ("L2", "L3", "L1"), ("L1",), ("L2",), ("L3",), PHASES)


def site_of(count: int, distribution: Distribution) -> Site:
    """Return a site of `count` outlets in groups in halls; each breaker carries 60 % of what is below it."""
    loads = {f"load{n}": _outlet(n) for n in range(count)}
    groups = {f"group{n}": LOADS_A_GROUP for n in range(math.ceil(count / LOADS_A_GROUP))}
    halls = {f"hall{n}" for n in range(math.ceil(len(groups) / GROUPS_A_HALL))}
    circuits = {name: Circuit(limit_a=_carries(LOADS_A_GROUP * GROUPS_A_HALL)) for name in sorted(halls)}
    for number, (name, size) in enumerate(groups.items()):
        circuits[name] = Circuit(limit_a=_carries(size), within=f"hall{number // GROUPS_A_HALL}")
    return Site(
        site="bench",
        distribution=distribution,
        grid=Grid(breaker_a=HOUSE_A + _carries(count)),
        circuits=circuits,
        meters={"p1": Meter(role="grid", driver="homewizard")},
        loads=loads,
    )


def _outlet(number: int) -> Evse:
    mode = "standard" if number % 2 else "solar_priority"
    circuit = f"group{number // LOADS_A_GROUP}"
    return Evse(phases=WIRING[number % len(WIRING)], priority=number % 7, mode=mode, circuit=circuit)


def _carries(count: int) -> float:
    return max(10.0, 16.0 * count * FILL * sum(map(len, WIRING)) / (3 * len(WIRING)))


def image(plan: Plan) -> tuple[Caps, tuple[Want, ...]]:
    """Return the ready image: everybody takes part, in order; the house draws, the sun shines."""
    sun_ma = round(SUN_A_LOAD * 1000 * len(plan.loads))
    house_ma = round(HOUSE_A * 1000)
    base_ma = house_ma - sun_ma // 3
    around = Surroundings(
        base_ma=(base_ma, base_ma, base_ma), household_ma=(house_ma, house_ma, house_ma), solar_ma=sun_ma
    )
    order = sorted(plan.loads, key=lambda load: (load.urgency, load.priority, load.name))
    return caps_for(plan, around), tuple(Want(load.index, load.max_ma) for load in order)


def facts_at(plan: Plan, setpoints_a: dict[str, float], now_s: float) -> Facts:
    """Return what is heard when every vehicle draws its setpoint."""
    net_a = [HOUSE_A - SUN_A_LOAD * len(plan.loads) / 3] * 3
    states = {}
    for load in plan.loads:
        drawn_a = setpoints_a.get(load.name, 0.0)
        for phase in load.phases:
            net_a[phase] += drawn_a
        states[load.name] = Heard(_state(plan, load.index, drawn_a), now_s - 0.5)
    grid = PerPhase(l1=net_a[0], l2=net_a[1], l3=net_a[2])
    reading = MeterReading(site="bench", meter="p1", role="grid", measured_at=NOW, current_a=grid)
    return Facts(readings={"p1": Heard(reading, now_s)}, loads=states, cause="reading p1")


def _state(plan: Plan, index: int, drawn_a: float) -> LoadState:
    load = plan.loads[index]
    measured = PerPhase.of([(PHASES[phase], drawn_a) for phase in load.phases])
    return LoadState(
        site="bench",
        load=load.name,
        measured_at=NOW,
        status="charging" if drawn_a else "suspended_evse",
        measured_a=measured,
        measured_age_s=0.0,
        setpoint_a=drawn_a,
        transaction="1",
    )


def settled(plan: Plan, seconds: int = 20) -> tuple[Memory, Facts, float]:
    """Return memory and facts of a site that has been decided on each second for a while."""
    memory, given_a, now_s = first_memory(), {}, 1000.0
    for _ in range(seconds):
        now_s += 1.0
        memory, _ = decide(plan, memory, facts_at(plan, given_a, now_s), now_s, now=NOW)
        given_a = {name: load.setpoint_ma / 1000 for name, load in memory.loads.items()}
    return memory, facts_at(plan, given_a, now_s + 1.0), now_s + 1.0


def program(plan: Plan, caps: Caps) -> Callable[[], object]:
    """Return a solver of the same limits as an LP in ready sparse matrices."""
    rows: list[tuple[int, int, float]] = []
    bounds: list[float] = []
    for slot, limit_ma in enumerate(caps.node_ma):
        held = [load.index for load in plan.loads if slot in load.slots]
        rows += [(len(bounds), index, 1.0) for index in held]
        bounds.append(limit_ma / 1000)
    for phase in range(3):
        rows += [(len(bounds), load.index, 1.0) for load in plan.loads if phase in load.phases]
        bounds.append(caps.hard_ma[1 << phase] / 1000)
    row, column, value = zip(*rows, strict=True)
    matrix = csr_array((value, (row, column)), shape=(len(bounds), len(plan.loads)))
    cost = np.array([-1.0 - 0.1 * (10 - load.priority) for load in plan.loads])
    limits, ranges = np.array(bounds), [(0.0, load.max_ma / 1000) for load in plan.loads]
    return lambda: linprog(cost, A_ub=matrix, b_ub=limits, bounds=ranges, method="highs")


def cpu_s(work: Callable[[], object]) -> float:
    """Return CPU seconds of one call, repeated until there is enough to measure."""
    calls, used_s = 0, 0.0
    began_s = time.process_time()
    while used_s < LEAST_S:
        work()
        calls += 1
        used_s = time.process_time() - began_s
    return used_s / calls


def medians(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median CPU seconds of each, rounds taken in turn."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            found[name].append(cpu_s(work))
    return {name: statistics.median(figures) for name, figures in found.items()}


def allocation(count: int, distribution: Distribution) -> tuple[Callable[[], object], Plan, Caps]:
    """Return one allocation to be timed, with its plan and caps."""
    plan = compile_plan(site_of(count, distribution))
    caps, wants = image(plan)
    return lambda: allocate(plan, plan.loads, caps, (wants, ())), plan, caps


def whole(plan: Plan) -> Callable[[], tuple[Memory, Outcome]]:
    """Return one whole decision to be timed."""
    memory, facts, now_s = settled(plan)
    return lambda: decide(plan, memory, facts, now_s, now=NOW)


def row_of(count: int) -> dict[str, float]:
    """Return all figures for `count` loads, CPU seconds."""
    works: dict[str, Callable[[], object]] = {}
    for distribution in DISTRIBUTIONS:
        works[f"allocate {distribution}"], plan, caps = allocation(count, distribution)
        works[f"whole {distribution}"] = whole(plan)
    works["LP"] = program(plan, caps)
    return medians(works)


def growth() -> dict[str, float]:
    """Return per distribution the exponent of allocation's growth."""
    found = {}
    for distribution in DISTRIBUTIONS:
        times = medians({str(n): allocation(n, distribution)[0] for n in (GROWTH_FROM, GROWTH_TO)})
        ratio = times[str(GROWTH_TO)] / times[str(GROWTH_FROM)]
        found[distribution] = math.log(ratio) / math.log(GROWTH_TO / GROWTH_FROM)
    return found


def show(rows: dict[int, dict[str, float]], grown: dict[str, float]) -> None:
    """Print the tables."""
    print(f"decision: CPU µs, median of {ROUNDS}; ratio = LP / ours")
    print(f"{'loads':28}" + "".join(f"{count:>12,}" for count in rows))
    for name in next(iter(rows.values())):
        print(f"{name:28}" + "".join(f"{found[name] * 1e6:12,.0f}" for found in rows.values()))
        if name != "LP":
            ratios = "".join(f"{found['LP'] / found[name]:12.1f}" for found in rows.values())
            print(f"{'  ratio':28}{ratios}")
    print(f"growth of allocation, exponent from {GROWTH_FROM} to {GROWTH_TO:,} loads: ", end="")
    print(", ".join(f"{name} {exponent:.2f}" for name, exponent in grown.items()))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    asked = parser.parse_args()
    rows, grown = {count: row_of(count) for count in SIZES}, growth()
    if asked.json:
        print(json.dumps({"cpu_s": rows, "growth_exponent": grown}))
    else:
        show(rows, grown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
