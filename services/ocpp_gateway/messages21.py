"""OCPP 2.1 payloads beyond those of 2.0.1, as typed structs: tolerant in what is accepted."""

from services.ocpp_gateway.messages16 import Request
from services.ocpp_gateway.messages201 import Evse, Named
from services.ocpp_gateway.tolerant import Loose


class MonitoredComponent(Request, frozen=True):
    """What a monitor watches."""

    name: Loose = None
    evse: Evse | None = None


class MonitoringResult(Request, frozen=True):
    """One answer of SetVariableMonitoring."""

    id: Loose = None
    status: Loose = None
    component: MonitoredComponent | None = None


class MonitoringResults(Request, frozen=True):
    """Answer to SetVariableMonitoring."""

    set_monitoring_result: list[MonitoringResult] | None = None


class Monitor(Request, frozen=True):
    """A monitor that a station has."""

    id: Loose = None
    type: Loose = None


class MonitoredVariable(Request, frozen=True):
    """A variable and its monitors."""

    component: MonitoredComponent | None = None
    variable: Named | None = None
    variable_monitoring: list[Monitor] | None = None


class MonitoringReport(Request, frozen=True):
    """A part of what a station tells of its monitors."""

    monitor: list[MonitoredVariable] | None = None


class Stream(Request, frozen=True):
    """A stream and the monitor that it is of."""

    id: Loose = None
    variable_monitoring_id: Loose = None


class OpenStream(Request, frozen=True):
    """A station opens a stream."""

    constant_stream_data: Stream | None = None


class Streams(Request, frozen=True):
    """Answer to GetPeriodicEventStream."""

    constant_stream_data: list[Stream] | None = None


class CloseStream(Request, frozen=True):
    """A station ends a stream."""

    id: Loose = None


class StreamValue(Request, frozen=True):
    """A value `t` seconds after the notice's base time."""

    t: Loose = None
    v: Loose = None


class StreamNotice(Request, frozen=True):
    """Values of a stream, oldest first."""

    id: Loose = None
    basetime: Loose = None
    data: list[StreamValue] | None = None


class Pull(Request, frozen=True):
    """A station asks for the limit of a dynamic profile."""

    charging_profile_id: Loose = None


class Priority(Request, frozen=True):
    """Somebody chose to charge as fast as the station can, or no longer."""

    transaction_id: Loose = None
    activated: bool | None = None
