"""Property 8: what is missing, stale, out of contact or garbled never gives more than the safe value.

NaN and infinities cannot even cross the bus; everything else is put into the facts of a running loop.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from evenload.contracts.events import MeterReading
from evenload.contracts.wire import ContractError, decode_as, encode
from services.allocator.facts import Facts, Heard
from tests.property.allocator.cases import random_case
from tests.property.allocator.ideal import Loop
from tests.property.allocator.profile import examples
from tests.property.allocator.rules import Rules
from tests.property.allocator.test_closed_loop import facing, loop_of

SEEDS = st.integers(0, 2**32)
Spoil = Callable[[Facts], Facts]


class Spoiled(Loop):
    """A loop whose facts are spoiled on their way."""

    spoil: Spoil | None = None

    def facts(self) -> Facts:
        """Return what is heard of what everybody measures."""
        heard = super().facts()
        return self.spoil(heard) if self.spoil is not None else heard


def spoiled(loop: Loop, spoil: Spoil) -> Spoiled:
    """Return the loop with its facts spoiled from now on."""
    again = Spoiled(loop.site, loop.around, loop.idle)
    again.__dict__.update(loop.__dict__)
    again.spoil = spoil
    return again


def without(role: str) -> Spoil:
    """Meters of a role were never heard."""
    return lambda facts: structs.replace(
        facts, readings={name: heard for name, heard in facts.readings.items() if heard.event.role != role}
    )


def changed(role: str, **values: object) -> Spoil:
    """Meters of a role say something else."""
    return lambda facts: structs.replace(
        facts,
        readings={
            name: Heard(structs.replace(heard.event, **values), heard.at_s) if heard.event.role == role else heard
            for name, heard in facts.readings.items()
        },
    )


def told(**values: object) -> Spoil:
    """All loads' states say something else."""
    return lambda facts: structs.replace(
        facts,
        loads={name: Heard(structs.replace(heard.event, **values), heard.at_s) for name, heard in facts.loads.items()},
    )


SPOILS: dict[str, Spoil] = {
    "no solar meter": without("solar"),
    "sun below zero": changed("solar", total_power_w=-3000.0),
    "no battery meter": without("battery"),
    "no soc": changed("battery", soc_pct=None),
    "no battery power": changed("battery", total_power_w=None),
    "suspect grid": changed("grid", quality="suspect"),
    "loads out of contact": told(reachable=False),
    "never measured": told(measured_a=None, measured_age_s=None),
    "loads never heard": lambda facts: structs.replace(facts, loads={}),
    "nothing heard": lambda facts: structs.replace(facts, loads={}, readings={}),
}


@pytest.mark.parametrize("what", sorted(SPOILS))
def test_no_limit_is_broken_on_spoiled_facts(what: str) -> None:
    @examples(4)
    @given(SEEDS)
    def check(seed: int) -> None:
        case = random_case(Random(seed))
        if case.site.battery is not None:
            case = replace(case, site=structs.replace(case.site, battery=None), soc_pct=None)
        loop = loop_of(case)
        loop.run(50)
        bad = spoiled(loop, SPOILS[what])
        for _ in range(25):
            bad.step()
            there = facing(case, bad.around, bad.battery_ma)
            assert Rules(there.site, there.around).broken(bad.setpoints) == []

    check()


@pytest.mark.parametrize("role", ["grid", "suspect"])
def test_nobody_rises_without_a_good_grid_reading(role: str) -> None:
    @examples(6)
    @given(SEEDS)
    def check(seed: int) -> None:
        case = random_case(Random(seed))
        loop = loop_of(case)
        loop.run(20)
        before = dict(loop.setpoints)
        bad = spoiled(loop, without("grid") if role == "grid" else changed("grid", quality="suspect"))
        bad.run(30)
        if case.site.grid is not None:
            assert all(bad.setpoints[name] <= before[name] for name in before)

    check()


@examples(6)
@given(SEEDS)
def test_a_grid_reading_that_grows_old_ends_in_failsafe(seed: int) -> None:
    case = random_case(Random(seed))
    loop = loop_of(case)
    loop.run(40)
    last = loop.facts().readings.get("p1")
    bad = spoiled(loop, lambda facts: _with_grid(facts, last))
    bad.run(13)
    if case.site.grid is not None:
        failsafe = {load.name: load.failsafe_ma for load in bad.plan.loads}
        assert all(bad.setpoints[name] <= failsafe[name] for name in failsafe)


def _with_grid(facts: Facts, heard: Heard[MeterReading] | None) -> Facts:
    return facts if heard is None else structs.replace(facts, readings={**facts.readings, "p1": heard})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_cannot_cross_the_bus(number: str) -> None:
    loop = loop_of(random_case(Random(1)))
    loop.step()
    reading = next(iter(loop.facts().readings.values())).event
    text = encode(structs.replace(reading, total_power_w=1234.5)).replace(b"1234.5", number.encode())
    with pytest.raises(ContractError):
        decode_as(MeterReading, text)
