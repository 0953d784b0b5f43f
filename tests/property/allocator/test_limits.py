"""Properties 1 and 2: every hard limit holds on the integers, every load has a source, 0 or within its range."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.allocator.plan import compile_plan
from services.allocator.sources import Want
from tests.property.allocator.cases import Case
from tests.property.allocator.profile import active, cases, decided, examples, shares
from tests.property.allocator.rules import Rules, least_ma


@examples(1000)
@given(cases())
def test_every_hard_limit_holds(case: Case) -> None:
    assert Rules(case.site, case.around).broken(decided(case)) == []


@examples(1000)
@given(cases())
def test_nobody_draws_what_its_mode_may_not(case: Case) -> None:
    assert Rules(case.site, case.around).unsourced(decided(case)) == []


@examples(300)
@given(cases(), st.data())
def test_limits_hold_beside_loads_that_are_beyond_control(case: Case, data: st.DataObject) -> None:
    """Those count as they are, fit or not; nobody else may add to a limit that they break."""
    plan = compile_plan(case.site)
    beyond = data.draw(st.sampled_from(plan.loads))
    drawn_ma = data.draw(st.sampled_from((0, beyond.min_ma, beyond.max_ma)))
    others = [load for name in active(case) for load in plan.loads if load.name == name and load is not beyond]
    wants = tuple(Want(load.index, load.max_ma) for load in others)
    given_ma = {name: share.given_ma for name, share in shares(case, wants, ((beyond.index, drawn_ma),)).items()}
    rules = Rules(case.site, case.around)
    alone = {beyond.name: drawn_ma}
    if not rules.broken(alone):
        assert rules.broken({**given_ma, **alone}) == []


@examples(300)
@given(cases(), st.integers(0, 1500))
def test_what_a_load_draws_above_its_setpoint_fits_too(case: Case, over_ma: int) -> None:
    plan = compile_plan(case.site)
    by_name = {load.name: load for load in plan.loads if not load.all_or_nothing}
    wants = tuple(Want(by_name[n].index, by_name[n].max_ma, reserve_ma=over_ma) for n in active(case) if n in by_name)
    given_ma = {name: share.given_ma for name, share in shares(case, wants).items()}
    rules = Rules(case.site, case.around)
    drawn_ma = {name: amount + over_ma if amount else 0 for name, amount in given_ma.items()}
    assert [word for word in rules.broken(drawn_ma) if "whole steps" not in word] == []


@examples(300)
@given(cases())
def test_a_load_in_its_grace_keeps_its_minimum_only_within_hard_limits(case: Case) -> None:
    plan = compile_plan(case.site)
    by_name = {load.name: load for load in plan.loads}
    wants = tuple(Want(by_name[n].index, by_name[n].max_ma, keeps_minimum=True) for n in active(case))
    found = shares(case, wants)
    assert Rules(case.site, case.around).broken({name: share.given_ma for name, share in found.items()}) == []
    assert all(share.given_ma == least_ma(case.site, name) for name, share in found.items() if share.graced)


@examples(300)
@given(cases())
def test_a_load_that_lost_its_place_takes_nothing_from_others(case: Case) -> None:
    plan = compile_plan(case.site)
    by_name = {load.name: load for load in plan.loads}
    late = active(case)[-1:]
    wants = tuple(Want(by_name[n].index, by_name[n].max_ma, last=n in late) for n in active(case))
    without = replace(case, idle=case.idle | set(late))
    if wants:
        found = {name: share.given_ma for name, share in shares(case, wants).items()}
        assert Rules(case.site, case.around).broken(found) == []
        assert {**found, **dict.fromkeys(late, 0)} == decided(without)
