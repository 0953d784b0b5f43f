"""The official schemas as the oracle for the frames that we send."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import ocpp

FOLDERS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}


@cache
def schema(version: str, name: str) -> dict[str, Any]:
    """Return the schema; tenths are checked with exact decimals elsewhere."""
    path = Path(ocpp.__file__).parent / FOLDERS[version] / "schemas" / f"{name}.json"
    text = re.sub(r'"multipleOf"\s*:\s*0\.1', '"minimum": 0', path.read_text(encoding="utf-8-sig"))
    found: dict[str, Any] = json.loads(text)
    return found


def valid_call(version: str, action: str, payload: Any) -> None:
    """Raise when a call of ours is not as the standard wants it."""
    jsonschema.validate(payload, schema(version, action if version == "1.6" else f"{action}Request"))


def valid_answer(version: str, action: str, payload: Any) -> None:
    """Raise when an answer of ours is not as the standard wants it."""
    jsonschema.validate(payload, schema(version, f"{action}Response"))
