"""Property 4: no better decision in lexicographic order exists; an exact solver looks for one (`exact`)."""

import pytest
from hypothesis import given

from tests.property.allocator.cases import Case
from tests.property.allocator.exact import better
from tests.property.allocator.profile import cases, decided, examples
from tests.property.allocator.rules import Rules


@pytest.mark.parametrize("distribution", ["shared", "priority", "optimized", "strict"])
def test_the_solver_finds_nothing_better(distribution: str) -> None:
    """With `shared` the order decides only who starts."""

    @examples(150)
    @given(cases(distribution, loads_most=6))  # type: ignore[arg-type]  # parametrize knows only str
    def check(case: Case) -> None:
        rules = Rules(case.site, case.around)
        if not rules.house_alone_breaks():
            assert better(case, rules, decided(case)) is None

    check()
