"""What a device's core remembers, as it is kept for the next process, and as it comes back. Pure.

Times in a memory are s of this process's monotonic clock; kept, they are how long ago they were. What only the moment
knows (a sensor under watch, the look before this one) is left out. A record of another type or meter, or of a version
that this one cannot read, is no memory: the core begins anew.
"""

from datetime import UTC
from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import asdict, replace

from evenload.contracts.records import DeviceRecord, LearnedRecord, LearnedRow
from evenload.thermal.learning import Fit, Learning
from services.plug_control.config import PlugPlan
from services.plug_control.core import Now
from services.plug_control.kinds import KINDS
from services.plug_control.modelled import Modelled
from services.plug_control.thermostat import Heated

TIMES = frozenset({"hot_s", "since_s", "free_until_s", "quiet_s"})
_OF_THE_MOMENT: dict[str, Any] = {"heated": Heated(), "seen_s": None, "waits_until": None}


class Worth(Struct, frozen=True, kw_only=True):
    """What of a memory is worth keeping; two that are equal need no second writing."""

    memory: Any
    rows: tuple[LearnedRow, ...] = ()


def worth(memory: Any) -> Worth | None:
    """Return what is to be kept of a core's memory; None = it has none."""
    if memory is None:
        return None
    fields = asdict(memory)
    changes = {name: value for name, value in _OF_THE_MOMENT.items() if name in fields}
    known = fields.get("known")
    if not isinstance(known, Modelled):
        return Worth(memory=replace(memory, **changes))
    bare = replace(known, learning=Learning(), looked_s=None, power_w=0.0)
    return Worth(memory=replace(memory, **changes, known=bare), rows=known.learning.rows)


def kept(plan: PlugPlan, found: Worth, now: Now) -> DeviceRecord:
    """Return the record of a memory; its rows are a record of their own (`kept_rows`)."""
    kind, sensor = same(plan)
    aged = _moved(found.memory, lambda value: round(now.at_s - value, 1), fitted_at_s=None)
    raw = Raw(msgspec.json.encode(aged))
    return DeviceRecord(site=plan.site, load=plan.load, kind=kind, sensor=sensor, kept_at=now.utc, memory=raw)


def kept_rows(plan: PlugPlan, found: Worth) -> LearnedRecord:
    """Return the record of what a thermal model stands on."""
    return LearnedRecord(site=plan.site, load=plan.load, rows=found.rows)


def recalled(plan: PlugPlan, record: DeviceRecord, rows: LearnedRecord | None, now: Now) -> Any:
    """Return the memory that a record holds, with its times on this process's clock; None = it is none for this device.

    Raises `msgspec.ValidationError` when it cannot be read.
    """
    if plan.device is None or (record.kind, record.sensor) != same(plan):
        return None
    memory = msgspec.json.decode(record.memory, type=KINDS[type(plan.device)].memory)
    passed_s = max(0.0, (now.utc - record.kept_at.astimezone(UTC)).total_seconds())
    memory = _moved(memory, lambda value: now.at_s - passed_s - value, fitted_at_s=now.at_s)
    known = asdict(memory).get("known")
    if rows is not None and isinstance(known, Modelled):
        memory = replace(memory, known=replace(known, learning=Learning(rows=rows.rows)))
    return memory


def fit_of(memory: Any) -> Fit | None:
    """Return what a core has learned of its body; None = it learns nothing, or has not yet."""
    known = None if memory is None else asdict(memory).get("known")
    return known.fit if isinstance(known, Modelled) else None


def same(plan: PlugPlan) -> tuple[str, str | None]:
    """Return what must stay for a core to remember: its type and its sensor."""
    return plan.kind, None if plan.device is None else plan.device.sensor


def _moved(memory: Any, move: Any, *, fitted_at_s: float | None) -> Any:
    """Return the memory with its times moved; a model that comes back counts as fitted just now."""
    fields = asdict(memory)
    changes = {name: move(value) for name, value in fields.items() if name in TIMES and value is not None}
    known = fields.get("known")
    if isinstance(known, Modelled):
        fitted_s = fitted_at_s if fitted_at_s is not None and known.fit is not None else -1e9
        changes["known"] = replace(known, fitted_s=fitted_s)
    return replace(memory, **changes)
