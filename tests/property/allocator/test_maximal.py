"""Property 3: nobody can rise by a step, and nobody who is off could start.

Left out: sites whose house alone breaks the breaker or the import limit. There the engine also stops loads that would
add nothing to what is broken.
"""

import pytest
from hypothesis import given

from evenload.site.schema import Plug
from tests.property.allocator.cases import Case
from tests.property.allocator.profile import active, cases, decided, examples
from tests.property.allocator.rules import Rules, least_ma


def steps_up(case: Case, amounts: dict[str, int]) -> list[dict[str, int]]:
    """Return every decision that gives one load one step more, or starts one."""
    found = []
    for name in active(case):
        now_ma = amounts[name]
        next_ma = now_ma + 100 if now_ma else least_ma(case.site, name)
        is_plug_on = now_ma and isinstance(case.site.loads[name], Plug)
        if not is_plug_on and next_ma <= Rules(case.site, case.around).whole_ma[name]:
            found.append({**amounts, name: next_ma})
    return found


@pytest.mark.parametrize("distribution", ["shared", "priority", "optimized", "strict"])
def test_nothing_can_be_added(distribution: str) -> None:
    @examples(250)
    @given(cases(distribution))  # type: ignore[arg-type]  # parametrize knows only str
    def check(case: Case) -> None:
        rules = Rules(case.site, case.around)
        if not rules.house_alone_breaks():
            amounts = decided(case)
            assert [more for more in steps_up(case, amounts) if rules.holds(more)] == []

    check()
