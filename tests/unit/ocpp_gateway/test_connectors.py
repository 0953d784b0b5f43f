"""Stations with several connectors: one link, separate transactions and profiles, connector 0."""

from evenload.contracts.events import TransactionStarted
from services.ocpp_gateway.states import load_state
from services.ocpp_gateway.station import Keep, Station
from tests.unit.ocpp_gateway.builders import (
    UTC0,
    answered,
    charging,
    due,
    limit,
    metered,
    said,
    settled,
    stamp,
    station,
    told,
)


def both(amps: tuple[float, float]) -> Station:
    """Return a station whose two connectors charge under these setpoints."""
    found = charging(charging(station(connectors=2)), connector=2)
    for connector, each in enumerate(amps, 1):
        found = told(found, each, 0.0, connector=connector, valid_s=3600)
    return settled(found, 0.0)[0]


def test_each_connector_has_its_own_transaction_and_profiles() -> None:
    found = charging(charging(station(connectors=2)), connector=2)
    for connector in (1, 2):
        found = told(found, 8.0 + connector, 0.0, connector=connector)
    _, flights = settled(found, 0.0)
    written = [flight.payload for flight in flights]
    assert {payload["connectorId"] for payload in written} == {1, 2}
    ids = {payload["csChargingProfiles"]["chargingProfileId"] for payload in written}
    transactions = {payload["csChargingProfiles"]["transactionId"] for payload in written}
    assert ids == {2, 4}
    assert transactions == {1, 2}


def test_idle_connectors_get_a_default_each() -> None:
    _, flights = settled(station(connectors=3, failsafe_a=6.0), 0.0)
    assert [limit(flight) for flight in flights] == [("TxDefaultProfile", 6.0)] * 3
    assert [flight.connector for flight in flights] == [1, 2, 3]


def test_the_end_of_one_transaction_leaves_the_other() -> None:
    found = both((10.0, 12.0))
    found, _, _ = said(found, "StopTransaction", 1.0, transactionId=1, timestamp=stamp(1), meterStop=1)
    assert [outlet.transaction for outlet in found.outlets] == [None, 2]
    assert [load_state(found, outlet, 1.0, UTC0).setpoint_a for outlet in found.outlets] == [None, 12.0]


def test_samples_of_one_connector_say_nothing_about_the_other() -> None:
    found = metered(both((6.0, 12.0)), 20.0, 11.0, connector=2)
    readings = [outlet.reading for outlet in found.outlets]
    assert readings[0] is None
    assert readings[1] is not None
    assert all(outlet.obeys for outlet in found.outlets)


def test_the_stations_own_meter_is_no_connectors() -> None:
    found = metered(both((6.0, 12.0)), 20.0, 18.0, connector=0)
    assert all(outlet.reading is None for outlet in found.outlets)


def test_a_station_out_of_order_gives_nothing_but_a_charging_connector_is_believed() -> None:
    found = charging(station(connectors=2))
    found, _, _ = said(found, "StatusNotification", 1.0, connectorId=2, status="Available")
    found, _, changed = said(found, "StatusNotification", 2.0, connectorId=0, status="Faulted")
    assert len(changed) == 2
    assert [load_state(found, outlet, 2.0, UTC0).status for outlet in found.outlets] == ["charging", "faulted"]
    found, _, _ = said(found, "StatusNotification", 3.0, connectorId=0, status="Available")
    assert [load_state(found, outlet, 3.0, UTC0).status for outlet in found.outlets] == ["charging", "available"]


def test_a_start_for_connector_0_is_the_only_connectors() -> None:
    found, _, outputs = said(
        station(), "StartTransaction", 0.0, connectorId=0, idTag="T", meterStart=0, timestamp=stamp(0)
    )
    (keep,) = [output for output in outputs if isinstance(output, Keep)]
    assert isinstance(keep.event, TransactionStarted)
    assert (keep.event.evse, keep.event.load) == (1, "load1")
    assert found.outlets[0].transaction == 1


def test_a_station_maximum_is_never_a_way_to_limit_one_of_two_connectors() -> None:
    found = told(charging(station(connectors=2, failsafe_a=6.0)), 10.0, 0.0, valid_s=3600)
    purposes = set()
    for _ in range(30):
        found, flight = due(found, 1.0)
        if flight is None or flight.rung is None:
            break
        purposes.add(flight.rung.purpose)
        found, _ = answered(found, flight, 1.0, status="Rejected")
    assert purposes == {"tx", "default"}


def test_the_end_of_a_transaction_writes_no_working_default_and_the_other_keeps_its_own_way() -> None:
    found = both((10.0, 12.0))
    assert found.learned.running is not None
    found, _, _ = said(found, "StopTransaction", 1.0, transactionId=1, timestamp=stamp(1), meterStop=1)
    found, flights = settled(found, 1.0)
    assert [limit(each) for each in flights] == [("TxDefaultProfile", 0.0)]
    assert load_state(found, found.outlets[0], 1.0, UTC0).status == "finishing"
    found, flights = settled(told(found, 9.0, 2.0, connector=2, valid_s=3600), 2.0)
    assert [limit(each) for each in flights] == [("TxProfile", 9.0)]


def test_a_vehicle_without_a_transaction_unlearns_no_way() -> None:
    found = both((10.0, 12.0))
    found, _, _ = said(found, "StopTransaction", 1.0, transactionId=1, timestamp=stamp(1), meterStop=1)
    found, _, _ = said(found, "StatusNotification", 2.0, connectorId=1, status="Charging")
    found, flights = settled(told(found, 9.0, 2.0, connector=1, valid_s=3600), 2.0)
    assert [limit(each) for each in flights] == [("TxDefaultProfile", 9.0)]
    found, flights = settled(told(found, 8.0, 3.0, connector=2, valid_s=3600), 3.0)
    assert [limit(each) for each in flights] == [("TxProfile", 8.0)]
