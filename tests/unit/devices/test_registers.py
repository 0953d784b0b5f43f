"""Modbus registers by lines of text: what is read in one question, word order, sentinels, sums, bits."""

import re

import pytest

from evenload.devices.modbus import ModbusAddress, modbus_address
from evenload.devices.registers import Block, Kind, blocks, number, parse
from evenload.site.drivers import INVERTERS, REGISTER_PATTERN
from services.meter_ingest.config import fastest_period_s
from services.meter_ingest.makes.table import MAKES


def said(text: str, *words: int, start: int = 10, kind: Kind = "holding") -> float | None:
    return number(parse(text), {(kind, start + place): word for place, word in enumerate(words)})


@pytest.mark.parametrize(
    ("text", "words", "value"),
    [
        ("holding 10 uint16", (0x8001,), 32769.0),
        ("holding 10 int16", (0xFFFF,), -1.0),
        ("holding 10 int32", (0xFFFF, 0xFE0C), -500.0),
        ("holding 10 int32 swapped", (0xFE0C, 0xFFFF), -500.0),
        ("holding 10 uint32 x0.1", (0x0001, 0x0000), 6553.6),
        ("holding 10 float32", (0x44BB, 0x8000), 1500.0),
        ("holding 10 float32 swapped x-1", (0x8000, 0x44BB), -1500.0),
        ("holding 10 uint64", (0, 0, 1, 0), 65536.0),
    ],
)
def test_a_number_is_read(text: str, words: tuple[int, ...], value: float) -> None:
    assert said(text, *words) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("holding 10 uint16", (0xFFFF,)),
        ("holding 10 int16", (0x8000,)),
        ("holding 10 int16", (0x7FFF,)),
        ("holding 10 int32", (0x8000, 0x0000)),
        ("holding 10 int32 swapped", (0x0000, 0x8000)),
        ("holding 10 uint32", (0xFFFF, 0xFFFF)),
        ("holding 10 uint64", (0xFFFF,) * 4),
        ("holding 10 float32", (0x7FC0, 0x0000)),
        ("holding 10 float32", (0x7F80, 0x0000)),
        ("holding 10 float32", (0xFF7F, 0xFFFF)),
    ],
)
def test_a_sentinel_is_not_there(text: str, words: tuple[int, ...]) -> None:
    assert said(text, *words) is None
    assert said(f"{text} or 0", *words) == 0.0


def test_a_sum_leaves_out_what_is_not_there() -> None:
    text = "holding 10 uint16 + holding 11 uint16 x-1"
    assert said(text, 700, 200) == 500.0
    assert said(text, 700, 0xFFFF) == 700.0
    assert said(text, 0xFFFF, 0xFFFF) is None


def test_a_bit_gives_the_direction() -> None:
    text = "holding 10 int16 if 11.2 + holding 10 int16 x-1 if 11.1"
    assert [said(text, 900, state) for state in (0b000, 0b010, 0b100)] == [0.0, -900.0, 900.0]


def test_near_registers_are_read_in_one_question() -> None:
    values = [parse(f"holding {address} uint16") for address in (10, 11, 14, 30)]
    assert blocks(values, 2) == (Block("holding", range(10, 15)), Block("holding", range(30, 31)))
    assert blocks(values, 0) == (
        Block("holding", range(10, 12)),
        Block("holding", range(14, 15)),
        Block("holding", range(30, 31)),
    )


def test_a_question_is_never_longer_than_the_protocol_takes() -> None:
    found = blocks([parse(f"input {address} uint32") for address in range(0, 1000, 2)], 8)
    assert all(len(block.registers) <= 125 for block in found)
    assert sum(len(block.registers) for block in found) == 1000


GOOD = ("holding 10 uint16", "input 65535 int32 swapped x-0.01 if 3.15", "holding 1 int16 + input 2 int16 x-1 or 0")
BAD = (
    "", "10", "coil 10 int16", "holding 10", "holding 10 int8", "holding 10 int16 x", "holding 10 int16 +",
    "holding 10 int16 or 1", "holding 1 int16 + + holding 2 int16", "holding 10 int16 if 3",
)  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_what_the_site_file_takes_can_be_read(text: str) -> None:
    assert re.search(REGISTER_PATTERN, text)
    assert parse(text).terms


@pytest.mark.parametrize("text", BAD)
def test_what_cannot_be_read_is_refused_by_the_site_file_too(text: str) -> None:
    assert not re.search(REGISTER_PATTERN, text)
    with pytest.raises(ValueError, match="is no register"):
        parse(text)


@pytest.mark.parametrize("text", ["holding 70000 int16", "holding 10 int16 if 3.16"])
def test_a_register_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no register"):
        parse(text)


@pytest.mark.parametrize("name", sorted(MAKES))
def test_every_line_of_a_table_can_be_read(name: str) -> None:
    for table in MAKES[name].roles.values():
        assert all(parse(text).terms and re.search(REGISTER_PATTERN, text) for text in table.values())


def test_every_make_is_a_driver() -> None:
    assert tuple(sorted(MAKES)) == INVERTERS
    assert fastest_period_s("huawei") == 2.0
    assert fastest_period_s("mqtt") == 0.0


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.0.0.1", ModbusAddress(host="10.0.0.1", port=1502)),
        ("10.0.0.1:503", ModbusAddress(host="10.0.0.1", port=503)),
        ("[fe80::1]", ModbusAddress(host="fe80::1", port=1502)),
        ("[fe80::1]:503", ModbusAddress(host="fe80::1", port=503)),
    ],
)
def test_an_address_has_the_port_of_its_make_by_default(host: str, address: ModbusAddress) -> None:
    assert modbus_address(host, 1502) == address
