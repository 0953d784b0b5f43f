"""Each fault of a meter (faults.md A1 to A10, as far as one meter shows it): what becomes of it, and what is told.

What shows in two places only, as a step of a load against the grid meter (A2, A4, A7), is the allocator's to find.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from evenload.contracts.events import Alert, MeterReading
from evenload.contracts.phases import PerPhase
from evenload.devices.errors import DeviceError
from services.meter_ingest.alerts import KINDS, RULES
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.memory import MeterMemory
from services.meter_ingest.normalise import Normalised, normalise, silence
from services.meter_ingest.raw import RawLine, RawSample, Traits
from tests.unit.meter_ingest.test_normalise import GRID, T0, at

GOOD = RawSample(lines=(RawLine(power=2300), RawLine(power=460), RawLine(power=690)))
SOLAR = structs.replace(GRID, role="solar")


def with_power(*powers: Any) -> RawSample:
    return RawSample(lines=tuple(RawLine(power=power) for power in powers))


@dataclass(frozen=True)
class Case:
    """A fault after 10 good seconds: the samples that follow, and what stands after them."""

    fault: str
    samples: tuple[RawSample, ...]
    kind: str
    read: bool = False
    """The last sample is published all the same."""
    plan: MeterPlan = GRID
    every_s: float = 1.0


CASES = (
    Case("A2 the same for ten minutes", (GOOD,) * 620, "meter_frozen", read=True),
    Case("A3 NaN", (with_power(math.nan, math.nan, math.nan),), "meter_garbage"),
    Case("A3 infinity", (with_power(math.inf, -math.inf, math.inf),), "meter_garbage"),
    Case("A3 a text too large for a number", (with_power("1e999", "1e999", "1e999"),), "meter_garbage"),
    Case("A3 nothing", (RawSample(),), "meter_garbage"),
    Case("A3 one phase is no number", (with_power(2300, "n/a", 690),), "meter_garbage", read=True),
    Case("A4 a sun that consumes", (with_power(-900, -900, -900),), "meter_sign", plan=SOLAR),
    Case("A5 mA for A", (RawSample(lines=(RawLine(current=10_000),) * 3),), "meter_implausible"),
    Case("A5 W told as kW and scaled", (
        RawSample(traits=Traits(power_scale=1_000.0), lines=(RawLine(power=2300),) * 3),), "meter_implausible"),
    Case("A6 a phase is missing", (with_power(2300, None, 690),), "meter_phases_missing", read=True),
    Case("A9 an hour off", (structs.replace(GOOD, taken_at=T0 - timedelta(hours=1)),), "meter_clock", read=True),
)  # fmt: skip


def play(case: Case) -> tuple[MeterMemory, Normalised, list[Alert]]:
    memory, outcome, told = MeterMemory(), Normalised(), list[Alert]()
    before = tuple(with_power(100 + second, 10, 10) for second in range(10))
    for number, raw in enumerate((*before, *case.samples)):
        memory, outcome = normalise(case.plan, memory, raw, at(number * case.every_s))
        told += outcome.alerts
    return memory, outcome, told


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.fault)
def test_a_fault_is_told_with_what_to_do_and_never_becomes_a_number(case: Case) -> None:
    memory, outcome, told = play(case)
    raised = [alert for alert in told if alert.active]
    assert [alert.kind for alert in raised] == [case.kind]
    assert raised[0].text
    assert raised[0].remedy
    assert (outcome.reading is not None) is case.read
    if outcome.reading is not None:
        assert_sound(outcome.reading)
    last_s = (10 + len(case.samples)) * case.every_s
    memory, after = normalise(case.plan, memory, with_power(231, 11, 11), at(last_s))
    assert after.reading is not None
    assert [(alert.kind, alert.active) for alert in after.alerts] == [(case.kind, False)], "it ends by itself"


def assert_sound(reading: MeterReading) -> None:
    for values in (reading.current_a, reading.power_w):
        assert values is not None
        assert all(math.isfinite(value) for _, value in values.items())


def test_a_frozen_value_is_suspect() -> None:
    _, outcome, _ = play(CASES[0])
    assert outcome.reading is not None
    assert outcome.reading.quality == "suspect"


@pytest.mark.parametrize("value", ["n/a", None])
def test_a_missing_phase_is_none_and_the_others_go_on(value: object) -> None:
    _, outcome, _ = play(Case("A6", (with_power(2300, value, 690),), ""))
    assert outcome.reading is not None
    assert outcome.reading.current_a == PerPhase(10.0, None, 3.0)
    assert outcome.reading.total_power_w is None


@pytest.mark.parametrize("period_s", [1.0, 4.0, 10.0])
def test_a_silent_meter_is_told_at_its_age(period_s: float) -> None:
    """A1: after 2.5 periods, at least 5 s."""
    memory = MeterMemory()
    for number in range(10):
        memory, _ = normalise(GRID, memory, with_power(100 + number, 0, 0), at(number * period_s))
    trouble = DeviceError("silent", "http://meter", "no answer within 2 s")
    due_s = 9 * period_s + max(2.5 * period_s, 5.0)
    memory, early = silence(GRID, memory, at(due_s - 0.1), trouble)
    _, late = silence(GRID, memory, at(due_s + 0.1), trouble)
    assert early == ()
    assert [(alert.kind, alert.severity) for alert in late] == [("meter_silent", "critical")]
    assert "http://meter" in late[0].text
    assert late[0].remedy


def test_samples_out_of_order_are_dropped_and_a_restarted_source_is_followed() -> None:
    """A8: by the source's own count; three lower ones in a row are a source that counts anew."""
    memory, refused = MeterMemory(), []
    for second, seq in enumerate((5, 6, 6, 4, 7, 8, 1, 2, 3, 4, 5)):
        memory, outcome = normalise(GRID, memory, structs.replace(GOOD, seq=seq), at(second))
        refused.append(outcome.refused)
    assert refused == ["", "", "old", "old", "", "", "old", "old", "old", "", ""]


def order_told(seqs: list[int], every_s: float = 1.0) -> list[tuple[int, bool]]:
    """Return when (which sample) order was told to be lost (True) or found again, for samples of these counts."""
    memory, told = MeterMemory(), []
    for number, seq in enumerate(seqs):
        memory, outcome = normalise(GRID, memory, structs.replace(GOOD, seq=seq), at(number * every_s))
        told += [(number, alert.active) for alert in outcome.alerts if alert.kind == "meter_order"]
    return told


def two_senders(samples: int) -> list[int]:
    """Return the counts of two that write to one topic in turn, one of them far behind."""
    return [1000 + number if number % 2 == 0 else number for number in range(samples)]


def test_two_senders_on_one_topic_are_told_once_and_cleared_when_one_is_gone() -> None:
    """A8: the seventh older sample within a minute; ten minutes without one end it."""
    quiet = list(range(2_000, 2_700))
    assert order_told(two_senders(40) + quiet) == [(0, False), (13, True), (639, False)]


@pytest.mark.parametrize(
    ("what", "seqs", "every_s"),
    [
        ("asked more often than it measures", [number // 4 for number in range(400)], 1.0),
        ("restarts", [*range(500, 520), *range(20), *range(20)], 1.0),
        ("one older sample now and then", two_senders(40), 20.0),
    ],
)
def test_what_is_no_disorder_is_not_told(what: str, seqs: list[int], every_s: float) -> None:
    assert [told for told in order_told(seqs, every_s) if told[1]] == [], what


def test_a_spike_is_a_value_like_any_other() -> None:
    """A10: raises are filtered and cuts are not, where it is decided; a meter's peak is never smoothed away."""
    _, outcome, told = play(Case("A10", (with_power(15_000, 460, 690),), ""))
    assert outcome.reading is not None
    assert outcome.reading.total_power_w == 16_150.0
    assert not [alert for alert in told if alert.active]


@pytest.mark.parametrize("kind", KINDS)
def test_every_alert_says_what_to_do(kind: str) -> None:
    assert len(RULES[kind].remedy) > 20
