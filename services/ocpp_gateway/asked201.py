"""What an operator may ask a 2.0.1 or 2.1 station for, as the standards want it (edition 3, part 2). Strict."""

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from services.ocpp_gateway.asked16 import Ask, GetLog, Nothing, Outlet, Short, Stamp, Whole
from services.ocpp_gateway.der21 import SetDerControl

Id36 = Annotated[str, Meta(min_length=1, max_length=36)]
Purpose = Literal["ChargingStationExternalConstraints", "ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"]


class Evse(Ask, frozen=True):
    """An EVSE, or one connector of it."""

    id: Whole
    connector_id: Whole | UnsetType = UNSET


class Component(Ask, frozen=True):
    """A part of the device model."""

    name: Short
    instance: Short | UnsetType = UNSET
    evse: Evse | UnsetType = UNSET


class Variable(Ask, frozen=True):
    """A value of a component."""

    name: Short
    instance: Short | UnsetType = UNSET


class IdToken(Ask, frozen=True):
    """Who starts."""

    id_token: Id36
    type: Literal["Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress", "NoAuthorization"]


class RequestStartTransaction(Ask, frozen=True):
    """Start a vehicle's transaction."""

    id_token: IdToken
    remote_start_id: Whole
    evse_id: Outlet | UnsetType = UNSET


class RequestStopTransaction(Ask, frozen=True):
    """End a transaction."""

    transaction_id: Id36


class ChangeAvailability(Ask, frozen=True):
    """Put an EVSE, a connector or the station in or out of service."""

    operational_status: Literal["Inoperative", "Operative"]
    evse: Evse | UnsetType = UNSET


class UnlockConnector(Ask, frozen=True):
    """Release a cable."""

    evse_id: Outlet
    connector_id: Outlet


class Reset(Ask, frozen=True):
    """Restart it; OnIdle waits for the end of transactions."""

    type: Literal["Immediate", "OnIdle"]
    evse_id: Outlet | UnsetType = UNSET


class TriggerMessage(Ask, frozen=True):
    """Ask for a message."""

    requested_message: Literal[
        "BootNotification", "LogStatusNotification", "FirmwareStatusNotification", "Heartbeat", "MeterValues",
        "SignChargingStationCertificate", "StatusNotification", "TransactionEvent",
    ]  # fmt: skip
    evse: Evse | UnsetType = UNSET


class DataTransfer(Ask, frozen=True):
    """Something of a maker's own."""

    vendor_id: Annotated[str, Meta(min_length=1, max_length=255)]
    message_id: Short | UnsetType = UNSET
    data: Any | UnsetType = UNSET


class GetVariable(Ask, frozen=True):
    """One variable to read."""

    component: Component
    variable: Variable
    attribute_type: Literal["Actual", "Target", "MinSet", "MaxSet"] | UnsetType = UNSET


class GetVariables(Ask, frozen=True):
    """Read variables."""

    get_variable_data: Annotated[list[GetVariable], Meta(min_length=1, max_length=100)]


class SetVariable(Ask, frozen=True):
    """One variable to write."""

    attribute_value: Annotated[str, Meta(max_length=1_000)]
    component: Component
    variable: Variable
    attribute_type: Literal["Actual", "Target", "MinSet", "MaxSet"] | UnsetType = UNSET


class SetVariables(Ask, frozen=True):
    """Write variables."""

    set_variable_data: Annotated[list[SetVariable], Meta(min_length=1, max_length=100)]


class GetBaseReport(Ask, frozen=True):
    """Let it tell its device model."""

    request_id: Whole
    report_base: Literal["ConfigurationInventory", "FullInventory", "SummaryInventory"]


class ProfileCriterion(Ask, frozen=True):
    """Which profiles."""

    charging_profile_purpose: Purpose | UnsetType = UNSET
    stack_level: Whole | UnsetType = UNSET
    charging_profile_id: Annotated[list[int], Meta(min_length=1)] | UnsetType = UNSET
    charging_limit_source: (
        Annotated[list[Literal["EMS", "Other", "SO", "CSO"]], Meta(min_length=1, max_length=4)] | UnsetType
    ) = UNSET


class GetChargingProfiles(Ask, frozen=True):
    """Let it tell the profiles that it holds."""

    request_id: Whole
    charging_profile: ProfileCriterion
    evse_id: Whole | UnsetType = UNSET


class ClearCriteria(Ask, frozen=True):
    """Which profiles to clear."""

    evse_id: Whole | UnsetType = UNSET
    charging_profile_purpose: Purpose | UnsetType = UNSET
    stack_level: Whole | UnsetType = UNSET


class ClearChargingProfile(Ask, frozen=True):
    """Clear profiles; an empty filter is refused."""

    charging_profile_id: int | UnsetType = UNSET
    charging_profile_criteria: ClearCriteria | UnsetType = UNSET


class GetCompositeSchedule(Ask, frozen=True):
    """Ask what its profiles allow together."""

    duration: Whole
    evse_id: Whole
    charging_rate_unit: Literal["A", "W"] | UnsetType = UNSET


class GetTransactionStatus(Ask, frozen=True):
    """Ask whether messages of a transaction wait."""

    transaction_id: Id36 | UnsetType = UNSET


class UsePriorityCharging(Ask, frozen=True):
    """2.1: let a transaction charge as fast as it can, or end that."""

    transaction_id: Id36
    activate: bool


class EnergyTransfer(Ask, frozen=True):
    """2.1: in which ways a vehicle may take and give energy."""

    transaction_id: Id36
    allowed_energy_transfer: Annotated[
        list[Literal["AC_single_phase", "AC_two_phase", "AC_three_phase", "DC", "AC_BPT", "DC_BPT"]], Meta(min_length=1)
    ]


class AfrrSignal(Ask, frozen=True):
    """2.1: a signal of the frequency reserve."""

    timestamp: Stamp
    signal: int


class GetDerControl(Ask, frozen=True):
    """2.1: let it tell its settings as an energy source."""

    request_id: Whole
    is_default: bool | UnsetType = UNSET
    control_id: Id36 | UnsetType = UNSET


class ClearDerControl(Ask, frozen=True):
    """2.1: clear such settings."""

    is_default: bool
    control_id: Id36 | UnsetType = UNSET


class StreamParams(Ask, frozen=True):
    """How often a stream sends, and how many values at the most."""

    interval: Whole | UnsetType = UNSET
    values: Whole | UnsetType = UNSET


class AdjustPeriodicEventStream(Ask, frozen=True):
    """2.1: change a stream's pace."""

    id: Whole
    params: StreamParams


ASKS: Final[dict[str, type[Ask]]] = {
    "RequestStartTransaction": RequestStartTransaction,
    "RequestStopTransaction": RequestStopTransaction,
    "ChangeAvailability": ChangeAvailability,
    "UnlockConnector": UnlockConnector,
    "Reset": Reset,
    "TriggerMessage": TriggerMessage,
    "DataTransfer": DataTransfer,
    "GetLog": GetLog,
    "GetVariables": GetVariables,
    "SetVariables": SetVariables,
    "GetBaseReport": GetBaseReport,
    "GetChargingProfiles": GetChargingProfiles,
    "ClearChargingProfile": ClearChargingProfile,
    "GetCompositeSchedule": GetCompositeSchedule,
    "GetTransactionStatus": GetTransactionStatus,
    "ClearCache": Nothing,
    "GetLocalListVersion": Nothing,
}
ASKS_21: Final[dict[str, type[Ask]]] = {
    **ASKS,
    "UsePriorityCharging": UsePriorityCharging,
    "NotifyAllowedEnergyTransfer": EnergyTransfer,
    "AFRRSignal": AfrrSignal,
    "SetDERControl": SetDerControl,
    "GetDERControl": GetDerControl,
    "ClearDERControl": ClearDerControl,
    "GetPeriodicEventStream": Nothing,
    "AdjustPeriodicEventStream": AdjustPeriodicEventStream,
}
