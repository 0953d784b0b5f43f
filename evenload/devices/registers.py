"""Values out of Modbus registers, by a line of text each. Pure.

A term is `KIND ADDRESS TYPE`, then, where they apply, `swapped` (low word first), `xSCALE`, `if ADDRESS.BIT` (counts
as 0 while that bit of a register is clear). Terms are joined by ` + `; `or 0` at the end makes 0 of a value that is not
there.

    holding 37107 int32 x-0.01
    input 13021 int16 if 13000.2 + input 13021 int16 x-1 if 13000.1

Each type has values that mean "not there": the highest and, signed, the lowest; NaN and infinities of floats. A term
that is not there adds nothing; where none is there, the value is None.
"""

import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

Kind = Literal["holding", "input"]
MAX_COUNT = 125
"""Registers in one answer, by the protocol."""
TYPES: dict[str, tuple[int, str]] = {
    "int16": (1, "h"),
    "uint16": (1, "H"),
    "int32": (2, "i"),
    "uint32": (2, "I"),
    "int64": (4, "q"),
    "uint64": (4, "Q"),
    "float32": (2, "f"),
}
"""Type → words, and how its bytes are read."""
_TERM = re.compile(
    r"(?P<kind>holding|input) (?P<address>[0-9]{1,5}) (?P<type>u?int(?:16|32|64)|float32)(?P<swapped> swapped)?"
    r"(?: x(?P<scale>-?[0-9]+(?:\.[0-9]+)?))?(?: if (?P<flag>[0-9]{1,5})\.(?P<bit>[0-9]{1,2}))?"
)
_OR_ZERO = " or 0"


class Term(Struct, frozen=True, kw_only=True):
    """One number in the registers."""

    kind: Kind
    address: int
    type: str
    swapped: bool = False
    scale: float = 1.0
    flag: tuple[int, int] | None = None
    """Register and bit that must be set."""

    @property
    def registers(self) -> tuple[tuple[Kind, int], ...]:
        """Every register it needs."""
        own = tuple((self.kind, self.address + word) for word in range(TYPES[self.type][0]))
        return own if self.flag is None else (*own, (self.kind, self.flag[0]))


class Value(Struct, frozen=True):
    """The terms of one value; `or_zero`: it is 0 where none is there."""

    terms: tuple[Term, ...]
    or_zero: bool = False


class Block(Struct, frozen=True):
    """Registers that are read in one question."""

    kind: Kind
    registers: range


Words = Mapping[tuple[Kind, int], int]


def parse(text: str) -> Value:
    """Return the terms in `text`; raise `ValueError` for a text that cannot be read."""
    whole = text.removesuffix(_OR_ZERO)
    return Value(tuple(_term(part) for part in whole.split(" + ")), or_zero=whole != text)


def _term(text: str) -> Term:
    match = _TERM.fullmatch(text)
    if (
        match is None
        or int(match["address"]) > 0xFFFF
        or int(match["flag"] or 0) > 0xFFFF
        or int(match["bit"] or 0) > 15
    ):
        raise ValueError(f"{text!r} is no register: expected the form `holding 37113 int32 x-1`")
    return Term(
        kind="holding" if match["kind"] == "holding" else "input",
        address=int(match["address"]),
        type=match["type"],
        swapped=match["swapped"] is not None,
        scale=float(match["scale"] or 1),
        flag=None if match["flag"] is None else (int(match["flag"]), int(match["bit"])),
    )


def blocks(values: Iterable[Value], most_between: int) -> tuple[Block, ...]:
    """Return the questions for `values`: registers with up to `most_between` others between are read together."""
    wanted = sorted({register for value in values for term in value.terms for register in term.registers})
    found: list[Block] = []
    for kind, address in wanted:
        last = found[-1] if found else None
        near = last is not None and last.kind == kind and address - last.registers.stop <= most_between
        if last is not None and near and address - last.registers.start < MAX_COUNT:
            found[-1] = Block(kind, range(last.registers.start, address + 1))
        else:
            found.append(Block(kind, range(address, address + 1)))
    return tuple(found)


def number(value: Value, words: Words) -> float | None:
    """Return what the registers say; None = not there."""
    present = [found for term in value.terms if (found := _number(term, words)) is not None]
    if not present:
        return 0.0 if value.or_zero else None
    return round(math.fsum(present), 6)


def _number(term: Term, words: Words) -> float | None:
    if term.flag is not None and not words[(term.kind, term.flag[0])] >> term.flag[1] & 1:
        return 0.0
    size = TYPES[term.type][0]
    own = [words[(term.kind, term.address + word)] for word in range(size)]
    found = decode(own[::-1] if term.swapped else own, term.type)
    return None if found is None else found * term.scale


def decode(words: Sequence[int], kind: str) -> float | None:
    """Return the number in `words`, high word first; None = not there."""
    size, code = TYPES[kind]
    (found,) = struct.unpack(f">{code}", struct.pack(f">{size}H", *words))
    if code == "f":
        # −3.4e38 is what some devices send for "not there".
        return found if math.isfinite(found) and abs(found) < 1e30 else None
    highest = 2 ** (16 * size - (1 if code.islower() else 0)) - 1
    return None if found == highest or (code.islower() and found == -highest - 1) else float(found)


def encode(term: Term, value: float) -> list[int]:
    """Return the words that hold `value`, in the order of their addresses; a value out of range is its nearest."""
    size, code = TYPES[term.type]
    raw = value / term.scale
    if code != "f":
        bits = 16 * size
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if code.islower() else (0, 2**bits - 1)
        packed = struct.pack(f">{code}", min(max(round(raw), low), high))
    else:
        packed = struct.pack(">f", raw)
    words = list(struct.unpack(f">{size}H", packed))
    return words[::-1] if term.swapped else words
