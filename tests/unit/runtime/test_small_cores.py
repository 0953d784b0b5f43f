"""Backoff, subject matching, waiting changes, JetStream JSON, discovery, health, the server's words."""

import asyncio
from pathlib import Path

import pytest

from evenload.runtime.backoff import HOPELESS_AFTER, PROVEN_S, Attempts, failed
from evenload.runtime.bus import BusTimeout, Change
from evenload.runtime.changes import Changes
from evenload.runtime.declared import BUCKETS, STREAMS, bucket_spec
from evenload.runtime.health import Health
from evenload.runtime.jetstream import (
    ApiError,
    bucket_config,
    changed,
    differences,
    failure,
    read_answer,
    stream_config,
)
from evenload.runtime.matching import matches
from evenload.runtime.nats_buckets import sequence_of
from evenload.runtime.server_config import configuration, explain


def test_pauses_double_from_a_tenth_to_ten_seconds() -> None:
    attempts, pauses = Attempts(), []
    for _ in range(10):
        attempts = failed(attempts, 0.0)
        pauses.append(attempts.pause_s)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]


def test_who_ran_long_enough_begins_anew_and_who_never_does_is_hopeless() -> None:
    attempts = Attempts()
    for _ in range(HOPELESS_AFTER):
        assert not attempts.hopeless
        attempts = failed(attempts, PROVEN_S - 1)
    assert attempts.hopeless
    assert failed(attempts, PROVEN_S) == Attempts(1)


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*.c", "a.b.c", True),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        (">", "a", True),
    ],
)
def test_subjects_match_as_in_nats(pattern: str, subject: str, expected: bool) -> None:
    assert matches(pattern, subject) is expected


async def waiting(changes: Changes, count: int) -> list[tuple[str, bytes | None]]:
    found = [await asyncio.wait_for(anext(changes), 1) for _ in range(count)]
    return [(change.key, change.value) for change in found]


async def test_a_newer_change_of_a_key_replaces_the_one_that_waits() -> None:
    changes = Changes()
    for change in (Change("a", b"1", 1), Change("b", b"1", 2), Change("a", b"2", 3)):
        changes.offer(change)
    assert await waiting(changes, 2) == [("b", b"1"), ("a", b"2")]


async def test_a_new_start_tells_only_what_differs() -> None:
    changes = Changes()
    changes.offer(Change("same", b"1", 1))
    changes.offer(Change("gone", b"1", 2))
    await waiting(changes, 2)
    changes.offer(Change("same", b"1", 1))
    changes.offer(Change("new", b"1", 5))
    changes.complete({"same": 1, "new": 5})
    assert await waiting(changes, 2) == [("new", b"1"), ("gone", None)]


async def test_the_removal_of_what_was_never_told_is_not_told() -> None:
    changes = Changes()
    changes.offer(Change("never", None, 1))
    changes.offer(Change("b", b"1", 2))
    assert await waiting(changes, 1) == [("b", b"1")]


def test_transactions_are_synced_protected_and_deduplicated_for_a_day() -> None:
    config = {spec.name: stream_config(spec) for spec in STREAMS}["transactions"]
    assert (config["deny_delete"], config["deny_purge"], config["storage"]) == (True, True, "file")
    assert config["duplicate_window"] == 86_400 * 10**9
    assert "persist_mode" not in config


def test_history_is_async_compressed_and_bounded() -> None:
    config = {spec.name: stream_config(spec) for spec in STREAMS}["history"]
    assert (config["persist_mode"], config["compression"]) == ("async", "s2")
    assert (config["max_bytes"], config["max_age"]) == (10**9, 7 * 86_400 * 10**9)


def test_buckets_with_a_time_to_live_tell_watchers_of_expiry() -> None:
    owners = bucket_config(bucket_spec("owners"))
    assert (owners["max_age"], owners["subject_delete_marker_ttl"]) == (5 * 10**9, 5 * 10**9)
    assert all("allow_msg_ttl" not in bucket_config(spec) for spec in BUCKETS if spec.ttl_s is None)


def test_no_two_streams_keep_the_same_subject() -> None:
    kept = [subject for spec in STREAMS for subject in spec.subjects]
    assert not [(a, b) for a in kept for b in kept if a is not b and matches(a, b.replace("*", "x"))]


def test_differences_know_zero_values_and_change_only_what_is_safe() -> None:
    wanted = {"max_age": 5, "max_bytes": -1, "storage": "file", "deny_purge": False}
    assert differences(wanted, {"max_age": 5, "storage": "file"}) == ()
    assert differences(wanted, {"max_age": 6, "storage": "memory"}) == ("max_age", "storage")
    assert changed(wanted, {"max_age": 6, "storage": "memory"}) == {
        "max_age": 5,
        "max_bytes": -1,
        "storage": "memory",
        "deny_purge": False,
    }


def test_answers_of_jetstream_are_read_and_refusals_explained() -> None:
    answer = read_answer("x", b'{"error":{"code":503,"err_code":10008,"description":"unavailable"}}')
    assert isinstance(failure("x", answer.error or ApiError()), BusTimeout)
    with pytest.raises(Exception, match="unreadable"):
        read_answer("x", b"<html>")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("$JS.ACK.KV_sites.c1.1.42.7.1700000000.3", (42, 7, 3)),
        ("$JS.ACK.hub.acchash.KV_sites.c1.1.42.7.1700000000.3.rnd", (42, 7, 3)),
        ("$JS.ACK.KV_sites.c1.1.x.7.1700000000.3", None),
        ("_INBOX.abc", None),
        ("", None),
    ],
)
def test_delivery_sequences_are_read_from_the_reply_subject(reply: str, expected: tuple[int, int, int] | None) -> None:
    assert sequence_of(reply) == expected


def test_readiness_says_what_is_missing() -> None:
    health = Health()
    health.need("bus", "subscriptions")
    health.set("bus", True)
    assert health.readyz() == (
        503,
        {"ready": False, "missing": ["subscriptions"], "state": {"bus": True, "subscriptions": False}},
    )
    health.set("subscriptions", True)
    assert health.readyz()[0] == 200


def test_only_what_is_given_up_makes_a_process_not_alive() -> None:
    health = Health()
    health.need("bus")
    assert health.livez()[0] == 200
    health.give_up("meters", "KeyError, 12 times in a row")
    assert health.livez() == (503, {"alive": False, "failed": {"meters": "KeyError, 12 times in a row"}})
    health.recovered("meters")
    assert health.livez()[0] == 200


def test_the_server_listens_on_loopback_only_and_syncs_always(tmp_path: Path) -> None:
    text = configuration(tmp_path / 'odd "name"', 4333, 8333)
    assert 'listen: "127.0.0.1:4333"' in text
    assert 'http: "127.0.0.1:8333"' in text
    assert "sync_interval: always" in text
    assert 'odd \\"name\\"' in text


@pytest.mark.parametrize(
    ("line", "sign"),
    [
        ("[1] 2026 [FTL] Error listening on port: 127.0.0.1:4222, listen tcp: bind: address already in use", "taken"),
        ("[1] 2026 [FTL] Can't start JetStream: write: no space left on device", "is full"),
        ("[1] 2026 [FTL] Can't start JetStream: open: permission denied", "cannot be written"),
        ("[1] 2026 [FTL] something new", "something new"),
    ],
)
def test_the_servers_last_words_are_explained(line: str, sign: str) -> None:
    assert sign in str(explain([line], Path("/data"), 4222))
