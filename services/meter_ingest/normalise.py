"""Raw samples → checked readings, and alerts about what was refused. Pure.

`normalise` puts a sample in order by the source's own count or stamp, reads its values (sample.py), and refuses it when
* nothing that was asked for is in it,
* a current or power cannot be (one wrong unit makes the other values doubtful), or
* a role that is never below zero is: a little, as inverters draw at night, counts as 0, more is a wrong sign.
A value that is no number is missing, never 0. What repeats while energy flows is published as `suspect`.
`silence` is the other way a meter fails: nothing came.
"""

from datetime import datetime, timedelta

from msgspec import Struct, structs

from evenload.contracts.events import Alert, MeterReading, MeterRole, Quality
from evenload.contracts.phases import PerPhase
from evenload.devices.alerting import Subject, change_alerts
from evenload.devices.errors import DeviceError
from services.meter_ingest import alerts as told
from services.meter_ingest import memory as remembered
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.counters import follow
from services.meter_ingest.memory import MeterMemory
from services.meter_ingest.raw import RawSample
from services.meter_ingest.sample import Sample, read_sample

NEVER_NEGATIVE: frozenset[MeterRole] = frozenset({"solar", "household"})
NIGHT_W = -100.0
"""The most that an inverter draws for itself, with the noise of clamps."""
MAX_SKEW = timedelta(seconds=60)
MAX_FAULTS_TOLD = 3


class Now(Struct, frozen=True):
    """Arrival: s of the monotonic clock, and UTC."""

    at_s: float
    utc: datetime


class Normalised(Struct, frozen=True):
    """The reading, None when the sample was refused (`refused` = the alert's kind or `old`); and alerts to send."""

    reading: MeterReading | None = None
    alerts: tuple[Alert, ...] = ()
    refused: str = ""


class _Taken(Struct, frozen=True):
    """A sample that is good enough, with the memory after it."""

    plan: MeterPlan
    memory: MeterMemory
    raw: RawSample
    sample: Sample
    now: Now
    reset_wh: float | None = None
    """An energy counter went back by so much."""

    @property
    def frozen(self) -> bool:
        """Tell whether it repeats itself while energy flows."""
        return remembered.is_frozen(self.memory, self.raw, (self.plan.role, self.sample.flow_w), self.now.at_s)

    @property
    def skew(self) -> timedelta:
        """How far the source's clock is from ours."""
        return remembered.stamp_skew(self.raw, self.now.utc)


def normalise(plan: MeterPlan, memory: MeterMemory, raw: RawSample, now: Now) -> tuple[MeterMemory, Normalised]:
    """Return the next memory and the reading, or why there is none."""
    if remembered.is_older(memory, raw):
        memory = remembered.after_older(memory, raw, now.at_s)
        memory, alerts = _tell(plan, memory, _order(memory, now), now)
        return memory, Normalised(alerts=alerts, refused="old")
    sample = read_sample(plan, raw)
    refusal = _refusal(plan, sample)
    if refusal is not None:
        kind, text = refusal
        memory, alerts = _tell(plan, memory, {kind: text}, now)
        return memory, Normalised(alerts=alerts, refused=kind)
    imported, import_wh = follow(memory.imported, sample.import_wh)
    exported, export_wh = follow(memory.exported, sample.export_wh)
    memory = structs.replace(remembered.after_sample(memory, raw, now.at_s), imported=imported, exported=exported)
    sample = structs.replace(sample, import_wh=import_wh.energy_wh, export_wh=export_wh.energy_wh)
    taken = _Taken(plan, memory, raw, sample, now, import_wh.reset_wh or export_wh.reset_wh)
    found = {**dict.fromkeys(kind for kind in told.KINDS if kind != told.ORDER), **_standing(taken)}
    memory, alerts = _tell(plan, taken.memory, found | _order(taken.memory, now), now)
    return memory, Normalised(reading=_reading(taken), alerts=alerts)


def _order(memory: MeterMemory, now: Now) -> dict[str, str | None]:
    """Return whether samples come out of order, as alerts are found; nothing while that is between the two."""
    disordered = remembered.is_disordered(memory, now.at_s)
    if disordered is None:
        return {}
    if not disordered:
        return {told.ORDER: None}
    within_s = now.at_s - memory.older_s[0]
    return {told.ORDER: f"{len(memory.older_s)} samples within {within_s:.0f} s were older than one before: dropped"}


def silence(
    plan: MeterPlan, memory: MeterMemory, now: Now, trouble: DeviceError | None
) -> tuple[MeterMemory, tuple[Alert, ...]]:
    """Return the next memory and the alerts after a time without a reading; `trouble` = what the driver ran into."""
    memory = remembered.begun(memory, now.at_s)
    age_s = now.at_s - (memory.heard_s or memory.started_s or now.at_s)
    why = f": {trouble.where}: {trouble.why}" if trouble else ""
    found: dict[str, str | None] = {}
    if trouble is not None and trouble.trouble == "garbage":
        found[told.GARBAGE] = f"unreadable answer from {trouble.where}: {trouble.why}"
    if age_s >= remembered.silent_after_s(plan, memory):
        found[told.SILENT] = f"no usable reading for {age_s:.0f} s{why}"
    return _tell(plan, memory, found, now)


def _tell(
    plan: MeterPlan, memory: MeterMemory, found: dict[str, str | None], now: Now
) -> tuple[MeterMemory, tuple[Alert, ...]]:
    now_told, alerts = change_alerts(Subject(plan.site, plan.meter, told.RULES), memory.told, found, now.utc)
    return structs.replace(memory, told=now_told), alerts


def _refusal(plan: MeterPlan, sample: Sample) -> tuple[str, str] | None:
    """Return the alert kind and text for a sample that must not become a reading."""
    absurd = [fault for fault in sample.faults if fault.absurd and not fault.what.startswith("voltage")]
    if absurd:
        behind = "" if plan.breaker_a is None else f" behind a breaker of {plan.breaker_a:g} A"
        return told.IMPLAUSIBLE, f"{absurd[0].what} of {absurd[0].shown} cannot be{behind}"
    facts = (sample.current_a, sample.total_w, sample.soc_pct, sample.temperature_c)
    if all(fact is None for fact in facts):
        return told.GARBAGE, _faults_text(sample) or "nothing that was asked for is in its answer"
    if plan.role in NEVER_NEGATIVE and (sample.flow_w or 0.0) < NIGHT_W:
        return told.SIGN, f"{plan.role} power of {sample.flow_w:g} W; {plan.role} is never negative"
    return None


def _standing(taken: _Taken) -> dict[str, str | None]:
    """Return the troubles of a sample that is good enough to be a reading."""
    plan, sample = taken.plan, taken.sample
    found: dict[str, str | None] = {}
    if sample.faults:
        found[told.GARBAGE] = _faults_text(sample)
    missing = [phase for phase in plan.site_phases if not _known(sample.current_a, phase)]
    if plan.role == "grid" and sample.current_a is not None and missing and not sample.faults:
        found[told.PHASES_MISSING] = f"no current for {', '.join(missing)}; they count as fully loaded"
    if taken.frozen:
        found[told.FROZEN] = f"{sample.flow_w:g} W flow, but nothing has moved for {_still_s(taken):.0f} s"
    if taken.reset_wh is not None:
        found[told.COUNTER] = f"an energy counter went back by {taken.reset_wh:.0f} Wh; it goes on from its last value"
    if abs(taken.skew) > MAX_SKEW:
        found[told.CLOCK] = f"its clock is {taken.skew.total_seconds():+.0f} s from ours"
    return found


def _known(values: PerPhase | None, phase: str) -> bool:
    return values is not None and phase in dict(values.items())


def _still_s(taken: _Taken) -> float:
    moved_s = taken.memory.moved_s
    return 0.0 if moved_s is None else taken.now.at_s - moved_s


def _faults_text(sample: Sample) -> str:
    return ", ".join(f"{fault.what} is {fault.shown}" for fault in sample.faults[:MAX_FAULTS_TOLD])


def _reading(taken: _Taken) -> MeterReading:
    plan, sample = taken.plan, taken.sample
    if plan.role in NEVER_NEGATIVE:
        sample = _not_negative(sample)
    own_stamp = taken.raw.taken_at if abs(taken.skew) <= MAX_SKEW else None
    return MeterReading(
        site=plan.site,
        meter=plan.meter,
        role=plan.role,
        measured_at=own_stamp or taken.now.utc,
        period_s=remembered.period_s(plan, taken.memory),
        current_a=sample.current_a,
        power_w=sample.power_w,
        total_power_w=sample.total_w,
        voltage_v=sample.voltage_v,
        import_wh=sample.import_wh,
        export_wh=sample.export_wh,
        soc_pct=sample.soc_pct,
        temperature_c=sample.temperature_c,
        quality=_quality(taken),
    )


def _quality(taken: _Taken) -> Quality:
    if taken.frozen:
        return "suspect"
    return "derived" if taken.sample.derived else "good"


def _not_negative(sample: Sample) -> Sample:
    total_w = sample.total_w
    return structs.replace(
        sample,
        current_a=_floored(sample.current_a),
        power_w=_floored(sample.power_w),
        total_w=None if total_w is None else max(0.0, total_w),
    )


def _floored(values: PerPhase | None) -> PerPhase | None:
    return None if values is None else PerPhase.of({phase: max(0.0, value) for phase, value in values.items()})
