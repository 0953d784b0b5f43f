"""Frames that go past the protocol: exactly the whole ones, wherever the bytes are cut."""

import random

import pytest
from websockets.frames import Frame, Opcode

from services.ocpp_gateway.drivers.framing import after_frames, text_head, whole_message


def masked(data: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    return bytes(Frame(opcode, data, fin).serialize(mask=True))


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536])
def test_a_whole_text_frame_is_its_text_and_any_cut_of_it_is_none(length: int) -> None:
    data = bytes(random.Random(length).randbytes(length))
    frame = masked(data)
    assert whole_message(frame) == data
    for cut in (cut for cut in (0, 1, 2, 3, 5, 7, len(frame) - 1) if cut < len(frame)):
        assert whole_message(frame[:cut]) is None
        assert after_frames(frame[:cut]) == frame[:cut]
    assert whole_message(frame + b"x") is None
    assert after_frames(frame + frame + frame[:3]) == frame[:3]
    assert after_frames(frame) == b""


@pytest.mark.parametrize(
    "frame",
    [
        masked(b"x", Opcode.BINARY),
        masked(b"x", Opcode.PING),
        masked(b"x", fin=False),
        bytes(Frame(Opcode.TEXT, b"x").serialize(mask=False)),
        b"\xc1" + masked(b"x")[1:],
    ],
    ids=["binary", "ping", "part", "unmasked", "compressed"],
)
def test_all_other_frames_are_left_to_the_protocol(frame: bytes) -> None:
    assert whole_message(frame) is None


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_what_we_send_is_what_the_library_would(length: int) -> None:
    data = b"x" * length
    assert text_head(length) + data == bytes(Frame(Opcode.TEXT, data).serialize(mask=False))
