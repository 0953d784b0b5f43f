"""Periodic event streams of OCPP 2.1: a station's power each 2 s instead of each 10 s, without answers. Pure.

We set a periodic monitor on the power of each EVSE (SetVariableMonitoring); the station opens a stream for it
(OpenPeriodicEventStream) and sends its values as notices of frame type 6 (NotifyPeriodicEventStream). Power becomes
current by the lines of the last measured currents, so that it never hides a line that carries more than the others.
"""

from datetime import timedelta
from typing import Any, Final

from msgspec import Raw
from msgspec.structs import replace

from services.ocpp_gateway.heard import Values, values_told
from services.ocpp_gateway.messages16 import MeterValue, Reader, SampledValue, listed
from services.ocpp_gateway.messages21 import CloseStream, MonitoringResults, OpenStream, StreamNotice
from services.ocpp_gateway.station import Moment, Outlet, Station, Step, outlet_at
from services.ocpp_gateway.tolerant import moment as read_time
from services.ocpp_gateway.tolerant import number, text, whole
from services.ocpp_gateway.transactions16 import Handled

INTERVAL_S: Final = 2
DEBUG: Final = 9
"""Severity of a monitor that alarms nobody."""
MAX_STREAMS: Final = 32
NOTICE: Final = "NotifyPeriodicEventStream"

_results = Reader(MonitoringResults)
_open = Reader(OpenStream)
_close = Reader(CloseStream)
_notice = Reader(StreamNotice)


def monitor_step(station: Station) -> Step:
    """Return the call that asks for a monitor of each outlet's power."""
    wanted: list[dict[str, Any]] = [
        {
            "value": INTERVAL_S,
            "type": "Periodic",
            "severity": DEBUG,
            "component": {"name": "EVSE", "evse": {"id": outlet.plan.connector}},
            "variable": {"name": "Power"},
            "periodicEventStream": {"interval": INTERVAL_S, "values": 1},
        }
        for outlet in station.outlets
    ]
    return Step("monitor", "SetVariableMonitoring", {"setMonitoringData": wanted})


def on_monitored(station: Station, payload: Raw) -> Station:
    """Return the station with the ids of the monitors that it set; raises `PeerProtocolError`."""
    found = dict(station.monitors)
    for result in listed(_results.read(payload).set_monitoring_result)[:MAX_STREAMS]:
        component = result.component
        evse = whole(component.evse.id) if component is not None and component.evse is not None else None
        monitor = whole(result.id)
        if text(result.status).lower() == "accepted" and monitor is not None and evse is not None:
            found[monitor] = evse
    return replace(station, monitors=tuple(found.items())[-MAX_STREAMS:])


def on_open(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take a stream of a monitor of ours; refuse any other."""
    del moment
    told = _open.read(payload).constant_stream_data
    stream = whole(told.id) if told is not None else None
    evse = dict(station.monitors).get(whole(told.variable_monitoring_id) or -1) if told is not None else None
    if stream is None or evse is None:
        return Handled(station, {"status": "Rejected"})
    others = tuple(each for each in station.streams if each[0] != stream)[: MAX_STREAMS - 1]
    return Handled(replace(station, streams=(*others, (stream, evse))), {"status": "Accepted"})


def on_close(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Forget a stream."""
    del moment
    stream = whole(_close.read(payload).id)
    streams = tuple(each for each in station.streams if each[0] != stream)
    return Handled(replace(station, streams=streams), {})


def on_notice(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take the newest value of a stream; it has no answer. Raises `PeerProtocolError`."""
    told = _notice.read(payload)
    evse = dict(station.streams).get(whole(told.id) or 0)
    outlet = outlet_at(station, evse) if evse is not None else None
    values = listed(told.data)
    if outlet is None or not values:
        return Handled(station, {})
    power_w, passed_s, base = number(values[-1].v), number(values[-1].t), read_time(told.basetime)
    if power_w is None:
        return Handled(station, {})
    at = None
    if base is not None and passed_s is not None and abs(passed_s) <= 86_400 and 1 < base.year < 9_999:
        at = (base + timedelta(seconds=passed_s)).isoformat()
    group = MeterValue(timestamp=at, sampled_value=_samples(outlet, power_w, station.plan.voltage_v))
    station, outputs = values_told(station, outlet, Values([group]), moment)
    return Handled(station, {}, outputs)


def _samples(outlet: Outlet, power_w: float, voltage_v: float) -> list[SampledValue]:
    """Return a power as samples, with currents shared as they were last measured, where they were."""
    samples = [SampledValue(value=power_w, measurand="Power.Active.Import", unit="W")]
    reading = outlet.reading
    line_a = reading.line_a if reading is not None else None
    if reading is None or line_a is None or sum(line_a) <= 0:
        return samples
    total_a = power_w / (reading.sample.lowest_v or voltage_v)
    currents = [
        SampledValue(value=total_a * each_a / sum(line_a), measurand="Current.Import", phase=f"L{line}", unit="A")
        for line, each_a in enumerate(line_a, 1)
    ]
    return [*samples, *currents]
