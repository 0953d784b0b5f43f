"""Checks a tree against the typed schema and builds the structs, going on after each fault.

msgspec's own conversion stops at the first fault and knows no lines; so this walks the schema as `msgspec.inspect`
shows it. A value that is at fault is reported and left out: an optional one counts as not given, a section whose
required key is missing is dropped; the cross-checks then run on what is left and do not repeat what follows from
such a fault (`Report.spoil`). Keys that begin with `x-` are free.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from msgspec import inspect, structs

from evenload.site import leaves, scalars, yaml_tree
from evenload.site.device_drivers import drivers_of
from evenload.site.driver_keys import Options
from evenload.site.findings import child
from evenload.site.leaves import BAD, Reading
from evenload.site.limits import OutsideLimit
from evenload.site.overrides import StationOverrides
from evenload.site.schema import Device, Meter, Site, Station
from evenload.site.yaml_tree import Node, Scalar, Sequence

SIMULATED_DRIVER = "simulated"
"""Driver of a meter that a scenario names without one: the simulation provides it."""
_TYPED_MAPPINGS: dict[tuple[type, str], type] = {(Station, "overrides"): StationOverrides}
"""Mappings that the schema leaves open, and the struct that their keys must keep."""
_STAND_INS: dict[type, dict[str, Any]] = {Site: {"site": "unnamed"}}
"""Values for required keys at fault, with which the cross-checks can still run; the site is refused all the same."""
_MAX_ITEMS = 1_000


def build(kind: type, node: Node, path: str, reading: Reading) -> Any:
    """Return `node` as the struct `kind`, its faults reported; BAD when a required part is missing or at fault."""
    return _check(_info(kind), node, path, reading)


@cache
def _info(kind: type) -> inspect.Type:
    """Return the schema of a struct; worked out once, which takes ten times as long as to check a file by it."""
    return inspect.type_info(kind)


def _check(kind: inspect.Type, node: Node, path: str, reading: Reading) -> Any:
    if isinstance(kind, inspect.Metadata):
        return _check(kind.type, node, path, reading)
    return _CHECKS[type(kind)](kind, node, path, reading)


def _struct(kind: inspect.StructType, node: Node, path: str, reading: Reading) -> Any:
    if not isinstance(node, yaml_tree.Mapping):
        return leaves.not_a(reading, path, node, "keys with values below it")
    if issubclass(kind.cls, Meter | Device | OutsideLimit):
        return _device(kind, node, path, reading)
    given = _given(node)
    values = _fields(kind, given, path, reading)
    known = [field.name for field in kind.fields] + ([kind.tag_field] if kind.tag_field else [])
    _unknown(given, known, path, reading)
    return _made(kind, values, path)


def _device(kind: inspect.StructType, node: yaml_tree.Mapping, path: str, reading: Reading) -> Any:
    """Return a meter or device: its own keys, and all others as the options of its driver."""
    drivers = drivers_of(kind.cls)
    own = [field.name for field in kind.fields if field.name != "options"]
    given = _given(node)
    tag = [kind.tag_field] if kind.tag_field else []
    if reading.simulated and "driver" not in given and kind.cls in (Meter, OutsideLimit):
        given = {**given, "driver": (0, Scalar(SIMULATED_DRIVER, True, node.line))}
    values = _fields(kind, {key: each for key, each in given.items() if key in own}, path, reading)
    rest = {key: each for key, each in given.items() if key not in own and key not in tag}
    driver = values.get("driver")
    if isinstance(driver, str) and driver in drivers:
        values["options"] = _options(drivers[driver], rest, path, common=own + tag, reading=reading)
    elif "driver" not in given:
        _unknown(rest, own + tag, path, reading)
    elif isinstance(driver, str):
        _unknown_driver(kind.cls, driver, path, reading)
    if values.get("options") is BAD:
        values["options"] = None
    return _made(kind, values, path)


def _options(
    cls: type[Options], given: dict[str, tuple[int, Node]], path: str, *, common: list[str], reading: Reading
) -> Any:
    """Return the driver's options; in a simulation, None when some are missing."""
    kind = _info(cls)
    assert isinstance(kind, inspect.StructType)
    _unknown(given, [field.name for field in kind.fields], path, reading, also=common)
    if reading.simulated and any(field.required and field.name not in given for field in kind.fields):
        return None
    return _made(kind, _fields(kind, given, path, reading), path)


def _unknown_driver(device: type, driver: str, path: str, reading: Reading) -> None:
    """Report a driver that there is not; a simulation needs none, so there it is a warning."""
    if driver == SIMULATED_DRIVER and reading.simulated:
        return
    name = "limit" if device is OutsideLimit else device.__name__.lower()
    what = f"{scalars.shown(driver)} is no driver of a {name}"
    tell = reading.report.warning if reading.simulated else reading.report.fault
    tell(child(path, "driver"), what, scalars.one_of(driver, drivers_of(device)))


def _given(node: yaml_tree.Mapping) -> dict[str, tuple[int, Node]]:
    return {entry.key: (entry.line, entry.value) for entry in node.entries if not entry.key.startswith("x-")}


def _fields(
    kind: inspect.StructType, given: Mapping[str, tuple[int, Node]], path: str, reading: Reading
) -> dict[str, Any]:
    """Return the checked values of the keys given; required keys that are missing are reported and BAD."""
    values: dict[str, Any] = {}
    for field in kind.fields:
        if field.name in given:
            line, node = given[field.name]
            reading.report.place(child(path, field.name), line)
            values[field.name] = _field(kind.cls, field, node, path, reading=reading)
        elif field.required:
            example = _example(field)
            reading.report.missing(child(path, field.name), f"{field.name} is missing", f"add {field.name}: {example}")
            values[field.name] = BAD
    return values


def _field(cls: type, field: inspect.Field, node: Node, path: str, *, reading: Reading) -> Any:
    place = child(path, field.name)
    struct = _TYPED_MAPPINGS.get((cls, field.name))
    if struct is None:
        return _check(field.type, node, place, reading)
    built = build(struct, node, place, reading)
    if built is BAD:
        return BAD
    return {name: value for name, value in structs.asdict(built).items() if value is not None}


def _made(kind: inspect.StructType, values: dict[str, Any], path: str) -> Any:
    """Return the struct of what could be read; BAD when a required value is not there."""
    stand_ins = _STAND_INS.get(kind.cls, {})
    required = {field.name for field in kind.fields if field.required}
    usable = {name: stand_ins.get(name, BAD) if value is BAD else value for name, value in values.items()}
    if any(usable[name] is BAD for name in required):
        return BAD
    return kind.cls(**{name: value for name, value in usable.items() if value is not BAD})


def _unknown(
    given: Mapping[str, tuple[int, Node]], known: list[str], path: str, reading: Reading, *, also: Iterable[str] = ()
) -> None:
    for key, (line, _) in given.items():
        if key not in known:
            where = f"in {path}" if path else "in a site file"
            place = child(path, scalars.shown(key))
            reading.report.place(place, line)
            free = [name for name in (*known, *also) if name not in given]
            reading.report.fault(place, f"unknown key {where}", scalars.one_of(key, free))
            meant = scalars.nearest(key, free)
            if meant is not None:
                reading.report.suspect(child(path, meant))


def _union(kind: inspect.UnionType, node: Node, path: str, reading: Reading) -> Any:
    members = [leaves.bare(member) for member in kind.types]
    others = [member for member in members if not isinstance(member, inspect.NoneType)]
    if isinstance(node, Scalar) and node.empty and len(others) < len(members):
        if any(isinstance(member, inspect.StructType) for member in others):
            return leaves.not_a(reading, path, node, "keys with values below it")
        return None
    if len(others) == 1:
        return _check(others[0], node, path, reading)
    if all(isinstance(member, inspect.StructType) for member in others):
        return _tagged(others, node, path, reading)
    return _either(others, node, path, reading)


def _tagged(members: list[inspect.Type], node: Node, path: str, reading: Reading) -> Any:
    """Return the struct whose tag the mapping names (`type: evse`)."""
    if not isinstance(node, yaml_tree.Mapping):
        return leaves.not_a(reading, path, node, "keys with values below it")
    by_tag = {str(member.tag): member for member in members if isinstance(member, inspect.StructType)}
    tag_field = next(str(member.tag_field) for member in by_tag.values())
    place = child(path, tag_field)
    tag = node.get(tag_field)
    if tag is None:
        fitting = max(by_tag, key=lambda name: _fit(by_tag[name], node))
        reading.report.fault(place, f"{tag_field} is missing", f"add {tag_field}: {fitting}")
        return BAD
    reading.report.place(place, next(entry.line for entry in node.entries if entry.key == tag_field))
    if not isinstance(tag, Scalar) or tag.text not in by_tag:
        word = tag.text if isinstance(tag, Scalar) else "a list or mapping"
        what = f"expected {' or '.join(by_tag)}, got {scalars.shown(word) or 'nothing'}"
        reading.report.fault(place, what, scalars.one_of(word, by_tag))
        return BAD
    return _check(by_tag[tag.text], node, path, reading)


def _fit(kind: inspect.StructType, node: yaml_tree.Mapping) -> int:
    names = {field.name for field in kind.fields}
    return sum(1 if entry.key in names else -1 for entry in node.entries)


def _either(members: list[inspect.Type], node: Node, path: str, reading: Reading) -> Any:
    """Return the value of a union such as `number | auto` or `any | list of text`."""
    words = [str(each) for member in members if isinstance(member, inspect.LiteralType) for each in member.values]
    other = next(member for member in members if not isinstance(member, inspect.LiteralType))
    if isinstance(node, Scalar):
        if node.text in words:
            return node.text
        match = scalars.nearest(node.text, words)
        if match is not None:
            what = f"{scalars.shown(node.text)} is not known here"
            return leaves.refuse(reading, path, what, f"did you mean {match}?")
    return _check(other, node, path, reading)


def _dict(kind: inspect.DictType, node: Node, path: str, reading: Reading) -> Any:
    if isinstance(node, Scalar) and node.empty:
        return {}
    if not isinstance(node, yaml_tree.Mapping):
        return leaves.not_a(reading, path, node, "names with values below them")
    key_kind = leaves.bare(kind.key_type)
    named = isinstance(key_kind, inspect.StrType) and key_kind.pattern is not None
    found: dict[str, Any] = {}
    for entry in node.entries:
        place = child(path, scalars.shown(entry.key))
        if named and entry.key.startswith("x-"):
            continue
        reading.report.place(place, entry.line)
        key = _check(key_kind, Scalar(entry.key, True, entry.line), place, reading)
        value = _check(kind.value_type, entry.value, place, reading)
        if key is not BAD and value is not BAD:
            found[key] = value
    return found


def _tuple(kind: inspect.VarTupleType, node: Node, path: str, reading: Reading) -> Any:
    if isinstance(node, Scalar) and not node.empty and "," not in node.text:
        remedy = f"write [{scalars.shown(node.text)}]"
        return leaves.refuse(reading, path, f"expected a list, got '{scalars.shown(node.text)}'", remedy)
    if not isinstance(node, Sequence):
        return leaves.not_a(
            reading, path, node, "a list, as [L1, L2]" if path.endswith("phases") else "a list, as [a, b]"
        )
    if len(node.items) > _MAX_ITEMS:
        return leaves.refuse(reading, path, f"more than {_MAX_ITEMS} entries", "shorten the list")
    found = []
    for index, item in enumerate(node.items):
        reading.report.place(child(path, index), item.line)
        found.append(_check(kind.item_type, item, child(path, index), reading))
    return BAD if BAD in found else tuple(found)


def _example(field: inspect.Field) -> str:
    kind = leaves.bare(field.type)
    if isinstance(kind, inspect.LiteralType):
        return " | ".join(str(value) for value in kind.values)
    return _EXAMPLES.get(field.name, "…")


_EXAMPLES = {
    "site": "home",
    "breaker_a": "25",
    "limit_a": "16",
    "power_w": "2000",
    "host": "192.168.1.20",
    "driver": "homewizard",
    "broker": "mqtt://192.168.1.10",
    "topic": "meter/power",
    "url": "http://192.168.1.20/values",
    "fields": "{power_w: path.to.power}",
    "command_topic": "relay/set",
    "state_topic": "relay/state",
    "when": "mon-fri 22:00-06:00",
    "by": "mon-fri 07:00",
    "price_per_kwh": "0.30",
    "value": "price",
}
_CHECKS: dict[type, Callable[[Any, Node, str, Reading], Any]] = {
    inspect.StructType: _struct,
    inspect.UnionType: _union,
    inspect.LiteralType: leaves.literal,
    inspect.DictType: _dict,
    inspect.VarTupleType: _tuple,
    inspect.FloatType: leaves.decimal,
    inspect.IntType: leaves.whole,
    inspect.BoolType: leaves.truth,
    inspect.StrType: leaves.text,
    inspect.AnyType: leaves.anything,
}
