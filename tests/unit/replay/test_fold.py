"""The join and the fold: equal when the record is whole, and a gap or a difference told where it is."""

import msgspec
import pytest

from tests.unit.replay.recorded import (
    Line,
    differences,
    event,
    gaps,
    lines,
    other_site,
    otherwise,
    places,
    replayed,
)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> list[Line]:
    return list(lines(tmp_path_factory.mktemp("life")))


def decision_after(history: list[Line], place: int) -> dict[str, object]:
    """Return the first told decision after a place."""
    return event(history[next(each for each in places(history, ".decision") if each > place)])


def test_every_decision_of_a_whole_record_is_made_again_byte_for_byte(history: list[Line]) -> None:
    fold = replayed(history)
    assert fold.findings == []
    assert fold.counts.equal == fold.counts.decisions == len(places(history, ".decision"))
    assert fold.counts.steps > 2 * fold.counts.decisions
    assert fold.counts.begins == 2, "the start, and the allocator that came back"
    assert fold.counts.memories == len(places(history, ".basis")) - 2
    assert fold.counts.unknown == 0


def test_every_decision_names_the_events_that_it_used(history: list[Line]) -> None:
    sent = {(event(line)["boot"], event(line)["seq"]): line[0] for line in history}
    for place in places(history, ".decision"):
        used = event(history[place])["inputs"]
        assert {each["name"] for each in used} >= {"grid", "car", "heater"}
        for each in used:
            if each["of"] != "limit" and each["state"] != "missing":
                assert each["name"] in sent[each["boot"], each["seq"]]


@pytest.mark.parametrize("ending", [".reading.grid", ".car.state"])
def test_an_input_that_is_missing_is_a_gap_at_the_decision_that_used_it(history: list[Line], ending: str) -> None:
    lost = next(place for place in places(history, ending) if place > places(history, ".decision")[3])
    holed = history[:lost] + history[lost + 1 :]
    (gap,) = gaps(replayed(holed))
    user = decision_after(history, lost)
    assert (gap.step, gap.boot) == (user["step"], user["boot"])
    assert f"seq {event(history[lost])['seq']}) is not in the record" in gap.why


def test_after_a_gap_nothing_is_said_until_the_next_basis_and_then_all_is_equal_again(history: list[Line]) -> None:
    lost = next(place for place in places(history, ".reading.grid") if place > places(history, ".decision")[3])
    fold = replayed(history[:lost] + history[lost + 1 :])
    basis = next(place for place in places(history, ".basis") if place > lost)
    silent = [place for place in places(history, ".decision") if lost < place < basis]
    assert fold.counts.unknown == len(silent) - 1, "the first of them is the gap"
    assert fold.counts.equal == len(places(history, ".decision")) - len(silent)
    assert differences(fold) == []


def test_a_decision_that_is_missing_is_a_gap_at_the_next_one(history: list[Line]) -> None:
    lost = places(history, ".decision")[2]
    (gap,) = gaps(replayed(history[:lost] + history[lost + 1 :]))
    missing, last = event(history[lost]), event(history[lost])["step"]
    assert gap.step == decision_after(history, lost)["step"]
    assert gap.why == f"decisions {last - len(missing['steps']) + 1} to {last} are not in the record"


def test_a_configuration_that_is_missing_is_a_gap(history: list[Line]) -> None:
    lost = next(place for place in places(history, ".basis") if event(history[place])["why"] == "configuration")
    (gap, *_) = gaps(replayed(history[:lost] + history[lost + 1 :]))
    assert gap.step == decision_after(history, lost)["step"]
    assert f"its basis (seq {event(history[lost])['seq']}) is not in the record" in gap.why


def test_a_record_that_begins_later_says_nothing_before_its_first_basis(history: list[Line]) -> None:
    begin = places(history, ".decision")[1]
    fold = replayed(history[begin:])
    basis = next(place for place in places(history, ".basis") if place > begin)
    assert fold.findings == []
    assert fold.counts.unknown == len([place for place in places(history, ".decision") if begin <= place < basis])
    assert fold.counts.equal > 0


def test_events_told_twice_are_taken_once(history: list[Line]) -> None:
    assert replayed([line for line in history for _ in range(2)]).findings == []


def test_a_changed_byte_of_a_decision_is_told(history: list[Line]) -> None:
    place = places(history, ".decision")[4]
    subject, data = history[place]
    setpoint_a = event(history[place])["loads"][0]["setpoint_a"]
    changed = data.replace(f'"setpoint_a":{setpoint_a}'.encode(), f'"setpoint_a":{setpoint_a + 1}'.encode(), 1)
    assert changed != data
    (difference,) = differences(replayed([*history[:place], (subject, changed), *history[place + 1 :]]))
    assert difference.step == event(history[place])["step"]
    assert difference.path == "loads[car].setpoint_a"
    assert (float(difference.recorded), float(difference.replayed)) == (setpoint_a + 1, setpoint_a)


def test_a_changed_input_makes_its_decision_different(history: list[Line]) -> None:
    decision = places(history, ".decision")[4]
    used = next(each for each in event(history[decision])["inputs"] if each["name"] == "grid")
    place = next(each for each in places(history, ".reading.grid") if event(history[each])["seq"] == used["seq"])
    subject, data = history[place]
    value_a = event(history[place])["current_a"]["l1"]
    changed = data.replace(f'"l1":{value_a}'.encode(), f'"l1":{value_a + 3}'.encode(), 1)
    found = differences(replayed([*history[:place], (subject, changed), *history[place + 1 :]]))
    assert found[0].step == event(history[decision])["step"]
    assert "grid_a.l1" in {each.path for each in found}


def test_a_memory_that_was_not_reached_is_told(history: list[Line]) -> None:
    place = next(place for place in places(history, ".basis") if event(history[place])["why"] == "configuration")
    basis = event(history[place])
    factor = basis["memory"]["loads"]["car"]["hold_factor"]
    basis["memory"]["loads"]["car"]["hold_factor"] = factor + 1
    changed = msgspec.json.encode(basis)
    (difference, *_) = differences(replayed([*history[:place], (history[place][0], changed), *history[place + 1 :]]))
    assert difference.path == "memory.loads.car.hold_factor"
    assert (int(difference.recorded), int(difference.replayed)) == (factor + 1, factor)


def test_what_is_no_event_is_counted_and_what_needed_it_is_a_gap(history: list[Line]) -> None:
    place = places(history, ".decision")[2]
    broken = [*history[:place], (history[place][0], b'{"type":"Decision"}'), *history[place + 1 :]]
    fold = replayed(broken)
    assert fold.counts.unreadable == 1
    assert len(gaps(fold)) == 1


def test_the_same_configuration_would_have_decided_the_same(history: list[Line]) -> None:
    until = next(place for place in places(history, ".basis") if event(history[place])["why"] == "configuration")
    fold = replayed(history[:until], other_site())
    assert fold.counts.compared == len(places(history[:until], ".decision"))
    assert otherwise(fold) == []


def test_another_breaker_would_have_decided_otherwise_on_the_same_facts(history: list[Line]) -> None:
    fold = replayed(history, other_site(breaker_a=20))
    assert gaps(fold) == []
    assert differences(fold) == []
    cut = [each for each in otherwise(fold) if each.load == "car" and each.other and "breaker" in each.other.why]
    assert any(each.other.target_a < each.recorded.target_a for each in cut if each.other and each.recorded)
