"""Events of a 2.x transaction that did not reach us: noticed by their numbers, asked about, told, and closed."""

from typing import Any

import pytest

from evenload.contracts.events import TransactionEnded
from services.ocpp_gateway import calls201
from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.sequence201 import ASKS_MAX
from services.ocpp_gateway.station import Changed, Flight, Keep, Output, Station, Warn
from tests.unit.ocpp_gateway.builders import station
from tests.unit.ocpp_gateway.test_ocpp201 import answered, due, event, said, settled, shown, values


def running() -> Station:
    """Return a 2.0.1 station that charges and of which nothing is due."""
    found, _, _ = said(station(), "TransactionEvent", 0.0, **event("Started", 0.0, 0))
    return settled(found, 0.0)[0]


def updated(found: Station, now_s: float, seq: int, **more: Any) -> tuple[Station, list[Output]]:
    found, _, outputs = said(found, "TransactionEvent", now_s, **event("Updated", more.pop("at_s", now_s), seq, **more))
    return found, outputs


def question(found: Station, now_s: float) -> tuple[Station, Flight | None]:
    """Return the question about the transaction that is due, with all other calls answered."""
    for _ in range(10):
        found, flight = due(found, now_s)
        if flight is None or flight.kind == "transaction":
            return found, flight
        found, _ = answered(found, flight, now_s, status="Accepted")
    raise AssertionError("the station is never done")


def asked(found: Station, now_s: float, **reply: Any) -> tuple[Station, list[Output]]:
    found, flight = question(found, now_s)
    assert flight is not None
    assert (flight.action, flight.payload) == ("GetTransactionStatus", {"transactionId": "tx-1"})
    return answered(found, flight, now_s, **reply)


def warnings(outputs: list[Output]) -> list[tuple[str, bool]]:
    return [(each.kind, each.active) for each in outputs if isinstance(each, Warn)]


def test_whole_numbers_ask_nothing() -> None:
    found = running()
    for seq in (1, 2, 2, 3):
        found, _ = updated(found, float(seq), seq)
    assert question(found, 4.0)[1] is None


def test_a_gap_is_asked_about_and_again_while_its_messages_wait() -> None:
    found, _ = updated(running(), 5.0, 3)
    found, outputs = asked(found, 5.0, messagesInQueue=True, ongoingIndicator=True)
    assert not warnings(outputs)
    assert question(found, 20.0)[1] is None
    found, _ = asked(found, 36.0, messagesInQueue=True)
    for seq in (1, 2):
        found, outputs = updated(found, 40.0, seq, at_s=float(seq))
    assert not warnings(outputs)
    assert question(found, 90.0)[1] is None


def test_late_events_move_nothing_that_is_newer() -> None:
    found, _ = updated(running(), 5.0, 3, state="SuspendedEV", meterValue=values(5.0, 0.0, 0.0, 0.0))
    found, outputs = updated(found, 6.0, 2, at_s=2.0, state="Charging", meterValue=values(2.0, 9.0, 9.0, 9.0))
    assert [output for output in outputs if isinstance(output, Keep)]
    state = shown(found, 6.0)
    assert state.status == "suspended_ev"
    assert state.measured_a is not None
    assert state.measured_a.l1 == 0.0


def test_lost_events_are_told_once_and_stand_in_the_end() -> None:
    found, _ = updated(running(), 5.0, 3)
    found, outputs = asked(found, 5.0, messagesInQueue=False, ongoingIndicator=True)
    assert warnings(outputs) == [("station_events_lost", True)]
    (warning,) = [each for each in outputs if isinstance(each, Warn)]
    assert "2 of 'tx-1'" in warning.text
    assert question(found, 90.0)[1] is None
    found, _, outputs = said(found, "TransactionEvent", 95.0, **event("Ended", 95.0, 4))
    (ended,) = [each.event for each in outputs if isinstance(each, Keep)]
    assert isinstance(ended, TransactionEnded)
    assert "2 events missing" in ended.why
    began = event("Started", 99.0, 0, info={"transactionId": "tx-2"})
    _, _, outputs = said(found, "TransactionEvent", 99.0, **began)
    assert warnings(outputs) == [("station_events_lost", False)]


def test_a_new_gap_after_lost_events_is_asked_about_again() -> None:
    found, _ = updated(running(), 5.0, 2)
    found, _ = asked(found, 5.0, messagesInQueue=False)
    found, _ = updated(found, 40.0, 5)
    assert question(found, 40.0)[1] is not None


def test_a_gap_before_the_end_is_asked_about_after_it() -> None:
    found, _, _ = said(running(), "TransactionEvent", 5.0, **event("Ended", 5.0, 2))
    found, _ = asked(found, 5.0, messagesInQueue=True, ongoingIndicator=False)
    found, _ = updated(found, 9.0, 1, at_s=1.0)
    assert found.outlets[0].transaction is None
    assert question(found, 60.0)[1] is None


def test_a_transaction_that_is_over_at_the_station_is_over_here_and_a_late_end_is_kept() -> None:
    found, _ = updated(running(), 5.0, 3)
    found, outputs = asked(found, 5.0, messagesInQueue=False, ongoingIndicator=False)
    assert Changed(1) in outputs
    assert not [output for output in outputs if isinstance(output, Keep)]
    assert found.outlets[0].transaction is None
    _, _, outputs = said(found, "TransactionEvent", 9.0, **event("Ended", 4.0, 4))
    (ended,) = [each.event for each in outputs if isinstance(each, Keep)]
    assert isinstance(ended, TransactionEnded)
    assert not ended.known


@pytest.mark.parametrize("answer", [Answer("error", why="NotImplemented"), Answer("result")])
def test_a_station_that_cannot_tell_counts_as_one_that_has_nothing(answer: Answer) -> None:
    found, _ = updated(running(), 5.0, 2)
    found, flight = question(found, 5.0)
    assert flight is not None
    _, outputs = calls201.on_answer(found, flight, answer, 5.0)
    assert warnings(outputs) == [("station_events_lost", True)]


def test_a_station_that_always_promises_is_not_asked_for_ever() -> None:
    found, _ = updated(running(), 5.0, 2)
    for turn in range(ASKS_MAX):
        found, outputs = asked(found, 5.0 + 31.0 * turn, messagesInQueue=True)
    assert warnings(outputs) == [("station_events_lost", True)]
    assert question(found, 5_000.0)[1] is None


def test_numbers_that_begin_anew_after_a_restart_are_no_gap_and_no_old_news() -> None:
    found, _ = updated(running(), 5.0, 1)
    for seq in range(2, 6):
        found, _ = updated(found, 5.0 + seq, seq)
    found, _ = updated(found, 20.0, 0, state="SuspendedEVSE")
    assert shown(found, 20.0).status == "suspended_evse"
    found, _ = updated(found, 21.0, 1)
    assert question(found, 21.0)[1] is None
