"""What 2.x stations tell beside transactions: device model, needs of a vehicle, limits of others."""

from datetime import UTC, datetime

from msgspec.structs import replace

from services.ocpp_gateway.station import LOST_S, Link, Reported, Station, Warn
from tests.unit.ocpp_gateway.builders import stamp, station, told
from tests.unit.ocpp_gateway.test_ocpp201 import answered, charging, due, said, settled, shown

NEEDS = {
    "requestedEnergyTransfer": "AC_single_phase",
    "departureTime": "2026-06-01T18:00:00Z",
    "acChargingParameters": {"energyAmount": 22_000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 400},
}


def part(seq: int, *variables: tuple[str, str, str], tbc: bool = False) -> dict[str, object]:
    reported = [
        {
            "component": {"name": component},
            "variable": {"name": name},
            "variableAttribute": [{"type": "Actual", "value": value, "mutability": "ReadOnly"}],
        }
        for component, name, value in variables
    ]
    return {"requestId": 1, "generatedAt": stamp(0), "seqNo": seq, "tbc": tbc, "reportData": reported}


def test_a_station_that_tells_no_variables_is_asked_for_its_device_model() -> None:
    found = replace(station(), link=Link(token="t", connected_s=0, state="booted"))
    found, flight = due(found, 1.0)
    assert flight is not None
    assert flight.action == "GetVariables"
    unknown = [{**each, "attributeStatus": "UnknownVariable"} for each in flight.payload["getVariableData"]]
    found, _ = answered(found, flight, 1.0, getVariableResult=unknown)
    found, flights = settled(found, 1.0)
    assert "GetBaseReport" in [each.action for each in flights]
    found, _, outputs = said(found, "NotifyReport", 2.0, **part(0, ("SmartChargingCtrlr", "RateUnit", "W"), tbc=True))
    assert not [each for each in outputs if isinstance(each, Reported)]
    assert found.learned.units == ("W", "A")
    found, _, outputs = said(found, "NotifyReport", 3.0, **part(1, ("Other", "Thing", "1")))
    (whole,) = [each for each in outputs if isinstance(each, Reported)]
    assert len(whole.report.parts) == 2
    assert found.report is None


def test_a_report_without_end_is_bounded() -> None:
    found = station()
    for seq in range(200):
        found, _, _ = said(found, "NotifyReport", 2.0, **part(seq, ("C", "V", "1"), tbc=True))
    assert found.report is not None
    assert len(found.report.parts) <= 64


def test_what_was_learned_is_not_unlearned_by_a_report() -> None:
    found = replace(station(), learned=replace(station().learned, units=("A",)))
    found, _, _ = said(found, "NotifyReport", 2.0, **part(0, ("SmartChargingCtrlr", "RateUnit", "W")))
    assert found.learned.units == ("A",)


def test_needs_are_published_and_the_promised_profile_is_written_at_once() -> None:
    found, _ = settled(told(charging(station()), 12.0, 0.0, valid_s=3600), 0.0)
    found, answer, _ = said(found, "NotifyEVChargingNeeds", 5.0, evseId=1, chargingNeeds=NEEDS)
    assert answer == {"status": "Accepted"}
    assert found.outlets[0].working is not None
    assert found.outlets[0].working.sent_s == LOST_S
    found, flights = settled(found, 5.0)
    assert [each.action for each in flights] == ["SetChargingProfile"]
    state = shown(found, 5.0)
    assert (state.needs_wh, state.vehicle_max_a) == (22_000.0, 16.0)
    assert state.leaves_at == datetime(2026, 6, 1, 18, tzinfo=UTC)
    assert found.outlets[0].lines_used == 1


def test_lines_are_believed_when_seen_and_not_when_said() -> None:
    needs = {**NEEDS, "requestedEnergyTransfer": "AC_three_phase"}
    found, _, _ = said(charging(station()), "NotifyEVChargingNeeds", 5.0, evseId=1, chargingNeeds=needs)
    assert found.outlets[0].lines_used is None


def test_needs_of_an_unknown_evse_are_refused() -> None:
    _, answer, _ = said(station(connectors=2), "NotifyEVChargingNeeds", 5.0, evseId=7, chargingNeeds=NEEDS)
    assert answer == {"status": "Rejected"}


def limited(found: Station) -> tuple[Station, list[Warn]]:
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}]}
    found, _, outputs = said(
        found,
        "NotifyChargingLimit",
        1.0,
        evseId=1,
        chargingLimit={"chargingLimitSource": "SO", "isGridCritical": True},
        chargingSchedule=[schedule],
    )
    return found, [each for each in outputs if isinstance(each, Warn)]


def test_a_limit_from_outside_is_told_and_cleared_and_never_touched() -> None:
    found, warnings = limited(station())
    assert [(each.kind, each.active) for each in warnings] == [("station_outside", True)]
    assert "'SO'" in warnings[0].text
    assert "10 A" in warnings[0].text
    found, flights = settled(found, 1.0)
    assert not [each for each in flights if each.action == "ClearChargingProfile"]
    found, _, outputs = said(found, "ClearedChargingLimit", 2.0, chargingLimitSource="SO", evseId=1)
    assert [each.active for each in outputs if isinstance(each, Warn)] == [False]
    assert found.outlets[0].outside == ""


def test_odd_notices_are_answered() -> None:
    for action in ("NotifyReport", "NotifyChargingLimit", "ClearedChargingLimit", "ReportChargingProfiles"):
        _, answer, _ = said(station(), action, 0.0)
        assert answer == {}
