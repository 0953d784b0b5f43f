"""Payloads made from the official schemas of the `ocpp` package: valid ones, with chance for every choice.

A schema is turned into a function once, so that a payload costs some ten microseconds.
"""

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import ocpp

FOLDERS: Final = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}
Make = Callable[[random.Random], Any]
TIMES: Final = (
    "2026-06-01T12:00:00Z", "2026-06-01T12:00:01.123Z", "2026-06-01T14:00:00+02:00", "1970-01-01T00:00:00Z",
    "2026-06-01T12:00:30Z", "2026-05-31T00:00:00Z",
)  # fmt: skip
WORDS: Final = ("", "1", "T", "CP001", "16.0", "230", "Current", "A", "W", "L1", "x" * 20, "Ünïcode ⚡", "a b\tc\n")
DEEPEST: Final = 6


@cache
def names(version: str) -> tuple[str, ...]:
    """Return all schema names of a version, as files are called."""
    return tuple(
        sorted(path.stem for path in (Path(ocpp.__file__).parent / FOLDERS[version] / "schemas").glob("*.json"))
    )


@cache
def maker(version: str, name: str) -> Make:
    """Return what makes payloads of the schema `name`, as in the package's file."""
    path = Path(ocpp.__file__).parent / FOLDERS[version] / "schemas" / f"{name}.json"
    schema = json.loads(path.read_text(encoding="utf-8-sig"))
    return _make(schema, schema.get("definitions", {}), 0)


def request_name(version: str, action: str) -> str:
    """Return the schema of a call."""
    request = action if version == "1.6" else f"{action}Request"
    return request if request in names(version) else action


def _make(schema: dict[str, Any], definitions: dict[str, Any], depth: int) -> Make:
    if "$ref" in schema:
        return _make(definitions[schema["$ref"].rpartition("/")[2]], definitions, depth + 1)
    if "enum" in schema:
        choices = schema["enum"]
        return lambda chance: chance.choice(choices)
    kind = schema.get("type")
    if kind == "object":
        return _object(schema, definitions, depth)
    if kind == "array":
        return _array(schema, definitions, depth)
    return {"string": _string, "integer": _integer, "number": _number, "boolean": _boolean}.get(str(kind), _any)(schema)


def _object(schema: dict[str, Any], definitions: dict[str, Any], depth: int) -> Make:
    required = set(schema.get("required", ()))
    parts = [
        (key, _make(part, definitions, depth + 1), key in required)
        for key, part in schema.get("properties", {}).items()
        if key in required or (depth < DEEPEST and key != "customData")
    ]
    return lambda chance: {key: make(chance) for key, make, needed in parts if needed or chance.random() < 0.5}


def _array(schema: dict[str, Any], definitions: dict[str, Any], depth: int) -> Make:
    item = _make(schema["items"], definitions, depth + 1)
    least, most = schema.get("minItems", 0), min(schema.get("maxItems", 3), 3)
    return lambda chance: [item(chance) for _ in range(chance.randint(least, max(least, most)))]


def _string(schema: dict[str, Any]) -> Make:
    if schema.get("format") == "date-time":
        return lambda chance: chance.choice(TIMES)
    longest = schema.get("maxLength", 255)
    return lambda chance: chance.choice(WORDS)[:longest]


def _integer(schema: dict[str, Any]) -> Make:
    low, high = schema.get("minimum", 0), schema.get("maximum", 5)
    return lambda chance: chance.randint(int(low), int(max(low, high)))


def _number(schema: dict[str, Any]) -> Make:
    low = schema.get("minimum", 0)
    return lambda chance: round(low + chance.uniform(0, 400), 1)


def _boolean(schema: dict[str, Any]) -> Make:
    del schema
    return lambda chance: chance.random() < 0.5


def _any(schema: dict[str, Any]) -> Make:
    del schema
    return lambda chance: chance.choice(WORDS)
