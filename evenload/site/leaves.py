"""The leaves of the schema: words, numbers, texts; each checks one written value and reports what is wrong with it."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from msgspec import inspect

from evenload.site import scalars
from evenload.site.driver_keys import PATH_PATTERN
from evenload.site.findings import Report
from evenload.site.yaml_tree import Node, Scalar, Sequence

ALIASES: dict[str, str] = {"continuous": "standard", "normal": "standard"}
"""Words that are taken for a schema's word."""


_REMEDIES: dict[str, str] = {
    "keys with values below it": "indent its keys below it, each as KEY: VALUE",
    "names with values below them": "indent the names below it, each as NAME: {…}",
}


class Bad(Enum):
    """The answer for a value that was reported and cannot be used."""

    BAD = "bad"


BAD = Bad.BAD


@dataclass(frozen=True)
class Reading:
    """What a walk needs: where to report, and whether the simulation provides meters, drivers and stations."""

    report: Report
    simulated: bool


def literal(kind: inspect.LiteralType, node: Node, path: str, reading: Reading) -> Any:
    words = [str(value) for value in kind.values]
    if not isinstance(node, Scalar):
        return not_a(reading, path, node, f"one of {', '.join(words)}")
    word = ALIASES[node.text] if ALIASES.get(node.text) in words else node.text
    # A YAML 1.1 reader has made false of `off` before a mapping comes here.
    if word == "false" and not node.quoted and "off" in words:
        word = "off"
    if word in words:
        return next(value for value in kind.values if str(value) == word)
    what = f"expected {_listed(words)}, got {scalars.shown(node.text) or 'nothing'}"
    known = words + [alias for alias, meant in ALIASES.items() if meant in words]
    return refuse(reading, path, what, scalars.one_of(word, known))


def decimal(kind: inspect.FloatType, node: Node, path: str, reading: Reading) -> Any:
    if not isinstance(node, Scalar):
        return not_a(reading, path, node, "a number")
    value, wrong = scalars.number(node, path.rpartition(".")[2])
    if value is None:
        return _refused(wrong, path, reading)
    return _bounded(kind, value, path, reading)


def whole(kind: inspect.IntType, node: Node, path: str, reading: Reading) -> Any:
    if not isinstance(node, Scalar):
        return not_a(reading, path, node, "a whole number")
    value, wrong = scalars.whole_number(node, path.rpartition(".")[2])
    if value is None:
        return _refused(wrong, path, reading)
    return _bounded(kind, value, path, reading)


def _bounded(kind: inspect.FloatType | inspect.IntType, value: float, path: str, reading: Reading) -> Any:
    got = f"got {scalars.plain_number(value)}"
    for bound, sign, ok, remedy in (
        (kind.ge, "≥", kind.ge is None or value >= kind.ge, "at least"),
        (kind.gt, ">", kind.gt is None or value > kind.gt, "more than"),
        (kind.le, "≤", kind.le is None or value <= kind.le, "at most"),
        (kind.lt, "<", kind.lt is None or value < kind.lt, "less than"),
    ):
        if not ok and bound is not None:
            limit = scalars.plain_number(bound)
            return refuse(reading, path, f"expected {sign} {limit}, {got}", f"give {remedy} {limit}")
    return value


def truth(kind: inspect.BoolType, node: Node, path: str, reading: Reading) -> Any:
    if not isinstance(node, Scalar):
        return not_a(reading, path, node, "true or false")
    value, wrong = scalars.boolean(node)
    return value if wrong is None else _refused(wrong, path, reading)


def text(kind: inspect.StrType, node: Node, path: str, reading: Reading) -> Any:
    if not isinstance(node, Scalar):
        return not_a(reading, path, node, "text")
    value, wrong = scalars.text_of(node)
    if value is None:
        return _refused(wrong, path, reading)
    if (node.empty and not node.quoted) or len(value) < (kind.min_length or 0):
        return refuse(reading, path, "expected text, got nothing", "give it, or leave the key out")
    if len(value) > 2_000:
        return refuse(reading, path, "the text is longer than 2,000 characters", "shorten it")
    if kind.pattern is not None and not re.search(kind.pattern, value):
        return refuse(reading, path, *_pattern_fault(kind.pattern, value))
    return value


def _pattern_fault(pattern: str, value: str) -> tuple[str, str]:
    """Return what is wrong with a text that does not match, and what to do, for the patterns of the schema."""
    got = f"'{scalars.shown(value)}'"
    if pattern == "^[a-z0-9_-]{1,48}$":
        better = re.sub(r"[^a-z0-9_-]+", "_", value.lower()).strip("_")[:48]
        what = f"{got} is no name: 1 to 48 of a-z, 0-9, _ and -"
        return what, f"write {better}" if better else "choose another"
    if "A-Za-z0-9*" in pattern:
        return f"{got} is no station id: 1 to 48 of A-Z, a-z, 0-9 and *_=+|@.-", "give the id that the station sends"
    if pattern == PATH_PATTERN:
        return f"{got} is no path to a value", 'write it as a.b[0].c; a key with a dot in brackets, as a["b.c"]'
    if "://" in pattern:
        return f"{got} is no address of the kind {_scheme(pattern)}", f"write it as {_scheme(pattern)}HOST"
    if "://" in value or "/" in value:
        host = re.sub(r"^[a-z]+://", "", value).split("/")[0]
        return f"{got} is no plain host name or address", f"write {scalars.shown(host) or 'the host only'}"
    return f"{got} has characters that do not belong here", "write a host name or address, optionally with :port"


def _scheme(pattern: str) -> str:
    return "mqtt://" if "mqtt" in pattern else "http://"


def anything(kind: inspect.AnyType, node: Node, path: str, reading: Reading) -> Any:
    if not isinstance(node, Scalar):
        return not_a(reading, path, node, "one plain value")
    return scalars.natural(node)


def not_a(reading: Reading, path: str, node: Node, wanted: str) -> Any:
    if isinstance(node, Scalar):
        got = f"'{scalars.shown(node.text)}'" if node.text and not node.empty else "nothing"
    else:
        got = "a list" if isinstance(node, Sequence) else "a mapping"
    remedy = "give it, or leave the key out" if got == "nothing" else _REMEDIES.get(wanted, f"write {wanted}")
    return refuse(reading, path, f"expected {wanted}, got {got}", remedy)


def refuse(reading: Reading, path: str, what: str, remedy: str) -> Bad:
    reading.report.fault(path, what, remedy)
    return BAD


def bare(kind: inspect.Type) -> inspect.Type:
    return bare(kind.type) if isinstance(kind, inspect.Metadata) else kind


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"one of {', '.join(words)}"


def _refused(wrong: scalars.Wrong | None, path: str, reading: Reading) -> Bad:
    assert wrong is not None
    return refuse(reading, path, wrong.what, wrong.remedy)
