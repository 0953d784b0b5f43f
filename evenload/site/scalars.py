"""What one written value means, given what the schema wants; and the remedy when it means something else.

Each reader returns (value, None) or (None, Wrong). Numbers are plain: the unit is in the key (`_a _w _v _wh _s _pct`),
and a value written with a unit gets the plain number as its remedy, converted where that is safe (2 kW → 2000).
"""

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from evenload.site.yaml_tree import Scalar

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_WITH_UNIT = re.compile(r"([-+]?\d[\d.,_ ]*?)\s*([A-Za-zµ°%]+)")
_MAX_DIGITS = 40
_UNITS: dict[str, tuple[str, float]] = {
    "a": ("a", 1),
    "amp": ("a", 1),
    "amps": ("a", 1),
    "ampere": ("a", 1),
    "ma": ("a", 0.001),
    "w": ("w", 1),
    "watt": ("w", 1),
    "kw": ("w", 1000),
    "mw": ("w", 1_000_000),
    "va": ("w", 1),
    "kva": ("w", 1000),
    "v": ("v", 1),
    "kv": ("v", 1000),
    "wh": ("wh", 1),
    "kwh": ("wh", 1000),
    "s": ("s", 1),
    "sec": ("s", 1),
    "ms": ("s", 0.001),
    "min": ("s", 60),
    "h": ("s", 3600),
    "%": ("pct", 1),
    "pct": ("pct", 1),
    "c": ("c", 1),
    "°c": ("c", 1),
}
_UNIT_WORDS = {"a": "A", "w": "W", "v": "V", "wh": "Wh", "s": "s", "pct": "%", "c": "°C"}
_YES, _NO = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a value cannot be taken, and what to write instead."""

    what: str
    remedy: str


def shown(text: str) -> str:
    """Return `text` fit for one line of a message: printable, at most 60 characters."""
    plain = "".join(character if character.isprintable() else "?" for character in text)
    return plain if len(plain) <= 60 else f"{plain[:57]}…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` was probably meant to be, or None."""
    by_folded = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(word[:80].casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def one_of(word: str, known: Iterable[str]) -> str:
    """Return the remedy for an unknown word: the nearest known one, or the list."""
    words = sorted(known)
    match = nearest(word, words)
    if match is not None:
        return f"did you mean {match}?"
    listed = ", ".join(words[:12]) + (", …" if len(words) > 12 else "")
    return f"give one of: {listed}" if words else "remove it"


def plain_number(value: float) -> str:
    """Return a number without a needless fraction: 16, 0.5, 2000."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.6g}"


def unit_of(key: str) -> str | None:
    """Return the unit that the suffix of `key` fixes, as a word; None when it has none."""
    return _UNIT_WORDS.get(key.rpartition("_")[2]) if "_" in key else None


def number(scalar: Scalar, key: str) -> tuple[float | None, Wrong | None]:
    """Return the finite number that was written for `key`."""
    text = scalar.text.strip()
    unit = unit_of(key)
    wanted = f"a number ({unit})" if unit else "a number"
    if len(text) <= _MAX_DIGITS and _NUMBER.fullmatch(text):
        value = float(text)
        if not math.isfinite(value):
            return None, Wrong(f"expected {wanted}, got {shown(text)}", "give a finite number")
        if scalar.quoted:
            return None, Wrong(f"expected {wanted}, got text in quotes", f"write {shown(text)} without quotes")
        return value, None
    return None, Wrong(f"expected {wanted}, got {_described(scalar)}", _number_remedy(text, key))


def whole_number(scalar: Scalar, key: str) -> tuple[int | None, Wrong | None]:
    """Return the whole number that was written for `key`."""
    value, wrong = number(scalar, key)
    if value is None:
        return None, wrong
    if value != int(value) or not re.fullmatch(r"[-+]?\d+", scalar.text.strip()):
        return None, Wrong(f"expected a whole number, got {shown(scalar.text)}", f"write {math.floor(value + 0.5)}")
    return int(value), None


def boolean(scalar: Scalar) -> tuple[bool | None, Wrong | None]:
    """Return the truth that was written: true, yes, on; false, no, off."""
    word = scalar.text.lower()
    if not scalar.quoted and word in _YES | _NO:
        return word in _YES, None
    remedy = f"write {word} without quotes" if word in _YES | _NO else "write true or false"
    return None, Wrong(f"expected true or false, got {_described(scalar)}", remedy)


def text_of(scalar: Scalar) -> tuple[str | None, Wrong | None]:
    """Return the text that was written; control characters are refused."""
    if not scalar.text.isprintable():
        return None, Wrong("the text holds a line break or another control character", "write it on one line")
    return scalar.text, None


def natural(scalar: Scalar) -> str | int | float | bool | None:
    """Return what a value looks like, where the schema does not say."""
    if scalar.quoted:
        return scalar.text
    if scalar.empty:
        return None
    if scalar.text.lower() in ("true", "false"):
        return scalar.text.lower() == "true"
    if len(scalar.text) <= _MAX_DIGITS and _NUMBER.fullmatch(scalar.text):
        value = float(scalar.text)
        return int(scalar.text) if re.fullmatch(r"[-+]?\d+", scalar.text) else value
    return scalar.text


def _described(scalar: Scalar) -> str:
    if scalar.empty or not scalar.text:
        return "nothing"
    return f"'{shown(scalar.text)}'"


def _number_remedy(text: str, key: str) -> str:
    """Return what to write instead of `text`: `16A` → 16, `2 kW` → 2000, `0,5` → 0.5."""
    own = key.rpartition("_")[2] if "_" in key else ""
    if text.lower() in _YES | _NO:
        return "write a number, not a yes or no"
    if re.fullmatch(r"[-+]?\.?(nan|inf)", text.lower()):
        return "give a finite number"
    match = _WITH_UNIT.fullmatch(text) if len(text) <= _MAX_DIGITS else None
    digits, unit = (match.group(1), match.group(2)) if match else (text, "")
    value = _decimal(digits)
    if value is None:
        return f"write a plain number in {_UNIT_WORDS[own]}" if own in _UNIT_WORDS else "write a plain number"
    if not unit:
        return f"write {plain_number(value)}"
    # M stays mega here and m milli: 2 MW is two million, and nobody rates a heater in milliwatts.
    dimension, factor = _UNITS.get(unit.lower(), ("", 1.0))
    if own in _UNIT_WORDS and dimension != own:
        return f"give it in {_UNIT_WORDS[own]} as a plain number, without {unit}"
    return f"write {plain_number(value * factor)}" + (
        f", the unit {_UNIT_WORDS[own]} is in the key" if own in _UNIT_WORDS else ""
    )


def _decimal(digits: str) -> float | None:
    """Return the number in `digits`, a comma taken as the decimal point unless it may group thousands; else None."""
    cleaned = digits.replace("_", "").replace(" ", "")
    if re.fullmatch(r"[-+]?\d+,(\d{1,2}|\d{4,})", cleaned):
        cleaned = cleaned.replace(",", ".")
    if not _NUMBER.fullmatch(cleaned) or len(cleaned) > _MAX_DIGITS:
        return None
    value = float(cleaned)
    return value if math.isfinite(value) else None
