"""The JSON Schema of the site file, for editors: what `load.py` accepts, with each driver's own keys.

It is a little stricter than loading in one way: a number must be a plain number. Merged keys (`<<`) and `x-` keys
are accepted; cross-checks are `evenload check`'s.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from evenload.site.device_drivers import DEVICE_DRIVERS
from evenload.site.driver_keys import Options
from evenload.site.drivers import METER_DRIVERS
from evenload.site.leaves import ALIASES
from evenload.site.limit_drivers import LIMIT_DRIVERS
from evenload.site.overrides import StationOverrides
from evenload.site.schema import Site

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FREE_KEYS = {"^x-": {"description": "free, for anchors"}}
Schema = dict[str, Any]


def site_schema() -> Schema:
    """Return the JSON Schema of a site file."""
    of_devices = {kind.__name__: drivers for kind, drivers in DEVICE_DRIVERS.items()}
    tables = {"Meter": METER_DRIVERS, "OutsideLimit": LIMIT_DRIVERS, **of_devices}
    options = {each for drivers in tables.values() for each in drivers.values()}
    kinds = (Site, StationOverrides, *sorted(options, key=lambda each: each.__name__))
    _, parts = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    defs = {name: _opened(part) for name, part in parts.items()}
    for name, drivers in tables.items():
        _driven(defs, name, drivers)
    for each in options:
        del defs[each.__name__]
    loads = ("Evse", *(kind.__name__ for kind in DEVICE_DRIVERS))
    defs["Site"]["properties"]["loads"]["additionalProperties"] = {
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in loads]
    }
    defs["Station"]["properties"]["overrides"] = {
        "description": defs["Station"]["properties"]["overrides"]["description"],
        "$ref": "#/$defs/StationOverrides",
    }
    return {"$schema": DIALECT, "title": "Evenload site file", "$ref": "#/$defs/Site", "$defs": defs}


def _driven(defs: dict[str, Schema], name: str, drivers: Mapping[str, type[Options]]) -> None:
    """Replace the definition `name` by one for each driver, with that driver's keys among its own."""
    base = defs.pop(name)
    variants = []
    for driver, options in sorted(drivers.items()):
        own = defs[options.__name__]  # several drivers may share it
        shared = {key: part for key, part in base["properties"].items() if key != "options"}
        properties = shared | own["properties"] | {"driver": {"const": driver, "description": own["description"]}}
        required = list(dict.fromkeys([*base.get("required", []), "driver", *own.get("required", [])]))
        title = f"{name} {driver}"
        defs[f"{name}_{driver}"] = {**base, "title": title, "properties": properties, "required": required}
        variants.append({"$ref": f"#/$defs/{name}_{driver}"})
    defs[name] = {"title": name, "description": base["description"], "anyOf": variants}


def _opened(part: Any) -> Any:
    """Return a part of the schema with `x-` keys free in every section and the aliases among the words."""
    if isinstance(part, list):
        return [_opened(each) for each in part]
    if not isinstance(part, dict):
        return part
    opened = {key: _opened(each) for key, each in part.items()}
    if opened.get("type") == "object" and ("properties" in opened or "propertyNames" in opened):
        opened["patternProperties"] = FREE_KEYS
    if isinstance(opened.get("enum"), list):
        opened["enum"] = opened["enum"] + [alias for alias, word in ALIASES.items() if word in opened["enum"]]
    return opened
