"""What a living home says in a device's registers: the values of a moment → words, as a golden dump's `live` tells.

An entry is `[type, value, steps]`: the value, in A, W, V, Wh or %, times the steps that the device counts it in.
"""

import math
import struct
from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct

from evenload.simulation.devices.world import MeterValues

Kind = Literal["holding", "input"]
LOW_FIRST = "_low_first"
TYPES: Mapping[str, str] = {"int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "uint64": "Q", "float32": "f"}
SOLAR_BIT, CHARGING_BIT, DISCHARGING_BIT = 1, 2, 4


class Moment(Struct, frozen=True, kw_only=True):
    """A home at a moment: its grid connection, sun W and Wh, battery W (+ discharging), state of charge %."""

    grid: MeterValues = MeterValues()
    solar_w: float = 0.0
    solar_wh: float = 9_876_500.0
    battery_w: float = 0.0
    soc_pct: float = 50.0


Home = Callable[[], Moment]


def spoken(moment: Moment) -> dict[str, float]:
    """Return every value by the name that golden dumps use."""
    grid, battery_w = moment.grid, moment.battery_w
    found: dict[str, float] = {
        "nothing": 0.0,
        "solar_w": moment.solar_w,
        "solar_wh": moment.solar_wh,
        "soc_pct": moment.soc_pct,
    }
    found |= {"import_wh": grid.import_wh, "export_wh": grid.export_wh, "grid_w": sum(grid.power_w)}
    found |= {"battery_w": battery_w, "battery_w_unsigned": abs(battery_w)}
    for line in range(3):
        name = f"l{line + 1}"
        found |= {f"{name}_w": grid.power_w[line], f"{name}_v": grid.voltage_v[line]}
        found |= {f"{name}_a": grid.current_a(line), f"{name}_a_unsigned": abs(grid.current_a(line))}
    for name in ("grid", "l1", "l2", "l3"):
        found |= {f"{name}_in_w": max(0.0, found[f"{name}_w"]), f"{name}_out_w": max(0.0, -found[f"{name}_w"])}
    found |= {"battery_out_w": max(0.0, battery_w), "battery_in_w": max(0.0, -battery_w)}
    bits = SOLAR_BIT * (moment.solar_w > 0) + CHARGING_BIT * (battery_w < 0) + DISCHARGING_BIT * (battery_w > 0)
    return found | {"flow_bits": float(bits)}


def words(entry: list[Any], values: Mapping[str, float]) -> list[int]:
    """Return the words of one entry."""
    kind, name, steps = entry
    number, plain = values[name] * steps, kind.removesuffix(LOW_FIRST)
    raw = struct.pack(f">{TYPES[plain]}", number if plain == "float32" else _bounded(number, plain))
    found = list(struct.unpack(f">{len(raw) // 2}H", raw))
    return found[::-1] if plain != kind else found


def _bounded(number: float, kind: str) -> int:
    """Return the whole number within what the type can say beside its values for "not there"."""
    bits, signed = int(kind[-2:]), kind.startswith("int")
    highest: int = 2 ** (bits - 1 if signed else bits) - 2
    lowest = -highest if signed else 0
    return max(lowest, min(highest, math.floor(number + 0.5)))
