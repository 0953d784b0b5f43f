"""From sampled values to what a load draws: units, prefixes, phase names and missing values put right.

Stations name phases L1, L1-N, N or not at all, scale by k and m, put the phase into the measurand, and leave out what
they please (ocpp.md section 5, rows 32–41). Currents are per line of the outlet, in the order of its wiring; the
caller maps lines to site phases. Only the newest samples of a message count; closing values are no flow.
"""

from datetime import datetime
from functools import lru_cache
from typing import Final, cast

from msgspec import Struct

from services.ocpp_gateway.messages16 import MeterValue, QuickGroup, QuickSample, SampledValue, listed
from services.ocpp_gateway.tolerant import moment, number

DEFAULT_MEASURAND: Final = "energy.active.import.register"
_LINES: Final = {"l1": 0, "l1-n": 0, "l1-l2": 0, "l2": 1, "l2-n": 1, "l2-l3": 1, "l3": 2, "l3-n": 2, "l3-l1": 2}
_SCALES: Final = {"k": 1_000.0, "m": 0.001}
_UNITS: Final = ("a", "w", "wh", "v", "va", "var", "varh")
_BOUNDS: Final = {"a": 10_000.0, "w": 10_000_000.0, "wh": 1e13, "v": 1_000.0}
MAX_SPELLING: Final = 120
MAX_TEMPERATURE_C: Final = 100.0
IN_USE_A: Final = 1.0
"""A line that carries more is used by the vehicle."""

Sample = SampledValue | QuickSample
Groups = list[MeterValue] | list[QuickGroup] | MeterValue | None
Lines = tuple[float | None, float | None, float | None]
NO_LINES: Final[Lines] = (None, None, None)


class Wiring(Struct, frozen=True, gc=False):
    """What reading an outlet's samples needs to know."""

    lines: int
    voltage_v: float


class Sampled(Struct, frozen=True, gc=False, kw_only=True):
    """What one MeterValues tells, in our units."""

    measured_at: datetime | None
    line_a: tuple[float, ...] | None
    power_w: float | None
    energy_wh: float | None
    offered_a: float | None
    temperature_c: float | None
    lowest_v: float | None
    derived: bool


NOTHING: Final[list[float | None]] = [None, None, None]
"""Lines of which none was told."""


class Register(Struct, gc=False):
    """The values of one measurand while a message is read."""

    lines: list[float | None]
    neutral: float | None = None
    total: float | None = None


def scale_of(unit: str | None, wanted: str) -> float | None:
    """Return the factor from `unit` to the base unit `wanted` (a w wh v); 1 when missing, None when it is another."""
    name = (unit or wanted).strip().lower()
    if name == wanted or not name or (name not in _UNITS and name[1:] not in _UNITS):
        return 1.0
    return _SCALES.get(name[0]) if name[1:] == wanted else None


class Slot(Struct, frozen=True, gc=False):
    """Where a sample belongs: measurand, line (or None = total, -1 = neutral), factor to the base unit, bound."""

    measurand: str
    line: int | None
    scale: float
    bound_value: float


def _base_unit(measurand: str) -> str:
    if measurand.startswith("current"):
        return "a"
    if measurand.startswith("power"):
        return "w"
    return "wh" if measurand.startswith("energy") else "v" if measurand == "voltage" else ""


def slot_of(measurand: str | None, phase: str | None, unit: str | None) -> Slot | None:
    """Return where a sample belongs, None when its unit cannot be; a phase at the measurand's end counts (row 36)."""
    name, where = (measurand or DEFAULT_MEASURAND).strip().lower(), (phase or "").strip().lower()
    head, _, tail = name.rpartition(".")
    if tail in _LINES:
        name, where = head, where or tail
    wanted = _base_unit(name)
    scale = scale_of(unit, wanted) if wanted else 1.0
    if scale is None:
        return None
    line = -1 if where == "n" else _LINES.get(where)
    return Slot(name, line, scale, _BOUNDS.get(wanted, 1e13))


_known_slot = lru_cache(maxsize=512)(slot_of)
"""Stations repeat the same few spellings for ever; long ones are not kept."""


def _slot(sample: SampledValue) -> Slot | None:
    spelled = sample.measurand, sample.phase, sample.unit
    if len(spelled[0] or "") + len(spelled[1] or "") + len(spelled[2] or "") > MAX_SPELLING:
        return slot_of(*spelled)
    return _known_slot(*spelled)


def _read(values: list[Sample], *, closing: bool) -> dict[str, Register]:
    """Return the values by measurand, without signed data, unreadable, absurd and (unless wanted) closing values."""
    found: dict[str, Register] = {}
    for sample in values:
        if type(sample) is QuickSample:
            value: float | None = sample.value
            slot = _known_slot(sample.measurand, sample.phase, sample.unit)
        else:
            value, slot = number(sample.value), _slot(cast(SampledValue, sample))
        if value is None or slot is None or sample.format == "SignedData":
            continue
        if sample.context == "Transaction.End" and not closing:
            continue
        value *= slot.scale
        if not -slot.bound_value <= value <= slot.bound_value:
            continue
        register = found.get(slot.measurand)
        if register is None:
            register = found[slot.measurand] = Register([None, None, None])
        line = slot.line
        if line is None:
            register.total = value
        elif line < 0:
            register.neutral = value
        else:
            register.lines[line] = value
    return found


def _sum(register: Register | None) -> float | None:
    """Return the total, or the sum of the phases when there is no total (row 35)."""
    if register is None or register.total is not None:
        return None if register is None else register.total
    per_line = [value for value in register.lines if value is not None]
    return sum(per_line) if per_line else register.neutral


def _lines_used(single_a: float, power_w: float | None, voltage_v: float, lines: int) -> int:
    """Return how many lines carry a current told only once: by the power, else all (the worst, row 34)."""
    if power_w is None or single_a < IN_USE_A:
        return lines
    return max(1, min(lines, round(power_w / (voltage_v * single_a))))


def _of_lines(register: Register, wiring: Wiring) -> tuple[float, ...]:
    """Return one value per line; an outlet of one line takes the largest, under whatever phase it was told."""
    values = [value or 0.0 for value in register.lines]
    return (max(values, key=abs),) if wiring.lines == 1 else tuple(values[: wiring.lines])


def _currents(found: dict[str, Register], wiring: Wiring, voltage_v: float) -> tuple[tuple[float, ...] | None, bool]:
    """Return A per line and whether they are derived from another value; None when nothing tells them."""
    register = found.get("current.import")
    if register is not None and register.lines != NOTHING:
        return _of_lines(register, wiring), False
    power = found.get("power.active.import")
    power_w = _sum(power)
    single_a = None if register is None else register.total if register.total is not None else register.neutral
    if single_a is not None:
        used = _lines_used(single_a, power_w, voltage_v, wiring.lines)
        return tuple(single_a if line < used else 0.0 for line in range(wiring.lines)), False
    if power is not None and power.lines != NOTHING:
        return tuple(value / voltage_v for value in _of_lines(power, wiring)), True
    if power_w is None:
        return None, False
    return (power_w / (voltage_v * wiring.lines),) * wiring.lines, True


def _newest(groups: list[MeterValue | QuickGroup]) -> tuple[datetime | None, list[Sample]]:
    """Return the samples of the newest moment; groups without a readable time count as the newest."""
    if len(groups) == 1:
        return moment(groups[0].timestamp), listed(groups[0].sampled_value)
    stamped = [(moment(group.timestamp), listed(group.sampled_value)) for group in groups]
    stamps = [at for at, values in stamped if at is not None and values]
    newest = max(stamps, default=None)
    return newest, [value for at, values in stamped if at in (newest, None) for value in values]


def sampled(meter_value: Groups, wiring: Wiring, *, closing: bool = False) -> Sampled | None:
    """Return what a MeterValues tells; None when nothing in it is a live reading; `closing` values are none."""
    measured_at, values = _newest(listed(meter_value))
    found = _read(values, closing=closing)
    if not found:
        return None
    voltages = found.get("voltage")
    volts = [] if voltages is None else [value for value in (*voltages.lines, voltages.total) if value and value > 50]
    lowest_v = min(volts, default=None)
    line_a, derived = _currents(found, wiring, lowest_v or wiring.voltage_v)
    if line_a is not None and max(map(abs, line_a)) > _BOUNDS["a"]:
        line_a = None
    temperature = found.get("temperature")
    return Sampled(
        measured_at=measured_at,
        line_a=line_a,
        power_w=_within(_sum(found.get("power.active.import")), _BOUNDS["w"]),
        energy_wh=_within(_sum(found.get(DEFAULT_MEASURAND)), _BOUNDS["wh"]),
        offered_a=_within(_offered(found, wiring), _BOUNDS["a"]),
        temperature_c=None if temperature is None else _within(temperature.total, MAX_TEMPERATURE_C),
        lowest_v=lowest_v,
        derived=derived,
    )


def _within(value: float | None, bound_value: float) -> float | None:
    """Return `value`, None when its size is absurd: an event that carries it would be refused as a whole."""
    return None if value is None or abs(value) > bound_value else value


def _offered(found: dict[str, Register], wiring: Wiring) -> float | None:
    """Return the limit that the station says it offers, A per line; from watts over all lines where only those."""
    register = found.get("current.offered")
    if register is not None:
        per_line = [value for value in (*register.lines, register.total) if value is not None]
        return max(per_line, default=None)
    power_w = _sum(found.get("power.offered"))
    return None if power_w is None else power_w / (wiring.voltage_v * wiring.lines)
