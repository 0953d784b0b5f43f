"""OCPP 2.0.1 and 2.1 payloads on the hot path, as typed structs: tolerant in what is accepted.

Names are the standard's (OCPP 2.0.1 edition 3, part 2). Samples become those of 1.6, so that one code reads both.
"""

from services.ocpp_gateway.messages16 import MeterValue, Request, SampledValue, listed
from services.ocpp_gateway.tolerant import Loose, number, whole


class UnitOfMeasure(Request, frozen=True):
    """Unit with its power of ten."""

    unit: str | None = None
    multiplier: Loose = None


class Sample(Request, frozen=True):
    """One value of a meter."""

    value: Loose = None
    context: str | None = None
    measurand: str | None = None
    phase: str | None = None
    unit_of_measure: UnitOfMeasure | None = None


class Group(Request, frozen=True):
    """Values of one moment."""

    timestamp: Loose = None
    sampled_value: list[Sample] | Sample | None = None


class Evse(Request, frozen=True):
    """Where."""

    id: Loose = None


class IdToken(Request, frozen=True):
    """Who."""

    id_token: Loose = None


class Authorize(Request, frozen=True):
    """May this token charge."""

    id_token: IdToken | None = None


class StatusNotification(Request, frozen=True):
    """State of a connector of an EVSE."""

    evse_id: Loose = None
    connector_status: Loose = None
    timestamp: Loose = None


class MeterValues(Request, frozen=True):
    """Samples outside a transaction; EVSE 0 is the station's own meter."""

    evse_id: Loose = None
    meter_value: list[Group] | Group | None = None


class TransactionInfo(Request, frozen=True):
    """Which transaction, and what its vehicle does."""

    transaction_id: Loose = None
    charging_state: Loose = None
    stopped_reason: Loose = None


class TransactionEvent(Request, frozen=True):
    """A transaction began, changed or ended."""

    event_type: Loose = None
    timestamp: Loose = None
    trigger_reason: Loose = None
    seq_no: Loose = None
    offline: bool | None = None
    transaction_info: TransactionInfo | None = None
    evse: Evse | None = None
    id_token: IdToken | None = None
    meter_value: list[Group] | Group | None = None


class TransactionStatus(Request, frozen=True):
    """Answer to GetTransactionStatus; None = not told."""

    ongoing_indicator: bool | None = None
    messages_in_queue: bool | None = None


class EventType(Request, frozen=True):
    """The part that says whether an event is stored before it is answered."""

    event_type: Loose = None


class VariableResult(Request, frozen=True):
    """One answer of GetVariables."""

    attribute_status: Loose = None
    attribute_value: Loose = None


class Variables(Request, frozen=True):
    """Answer to GetVariables, one result for each that was asked, in order."""

    get_variable_result: list[VariableResult] | None = None


class Named(Request, frozen=True):
    """A component, or a variable of one."""

    name: Loose = None
    instance: Loose = None


class ReportedAttribute(Request, frozen=True):
    """One attribute of a variable."""

    type: Loose = None
    value: Loose = None
    mutability: Loose = None


class ReportedVariable(Request, frozen=True):
    """One variable of the device model."""

    component: Named | None = None
    variable: Named | None = None
    variable_attribute: list[ReportedAttribute] | None = None


class NotifyReport(Request, frozen=True):
    """A part of the device model."""

    request_id: Loose = None
    tbc: bool | None = None
    report_data: list[ReportedVariable] | None = None


class ReportHead(Request, frozen=True):
    """Whose report a message is a part of, and whether more comes."""

    request_id: Loose = None
    tbc: bool | None = None


class AcNeeds(Request, frozen=True):
    """What a vehicle on alternating current wants and bears, Wh and A."""

    energy_amount: Loose = None
    ev_max_current: Loose = None


class Needs(Request, frozen=True):
    """What a vehicle wants (ISO 15118)."""

    requested_energy_transfer: Loose = None
    departure_time: Loose = None
    ac_charging_parameters: AcNeeds | None = None


class NotifyEVChargingNeeds(Request, frozen=True):
    """A vehicle told its needs."""

    evse_id: Loose = None
    charging_needs: Needs | None = None


class OutsideLimit(Request, frozen=True):
    """Who limits."""

    charging_limit_source: Loose = None
    is_grid_critical: bool | None = None


class Period(Request, frozen=True):
    """A period of a schedule."""

    limit: Loose = None


class Schedule(Request, frozen=True):
    """A schedule of an outside limit."""

    charging_rate_unit: Loose = None
    charging_schedule_period: list[Period] | None = None


class NotifyChargingLimit(Request, frozen=True):
    """Somebody else limits an EVSE, or the station; ClearedChargingLimit has the source beside it."""

    evse_id: Loose = None
    charging_limit: OutsideLimit | None = None
    charging_schedule: list[Schedule] | None = None
    charging_limit_source: Loose = None


class SetResult(Request, frozen=True):
    """One answer of SetVariables."""

    attribute_status: Loose = None


class SetResults(Request, frozen=True):
    """Answer to SetVariables."""

    set_variable_result: list[SetResult] | None = None


def as16(value: list[Group] | Group | None) -> list[MeterValue]:
    """Return groups of samples as those of 1.6: the power of ten is in the value, the unit is a word."""
    return [
        MeterValue(timestamp=group.timestamp, sampled_value=[_sample16(each) for each in listed(group.sampled_value)])
        for group in listed(value)
    ]


def _sample16(sample: Sample) -> SampledValue:
    told = sample.unit_of_measure
    value = number(sample.value)
    power = whole(told.multiplier) if told is not None else None
    if value is not None and power is not None and -12 <= power <= 12:
        value *= 10.0**power
    return SampledValue(
        value=value,
        context=sample.context,
        measurand=sample.measurand,
        phase=sample.phase,
        unit=told.unit if told is not None else None,
    )
