"""The paper `docs/events.md`, made from the structs: each subject, who sends it, and every field with its meaning."""

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.json import schema_components

from evenload.contracts import catalog

_INTRODUCTION = """\
# Events, commands and records

Made from `evenload/contracts` by `make golden`; do not edit.

Everything on the bus is JSON text: `nats sub 'evenload.>'` shows it as it passes, and `evenload schema EVENT` prints
the JSON Schema of one type. Subjects are built in `evenload/contracts/subjects.py` only; in subjects and bucket keys
each byte of a station id or other free text outside `[A-Za-z0-9_-]` is written `=XX`.

Signs: grid + import, − export; battery + discharging, − charging; solar and household ≥ 0. Fields may be added at any
time, readers ignore what they do not know; a meaning never changes. Order and age are judged by `boot`, `seq` and
`sent_ms`, never by wall clocks. Times are RFC 3339, UTC. Events and commands carry the name of their type as `type`.

Beside the buckets below there is `memory`, the allocator's snapshots in a form of its own; in `stations`, keys with a
dot are the gateway's counters and not stations.
"""
_STAMPS = ("boot", "seq", "sent_ms", "config_rev")


def events_markdown() -> str:
    """Return the whole paper."""
    types = tuple(catalog.all_types().values())
    _, components = schema_components(types, ref_template="{name}")
    parts = (
        _INTRODUCTION,
        _overview(),
        _section("Events", catalog.EVENTS, components),
        _stamps(components),
        _section("Requests and replies", catalog.REQUESTS, components),
        _section("Buckets", catalog.BUCKETS, components),
        _inner_types(components),
    )
    return "\n".join(parts).rstrip() + "\n"


def _overview() -> str:
    rows = ["| subject or bucket | types | from | kept |", "|---|---|---|---|"]
    rows += [
        f"| `{entry.where}` | {', '.join(_link(found.__name__) for found in entry.types)} "
        f"| {entry.publisher} | {entry.kept} |"
        for entry in catalog.ALL
    ]
    return "\n".join(rows) + "\n"


def _section(title: str, entries: tuple[catalog.Entry, ...], components: dict[str, Any]) -> str:
    shown: dict[str, None] = {}
    for entry in entries:
        shown.update(dict.fromkeys(found.__name__ for found in (*entry.types, *entry.reply)))
    tables = [_type_table(name, components[name]) for name in shown]
    return "\n".join([f"## {title}\n", *tables])


def _inner_types(components: dict[str, Any]) -> str:
    inner = [name for name in components if name not in catalog.all_types()]
    return "\n".join(["## Parts of the above\n", *(_type_table(name, components[name]) for name in sorted(inner))])


def _stamps(components: dict[str, Any]) -> str:
    fields = components["MeterReading"]["properties"]
    rows = [_row(name, fields[name], required=False) for name in _STAMPS]
    return "\n".join(
        ["### Stamps\n", "Every event carries these; the bus puts them on at sending.\n", *_HEAD, *rows, ""]
    )


_HEAD = ("| field | type | meaning |", "|---|---|---|")


def _type_table(name: str, schema: dict[str, Any]) -> str:
    if "properties" not in schema:
        return _list_table(name, schema)
    required = set(schema.get("required", ()))
    stamped = "boot" in schema["properties"]
    hidden = ("type", *_STAMPS) if stamped else ("type",)
    fields = {key: value for key, value in schema["properties"].items() if key not in hidden}
    rows = [_row(key, value, required=key in required) for key, value in fields.items()]
    more = ["", "With the [stamps](#stamps)."] if stamped else []
    return "\n".join([f"### {name}\n", schema.get("description", "") + "\n", *_HEAD, *rows, *more, ""])


def _list_table(name: str, schema: dict[str, Any]) -> str:
    """Return the table of a struct that is a list in JSON: its fields by their place."""
    rows = [_row(str(place), field, required=True) for place, field in enumerate(schema["prefixItems"], 1)]
    return "\n".join(
        [f"### {name}\n", schema.get("description", "") + "\n", "| place |" + _HEAD[0][9:], _HEAD[1], *rows, ""]
    )


def _row(name: str, schema: dict[str, Any], required: bool) -> str:
    meaning = schema.get("description", "")
    default = "" if required or "default" not in schema else f"default `{_default(schema['default'])}`"
    return f"| `{name}` | {_type(schema)} | {'; '.join(part for part in (meaning, default) if part)} |"


def _default(value: Any) -> str:
    """Return `value` as it stands in JSON; no value is `none`."""
    return "none" if value is None else msgspec.json.encode(value).decode()


_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _link(schema["$ref"])
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{'none' if value is None else value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "null":
        return "none"
    return _scalar(schema)


def _scalar(schema: dict[str, Any]) -> str:
    kind = schema.get("format") or schema.get("type", "anything")
    bounds = [f"{sign} {schema[key]:,.14g}" for key, sign in _BOUNDS.items() if key in schema]
    bounds += [f"`{schema['pattern']}`".replace("|", "\\|")] if "pattern" in schema else []
    return " ".join([kind, *bounds])


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def type_named(name: str) -> type[Struct] | None:
    """Return the type on the bus with this name, compared without case; None when there is none."""
    return {key.lower(): found for key, found in catalog.all_types().items()}.get(name.lower())
