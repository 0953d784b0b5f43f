"""A GoodWe dongle's datagrams: what is asked, what is taken for an answer, what is left unread."""

import pytest

from evenload.devices.goodwe_udp import answer, question

TWO = bytes.fromhex("aa55 f703 04 0bb8 fffe 2e4d")
"""Registers that say 3000 and −2, with the checksum worked out by hand."""
REFUSAL = bytes.fromhex("aa55 f783 02 20c3")


def test_the_question_is_the_one_that_inverters_answer() -> None:
    """35000, 33 registers, of unit 247."""
    assert question(0xF7, range(35_000, 35_033)) == bytes.fromhex("f703 88b8 0021 3ac1")


def test_words_and_a_refusal_are_told_apart() -> None:
    assert answer(TWO, 0xF7, 2) == [3000, 0xFFFE]
    assert answer(REFUSAL, 0xF7, 2) == 2


@pytest.mark.parametrize(
    "datagram",
    [b"", b"\xaa\x55", TWO[2:], TWO[:-1], TWO[:-1] + b"\0", b"\xaa\x56" + TWO[2:], TWO + b"\0", b"<html>" * 9],
    ids=["nothing", "header", "no header", "cut", "checksum", "other header", "longer", "noise"],
)
def test_what_does_not_fit_is_no_answer(datagram: bytes) -> None:
    assert answer(datagram, 0xF7, 2) is None


@pytest.mark.parametrize(("unit", "count"), [(0xF6, 2), (0xF7, 1), (0xF7, 3)])
def test_an_answer_to_another_question_is_no_answer(unit: int, count: int) -> None:
    assert answer(TWO, unit, count) is None
