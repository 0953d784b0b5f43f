"""Property 7, and property 1 for commands: an ideal plant around `decide` (`ideal`).

Steady facts settle, stay, and are what the joint decision says; whatever house and sun do, all hard limits hold with
the commands of the very decision that saw them.
"""

from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.property.allocator.cases import Case, World, random_case, surroundings_of
from tests.property.allocator.ideal import Around, Loop
from tests.property.allocator.profile import decided, examples
from tests.property.allocator.rules import Rules

SEEDS = st.integers(0, 2**32)
SLOWEST_S = 9
"""More than the settle time: within it a cut that nobody could measure yet counts as made."""


def facing(case: Case, around: Around, battery_ma: int) -> Case:
    """Return the case with the surroundings that the plant really has."""
    world = World(around.household_ma, around.solar_ma, battery_ma)
    return Case(case.site, surroundings_of(case.site, world, case.soc_pct), case.idle, case.soc_pct)


def loop_of(case: Case) -> Loop:
    """Return a loop at a cold start with the case's house and sun."""
    return Loop(case.site, Around(case.around.household_ma, case.around.solar_ma, case.soc_pct), case.idle)


@examples(16)
@given(SEEDS)
def test_steady_facts_settle_and_stay(seed: int) -> None:
    case = random_case(Random(seed))
    loop = loop_of(case)
    assert loop.settle(quiet_s=90, most_s=2500, wait_s=150)
    before = dict(loop.setpoints)
    loop.run(330)
    assert loop.setpoints == before


@examples(16)
@given(SEEDS)
def test_what_settled_is_the_joint_decision(seed: int) -> None:
    """Feeding the decision back as the draw reproduces it."""
    case = random_case(Random(seed))
    loop = loop_of(case)
    assert loop.settle(quiet_s=40, most_s=2500, wait_s=120)
    loop.facts()
    there = facing(case, loop.around, loop.battery_ma)
    assert loop.setpoints == decided(there)
    assert Rules(there.site, there.around).broken(loop.setpoints) == []


@examples(30)
@given(SEEDS)
def test_every_limit_holds_after_every_decision(seed: int) -> None:
    dice = Random(seed)
    case = random_case(dice)
    loop = loop_of(case)
    for _ in range(6):
        loop.around = _other(dice, case)
        for _ in range(dice.choice((SLOWEST_S, 25, 60))):
            loop.step()
            there = facing(case, loop.around, loop.battery_ma)
            assert Rules(there.site, there.around).broken(loop.setpoints) == []


def _other(dice: Random, case: Case) -> Around:
    """Return another house and another sun."""
    house = [0, 0, 0]
    for phase in case.site.phases:
        house[int(phase[1]) - 1] = dice.choice((0, 2000, 5000, 12_000, dice.randint(0, 25_000)))
    most_w = case.site.inverter.max_w if case.site.inverter is not None else None
    solar_ma = dice.choice((case.around.solar_ma, 0, dice.randint(0, 36_000)))
    if most_w is not None:
        solar_ma = min(solar_ma, int(most_w * 1000 / 230))
    return Around((house[0], house[1], house[2]), solar_ma // 6 * 6, case.soc_pct)


@examples(15)
@given(SEEDS)
def test_the_same_facts_give_the_same_commands(seed: int) -> None:
    case = random_case(Random(seed))
    assume(case.site.loads)
    first, second = loop_of(case), loop_of(case)
    first.run(60)
    second.run(60)
    assert first.outcome == second.outcome
    assert first.memory == second.memory
