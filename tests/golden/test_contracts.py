"""The JSON of every event, command and record, as other programs see it.

A changed file here is a changed contract: fields may be added, a meaning never changes. `make golden` accepts.
"""

import os
from pathlib import Path

import msgspec
import pytest

from evenload.contracts import catalog
from evenload.contracts.wire import encode
from tests.golden.samples import SAMPLES

FOLDER = Path(__file__).parent / "contracts"
NAMES = sorted(SAMPLES)


def formatted(sample: msgspec.Struct) -> bytes:
    """Return the JSON with one spacing: what is carried raw keeps the spacing it came with."""
    return msgspec.json.format(encode(sample), indent=1)


def test_every_type_has_a_sample() -> None:
    assert set(SAMPLES) == set(catalog.all_types())


def test_no_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} <= set(SAMPLES)


@pytest.mark.parametrize("name", NAMES)
def test_json_is_as_accepted(name: str) -> None:
    path = FOLDER / f"{name}.json"
    made = msgspec.json.format(encode(SAMPLES[name]), indent=2).decode() + "\n"
    if os.environ.get("EVENLOAD_ACCEPT"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made, f"the JSON of {name} changed; if meant, run make golden"


@pytest.mark.parametrize("name", NAMES)
def test_json_reads_back(name: str) -> None:
    found = msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=catalog.all_types()[name])
    assert formatted(found) == formatted(SAMPLES[name])


@pytest.mark.parametrize("name", NAMES)
def test_unknown_fields_are_accepted(name: str) -> None:
    data = msgspec.json.decode((FOLDER / f"{name}.json").read_bytes())
    data["from_a_later_version"] = {"x": 1}
    found = msgspec.json.decode(msgspec.json.encode(data), type=catalog.all_types()[name])
    assert formatted(found) == formatted(SAMPLES[name])
