"""Boot and setup, states, transactions, obedience, clocks."""

import pytest
from msgspec.structs import replace

from evenload.contracts.events import TransactionEnded, TransactionStarted
from evenload.contracts.records import StationRecord
from services.ocpp_gateway import learning
from services.ocpp_gateway.capability import Learned, Rung
from services.ocpp_gateway.setup16 import ATTEMPTS
from services.ocpp_gateway.states import load_state
from services.ocpp_gateway.station import Hangup, Keep, Link, Station, Warn, new_station, with_plan
from tests.unit.ocpp_gateway.builders import (
    UTC0,
    answered,
    charging,
    due,
    metered,
    said,
    sent,
    settled,
    stamp,
    station,
    told,
)


def fresh() -> Station:
    """Return a station that has just connected."""
    return replace(station(), link=Link(token="t", connected_s=0))


def test_silent_until_boot_then_configuration_first() -> None:
    found = fresh()
    assert due(found, 1.0)[1] is None
    found, answer, _ = said(found, "BootNotification", 2.0, chargePointVendor="V", chargePointModel="M")
    assert answer == {"status": "Accepted", "currentTime": "2026-06-01T12:00:02Z", "interval": 60}
    assert sent(found, 2.0).action == "GetConfiguration"


def test_a_station_that_does_not_boot_is_asked_and_then_used() -> None:
    found, flight = due(fresh(), 5.0)
    assert flight is not None
    assert flight.payload == {"requestedMessage": "BootNotification"}
    accepted, _ = answered(found, flight, 5.1, status="Accepted")
    assert due(accepted, 6.0)[1] is None
    assert sent(accepted, 10.0).action == "GetConfiguration"
    refused, _ = answered(found, flight, 5.1, status="NotImplemented")
    assert sent(refused, 5.2).action == "GetConfiguration"


def configured(*keys: tuple[str, str]) -> tuple[Station, dict[str, str]]:
    """Return the station after it told its configuration, and what we changed in it."""
    found, _, _ = said(fresh(), "BootNotification", 1.0)
    found, flight = due(found, 1.0)
    assert flight is not None
    told_keys = [{"key": key, "readonly": False, "value": value} for key, value in keys]
    found, _ = answered(found, flight, 1.0, configurationKey=told_keys)
    changed: dict[str, str] = {}
    found, flight = due(found, 1.0)
    while flight is not None:
        if flight.action == "ChangeConfiguration":
            changed[flight.payload["key"]] = flight.payload["value"]
        found, _ = answered(found, flight, 1.0, status="Accepted")
        found, flight = due(found, 1.0)
    return found, changed


def test_only_what_differs_is_changed() -> None:
    _, changed = configured(
        ("MeterValuesSampledData", "Current.Import.L1,Power.Active.Import,Energy.Active.Import.Register"),
        ("MeterValueSampleInterval", "10"),
        ("HeartbeatInterval", "60"),
        ("TransactionMessageAttempts", "3"),
    )
    assert changed == {"TransactionMessageAttempts": str(ATTEMPTS)}


@pytest.mark.parametrize(
    ("told_unit", "units"),
    [
        ("Current", ("A",)),
        ("Power", ("W", "A")),
        ("W", ("W", "A")),
        ("Amps", ("A",)),
        ("Current,Power", ("A", "W")),
        ("", ("A", "W")),
        ("bananas", ("A", "W")),
    ],
)
def test_the_unit_key_is_read_tolerantly(told_unit: str, units: tuple[str, ...]) -> None:
    found, _ = configured(("ChargingScheduleAllowedChargingRateUnit", told_unit), ("ChargeProfileMaxStackLevel", "x"))
    assert found.learned.units == units
    assert found.learned.max_level is None


def test_a_rejected_list_of_measurands_is_made_shorter() -> None:
    found, _, _ = said(fresh(), "BootNotification", 1.0)
    found, flight = due(found, 1.0)
    found, _ = answered(found, flight, 1.0, configurationKey=[])  # type: ignore[arg-type]  # it is due
    found, flight = settled_until_change(found)
    found, _ = answered(found, flight, 1.0, status="Rejected")
    again = sent(found, 1.0)
    assert len(again.payload["value"]) < len(flight.payload["value"])


def settled_until_change(found: Station):  # type: ignore[no-untyped-def]  # (station, flight)
    while True:
        found, flight = due(found, 1.0)
        assert flight is not None
        if flight.action == "ChangeConfiguration":
            return found, flight
        found, _ = answered(found, flight, 1.0, status="Accepted")


def test_four_silences_in_a_row_end_the_socket() -> None:
    found = told(charging(station()), 10.0, 0.0, valid_s=3600)
    outputs = []
    for number in range(4):
        found, flight = due(found, number * 10.0)
        assert flight is not None
        found, outputs = answered(found, flight, number * 10.0)
    assert any(isinstance(output, Hangup) for output in outputs)


@pytest.mark.parametrize(
    ("word", "status"),
    [("Charging", "charging"), ("SuspendedEV", "suspended_ev"), ("suspendedevse", "suspended_evse"),
     ("Finishing", "finishing"), ("Faulted", "faulted"), ("Occupied", "preparing")],
)  # fmt: skip
def test_states(word: str, status: str) -> None:
    found, answer, _ = said(station(), "StatusNotification", 0.0, connectorId="1", status=word, errorCode="Error")
    assert answer == {}
    assert found.outlets[0].status == status


def test_an_unknown_state_is_kept_raw_and_changes_nothing() -> None:
    found = charging(station())
    found, _, _ = said(found, "StatusNotification", 1.0, connectorId=1, status="Dreaming")
    assert (found.outlets[0].status, found.outlets[0].raw_status) == ("charging", "Dreaming")


def test_available_without_a_stop_ends_the_transaction() -> None:
    found, _, _ = said(charging(station()), "StatusNotification", 1.0, connectorId=1, status="Available")
    assert found.outlets[0].transaction is None
    assert found.outlets[0].ended == (1,)


START = {"connectorId": 1, "idTag": "SECRET", "meterStart": 5, "timestamp": stamp(0)}


def test_a_start_is_stored_with_a_hashed_tag_and_its_repeat_has_the_same_id() -> None:
    found, answer, outputs = said(station(), "StartTransaction", 0.0, fresh_id=7, **START)
    (keep,) = [output for output in outputs if isinstance(output, Keep)]
    assert answer == {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}
    assert isinstance(keep.event, TransactionStarted)
    assert keep.event.id_tag_hash
    assert "SECRET" not in keep.event.id_tag_hash
    _, again, outputs = said(found, "StartTransaction", 1.0, fresh_id=8, **START)
    assert again["transactionId"] == 7
    assert [output.message_id for output in outputs if isinstance(output, Keep)] == [keep.message_id]


def test_after_the_stop_the_same_content_is_a_new_start() -> None:
    found, _, _ = said(station(), "StartTransaction", 0.0, fresh_id=7, **START)
    found, _, _ = said(found, "StopTransaction", 1.0, transactionId=7, meterStop=9, timestamp=stamp(1))
    assert said(found, "StartTransaction", 2.0, fresh_id=8, **START)[1]["transactionId"] == 8


@pytest.mark.parametrize("transaction", [-1, 0, 999, "x", None])
def test_unknown_stops_are_accepted_and_stored(transaction: object) -> None:
    _, answer, outputs = said(station(), "StopTransaction", 0.0, transactionId=transaction, meterStop="8")
    (keep,) = [output for output in outputs if isinstance(output, Keep)]
    assert answer == {}
    assert isinstance(keep.event, TransactionEnded)
    assert not keep.event.known


def test_different_unknown_stops_are_not_taken_for_repeats() -> None:
    ids = {
        output.message_id
        for reason in ("Local", "Remote")
        for output in said(station(), "StopTransaction", 0.0, transactionId=-1, reason=reason)[2]
        if isinstance(output, Keep)
    }
    assert len(ids) == 2


def test_a_stop_with_an_offline_id_ends_the_only_transaction() -> None:
    found, _, _ = said(charging(station()), "StopTransaction", 1.0, transactionId=-1, timestamp=stamp(1))
    assert found.outlets[0].transaction is None


def test_closing_values_do_not_revive_an_ended_transaction() -> None:
    found = charging(station())
    found, _, _ = said(found, "StopTransaction", 1.0, transactionId=1, timestamp=stamp(1))
    values = [{"sampledValue": [{"value": "5", "measurand": "Current.Import"}]}]
    found, _, _ = said(found, "MeterValues", 2.0, connectorId=1, transactionId=1, meterValue=values)
    assert found.outlets[0].transaction is None


def test_currents_are_mapped_to_site_phases() -> None:
    found = metered(charging(station(lines="L2 L3 L1")), 1.0, 6.0, 7.0, 8.0)
    state = load_state(found, found.outlets[0], 3.0, UTC0)
    assert state.measured_a is not None
    assert (state.measured_a.l1, state.measured_a.l2, state.measured_a.l3) == (8.0, 6.0, 7.0)
    assert state.measured_age_s == 2.0


def test_old_samples_do_not_replace_newer_ones() -> None:
    found = metered(metered(charging(station()), 10.0, 8.0), 11.0, 9.0)
    values = [{"timestamp": stamp(5.0), "sampledValue": [{"value": "1", "measurand": "Current.Import"}]}]
    found, _, _ = said(found, "MeterValues", 12.0, connectorId=1, meterValue=values)
    reading = found.outlets[0].reading
    assert reading is not None
    assert reading.line_a == (9.0, 0.0, 0.0)


def test_drawing_more_for_ten_seconds_and_two_samples_is_not_obeying() -> None:
    found, _ = settled(told(charging(station()), 6.0, 0.0, valid_s=3600), 0.0)
    found = metered(found, 5.0, 12.0)
    assert found.outlets[0].obeys
    found = metered(found, 10.0, 12.0)
    assert found.outlets[0].obeys
    found = metered(found, 16.0, 12.0)
    assert not found.outlets[0].obeys
    found = metered(found, 20.0, 6.5)
    assert found.outlets[0].obeys


def test_disobedience_raises_an_alert_once() -> None:
    found, _ = settled(told(charging(station()), 6.0, 0.0, valid_s=3600), 0.0)
    raised = []
    for now_s in (5.0, 16.0, 20.0, 30.0):
        value = [{"value": "12", "measurand": "Current.Import", "phase": "L1"}]
        values = [{"timestamp": stamp(now_s), "sampledValue": value}]
        found, _, outputs = said(found, "MeterValues", now_s, connectorId=1, meterValue=values)
        raised += [output.kind for output in outputs if isinstance(output, Warn)]
    assert raised == ["station_disobeys"]


def test_a_clock_that_is_off_is_believed_when_it_says_so_twice() -> None:
    found, _, _ = said(station(), "StatusNotification", 0.0, connectorId=1, timestamp=stamp(3600.0), status="Available")
    assert found.clock.offset_s == 0.0
    found, _, _ = said(found, "StatusNotification", 9.0, connectorId=1, timestamp=stamp(3609.0), status="Preparing")
    assert found.clock.offset_s == 3600.0
    found, _, _ = said(found, "StatusNotification", 10.0, connectorId=1, timestamp=stamp(10.0), status="Available")
    assert found.clock.offset_s == 0.0


def test_what_was_learned_survives_in_the_record() -> None:
    found = charging(station())
    found = replace(found, learned=Learned(units=("W", "A"), max_level=3, kind="relative", running=Rung("tx", "W", 0)))
    record = learning.with_facts(
        StationRecord(station="CP001", site="home", learned={"note": "kept"}), learning.facts_of(found)
    )
    assert record.learned["note"] == "kept"
    again = learning.restored(new_station(found.plan), record.learned)
    assert again.learned == found.learned
    assert again.outlets[0].open_start == found.outlets[0].open_start
    assert again.outlets[0].transaction == 1


def test_transactions_of_connectors_that_are_not_known_yet_stay_in_the_record() -> None:
    found = charging(station())
    record = learning.with_facts(StationRecord(station="CP001", site="home"), learning.facts_of(found))
    bare = learning.restored(new_station(replace(found.plan, outlets=())), record.learned)
    after = learning.with_facts(record, learning.facts_of(bare))
    assert after.learned == record.learned
    planned = learning.reopened(with_plan(bare, found.plan), after.learned)
    assert planned.outlets[0].open_start == found.outlets[0].open_start
    ended, _, _ = said(found, "StopTransaction", 1.0, transactionId=1, meterStop=1, timestamp=stamp(1.0))
    over = learning.with_facts(record, learning.facts_of(ended)).learned
    assert "start_1" not in over
    assert over["ended_1"] == "1"


def test_garbage_in_the_record_is_ignored() -> None:
    facts = {"units": "X", "max_level": "3", "kind": 5, "running": "a/b/c", "start_1": "no"}
    again = learning.restored(new_station(station().plan), facts)  # type: ignore[arg-type]  # values vary
    assert again.learned == Learned()
