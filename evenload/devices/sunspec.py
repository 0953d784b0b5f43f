"""SunSpec models: how a device's models are found, and the values of inverters, meters and batteries. Pure.

A device's list begins with the words `SunS` at one of three addresses; then come models, each with its id, its length
and so many words, up to the id 0xFFFF. Integer models tell a value and, as a power of ten, its scale; float models tell
it plainly. Offsets count from the model's first word after its length.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from evenload.devices.registers import TYPES, decode

BASES = (40_000, 0, 50_000)
MARK = (0x5375, 0x6E53)
END = 0xFFFF
MOST_MODELS = 64
COMMON = 1
MAKER = slice(0, 16)
"""Where the maker's name stands in the common model."""
EXPORT_IS_POSITIVE = ("SolarEdge",)
"""Makers whose meter models count export as positive; all others count import."""


class Point(Struct, frozen=True):
    """A value in a model: offset, type, and the offset of its scale, None where it has none."""

    offset: int
    type: str
    scale: int | None = None


class Model(Struct, frozen=True):
    """One model of a device: id, address of its first word after the length, and the length."""

    id: int
    address: int
    length: int


def _lines(name: str, first: Point, step: int) -> dict[str, Point]:
    return {name.format(line): Point(first.offset + step * (line - 1), first.type, first.scale) for line in (1, 2, 3)}


_INVERTER = {
    **_lines("current_l{}_a", Point(1, "uint16", 4), 1),
    **_lines("voltage_l{}_v", Point(8, "uint16", 11), 1),
    "power_w": Point(12, "int16", 13),
    "import_wh": Point(22, "uint32", 24),
    "state": Point(36, "uint16"),
}
_INVERTER_FLOAT = {
    **_lines("current_l{}_a", Point(2, "float32"), 2),
    **_lines("voltage_l{}_v", Point(14, "float32"), 2),
    "power_w": Point(20, "float32"),
    "import_wh": Point(30, "float32"),
    "state": Point(46, "uint16"),
}
_METER = {
    **_lines("current_l{}_a", Point(1, "int16", 4), 1),
    **_lines("voltage_l{}_v", Point(6, "int16", 13), 1),
    "power_w": Point(16, "int16", 20),
    **_lines("power_l{}_w", Point(17, "int16", 20), 1),
    "export_wh": Point(36, "uint32", 52),
    "import_wh": Point(44, "uint32", 52),
}
_METER_FLOAT = {
    **_lines("current_l{}_a", Point(2, "float32"), 2),
    **_lines("voltage_l{}_v", Point(10, "float32"), 2),
    "power_w": Point(26, "float32"),
    **_lines("power_l{}_w", Point(28, "float32"), 2),
    "export_wh": Point(58, "float32"),
    "import_wh": Point(66, "float32"),
}
_STORAGE = {"soc_pct": Point(6, "uint16", 20)}
_BATTERY = {"soc_pct": Point(9, "uint16", 54), "power_w": Point(45, "int16", 61)}
INVERTERS: Mapping[int, Mapping[str, Point]] = {
    **dict.fromkeys((101, 102, 103), _INVERTER),
    **dict.fromkeys((111, 112, 113), _INVERTER_FLOAT),
}
METERS: Mapping[int, Mapping[str, Point]] = {
    **dict.fromkeys((201, 202, 203, 204), _METER),
    **dict.fromkeys((211, 212, 213, 214), _METER_FLOAT),
}
BATTERIES: Mapping[int, Mapping[str, Point]] = {802: _BATTERY, 124: _STORAGE}
ASLEEP = frozenset({1, 2, 8})
"""States of an inverter in which it makes nothing: off, sleeping, standby."""


def maker(words: Sequence[int]) -> str:
    """Return the maker's name in the common model."""
    raw = b"".join(word.to_bytes(2, "big") for word in words[MAKER])
    return raw.split(b"\0", 1)[0].decode("latin-1").strip()


def values(points: Mapping[str, Point], words: Sequence[int]) -> dict[str, float | None]:
    """Return the values of a model's `words`; None = not there."""
    return {name: _value(point, words) for name, point in points.items()}


def _value(point: Point, words: Sequence[int]) -> float | None:
    end = point.offset + TYPES[point.type][0]
    if end > len(words):
        return None
    found = decode(words[point.offset : end], point.type)
    if found is None or point.scale is None:
        return found
    power = decode(words[point.scale : point.scale + 1], "int16") if point.scale < len(words) else None
    return None if power is None or not -10 <= power <= 10 else round(found * 10.0**power, 6)
