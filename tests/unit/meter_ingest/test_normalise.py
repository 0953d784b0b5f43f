"""What becomes a reading, in which sign and unit, and what never does."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from evenload.contracts.phases import PerPhase
from evenload.devices.errors import DeviceError
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.memory import MeterMemory, period_s
from services.meter_ingest.normalise import Normalised, Now, normalise, silence
from services.meter_ingest.raw import RawLine, RawSample, Traits

T0 = datetime(2026, 1, 1, tzinfo=UTC)
GRID = MeterPlan(
    site="home",
    meter="p1",
    role="grid",
    driver="homewizard",
    options=None,
    period_s=1.0,
    slow=False,
    invert=False,
    lines=("L1", "L2", "L3"),
    single=False,
    site_phases=("L1", "L2", "L3"),
    voltage_v=230.0,
    breaker_a=25.0,
    mqtt=None,
)


def at(seconds: float) -> Now:
    return Now(1000.0 + seconds, T0 + timedelta(seconds=seconds))


def lines(*powers: object, currents: tuple[object, ...] = (None, None, None)) -> tuple[RawLine, ...]:
    return tuple(RawLine(power=power, current=current) for power, current in zip(powers, currents, strict=True))


def once(raw: RawSample, plan: MeterPlan = GRID) -> Normalised:
    return normalise(plan, MeterMemory(), raw, at(0))[1]


def kinds(outcome: Normalised) -> set[str]:
    return {alert.kind for alert in outcome.alerts if alert.active}


def test_power_becomes_current_by_the_nominal_voltage() -> None:
    reading = once(RawSample(lines=lines(2300, -460.0, 0))).reading
    assert reading is not None
    assert reading.current_a == PerPhase(10.0, -2.0, 0.0)
    assert reading.total_power_w == 1840.0
    assert reading.quality == "derived"


def test_the_measured_voltage_is_better_than_the_nominal() -> None:
    raw = RawSample(lines=(RawLine(power=2070, voltage=207.0), RawLine(power=0), RawLine(power=0)))
    reading = once(raw).reading
    assert reading is not None
    assert reading.current_a is not None
    assert reading.current_a.l1 == pytest.approx(10.0)


def test_whole_amperes_are_replaced_by_power_over_voltage() -> None:
    raw = RawSample(traits=Traits(resolution_a=1.0), lines=lines(-676, 133, 2530, currents=(-4, 2, 11)))
    reading = once(raw).reading
    assert reading is not None
    assert reading.current_a == PerPhase(-2.939, 1.0, 11.0)


def test_an_unsigned_current_takes_its_direction_from_the_power() -> None:
    raw = RawSample(traits=Traits(unsigned_current=True), lines=lines(-332.2, 100, 0, currents=(1.473, 0.5, 0.0)))
    reading = once(raw).reading
    assert reading is not None
    assert reading.current_a == PerPhase(-1.473, 0.5, 0.0)
    assert reading.quality == "good"


def test_invert_turns_all_signs_and_swaps_the_counters() -> None:
    raw = RawSample(lines=lines(-2300, 0, 0), power=-2300, imported=(5,), exported=(7,))
    reading = once(raw, structs.replace(GRID, invert=True)).reading
    assert reading is not None
    assert reading.current_a == PerPhase(10.0, 0.0, 0.0)
    assert (reading.total_power_w, reading.import_wh, reading.export_wh) == (2300.0, 7.0, 5.0)


def test_lines_are_mapped_to_site_phases() -> None:
    plan = structs.replace(GRID, lines=("L2", "L3", "L1"))
    reading = once(RawSample(lines=lines(230, 460, 690)), plan).reading
    assert reading is not None
    assert reading.current_a == PerPhase(3.0, 1.0, 2.0)


def test_a_total_is_never_split_over_three_phases() -> None:
    reading = once(RawSample(power=6900)).reading
    assert reading is not None
    assert reading.current_a is None
    assert reading.power_w is None
    assert reading.total_power_w == 6900.0


def test_on_one_phase_the_total_is_the_phase() -> None:
    plan = structs.replace(GRID, lines=("L2",), single=True, role="solar")
    reading = once(RawSample(power=2300), plan).reading
    assert reading is not None
    assert reading.current_a == PerPhase(l2=10.0)


def test_a_scale_makes_kilowatts_watts() -> None:
    raw = RawSample(traits=Traits(power_scale=1000.0), lines=lines(2.3, "0.23", 0))
    reading = once(raw).reading
    assert reading is not None
    assert reading.power_w == PerPhase(2300.0, 230.0, 0.0)


@pytest.mark.parametrize(
    "nothing", [math.nan, math.inf, -math.inf, "1e999", "NaN", "12 W", True, {}, [], "0x10", "9" * 400, 10**400]
)
def test_what_is_no_number_is_missing_and_told(nothing: object) -> None:
    outcome = once(RawSample(lines=lines(230, nothing, 230)))
    assert outcome.reading is not None
    assert outcome.reading.current_a == PerPhase(1.0, None, 1.0)
    assert outcome.reading.total_power_w is None
    assert kinds(outcome) == {"meter_garbage"}


@pytest.mark.parametrize("nothing", [None, "", "unavailable"])
def test_a_missing_phase_is_missing_and_told(nothing: object) -> None:
    outcome = once(RawSample(lines=lines(230, nothing, 230)))
    assert outcome.reading is not None
    assert outcome.reading.current_a == PerPhase(1.0, None, 1.0)
    assert kinds(outcome) == {"meter_phases_missing"}


@pytest.mark.parametrize("nothing", [None, math.nan, "", "offline"])
def test_nothing_usable_is_no_reading(nothing: object) -> None:
    outcome = once(RawSample(lines=lines(nothing, nothing, nothing)))
    assert outcome.reading is None
    assert kinds(outcome) == {"meter_garbage"}


@pytest.mark.parametrize("raw", [RawSample(lines=lines(40_000, 0, 0)), RawSample(power=1e9)])
def test_more_than_three_times_the_breaker_cannot_be(raw: RawSample) -> None:
    outcome = once(raw)
    assert outcome.reading is None
    assert kinds(outcome) == {"meter_implausible"}
    assert "scale" in outcome.alerts[0].remedy


def test_milliamperes_for_amperes_are_refused() -> None:
    assert once(RawSample(lines=lines(230, 0, 0, currents=(1000, 0, 0)))).reading is None


def test_a_wrong_voltage_is_not_used() -> None:
    raw = RawSample(lines=(RawLine(power=2300, voltage=400), RawLine(power=0), RawLine(power=0)))
    reading = once(raw).reading
    assert reading is not None
    assert reading.current_a == PerPhase(10.0, 0.0, 0.0)
    assert reading.voltage_v is None


def test_the_sun_at_night_is_zero_and_an_inverted_sun_is_refused() -> None:
    solar = structs.replace(GRID, role="solar")
    night = once(RawSample(lines=lines(-6, -5, 0)), solar).reading
    assert night is not None
    assert night.current_a == PerPhase(0.0, 0.0, 0.0)
    assert night.total_power_w == 0.0
    day = once(RawSample(lines=lines(-1000, -1000, -1000)), solar)
    assert day.reading is None
    assert kinds(day) == {"meter_sign"}


def test_a_battery_tells_power_and_charge() -> None:
    battery = structs.replace(GRID, role="battery")
    reading = once(RawSample(power=-1500, soc="55"), battery).reading
    assert reading is not None
    assert (reading.total_power_w, reading.soc_pct) == (-1500.0, 55.0)
    assert once(RawSample(soc=101), battery).reading is None


def test_an_alert_is_raised_once_and_cleared_once() -> None:
    memory, first = normalise(GRID, MeterMemory(), RawSample(power=1e9), at(0))
    memory, second = normalise(GRID, memory, RawSample(power=1e9), at(1))
    memory, good = normalise(GRID, memory, RawSample(lines=lines(0, 0, 0)), at(2))
    memory, still_good = normalise(GRID, memory, RawSample(lines=lines(0, 0, 0)), at(3))
    assert len(first.alerts) == 1
    assert second.alerts == ()
    assert ("meter_implausible", False) in {(alert.kind, alert.active) for alert in good.alerts}
    assert still_good.alerts == ()


def test_silence_is_told_after_its_time_with_what_was_run_into() -> None:
    memory, _ = normalise(GRID, MeterMemory(), RawSample(lines=lines(0, 0, 0)), at(0))
    trouble = DeviceError("silent", "http://meter", "no answer within 2 s")
    memory, early = silence(GRID, memory, at(4.9), trouble)
    memory, late = silence(GRID, memory, at(5), trouble)
    assert early == ()
    assert [(alert.kind, alert.active) for alert in late] == [("meter_silent", True)]
    assert "no answer within 2 s" in late[0].text
    _, back = normalise(GRID, memory, RawSample(lines=lines(0, 0, 0)), at(6))
    assert [(alert.kind, alert.active) for alert in back.alerts] == [("meter_silent", False)]


def test_a_meter_that_never_spoke_is_silent_too() -> None:
    memory, first = silence(GRID, MeterMemory(), at(0), None)
    _, alerts = silence(GRID, memory, at(6), None)
    assert first == ()
    assert [alert.kind for alert in alerts] == ["meter_silent"]


def test_a_value_that_repeats_while_energy_flows_is_suspect() -> None:
    same = RawSample(lines=lines(900, 0, 0), imported=(13779.338,))
    memory, outcome = MeterMemory(), Normalised()
    for second in range(0, 606, 5):
        memory, outcome = normalise(GRID, memory, same, at(second))
    assert outcome.reading is not None
    assert outcome.reading.quality == "suspect"
    assert memory.told["meter_frozen"]
    memory, moved = normalise(GRID, memory, structs.replace(same, imported=(13779.339,)), at(606))
    assert moved.reading is not None
    assert moved.reading.quality == "derived"
    assert not memory.told["meter_frozen"]


@pytest.mark.parametrize("exported", [(), (4_162.4,)])
def test_a_counter_of_the_other_direction_or_in_coarse_steps_says_nothing(exported: tuple[float, ...]) -> None:
    """Whoever exports all afternoon, and counts import only, or 0.1 kWh, is not frozen."""
    memory, outcome = MeterMemory(), Normalised()
    for second in range(0, 3_600, 5):
        raw = RawSample(imported=(13_779.3,), exported=exported, lines=lines(-900 - second % 7, 0, 0))
        memory, outcome = normalise(GRID, memory, raw, at(second))
        assert outcome.reading is not None
        assert outcome.reading.quality == "derived"


def test_a_battery_at_its_limit_may_tell_the_same_for_long() -> None:
    battery = structs.replace(GRID, role="battery")
    memory, outcome = MeterMemory(), Normalised()
    for second in range(0, 3_500, 10):
        memory, outcome = normalise(battery, memory, RawSample(power=-5_000, soc=55), at(second))
    assert outcome.reading is not None
    assert outcome.reading.quality == "good"
    for second in range(3_500, 3_700, 10):
        memory, outcome = normalise(battery, memory, RawSample(power=-5_000, soc=55), at(second))
    assert outcome.reading.quality == "suspect"


@pytest.mark.parametrize(
    "same",
    [
        RawSample(lines=lines(0, 0, 0)),
        RawSample(traits=Traits(reports_changes=True), lines=lines(900, 0, 0)),
    ],
)
def test_zeros_and_sources_that_report_changes_are_not_frozen(same: RawSample) -> None:
    memory, outcome = MeterMemory(), Normalised()
    for second in range(0, 3600, 60):
        memory, outcome = normalise(GRID, memory, same, at(second))
    assert outcome.reading is not None
    assert outcome.reading.quality == "derived"


def test_what_is_older_by_the_sources_own_count_is_dropped() -> None:
    new, old = (RawSample(lines=lines(0, 0, 0), seq=seq) for seq in (7, 6))
    memory, _ = normalise(GRID, MeterMemory(), new, at(0))
    memory, outcome = normalise(GRID, memory, old, at(1))
    assert outcome.refused == "old"


def test_a_clock_that_stepped_back_is_followed_after_three_samples_and_told() -> None:
    memory, _ = normalise(GRID, MeterMemory(), RawSample(lines=lines(0, 0, 0), taken_at=T0), at(0))
    outcome = Normalised()
    for second in range(1, 5):
        stepped = RawSample(lines=lines(0, 0, 0), taken_at=T0 + timedelta(seconds=second - 3600))
        memory, outcome = normalise(GRID, memory, stepped, at(second))
    assert outcome.reading is not None
    assert outcome.reading.measured_at == at(4).utc
    assert kinds(outcome) == {"meter_clock"}


def test_the_period_is_what_is_usual_and_an_outage_is_none() -> None:
    memory = MeterMemory()
    for second in (0, 2, 4, 6, 66, 68, 70):
        memory, _ = normalise(GRID, memory, RawSample(lines=lines(0, 0, 0)), at(second))
    assert period_s(GRID, memory) == 2.0


def test_a_slow_meter_that_is_not_declared_slow_keeps_a_bounded_period() -> None:
    memory = MeterMemory()
    for second in range(0, 600, 60):
        memory, _ = normalise(GRID, memory, RawSample(lines=lines(second, 0, 0)), at(second))
    assert period_s(GRID, memory) == 20.0
    assert period_s(structs.replace(GRID, slow=True), memory) == 60.0


def test_a_counter_that_was_reset_goes_on_and_is_told() -> None:
    memory, readings, told = MeterMemory(), [], []
    for second, counter in enumerate((5_000.0, 5_001.0, 0.0, 0.0, 0.0, 7.0)):
        memory, outcome = normalise(GRID, memory, RawSample(lines=lines(0, 0, 0), imported=(counter,)), at(second))
        assert outcome.reading is not None
        readings.append(outcome.reading.import_wh)
        told += [alert.active for alert in outcome.alerts if alert.kind == "meter_counter"]
    assert readings == [5_000.0, 5_001.0, None, None, 5_001.0, 5_008.0]
    assert told == [False, True, False]
