"""How many examples, always the same ones; and how the allocator is asked for a decision about a case."""

import os
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from evenload.contracts.events import Distribution
from services.allocator.limits import caps_for
from services.allocator.plan import compile_plan
from services.allocator.share import Share, allocate
from services.allocator.sources import Want
from tests.property.allocator.cases import Case, random_case
from tests.property.allocator.rules import order_of

TIMES = float(os.environ.get("EVENLOAD_EXAMPLES", "1"))


def examples(count: int) -> settings:
    """Return settings for `count` examples, times EVENLOAD_EXAMPLES; the same ones in every run."""
    return settings(
        max_examples=max(1, round(count * TIMES)),
        derandomize=True,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def cases(distribution: Distribution | None = None, loads_most: int = 8) -> SearchStrategy[Case]:
    """Return random cases; a failing one is printed whole."""
    return st.integers(0, 2**32).map(lambda seed: random_case(Random(seed), distribution, loads_most))


def active(case: Case) -> list[str]:
    """Return the loads that take part, in order."""
    return order_of(case.site, [name for name in case.site.loads if name not in case.idle])


def shares(
    case: Case, wants: tuple[Want, ...] | None = None, fixed: tuple[tuple[int, int], ...] = ()
) -> dict[str, Share]:
    """Return each load's share by name; everybody who is not idle wants its maximum."""
    plan = compile_plan(case.site)
    index = {load.name: load.index for load in plan.loads}
    everybody = tuple(Want(index[name], plan.loads[index[name]].max_ma) for name in active(case))
    asked = everybody if wants is None else wants
    found = allocate(plan, plan.loads, caps_for(plan, case.around), (asked, fixed))
    return {load.name: found[load.index] for load in plan.loads}


def decided(case: Case) -> dict[str, int]:
    """Return what each load is given, mA per line."""
    return {name: share.given_ma for name, share in shares(case).items()}
