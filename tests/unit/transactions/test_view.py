"""Transactions as a fold: one record each, whatever comes twice, late or without its other half."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evenload.contracts.events import TransactionEnded, TransactionEvent, TransactionStarted, TransactionUpdated
from evenload.transactions.tags import content_hash, tag_hash
from evenload.transactions.view import View, energy_wh, listed, replayed

T0 = datetime(2026, 6, 1, 12, tzinfo=UTC)


def facts(transaction: str, at_s: int) -> dict[str, Any]:
    received_at = T0 + timedelta(seconds=at_s)
    return {"site": "home", "station": "CP1", "evse": 1, "load": "car", "transaction": transaction,
            "received_at": received_at}  # fmt: skip


def start(transaction: str, at_s: int, register_wh: float | None = 1000.0, **more: Any) -> TransactionStarted:
    at = T0 + timedelta(seconds=at_s)
    return TransactionStarted(**facts(transaction, at_s), started_at=at, meter_start_wh=register_wh, **more)


def update(transaction: str, at_s: int, register_wh: float | None, why: str = "") -> TransactionUpdated:
    at = T0 + timedelta(seconds=at_s)
    return TransactionUpdated(**facts(transaction, at_s), updated_at=at, meter_wh=register_wh, why=why)


def stop(transaction: str, at_s: int, register_wh: float | None = 3000.0, **more: Any) -> TransactionEnded:
    at = T0 + timedelta(seconds=at_s)
    return TransactionEnded(**facts(transaction, at_s), ended_at=at, meter_stop_wh=register_wh, **more)


def test_start_and_stop_make_one_record_with_its_energy() -> None:
    (found,) = listed(replayed([start("7", 0, id_tag_hash="ab"), stop("7", 60, why="Local")]))
    assert (found.started_at, found.ended_at) == (T0, T0 + timedelta(seconds=60))
    assert energy_wh(found) == 2000.0
    assert (found.load, found.id_tag_hash, found.why) == ("car", "ab", "Local")


def test_a_running_one_counts_what_its_register_says() -> None:
    (found,) = listed(replayed([start("7", 0), update("7", 9, 1400.0), update("7", 8, 1200.0)]))
    assert energy_wh(found) == 400.0
    assert found.ended_at is None


def test_an_adopted_one_counts_from_the_first_register_seen() -> None:
    (found,) = listed(replayed([update("7", 0, None, "adopted"), update("7", 1, 1500.0), stop("7", 9)]))
    assert found.started_at is None
    assert energy_wh(found) == 1500.0


def test_a_start_that_comes_after_its_stop_belongs_to_it() -> None:
    (found,) = listed(replayed([stop("7", 60), start("7", 0)]))
    assert energy_wh(found) == 2000.0


@pytest.mark.parametrize(("begin_wh", "end_wh"), [(None, 5.0), (5.0, None), (3000.0, 5.0)])
def test_energy_without_a_usable_register_is_not_known(begin_wh: float | None, end_wh: float | None) -> None:
    (found,) = listed(replayed([start("7", 0, begin_wh), stop("7", 60, end_wh)]))
    assert energy_wh(found) is None


def test_stops_that_name_nothing_stand_for_themselves() -> None:
    events = [stop("-1", 1), stop("-1", 2), stop("none", 3), stop("-1", 1)]
    assert len(listed(replayed(events))) == 3


def test_a_second_stop_that_says_something_else_changes_nothing() -> None:
    once = replayed([start("7", 0), stop("7", 60)])
    assert replayed([stop("7", 61, 9999.0)], once) == once


def test_an_id_that_a_station_gives_again_is_another_transaction() -> None:
    found = listed(replayed([start("a", 0), stop("a", 10), start("a", 20, 3000.0), stop("a", 30, 3100.0)]))
    assert [energy_wh(each) for each in found] == [2000.0, 100.0]


def test_stations_compare_without_case_and_never_mix() -> None:
    other = TransactionStarted(**{**facts("7", 0), "station": "cp1"}, started_at=T0, meter_start_wh=1000.0)
    third = TransactionStarted(**{**facts("7", 0), "station": "CP2"}, started_at=T0)
    assert len(listed(replayed([start("7", 0), other, third]))) == 2


def random_events(chance: random.Random, *reused: str) -> list[TransactionEvent]:
    """Return the events of a station's day: in order, some missing, some ids given again or naming nothing."""
    events: list[TransactionEvent] = []
    for number in range(12):
        name, at_s = chance.choice([*reused, str(number), "-1"]), number * 100
        parts = [start(name, at_s), update(name, at_s + 5, 1100.0), stop(name, at_s + 50, 1500.0 + number)]
        events += [part for part in parts if chance.random() < 0.8 and not (name == "-1" and part is not parts[2])]
    return events


def test_replaying_gives_an_equal_view_however_it_is_cut_or_repeated() -> None:
    chance = random.Random(20260603)
    for _ in range(300):
        events = random_events(chance, "a", "b")
        whole, cut = replayed(events), chance.randint(0, len(events))
        assert replayed(events[cut:], replayed(events[:cut])) == whole
        doubled = [each for event in events for each in [event] * chance.choice([1, 1, 2])]
        assert replayed(doubled) == whole
        unique = random_events(chance)
        assert replayed(unique, replayed(unique)) == replayed(unique)


def test_a_view_is_never_changed() -> None:
    view = View()
    replayed([start("7", 0)], view)
    assert view == View()


def test_tags_are_stored_as_keyed_hashes() -> None:
    assert tag_hash("", b"key") == ""
    assert tag_hash("ABC", b"key") == tag_hash("abc", b"key") != tag_hash("abc", b"other")
    assert content_hash("a", 1) != content_hash("a1")
