"""What devices send at odd hours and in odd builds, written down by hand, and what becomes of it."""

from typing import Any

import pytest
from msgspec import structs

from evenload.contracts.events import MeterReading, MeterRole
from evenload.contracts.phases import PerPhase
from evenload.devices.errors import DeviceError
from evenload.devices.homeassistant import EntityState
from evenload.site.drivers import ValueFields
from services.meter_ingest.drivers import enphase, fronius, homeassistant, shelly, sunspec
from services.meter_ingest.drivers.fields import reader
from services.meter_ingest.drivers.sunspec import Model, choose
from services.meter_ingest.normalise import Normalised
from services.meter_ingest.raw import RawSample
from tests.unit.meter_ingest.test_normalise import GRID, kinds, once


def as_role(raw: RawSample, role: MeterRole) -> Normalised:
    """Return what becomes of a sample of a meter of this role."""
    return once(raw, structs.replace(GRID, role=role))


def reading_of(outcome: Normalised) -> MeterReading:
    assert outcome.reading is not None, outcome
    return outcome.reading


ONE_PHASE_FRONIUS: dict[str, Any] = {
    "Current_AC_Phase_1": 5.0,
    "EnergyReal_WAC_Sum_Consumed": 2_000,
    "EnergyReal_WAC_Sum_Produced": 1_000,
    "PowerReal_P_Phase_1": -1150.0,
    "PowerReal_P_Sum": -1150.0,
    "Voltage_AC_Phase_1": 230.0,
}
"""A Smart Meter 63A-1: it has no keys for the phases that it does not measure."""


def test_a_fronius_meter_of_one_phase_leaves_keys_out() -> None:
    plan = structs.replace(GRID, lines=("L1",), site_phases=("L1",), single=True)
    reading = reading_of(once(fronius.meter_sample(ONE_PHASE_FRONIUS), plan))
    assert (reading.current_a, reading.total_power_w) == (PerPhase(-5.0), -1150.0)
    assert (reading.import_wh, reading.export_wh) == (2_000.0, 1_000.0)


def test_on_three_phases_it_is_told_which_are_missing() -> None:
    outcome = once(fronius.meter_sample(ONE_PHASE_FRONIUS))
    assert reading_of(outcome).current_a == PerPhase(-5.0, None, None)
    assert kinds(outcome) == {"meter_phases_missing"}


def fronius_flow(role: MeterRole, **site: Any) -> Normalised:
    flow = {"Site": {"P_Grid": None, "P_Akku": None, "P_PV": None, "P_Load": None, **site}, "Inverters": {"1": {}}}
    return as_role(fronius.FLOWS[role](flow), role)


def test_a_fronius_without_a_battery_has_none_of_0_w() -> None:
    assert fronius_flow("battery").reading is None


def test_a_fronius_asleep_makes_nothing() -> None:
    assert reading_of(fronius_flow("solar")).total_power_w == 0.0


def enphase_at(production_w: Any) -> Normalised:
    measured = {"type": "eim", "activeCount": 1, "measurementType": "production", "wNow": production_w, "lines": []}
    answer = {"production": [{"type": "inverters", "activeCount": 20, "wNow": 0}, measured]}
    return as_role(enphase.sample_of(answer, "solar", "envoy"), "solar")


@pytest.mark.parametrize(("told_w", "read_w"), [(-3.214, 0.0), (0, 0.0), (4321.5, 4321.5)])
def test_an_enphase_at_night_draws_a_little_and_makes_nothing(told_w: float, read_w: float) -> None:
    assert reading_of(enphase_at(told_w)).total_power_w == read_w


def test_an_enphase_that_says_null_has_said_nothing() -> None:
    assert enphase_at(None).refused == "meter_garbage"


FIELDS = ValueFields(power_l1_w="l1", power_l2_w="l2", power_l3_w="l3")


@pytest.mark.parametrize(
    ("document", "told", "refused"),
    [
        ({"l1": 2300, "l2": None, "l3": 460}, {"meter_phases_missing"}, ""),
        ({"l1": 2300, "l3": 460}, {"meter_phases_missing"}, ""),
        ({"l1": 2300, "l2": "offline", "l3": 460}, {"meter_garbage"}, ""),
        ({"l1": None, "l2": None, "l3": None}, {"meter_garbage"}, "meter_garbage"),
        ({}, {"meter_garbage"}, "meter_garbage"),
        ([1, 2, 3], {"meter_garbage"}, "meter_garbage"),
    ],
)
def test_a_document_with_holes_has_no_zeros(document: Any, told: set[str], refused: str) -> None:
    """Any topic, any page."""
    outcome = once(reader(FIELDS, 1.0, reports_changes=False).sample(document))
    assert (kinds(outcome), outcome.refused) == (told, refused)
    if not refused:
        assert reading_of(outcome).current_a == PerPhase(10.0, None, 2.0)


@pytest.mark.parametrize(
    ("text", "unit", "told"),
    [
        ("unavailable", "W", {"meter_phases_missing"}),
        ("unknown", None, {"meter_phases_missing"}),
        ("Error 7", "W", {"meter_garbage"}),
        ("nan", "W", {"meter_garbage"}),
        ("5", "°C", {"meter_garbage"}),
    ],
)
def test_an_entity_that_says_no_number_is_missing(text: str, unit: str | None, told: set[str]) -> None:
    entities = {f"power_l{line}_w": f"sensor.l{line}" for line in (1, 2, 3)}
    states = {"sensor.l1": entity("2.3", "kW"), "sensor.l2": entity(text, unit), "sensor.l3": entity("460", "W")}
    outcome = once(homeassistant.to_sample(entities, states))
    assert kinds(outcome) == told
    assert reading_of(outcome).current_a == PerPhase(10.0, None, 2.0)


def entity(text: str, unit: str | None) -> EntityState:
    return EntityState(text, unit)


@pytest.mark.parametrize("answer", [None, [], "noise", {"relays": []}, {"emeters": [1, 2]}])
def test_a_shelly_of_the_other_generation_is_named(answer: Any) -> None:
    with pytest.raises(DeviceError, match="generation"):
        shelly.gen1_sample(answer, "shelly")


TWO_METERS = [Model(1, 40_004, 65), Model(103, 40_071, 50), Model(203, 40_190, 105), Model(203, 40_297, 105)]


@pytest.mark.parametrize(("number", "address"), [(1, 40_190), (2, 40_297)])
def test_the_second_meter_of_a_sunspec_device_is_chosen_by_its_number(number: int, address: int) -> None:
    assert choose(TWO_METERS, "grid", number, "inverter").address == address


def test_a_meter_that_a_sunspec_device_lacks_is_refused_with_what_it_has() -> None:
    with pytest.raises(DeviceError, match="it has 1, 103, 203, 203"):
        choose(TWO_METERS, "grid", 3, "inverter")


def test_a_sleeping_sunspec_inverter_makes_nothing_and_a_broken_one_says_nothing() -> None:
    words = [0x8000] * 50
    for state, power_w in ((2, 0.0), (4, None)):
        words[36] = state
        assert sunspec.to_sample(TWO_METERS[1], words, "Fronius").power == power_w
