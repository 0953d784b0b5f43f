"""Property 6: independent of the order in the file, of the phases' names, of how circuits are named and nested."""

from dataclasses import replace
from itertools import permutations
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from evenload.contracts.phases import PHASES, Phase
from evenload.site.schema import Circuit, Load
from services.allocator.limits import Surroundings
from tests.property.allocator.cases import Case
from tests.property.allocator.profile import cases, decided, examples

TURNS = tuple(dict(zip(PHASES, turned, strict=True)) for turned in permutations(PHASES))


@examples(200)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_in_the_file_does_not_matter(case: Case, dice: Random) -> None:
    site = case.site
    loads, circuits = list(site.loads.items()), list(site.circuits.items())
    dice.shuffle(loads)
    dice.shuffle(circuits)
    shuffled = structs.replace(site, loads=dict(loads), circuits=dict(circuits))
    assert decided(replace(case, site=shuffled)) == decided(case)


@examples(300)
@given(cases(), st.sampled_from(TURNS))
def test_relabelled_phases_give_the_same_currents(case: Case, turn: dict[Phase, Phase]) -> None:
    site = case.site
    loads = {name: _turned(load, site.phases, turn) for name, load in site.loads.items()}
    phases = tuple(phase for phase in PHASES if phase in {turn[each] for each in site.phases})
    relabelled = structs.replace(site, loads=loads, phases=phases)
    assert decided(replace(case, site=relabelled, around=_around(case.around, turn))) == decided(case)


def _turned(load: Load, phases: tuple[Phase, ...], turn: dict[Phase, Phase]) -> Load:
    return structs.replace(load, phases=tuple(turn[phase] for phase in load.phases or phases))


def _around(around: Surroundings, turn: dict[Phase, Phase]) -> Surroundings:
    place = [PHASES.index(turn[phase]) for phase in PHASES]
    turned = {}
    for name in ("base_ma", "household_ma", "discharge_ma"):
        values = getattr(around, name)
        turned[name] = tuple(values[place.index(phase)] for phase in range(3))
    return structs.replace(around, **turned)


@examples(200)
@given(cases())
def test_names_of_circuits_do_not_matter(case: Case) -> None:
    names = {name: f"z{len(case.site.circuits) - place}" for place, name in enumerate(case.site.circuits)}
    circuits = {
        names[name]: structs.replace(circuit, within=names.get(circuit.within or ""))
        for name, circuit in case.site.circuits.items()
    }
    loads = {n: structs.replace(load, circuit=names.get(load.circuit or "")) for n, load in case.site.loads.items()}
    renamed = structs.replace(case.site, circuits=circuits, loads=loads)
    assert decided(replace(case, site=renamed)) == decided(case)


@examples(200)
@given(cases())
def test_a_wide_circuit_around_everything_changes_nothing(case: Case) -> None:
    circuits = {
        name: structs.replace(circuit, within=circuit.within or "wide") for name, circuit in case.site.circuits.items()
    }
    loads = {name: structs.replace(load, circuit=load.circuit or "wide") for name, load in case.site.loads.items()}
    site = structs.replace(case.site, circuits={**circuits, "wide": Circuit(limit_a=10_000.0)}, loads=loads)
    assert decided(replace(case, site=site)) == decided(case)


@examples(200)
@given(cases())
def test_a_circuit_twice_in_a_row_changes_nothing(case: Case) -> None:
    inner = {
        f"{name}-in": Circuit(limit_a=circuit.limit_a, within=name) for name, circuit in case.site.circuits.items()
    }
    loads = {
        name: structs.replace(load, circuit=f"{load.circuit}-in" if load.circuit else None)
        for name, load in case.site.loads.items()
    }
    site = structs.replace(case.site, circuits={**case.site.circuits, **inner}, loads=loads)
    assert decided(replace(case, site=site)) == decided(case)


@examples(200)
@given(cases())
def test_a_load_that_is_off_or_idle_changes_nothing(case: Case) -> None:
    idle = replace(case, idle=case.idle | {"zebra"})
    some = next(iter(case.site.loads.values()))
    site = structs.replace(case.site, loads={**case.site.loads, "zebra": structs.replace(some, mode="off")})
    assert {**decided(case), "zebra": 0} == decided(replace(idle, site=site))
