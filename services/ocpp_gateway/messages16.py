"""OCPP 1.6 payloads on the hot path, as typed structs: tolerant in what is accepted.

Unknown fields pass, numbers may be texts, one object may stand for a list (row 41), enums stay raw texts. Names are
the standard's (OCPP 1.6 edition 2, section 6).
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from services.ocpp_gateway.frames import PeerProtocolError
from services.ocpp_gateway.tolerant import Loose


class Request(Struct, frozen=True, gc=False, rename="camel"):
    """A payload; unknown fields are accepted."""


class SampledValue(Request, frozen=True):
    """One value of a meter."""

    value: Loose = None
    context: str | None = None
    format: str | None = None
    measurand: str | None = None
    phase: str | None = None
    unit: str | None = None


class MeterValue(Request, frozen=True):
    """Values of one moment."""

    timestamp: Loose = None
    sampled_value: list[SampledValue] | SampledValue | None = None


class ChargingStation(Request, frozen=True):
    """Who a station of 2.x is."""

    vendor_name: Loose = None
    model: Loose = None
    firmware_version: Loose = None


class BootNotification(Request, frozen=True):
    """A station introduces itself; 2.x does it in `charging_station`."""

    charging_station: ChargingStation | None = None

    charge_point_vendor: Loose = None
    charge_point_model: Loose = None
    firmware_version: Loose = None


class StatusNotification(Request, frozen=True):
    """State of a connector; 0 = the station."""

    connector_id: Loose = None
    status: Loose = None
    error_code: Loose = None
    timestamp: Loose = None
    vendor_error_code: Loose = None


class MeterValues(Request, frozen=True):
    """Samples of a connector."""

    connector_id: Loose = None
    transaction_id: Loose = None
    meter_value: list[MeterValue] | MeterValue | None = None


Short = Annotated[str, Meta(max_length=40)] | None


class QuickSample(Request, frozen=True):
    """A sample as most stations send it; the decoder makes a number of the text."""

    value: float
    context: Short = None
    format: Short = None
    measurand: Short = None
    phase: Short = None
    unit: Short = None


class QuickGroup(Request, frozen=True):
    """Samples of one moment as most stations send them."""

    timestamp: str
    sampled_value: list[QuickSample]


class QuickMeterValues(Request, frozen=True):
    """MeterValues as most stations send it; what does not fit is read as `MeterValues`, with more patience."""

    connector_id: int
    meter_value: list[QuickGroup]
    transaction_id: int | None = None


class StartTransaction(Request, frozen=True):
    """A transaction began; we give it its id."""

    connector_id: Loose = None
    id_tag: Loose = None
    meter_start: Loose = None
    timestamp: Loose = None


class StopTransaction(Request, frozen=True):
    """A transaction ended."""

    transaction_id: Loose = None
    id_tag: Loose = None
    meter_stop: Loose = None
    timestamp: Loose = None
    reason: Loose = None


class Authorize(Request, frozen=True):
    """May this tag charge."""

    id_tag: Loose = None


class ConfigurationKey(Request, frozen=True):
    """One configuration key as the station tells it."""

    key: Loose = None
    readonly: Loose = None
    value: Loose = None


class Configuration(Request, frozen=True):
    """Answer to GetConfiguration."""

    configuration_key: list[ConfigurationKey] | ConfigurationKey | None = None


class Status(Request, frozen=True):
    """The `status` that most answers have."""

    status: Loose = None


class Reader:
    """Decodes one payload type; built once for each."""

    def __init__(self, wanted: type[Any], quick: type[Request] | None = None) -> None:
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(wanted)
        self._quick: msgspec.json.Decoder[Any] | None = (
            msgspec.json.Decoder(quick, strict=False) if quick is not None else None
        )

    def read_quickly(self, payload: bytes | msgspec.Raw) -> Any:
        """Return the quick struct where the payload fits it, else what `read` returns or raises."""
        assert self._quick is not None
        try:
            return self._quick.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self.read(payload)

    def read(self, payload: bytes | msgspec.Raw, message_id: str = "-1") -> Any:
        """Return the struct; raise `PeerProtocolError` with TypeConstraintViolation or FormationViolation."""
        try:
            return self._decoder.decode(payload)
        except msgspec.ValidationError as fault:
            raise PeerProtocolError("TypeConstraintViolation", str(fault), message_id) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise PeerProtocolError("FormationViolation", str(fault), message_id) from None


def listed(value: Any) -> list[Any]:
    """Return a list of what may be a list, one object or missing."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
