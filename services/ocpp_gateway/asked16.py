"""What an operator may ask a 1.6 station for, as the standard wants it (OCPP 1.6 edition 2 and its security paper).

Strict, unlike what stations send: a call of ours must be right. Limits are not among them: a profile by hand would
fight with the allocator's; `evenload set LOAD limit` is the way.
"""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Connector = Annotated[int, Meta(ge=0, le=1_000)]
Outlet = Annotated[int, Meta(ge=1, le=1_000)]
Whole = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Token = Annotated[str, Meta(min_length=1, max_length=20)]
Short = Annotated[str, Meta(min_length=1, max_length=50)]
Address = Annotated[str, Meta(pattern=r"^[a-z]+://[^\s]+$", max_length=512)]
Stamp = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")]
Purpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
Message = Literal[
    "BootNotification", "DiagnosticsStatusNotification", "FirmwareStatusNotification", "Heartbeat", "MeterValues",
    "StatusNotification",
]  # fmt: skip


class Ask(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A payload of ours."""


class RemoteStartTransaction(Ask, frozen=True):
    """Start a vehicle's transaction."""

    id_tag: Token
    connector_id: Outlet | UnsetType = UNSET


class RemoteStopTransaction(Ask, frozen=True):
    """End a transaction."""

    transaction_id: int


class RemoteStopOfAny(Ask, frozen=True):
    """The same for a station of 2.x, whose transactions have texts for ids."""

    transaction_id: int | str


class ChangeAvailability(Ask, frozen=True):
    """Put a connector (0 = all) in or out of service."""

    connector_id: Connector
    type: Literal["Inoperative", "Operative"]


class UnlockConnector(Ask, frozen=True):
    """Release a cable."""

    connector_id: Outlet


class Reset(Ask, frozen=True):
    """Restart it; Soft ends transactions first."""

    type: Literal["Soft", "Hard"]


class TriggerMessage(Ask, frozen=True):
    """Ask for a message."""

    requested_message: Message
    connector_id: Outlet | UnsetType = UNSET


class ExtendedTriggerMessage(Ask, frozen=True):
    """Ask for a message of the security paper."""

    requested_message: Literal[Message, "LogStatusNotification", "SignChargePointCertificate"]
    connector_id: Outlet | UnsetType = UNSET


class DataTransfer(Ask, frozen=True):
    """Something of a maker's own."""

    vendor_id: Annotated[str, Meta(min_length=1, max_length=255)]
    message_id: Short | UnsetType = UNSET
    data: str | UnsetType = UNSET


class GetDiagnostics(Ask, frozen=True):
    """Let it upload its diagnostics."""

    location: Address
    retries: Whole | UnsetType = UNSET
    retry_interval: Whole | UnsetType = UNSET
    start_time: Stamp | UnsetType = UNSET
    stop_time: Stamp | UnsetType = UNSET


class LogParameters(Ask, frozen=True):
    """Where a log goes, and of when."""

    remote_location: Address
    oldest_timestamp: Stamp | UnsetType = UNSET
    latest_timestamp: Stamp | UnsetType = UNSET


class GetLog(Ask, frozen=True):
    """Let it upload a log."""

    log: LogParameters
    log_type: Literal["DiagnosticsLog", "SecurityLog"]
    request_id: Whole
    retries: Whole | UnsetType = UNSET
    retry_interval: Whole | UnsetType = UNSET


class GetConfiguration(Ask, frozen=True):
    """Read keys, all when none are named."""

    key: list[Short] | UnsetType = UNSET


class ChangeConfiguration(Ask, frozen=True):
    """Write a key."""

    key: Short
    value: Annotated[str, Meta(max_length=500)]


class GetCompositeSchedule(Ask, frozen=True):
    """Ask what its profiles allow together."""

    connector_id: Connector
    duration: Whole
    charging_rate_unit: Literal["A", "W"] | UnsetType = UNSET


class ClearChargingProfile(Ask, frozen=True):
    """Clear profiles; an empty filter would take an installer's too and is refused."""

    id: int | UnsetType = UNSET
    connector_id: Connector | UnsetType = UNSET
    charging_profile_purpose: Purpose | UnsetType = UNSET
    stack_level: Whole | UnsetType = UNSET


class Nothing(Ask, frozen=True):
    """A call without a payload."""


ASKS: Final[dict[str, type[Ask]]] = {
    "RemoteStartTransaction": RemoteStartTransaction,
    "RemoteStopTransaction": RemoteStopTransaction,
    "ChangeAvailability": ChangeAvailability,
    "UnlockConnector": UnlockConnector,
    "Reset": Reset,
    "TriggerMessage": TriggerMessage,
    "ExtendedTriggerMessage": ExtendedTriggerMessage,
    "DataTransfer": DataTransfer,
    "GetDiagnostics": GetDiagnostics,
    "GetLog": GetLog,
    "GetConfiguration": GetConfiguration,
    "ChangeConfiguration": ChangeConfiguration,
    "GetCompositeSchedule": GetCompositeSchedule,
    "ClearChargingProfile": ClearChargingProfile,
    "ClearCache": Nothing,
    "GetLocalListVersion": Nothing,
}
