"""One phase or three: the stages of a switch, what is reserved meanwhile, and that nothing else is touched."""

from typing import Any

import pytest
from msgspec.structs import replace

from evenload.contracts.events import LoadState
from evenload.contracts.phases import PerPhase
from evenload.site.phase_switching import PhaseSwitching
from evenload.site.schema import Circuit, Site
from services.allocator.engine import decide
from services.allocator.facts import Facts, Heard
from services.allocator.limits import caps_for
from services.allocator.memory import Choice, LoadMemory, Memory, rebased
from services.allocator.phase_choice import chosen, is_proving, pauses, reserved, switching_alerts, told_lines
from services.allocator.plan import compile_plan
from tests.property.allocator.ideal import NOW
from tests.unit.allocator.builders import beside, evse, site

CAR = evse("solar_only", phase_switching=PhaseSwitching())


def state(*drawn_a: float, phases: int | None = None, setpoint_a: float = 0.0, **values: Any) -> LoadState:
    """Return a state whose sample was taken when it is heard."""
    measured = PerPhase(*drawn_a) if drawn_a else PerPhase(0.0, 0.0, 0.0)
    named: dict[str, Any] = {"site": "home", "load": "car", "measured_at": NOW, "status": "charging"}
    told: dict[str, Any] = {"transaction": "1", "measured_age_s": 0.0}
    return LoadState(**named, **{**told, **values}, measured_a=measured, phases=phases, setpoint_a=setpoint_a)


def known(choice: Choice | None, setpoint_ma: int = 0, **values: Any) -> LoadMemory:
    return LoadMemory(mode="solar_only", session="1", active=True, setpoint_ma=setpoint_ma, choice=choice, **values)


def after(memory: LoadMemory, heard: LoadState | None, now_s: float = 100.0, where: Site | None = None) -> LoadMemory:
    """Return the load's memory after one more look."""
    facts = Facts(loads={} if heard is None else {"car": Heard(heard, now_s)})
    plan = compile_plan(where or site({"car": CAR}))
    return chosen(plan, Memory(loads={"car": memory}), facts, now_s).loads["car"]


def choice(memory: LoadMemory) -> Choice:
    assert memory.choice is not None
    return memory.choice


PAUSING = Choice(lines=3, line=0, stage="pausing", stage_s=90.0, aim=1, session="1")
TELLING = Choice(lines=1, line=0, stage="telling", stage_s=90.0, aim=1, told=True, session="1")
PROVING = replace(TELLING, stage="proving")
ONE = replace(TELLING, stage="steady")


def test_a_load_begins_on_all_its_lines_and_is_told_nothing() -> None:
    found = after(known(None), state())
    assert (choice(found).lines, told_lines(found), pauses(found)) == (3, None, False)


def test_what_its_station_was_told_is_taken_over() -> None:
    found = after(known(None), state(phases=1))
    assert (choice(found).lines, told_lines(found), found.mask) == (1, 1, 1)


@pytest.mark.parametrize(
    ("memory", "heard", "stage"),
    [
        (known(PAUSING, 6000), state(0, 0, 0), "pausing"),
        (known(PAUSING), state(6, 6, 6), "pausing"),
        (known(PAUSING), state(0, 0, 0, setpoint_a=6.0), "pausing"),
        (known(PAUSING, since_s=200.0), state(0, 0, 0), "pausing"),
        (known(PAUSING), state(0, 0, 0, reachable=False), "pausing"),
        (known(PAUSING), state(0.4, 0, 0), "telling"),
    ],
    ids=["commanded", "drawing", "held by the device", "an old sample", "out of contact", "still"],
)
def test_it_is_told_only_once_nothing_is_drawn(memory: LoadMemory, heard: LoadState, stage: str) -> None:
    found = after(memory, heard)
    assert choice(found).stage == stage
    assert pauses(found)


def test_telling_counts_on_the_budget_and_is_sent_at_once() -> None:
    found = after(known(PAUSING, sent_s=99.0), state())
    assert (choice(found).switches_s, found.sent_s, told_lines(found), found.mask) == ((100.0,), -1e9, 1, 1)


def test_a_vehicle_that_goes_on_drawing_is_left_as_it_is() -> None:
    found = after(known(replace(PAUSING, stage_s=-30.0)), state(6, 6, 6))
    assert (choice(found).stage, choice(found).lines, choice(found).failed) == ("steady", 3, "")


def test_it_starts_when_its_station_was_told() -> None:
    assert choice(after(known(TELLING), state())).stage == "telling"
    found = after(known(TELLING), state(phases=1))
    assert (is_proving(found), pauses(found)) == (True, False)


def test_a_station_that_is_not_told_in_time_is_taken_as_before() -> None:
    found = after(known(replace(TELLING, stage_s=30.0)), state())
    assert (choice(found).lines, choice(found).failed_s, told_lines(found)) == (3, 100.0, None)
    assert [alert[:2] for alert in switching_alerts(Memory(loads={"car": found}))] == [("phases_not_switched", "car")]


def seen(memory: LoadMemory, *drawn_a: float) -> LoadMemory:
    """Return the memory after two samples."""
    for now_s in (100.0, 110.0):
        memory = after(memory, state(*drawn_a, phases=choice(memory).lines, setpoint_a=6.0), now_s)
    return memory


def test_two_samples_on_one_line_prove_it() -> None:
    found = seen(known(PROVING, 6000), 6, 0, 0)
    assert (choice(found).stage, choice(found).failed_s, found.mask, found.cap_ma) == ("steady", None, 1, None)


def test_its_one_line_may_be_another() -> None:
    found = seen(known(PROVING, 6000), 0, 6, 0)
    assert (choice(found).line, choice(found).stage) == (1, "steady")


def test_until_then_it_gets_no_more_than_its_minimum() -> None:
    assert after(known(PROVING, 6000), state(6, 0, 0, phases=1)).cap_ma == 6000


def test_two_samples_on_three_lines_disprove_it() -> None:
    found = seen(known(PROVING, 6000), 6, 6, 6)
    assert (choice(found).lines, choice(found).stage, found.mask) == (3, "steady", 0)
    assert "draws on 3 lines, told to use 1" in choice(found).failed


@pytest.mark.parametrize(("saw_all", "failed"), [(True, True), (False, False)])
def test_one_line_where_three_were_told_is_a_fault_only_for_a_vehicle_of_three(saw_all: bool, failed: bool) -> None:
    found = seen(known(replace(PROVING, lines=3, saw_all=saw_all), 6000), 6, 0, 0)
    assert (choice(found).failed_s is not None) is failed


def test_one_that_starts_to_draw_on_others_later_is_found_too() -> None:
    found = after(known(ONE, 6000, mask=7), state(6, 6, 6, phases=1))
    assert (choice(found).lines, choice(found).failed_s) == (3, 100.0)


def test_a_failure_is_forgiven_after_a_day() -> None:
    failed = replace(ONE, lines=3, failed_s=100.0, failed="x")
    assert choice(after(known(failed), state(phases=3), 86_499.0)).failed_s == 100.0
    assert choice(after(known(failed), state(phases=3), 86_500.0)).failed_s is None


def test_another_transaction_begins_on_all_lines_and_keeps_the_budget() -> None:
    found = after(replace(known(replace(ONE, switches_s=(50.0,))), session="2"), state(transaction="2"))
    assert (choice(found).lines, choice(found).told, choice(found).switches_s) == (3, False, (50.0,))


def test_a_station_that_forgot_counts_on_all_lines() -> None:
    assert choice(after(known(ONE, 6000, mask=1), state(6, 0, 0))).lines == 3


def test_switches_of_yesterday_do_not_count() -> None:
    found = after(known(replace(ONE, switches_s=(0.0, 90_000.0))), state(phases=1), 100_000.0)
    assert choice(found).switches_s == (90_000.0,)


def test_on_another_clock_all_its_times_move() -> None:
    moving = replace(ONE, fewer_s=1.0, more_s=2.0, failed_s=3.0, sample_s=4.0, switches_s=(5.0,))
    found = choice(rebased(Memory(loads={"car": known(moving)}), 1000.0).loads["car"])
    assert (found.stage_s, found.fewer_s, found.more_s, found.failed_s) == (1090.0, 1001.0, 1002.0, 1003.0)
    assert (found.sample_s, found.switches_s) == (1004.0, (1005.0,))


GARAGE = replace(site({"car": replace(CAR, circuit="garage")}), circuits={"garage": Circuit(limit_a=20)})


@pytest.mark.parametrize(("raising", "setpoint_ma", "less_ma"), [(True, 0, 6000), (False, 0, 0), (False, 6000, 6000)])
def test_its_minimum_is_reserved_on_the_other_lines(raising: bool, setpoint_ma: int, less_ma: int) -> None:
    plan = compile_plan(GARAGE)
    caps = caps_for(plan, beside(GARAGE))
    memory = Memory(loads={"car": known(PROVING, setpoint_ma, mask=1)})
    found = reserved(caps, plan, memory, raising=raising)
    assert [caps.hard_ma[mask] - found.hard_ma[mask] for mask in (1, 2, 4)] == [0, less_ma, less_ma]
    assert [before - now for before, now in zip(caps.node_ma, found.node_ma, strict=True)] == [0, less_ma, less_ma]


@pytest.mark.parametrize("memory", [known(ONE, 6000, mask=1), known(PROVING, 6000), known(None)])
def test_nothing_is_reserved_for_who_is_proven_or_counts_on_all(memory: LoadMemory) -> None:
    plan = compile_plan(GARAGE)
    caps = caps_for(plan, beside(GARAGE))
    assert reserved(caps, plan, Memory(loads={"car": memory}), raising=True) == caps


def test_where_nothing_can_switch_nothing_is_remembered_or_told() -> None:
    where = site({"car": evse("solar_only")})
    plan = compile_plan(where)
    memory, outcome = decide(plan, Memory(), Facts(loads={"car": Heard(state(), 100.0)}), 100.0, now=NOW)
    assert not plan.switches
    assert memory.loads["car"].choice is None
    assert [setpoint.phases for setpoint in outcome.setpoints] == [None]
    assert outcome.decision.loads[0].lines is None
