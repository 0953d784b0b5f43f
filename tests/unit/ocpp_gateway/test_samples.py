"""Rows 32 to 41 of the field table: every spelling of a sample leads to the same currents."""

import json
from typing import Any

import pytest

from services.ocpp_gateway.messages16 import MeterValues, Reader
from services.ocpp_gateway.samples import Sampled, Wiring, sampled
from services.ocpp_gateway.tolerant import moment, number, whole

THREE = Wiring(3, 230.0)
ONE = Wiring(1, 230.0)
CURRENT = "Current.Import"


def read(*values: dict[str, Any], wiring: Wiring = THREE, as_object: bool = False) -> Sampled | None:
    """Return what one MeterValues with these samples tells."""
    group: Any = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": list(values)}
    payload = json.dumps({"connectorId": 1, "meterValue": group if as_object else [group]}).encode()
    return sampled(Reader(MeterValues).read(payload).meter_value, wiring)


def current(value: Any, phase: str | None = None, unit: str | None = "A", measurand: str = CURRENT) -> dict[str, Any]:
    told = {"value": value, "measurand": measurand, "phase": phase, "unit": unit}
    return {key: item for key, item in told.items() if item is not None}


@pytest.mark.parametrize(
    ("values", "line_a"),
    [
        ([current("6.1", "L1"), current("6.2", "L2"), current("6.3", "L3")], (6.1, 6.2, 6.3)),
        ([current("6.1", "L1-N"), current("6.2", "L2-N"), current("6.3", "L3-N")], (6.1, 6.2, 6.3)),
        ([current("6.1", measurand="Current.Import.L1"), current("6", measurand="Current.Import.L3")], (6.1, 0.0, 6.0)),
        ([current(6100, "L1", "mA"), current(0, "L2"), current(0, "L3")], (6.1, 0.0, 0.0)),
        ([current(" 9.6 ", "L1"), current("", "L2"), current("NaN", "L3")], (9.6, 0.0, 0.0)),
        ([current("9,6", "l1", None)], (9.6, 0.0, 0.0)),
        ([current(8.0)], (8.0, 8.0, 8.0)),
        ([current(8.0), {"value": "1.84", "measurand": "Power.Active.Import", "unit": "kW"}], (8.0, 0.0, 0.0)),
        ([{"value": "6900", "measurand": "Power.Active.Import", "unit": "W"}], (10.0, 10.0, 10.0)),
        ([{"value": 2.3, "measurand": "Power.Active.Import", "unit": "kW", "phase": "L2"}], (0.0, 10.0, 0.0)),
        ([current("1e999", "L1"), current("7", "L2")], (0.0, 7.0, 0.0)),
        ([current(7, "L1"), current(3, "L2", "Celcius")], (7.0, 3.0, 0.0)),
    ],
)
def test_currents_in_every_spelling(values: list[dict[str, Any]], line_a: tuple[float, ...]) -> None:
    found = read(*values)
    assert found is not None
    assert found.line_a == pytest.approx(line_a)


@pytest.mark.parametrize("phase", ["N", "L1", "L2", "L3-N", None])
def test_a_one_line_outlet_takes_its_current_under_any_phase(phase: str | None) -> None:
    found = read(current("13.2", phase), wiring=ONE)
    assert found is not None
    assert found.line_a == (13.2,)


def test_energy_and_offered_and_voltage() -> None:
    found = read(
        {"value": "12.5", "unit": "kWh"},
        {"value": "16", "measurand": "Current.Offered", "unit": "A"},
        {"value": "229.5", "measurand": "Voltage", "phase": "L1", "unit": "V"},
        {"value": "31", "measurand": "Temperature", "unit": "Celcius"},
    )
    assert found is not None
    assert (found.energy_wh, found.offered_a, found.lowest_v, found.temperature_c) == (12500.0, 16.0, 229.5, 31.0)


def test_power_of_the_phases_is_summed_when_no_total_is_told() -> None:
    found = read(
        *({"value": "1000", "measurand": "Power.Active.Import", "phase": phase} for phase in ("L1", "L2", "L3"))
    )
    assert found is not None
    assert found.power_w == 3000


def test_one_object_stands_for_a_list() -> None:
    assert read(current(5, "L1"), as_object=True) is not None


@pytest.mark.parametrize(
    "values",
    [
        [],
        [current("", "L1")],
        [current("abc")],
        [current(True)],
        [{"value": "5", "measurand": CURRENT, "context": "Transaction.End"}],
        [{"value": "FF00", "format": "SignedData"}],
        [current(1e12)],
    ],
)
def test_nothing_readable_is_nothing_not_zero(values: list[dict[str, Any]]) -> None:
    assert read(*values) is None


def test_only_the_newest_moment_counts() -> None:
    groups = [
        {"timestamp": f"2026-01-01T00:0{minute}:00Z", "sampledValue": [current(minute, "L1")]} for minute in (2, 5, 3)
    ]
    payload = json.dumps({"connectorId": 1, "meterValue": groups}).encode()
    found = sampled(Reader(MeterValues).read(payload).meter_value, THREE)
    assert found is not None
    assert found.line_a == (5.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "text", ["2026-01-01T10:00:00Z", "2026-01-01T10:00:00", "2026-01-01T13:00:00+03", " 2026-01-01T10:00:00.000+00:00 "]
)
def test_times_are_read_leniently(text: str) -> None:
    found = moment(text)
    assert found is not None
    assert found.isoformat() == "2026-01-01T10:00:00+00:00"


@pytest.mark.parametrize("text", ["", "now", None, 5, "9" * 100, "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14"])
def test_unreadable_times_are_missing(text: Any) -> None:
    assert moment(text) is None


def test_numbers() -> None:
    assert [number(value) for value in ("1.5", " 2 ", 3, None, "", "x", "inf", True, 2**60)] == [
        1.5, 2.0, 3.0, None, None, None, None, None, None,
    ]  # fmt: skip
    assert [whole(value) for value in ("7", 7.0, 7.5, "-1")] == [7, 7, None, -1]
