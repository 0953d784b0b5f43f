"""The table of what crosses the bus: complete, and the paper made from it is current."""

import os
from pathlib import Path

import msgspec
import pytest
from msgspec import inspect

from evenload.cli.events_paper import events_markdown, type_named
from evenload.contracts import catalog, commands, events

PAPER = Path(__file__).parents[3] / "docs" / "events.md"


def test_every_event_is_in_the_table() -> None:
    defined = {found.__name__ for found in events.Event.__subclasses__()}
    assert defined == {found.__name__ for entry in catalog.EVENTS for found in entry.types}


def test_every_command_has_a_subject() -> None:
    assert set(catalog.COMMAND_NAMES) == set(commands.Command.__subclasses__())


def test_paper_is_current() -> None:
    made = events_markdown()
    if os.environ.get("EVENLOAD_ACCEPT"):
        PAPER.write_text(made, encoding="utf-8")
    assert PAPER.read_text(encoding="utf-8") == made, "docs/events.md is not current; run make golden"


@pytest.mark.parametrize("name", [found.__name__ for found in events.Event.__subclasses__()])
def test_every_field_of_an_event_has_a_meaning(name: str) -> None:
    schema = msgspec.json.schema(catalog.all_types()[name])["$defs"][name]
    bare = [key for key, value in schema["properties"].items() if "description" not in value and key != "type"]
    assert [key for key in bare if key not in ("setpoint",)] == []


@pytest.mark.parametrize("found", catalog.all_types().values(), ids=lambda found: found.__name__)
def test_types_are_frozen_and_accept_unknown_fields(found: type[msgspec.Struct]) -> None:
    assert found.__struct_config__.frozen
    info = inspect.type_info(found)
    assert isinstance(info, inspect.StructType)
    assert not info.forbid_unknown_fields


def test_types_are_found_without_case() -> None:
    assert type_named("meterreading") is events.MeterReading
    assert type_named("nothing") is None


def test_schema_of_several_types_accepts_any() -> None:
    schema = catalog.json_schema((events.Applied, events.Refused))
    assert schema["anyOf"] == [{"$ref": "#/$defs/Applied"}, {"$ref": "#/$defs/Refused"}]
