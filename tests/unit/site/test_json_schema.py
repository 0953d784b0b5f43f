"""The editors' schema accepts what loads, refuses what does not, and describes every key."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from evenload.site.drivers import METER_DRIVERS, PLUG_DRIVERS
from evenload.site.json_schema import site_schema
from evenload.site.load import load_text

EXAMPLES = sorted((Path(__file__).parents[3] / "deploy" / "examples").glob("*.yaml"))
CHECKER = jsonschema.Draft202012Validator(site_schema())


def full(text: str) -> str:
    """Return an example with its optional parts: the # directly before a key or its indentation removed."""
    return re.sub(r"(?m)^#(?=[a-z]|  +[a-z])", "", text)


def test_is_a_schema() -> None:
    CHECKER.check_schema(CHECKER.schema)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_accepted_with_and_without_their_optional_parts(path: Path) -> None:
    for text in (path.read_text(encoding="utf-8"), full(path.read_text(encoding="utf-8"))):
        assert [error.message for error in CHECKER.iter_errors(yaml.safe_load(text))] == []
        assert load_text(text, path.name).findings == ()


@pytest.mark.parametrize(
    "text",
    [
        "{site: home, grib: {}}",
        "{site: Home}",
        "{site: home, grid: {breaker_a: 25A}}",
        "{site: home, meters: {p1: {role: grid, driver: homewizard}}}",
        "{site: home, meters: {p1: {role: grid, driver: homewizard, host: a, topic: b}}}",
        "{site: home, loads: {w: {type: evse, mode: sun}}}",
        "{site: home, stations: {CP1: {overrides: {rate_unti: A}}}}",
    ],
)
def test_wrong_files_are_refused(text: str) -> None:
    assert list(CHECKER.iter_errors(yaml.safe_load(text)))


def test_free_keys_and_aliases_are_accepted() -> None:
    text = "{site: home, x-any: [1], loads: {x-car: 3, w: {type: evse, station: A, mode: continuous, x-note: hi}}}"
    assert list(CHECKER.iter_errors(yaml.safe_load(text))) == []


def properties(part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        yield from part.get("properties", {}).items()
        for inner in part.values():
            yield from properties(inner)


def test_every_key_is_described_and_every_driver_is_there() -> None:
    assert [key for key, part in properties(CHECKER.schema) if "description" not in part and key != "type"] == []
    assert {f"Meter_{name}" for name in METER_DRIVERS} <= CHECKER.schema["$defs"].keys()
    assert {f"Plug_{name}" for name in PLUG_DRIVERS} <= CHECKER.schema["$defs"].keys()
