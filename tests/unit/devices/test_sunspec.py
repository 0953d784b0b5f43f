"""The offsets of SunSpec points against an independent implementation's model files, and scales."""

import json
from pathlib import Path

import pytest
import sunspec2

from evenload.devices import sunspec
from evenload.devices.sunspec import Point, values

MODELS = Path(sunspec2.__file__).parent / "models" / "json"
PHASES = {"l1": "A", "l2": "B", "l3": "C"}
NAMES = {"power_w": "W", "export_wh": "TotWhExp", "state": "St"}
TABLES = {**sunspec.INVERTERS, **sunspec.METERS, **sunspec.BATTERIES}


def published_points(model: int) -> dict[str, Point]:
    """Points by the names of the standard; offsets from behind id and length."""
    offset, found, offsets = -2, {}, {}
    points = json.loads((MODELS / f"model_{model}.json").read_text())["group"]["points"]
    for point in points:
        offsets[point["name"]] = offset
        offset += point["size"]
    for point in points:
        scale = point.get("sf")
        found[point["name"]] = Point(offsets[point["name"]], point["type"], None if scale is None else offsets[scale])
    return found


def published_name(name: str, model: int) -> str:
    kind, _, rest = name.partition("_")
    phase = PHASES.get(rest[:2])
    if phase is not None:
        return {"current": "Aph", "voltage": "PhVph", "power": "Wph"}[kind] + phase
    if name == "import_wh":
        return "WH" if model in sunspec.INVERTERS else "TotWhImp"
    if name == "soc_pct":
        return "ChaState" if model == 124 else "SoC"
    return NAMES[name]


@pytest.mark.parametrize("model", sorted(TABLES))
def test_points_stand_where_the_standard_says(model: int) -> None:
    published = published_points(model)
    for name, point in TABLES[model].items():
        other = published[published_name(name, model)]
        assert (point.offset, point.scale) == (other.offset, other.scale), name
        assert point.type == {"acc32": "uint32", "enum16": "uint16"}.get(other.type, other.type), name


def test_a_value_without_its_scale_or_beyond_the_model_is_not_there() -> None:
    points = {"a": Point(0, "int16", 1), "b": Point(5, "int16")}
    assert values(points, [1234, 0xFFFE]) == {"a": 12.34, "b": None}
    assert values(points, [1234, 0x8000])["a"] is None
    assert values(points, [0x8000, 0])["a"] is None
    assert values(points, [5, 100])["a"] is None
