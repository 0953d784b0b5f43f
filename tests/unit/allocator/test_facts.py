"""Which states of a load are worth a decision of their own."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from evenload.contracts.events import LoadState
from evenload.contracts.phases import PerPhase
from services.allocator.facts import FOLLOWS_IN_S, SILENCE_S, Heard, news_in_s

AT = datetime(2026, 6, 1, tzinfo=UTC)
STATE = LoadState(
    site="home",
    load="car",
    measured_at=AT,
    status="charging",
    measured_a=PerPhase(6.0),
    setpoint_a=6.0,
    session_wh=100.0,
    seq=7,
)


def test_the_first_word_and_the_first_after_a_silence_are_news() -> None:
    assert news_in_s(None, STATE, 0.0) == 0.0
    assert news_in_s(Heard(STATE, 0.0), STATE, SILENCE_S + 1) == 0.0


def test_another_sample_of_the_same_is_none() -> None:
    later = replace(STATE, measured_at=AT + timedelta(seconds=5), seq=9, sent_ms=5000, session_wh=108.0)
    assert news_in_s(Heard(STATE, 0.0), later, 5.0) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "suspended_ev"},
        {"reachable": False},
        {"obeys": False},
        {"epoch": 3},
        {"transaction": "2"},
    ],
)
def test_whatever_could_change_a_decision_is_news(changes: dict[str, object]) -> None:
    assert news_in_s(Heard(STATE, 0.0), replace(STATE, seq=8, **changes), 5.0) == 0.0


@pytest.mark.parametrize("changes", [{"measured_a": PerPhase(6.1)}, {"setpoint_a": 8.0}, {"offered_a": 8.0}])
def test_that_a_load_follows_waits_a_little(changes: dict[str, object]) -> None:
    assert news_in_s(Heard(STATE, 0.0), replace(STATE, seq=8, **changes), 5.0) == FOLLOWS_IN_S
    both = replace(STATE, seq=8, status="suspended_ev", **changes)
    assert news_in_s(Heard(STATE, 0.0), both, 5.0) == 0.0
