"""Frames, the handshake, credentials, pacing."""

import pytest

from evenload.site.credentials import NOBODY, NOBODY_CHOSEN, check_credential, make_credential, make_password
from services.ocpp_gateway import frames, handshake, pacing
from services.ocpp_gateway.drivers.passwords import Passwords
from services.ocpp_gateway.frames import Call, CallError, CallResult, PeerProtocolError, nesting_within, parse

SALT = b"0123456789abcdef"


def test_the_three_kinds_of_frames() -> None:
    call = parse(b' [2, "1", "Heartbeat", {}] ')
    assert isinstance(call, Call)
    assert (call.message_id, call.action, bytes(call.payload)) == ("1", "Heartbeat", b"{}")
    assert isinstance(parse(b'[3,"1",{}]'), CallResult)
    error = parse(b'[4,"1","NotImplemented","",{}]')
    assert isinstance(error, CallError)
    assert error.code == "NotImplemented"


@pytest.mark.parametrize(
    "text",
    [b"", b"[", b"]", b"5", b"null", b'[2,"","Heartbeat",{}]', b'[2,"\\u0000","H",{}]', b"\xff\xfe", b'[2,"a",5,{}]'],
)
def test_bad_frames_are_refused_not_raised(text: bytes) -> None:
    with pytest.raises(PeerProtocolError):
        parse(text)


@pytest.mark.parametrize("depth", [15, 16, 17, 40, 30_000])
def test_nesting_is_bounded_whatever_strings_say(depth: int) -> None:
    for inner in (b"", b'"]]]]"', b'"\\"[[[["'):
        assert nesting_within(b"[" * depth + inner + b"]" * depth) == (depth <= 16)


def test_answers_are_written_as_the_standard_wants() -> None:
    assert frames.write_call("1", "Reset", {"type": "Soft"}) == b'[2,"1","Reset",{"type":"Soft"}]'
    assert frames.write_result("1", {}) == b'[3,"1",{}]'
    assert len(frames.write_error("1", "InternalError", "x" * 999)) < 300


@pytest.mark.parametrize(
    ("path", "station"),
    [
        ("/CP001", "CP001"),
        ("/ocpp/ws/CP001/", "CP001"),
        ("//CP001?token=1", "CP001"),
        ("/RDAM%7C123", "RDAM|123"),
        ("/%2543P001", None),
        ("/", None),
        ("/a%2Fb", None),
        ("/a%00", None),
        ("/" + "x" * 49, None),
        ("/ä", None),
    ],
)
def test_station_ids_in_paths(path: str, station: str | None) -> None:
    assert handshake.station_of(path) == station


def test_a_password_may_be_sent_as_hex_or_as_the_bytes_it_stands_for() -> None:
    hexed = make_credential("a1b2c3d4e5f60718", SALT)
    assert check_credential(hexed, b"a1b2c3d4e5f60718")
    assert check_credential(hexed, bytes.fromhex("a1b2c3d4e5f60718"))
    assert check_credential(make_credential("plain text", SALT), b"plain text".hex().encode())
    assert not check_credential(hexed, b"a1b2")


@pytest.mark.parametrize("value", ["", "blake2b", "blake2b$zz$zz", "md5$00$00", "blake2b$00$00"])
def test_malformed_records_fit_nothing(value: str) -> None:
    assert not check_credential(value, b"")


def test_chosen_passwords_are_kept_slowly_and_generated_ones_fast() -> None:
    assert make_credential("correct horse", SALT).startswith("scrypt$")
    assert make_credential(make_password(), SALT).startswith("blake2b$")
    assert check_credential(make_credential("correct horse", SALT), b"correct horse")
    assert not check_credential(make_credential("correct horse", SALT), b"correct horsf")
    assert not check_credential(NOBODY_CHOSEN, b"")


async def test_a_chosen_password_is_remembered_and_a_changed_record_forgets_it() -> None:
    passwords, chosen = Passwords(), make_credential("correct horse", SALT)
    assert await passwords.fits(chosen, b"correct horse")
    assert await passwords.fits(chosen, b"correct horse")
    assert not await passwords.fits(chosen, b"wrong horse")
    assert not await passwords.fits(make_credential("another horse", SALT), b"correct horse")
    assert not await passwords.fits(NOBODY, b"correct horse")


def test_made_passwords_differ_and_fit_the_standard() -> None:
    assert make_password() != make_password()
    assert len(make_password()) <= 40
    with pytest.raises(ValueError, match="salt"):
        make_credential("x", b"short")


def test_failures_are_counted_for_a_minute_and_bounded() -> None:
    failures = handshake.Failures()
    for number in range(50):
        failures = handshake.failed(failures, "a", float(number))
    assert handshake.recent(failures, "a", 49.0) == handshake.MAX_FAILURES + 1
    assert handshake.recent(failures, "a", 120.0) == 0
    for number in range(handshake.MAX_ADDRESSES + 50):
        failures = handshake.failed(failures, str(number), 60.0)
    assert len(failures.at_s) == handshake.MAX_ADDRESSES


def test_a_burst_passes_and_then_the_pace_holds() -> None:
    bucket, pace = pacing.Bucket(60.0, 0.0), pacing.Pace()
    for _ in range(60):
        bucket, pause_s = pacing.take(bucket, pace, 0.0)
        assert pause_s == 0.0
    bucket, pause_s = pacing.take(bucket, pace, 0.0)
    assert pause_s == pytest.approx(1 / 20)
