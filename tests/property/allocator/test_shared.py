"""Property 5: equal increments, each load stopping at its own bottleneck only; judged by water-filling to the mA."""

from hypothesis import given

from evenload.contracts.events import Bound
from tests.property.allocator.cases import Case
from tests.property.allocator.profile import cases, decided, examples, shares
from tests.property.allocator.rules import URGENCY, Rules, least_ma
from tests.property.allocator.water import filled

STEP_MA = 100


@examples(400)
@given(cases("shared"))
def test_nobody_gets_a_step_less_than_its_water_filling_share(case: Case) -> None:
    rules, amounts = Rules(case.site, case.around), decided(case)
    if not rules.house_alone_breaks():
        fair_ma = filled(case, rules, amounts)
        assert {name: amounts[name] for name in amounts if amounts[name] < fair_ma[name] - STEP_MA} == {}


@examples(400)
@given(cases("shared"))
def test_a_load_below_its_maximum_has_a_limit_in_which_nobody_rose_more(case: Case) -> None:
    """Raising it by a step needs a step from somebody; nobody of its class that could give it has risen more."""
    rules, amounts = Rules(case.site, case.around), decided(case)
    if rules.house_alone_breaks():
        return
    rise = {name: amount - least_ma(case.site, name) for name, amount in amounts.items() if amount}
    for name in rise:
        if amounts[name] + STEP_MA > rules.whole_ma[name] or rules.holds({**amounts, name: amounts[name] + STEP_MA}):
            continue
        richer = [other for other in rise if rise[other] > rise[name] + 2 * STEP_MA and _class(case, other, name)]
        taken = {other: amounts[other] - STEP_MA for other in richer}
        assert not richer or not rules.holds({**amounts, **taken, name: amounts[name] + STEP_MA})


def _class(case: Case, first: str, second: str) -> bool:
    return URGENCY[case.site.loads[first].mode] == URGENCY[case.site.loads[second].mode]


@examples(300)
@given(cases())
def test_who_has_less_than_its_maximum_is_told_by_what(case: Case) -> None:
    for name, share in shares(case).items():
        if name not in case.idle and share.given_ma < Rules(case.site, case.around).whole_ma[name]:
            assert isinstance(share.bound, Bound), name
