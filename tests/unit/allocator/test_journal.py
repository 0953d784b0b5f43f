"""The journal: numbers, what is new to a step, what is carried whole, when a decision must be told, the basis."""

from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from evenload.contracts.events import Decision, LoadState, MeterReading, SiteLimit
from evenload.site.schema import Evse, Grid, Meter, Mqtt, Plug, Site, Station
from services.allocator.facts import Facts, Heard
from services.allocator.journal import (
    NEWS_MOST,
    STEPS_MOST,
    InForce,
    Journal,
    basis_of,
    is_due,
    noted,
    numbered,
    told,
)
from services.allocator.memory import Memory
from services.allocator.plan import compile_plan
from tests.unit.allocator.builders import state

AT = datetime(2026, 6, 1, tzinfo=UTC)
READING = MeterReading(site="home", meter="p1", role="grid", measured_at=AT, boot="m", seq=1)
LIMIT = SiteLimit(site="home", source="dso", issued_at=AT, scope="import", limit_w=4000.0, boot="d", seq=1)
SITE = Site(
    site="home",
    grid=Grid(breaker_a=25.0),
    meters={"p1": Meter(role="grid", driver="homewizard", options={"host": "10.0.0.1"})},
    mqtt=Mqtt(broker="mqtt://10.0.0.2", password_file="mqtt.key"),
    stations={"CP1": Station(password_file="cp1.key", overrides={"expiry": False})},
    loads={
        "car": Evse(station="CP1"),
        "heater": Plug(power_w=2000.0, driver="shelly", options={"host": "10.0.0.3"}, phases=("L1",)),
    },
)


def heard(*states: LoadState, reading: MeterReading = READING, at_s: float = 9.0) -> Facts:
    loads = {each.load: Heard(each, at_s) for each in states}
    return Facts(readings={"p1": Heard(reading, at_s)}, loads=loads)


def test_each_decision_has_the_next_number_and_only_what_is_new_to_it() -> None:
    car = state("car", boot="g", seq=5)
    first = heard(car)
    second = replace(first, readings={"p1": Heard(replace(READING, seq=2), 10.0)})
    journal = noted(noted(Journal(), first, 9.5), second, 10.5)
    assert journal.step == 2
    assert [step.now_s for step in journal.steps] == [9.5, 10.5]
    assert [(ref.of, ref.name, ref.seq) for ref in journal.steps[0].news] == [("meter", "p1", 1), ("load", "car", 5)]
    assert [(ref.of, ref.seq, ref.heard_s) for ref in journal.steps[1].news] == [("meter", 2, 10.0)]


def test_limits_and_events_without_stamps_are_carried_whole() -> None:
    facts = replace(heard(state("car")), limits={"dso": Heard(LIMIT, 9.0, returning=True)})
    (step,) = noted(Journal(), facts, 9.5).steps
    assert [ref.name for ref in step.news] == ["p1"]
    assert [(each.name, each.returning) for each in step.whole] == [("car", False), ("dso", True)]
    assert step.whole[1].event == LIMIT


def test_what_was_told_is_told_once() -> None:
    journal = told(noted(Journal(), heard(), 9.5))
    assert (journal.step, journal.steps, journal.weight) == (1, (), 0)
    assert noted(journal, heard(), 10.5).step == 2


def test_many_silent_steps_or_facts_make_a_decision_due() -> None:
    facts = heard()
    journal = Journal()
    for step in range(STEPS_MOST - 1):
        journal = noted(journal, facts, step)
    assert not is_due(journal)
    assert is_due(noted(journal, facts, 999.0))
    loads = tuple(state(f"load{number}", boot="g", seq=number) for number in range(NEWS_MOST))
    assert is_due(noted(Journal(), heard(*loads), 9.5))


def test_a_decision_carries_number_basis_and_steps_and_no_steps_without_a_basis() -> None:
    journal = noted(Journal(step=4), heard(), 9.5)
    decision = numbered(Decision(site="home", decided_at=AT), journal, 7)
    assert (decision.step, decision.basis, decision.steps) == (5, 7, journal.steps)
    assert numbered(Decision(site="home", decided_at=AT), journal, 0).steps == ()


def test_a_basis_holds_all_that_the_plan_and_the_next_decision_need_and_no_addresses() -> None:
    journal = noted(Journal(), heard(state("car", boot="g", seq=5)), 9.5)
    memory = Memory(started_s=1.25, seen_s=9.5)
    basis = basis_of(journal, memory, InForce(SITE, (), compile_plan(SITE).grid_meter), now_s=9.5, at=AT, why="period")
    site = msgspec.json.decode(basis.configuration, type=Site)
    assert replace(compile_plan(site), site=SITE, grid_meter=basis.grid_meter) == compile_plan(SITE)
    assert msgspec.json.decode(basis.memory, type=Memory) == memory
    assert {fact.name for fact in basis.facts} == {"p1", "car"}
    assert (basis.step, basis.steps) == (1, journal.steps)
    assert b"10.0.0." not in bytes(basis.configuration)
    assert b".key" not in bytes(basis.configuration)
