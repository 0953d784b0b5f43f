"""The official schemas as the oracle for the frames that we send."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import ocpp
from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

FOLDERS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}
_VALID: set[tuple[str, str, str]] = set()
"""Frames seen and found valid: most come again and again."""


@cache
def _validator(version: str, name: str) -> Draft7Validator:
    """Return the checker of a schema; tenths are checked with exact decimals elsewhere."""
    path = Path(ocpp.__file__).parent / FOLDERS[version] / "schemas" / f"{name}.json"
    text = re.sub(r'"multipleOf"\s*:\s*0\.1', '"minimum": 0', path.read_text(encoding="utf-8-sig"))
    return Draft7Validator(json.loads(text))


def _check(version: str, name: str, payload: Any) -> None:
    seen = (version, name, json.dumps(payload, default=float))
    if seen in _VALID:
        return
    fault = best_match(_validator(version, name).iter_errors(payload))
    assert fault is None, f"OCPP {version} {name}: {fault.message if fault else ''}: {payload}"
    if len(_VALID) < 100_000:
        _VALID.add(seen)


def valid_call(version: str, action: str, payload: Any) -> None:
    """Raise when a call of ours is not as the standard wants it."""
    _check(version, action if version == "1.6" else f"{action}Request", payload)


def valid_answer(version: str, action: str, payload: Any) -> None:
    """Raise when an answer of ours is not as the standard wants it."""
    _check(version, f"{action}Response", payload)
