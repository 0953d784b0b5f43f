"""Max-min shares by water-filling, to the mA: equal increments, each load stopping at its own bottleneck only.

No bottlenecks are computed: the common increment is the largest that the rules (`rules.Rules.fits`) let pass, found by
bisection, and a load stops once it alone cannot rise any further.
"""

from collections.abc import Mapping

from evenload.site.schema import Plug
from tests.property.allocator.cases import Case
from tests.property.allocator.rules import URGENCY, Rules, least_ma

_STUCK_MA = 25
"""More than rounding to the mA can leave on a limit that 8 loads share with 3 lines each."""


def filled(case: Case, rules: Rules, amounts: Mapping[str, int]) -> dict[str, int]:
    """Return the shares in mA for the loads that are on in `amounts`, class by class.

    Each class is filled beside what the earlier classes have in `amounts`, so that a difference of a step is not
    carried on into the next class.
    """
    site, shares = case.site, dict(amounts)
    on = [name for name, amount in amounts.items() if amount]
    for klass in range(4):
        own = [name for name in on if URGENCY[site.loads[name].mode] == klass]
        start = dict.fromkeys(amounts, 0)
        for name in on:
            urgency = URGENCY[site.loads[name].mode]
            if urgency < klass:
                start[name] = amounts[name]
            elif urgency == klass or (klass == 0 and urgency == 1):
                start[name] = least_ma(site, name)
        rising = {name for name in own if not isinstance(site.loads[name], Plug)}
        found = _rise(rules, start, rising)
        shares.update({name: found[name] for name in own})
    return shares


def _rise(rules: Rules, start: dict[str, int], rising: set[str]) -> dict[str, int]:
    now = dict(start)
    rising = {name for name in rising if _may_rise(rules, now, name)}
    while rising:
        step = _common_step(rules, now, rising)
        for name in rising:
            now[name] += step
        still = {name for name in rising if _may_rise(rules, now, name)}
        if still == rising:
            break
        rising = still
    return now


def _may_rise(rules: Rules, now: Mapping[str, int], name: str) -> bool:
    more = now[name] + _STUCK_MA
    return more <= rules.whole_ma[name] and rules.fits({**now, name: more})


def _common_step(rules: Rules, now: Mapping[str, int], rising: set[str]) -> int:
    low, high = 0, min(rules.whole_ma[name] - now[name] for name in rising)
    while low < high:
        middle = (low + high + 1) // 2
        if rules.fits({**now, **{name: now[name] + middle for name in rising}}):
            low = middle
        else:
            high = middle - 1
    return low
