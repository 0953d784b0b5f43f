"""Every frame of ours is held against the official schemas, in every test; here the watch itself is tried."""

import pytest
from msgspec import Raw
from msgspec.structs import replace

from services.ocpp_gateway import asked16, asked201
from services.ocpp_gateway.dialect import DIALECTS, Dialect
from tests import conftest
from tests.unit.ocpp_gateway.builders import at, station


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda each: each.version)
def test_a_call_that_the_standard_does_not_know_fails_the_test(dialect: Dialect) -> None:
    found = station()
    assert found.link is not None
    asked = replace(found, link=replace(found.link, asked=("Reset", {"type": "Gently"}), state="reading"))
    with pytest.raises(AssertionError, match=f"OCPP {dialect.version} Reset"):
        dialect.next_call(asked, at(0.0))
    assert len(conftest.FAULTS) == 1
    conftest.FAULTS.clear()


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda each: each.version)
def test_every_answer_passes_the_watch(dialect: Dialect) -> None:
    handled = dialect.on_call(station(), "BootNotification", Raw(b"{}"), at(0.0))
    assert handled.payload["status"] == "Accepted"


FROM_STATIONS = {
    "1.6": (
        "BootNotification Heartbeat StatusNotification Authorize StartTransaction StopTransaction MeterValues "
        "DataTransfer SecurityEventNotification FirmwareStatusNotification DiagnosticsStatusNotification "
        "LogStatusNotification SignedFirmwareStatusNotification SignCertificate"
    ),
    "2.0.1": (
        "BootNotification Heartbeat StatusNotification Authorize TransactionEvent MeterValues DataTransfer "
        "SecurityEventNotification FirmwareStatusNotification LogStatusNotification SignCertificate NotifyReport "
        "NotifyEvent NotifyMonitoringReport NotifyEVChargingNeeds NotifyEVChargingSchedule NotifyChargingLimit "
        "ClearedChargingLimit ReportChargingProfiles"
    ),
}
FROM_STATIONS["2.1"] = (
    FROM_STATIONS["2.0.1"] + " PullDynamicScheduleUpdate NotifyPriorityCharging NotifyDERAlarm NotifyDERStartStop "
    "ReportDERControl OpenPeriodicEventStream ClosePeriodicEventStream"
)
LEAST = {
    "StatusNotification": b'{"connectorId":1,"evseId":1,"status":"Available","connectorStatus":"Available"}',
    "TransactionEvent": b'{"eventType":"Updated","seqNo":1,"transactionInfo":{"transactionId":"a"},"evse":{"id":1}}',
}


@pytest.mark.parametrize(
    ("version", "action"), [(version, action) for version, words in FROM_STATIONS.items() for action in words.split()]
)
def test_every_row_of_the_message_table_is_answered(version: str, action: str) -> None:
    dialect = next(each for each in DIALECTS.values() if each.version == version)
    assert action in dialect.actions
    dialect.on_call(station(), action, Raw(LEAST.get(action, b"{}")), at(0.0))


TO_STATIONS = {
    "1.6": (
        "GetCompositeSchedule GetConfiguration ChangeConfiguration TriggerMessage ExtendedTriggerMessage "
        "RemoteStartTransaction RemoteStopTransaction ChangeAvailability Reset UnlockConnector ClearChargingProfile "
        "DataTransfer GetDiagnostics GetLog"
    ),
    "2.0.1": (
        "GetCompositeSchedule GetVariables SetVariables GetBaseReport TriggerMessage RequestStartTransaction "
        "RequestStopTransaction ChangeAvailability Reset UnlockConnector ClearChargingProfile GetChargingProfiles "
        "DataTransfer GetLog"
    ),
}


def test_every_row_to_stations_may_be_called_by_hand() -> None:
    assert set(TO_STATIONS["1.6"].split()) <= set(asked16.ASKS)
    assert set(TO_STATIONS["2.0.1"].split()) <= set(asked201.ASKS)
