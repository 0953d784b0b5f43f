"""Periodic event streams of OCPP 2.1: a station's power each 2 s instead of each 10 s, without answers. Pure.

We set a periodic monitor on the power of each EVSE (SetVariableMonitoring); the station opens a stream for it
(OpenPeriodicEventStream) and sends its values as notices of frame type 6 (NotifyPeriodicEventStream). Power becomes
current by the lines of the last measured currents, so that it never hides a line that carries more than the others.

A station keeps its monitors, so we keep their ids in its record. After a restart of ours it refuses them as duplicates:
then it is asked which ones it has where the record does not say (GetMonitoringReport), and which streams are open
(GetPeriodicEventStream).
"""

from datetime import timedelta
from typing import Any, Final

from msgspec import Raw
from msgspec.structs import replace

from services.ocpp_gateway.heard import Values, values_told
from services.ocpp_gateway.messages16 import MeterValue, Reader, SampledValue, listed
from services.ocpp_gateway.messages21 import (
    CloseStream,
    MonitoredComponent,
    MonitoringReport,
    MonitoringResults,
    OpenStream,
    Stream,
    StreamNotice,
    Streams,
)
from services.ocpp_gateway.station import Moment, Outlet, Remember, Station, Step, outlet_at
from services.ocpp_gateway.tolerant import moment as read_time
from services.ocpp_gateway.tolerant import number, text, whole
from services.ocpp_gateway.transactions16 import Handled

INTERVAL_S: Final = 2
DEBUG: Final = 9
"""Severity of a monitor that alarms nobody."""
MAX_STREAMS: Final = 32
MONITORS_REQUEST: Final = 2
"""Its report is asked for under this number; that of the device model under another."""
NOTICE: Final = "NotifyPeriodicEventStream"

_results = Reader(MonitoringResults)
_report = Reader(MonitoringReport)
_streams = Reader(Streams)
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


def on_told(station: Station, action: str, payload: Raw) -> Station:
    """Return the station after the answer to one of our calls about monitors; raises `PeerProtocolError`."""
    if action == "SetVariableMonitoring":
        return _on_monitored(station, payload)
    return _on_streams(station, payload) if action == "GetPeriodicEventStream" else station


def _on_monitored(station: Station, payload: Raw) -> Station:
    """Take the monitors that it set; of those that it has already, ask for what we do not know."""
    duplicate = False
    for result in listed(_results.read(payload).set_monitoring_result)[:MAX_STREAMS]:
        status = text(result.status).lower()
        duplicate = duplicate or status == "duplicate"
        if status == "accepted":
            station = _with_monitor(station, _evse(result.component), whole(result.id))
    if not duplicate:
        return station
    known = {evse for _, evse in station.monitors}
    unknown = [outlet for outlet in station.outlets if outlet.plan.connector not in known]
    return _with_steps(station, _report_step(unknown) if unknown else _STREAMS_STEP)


def _evse(component: MonitoredComponent | None) -> int | None:
    return whole(component.evse.id) if component is not None and component.evse is not None else None


def _with_monitor(station: Station, evse: int | None, monitor: int | None) -> Station:
    """Return the station with the monitor of an EVSE; it takes the place of an older one."""
    if evse is None or monitor is None:
        return station
    others = tuple(each for each in station.monitors if each[0] != monitor and each[1] != evse)
    return replace(station, monitors=(*others, (monitor, evse))[-MAX_STREAMS:])


def _with_steps(station: Station, step: Step) -> Station:
    link = station.link
    return station if link is None else replace(station, link=replace(link, steps=(*link.steps, step)))


def _report_step(outlets: list[Outlet]) -> Step:
    """Return the call that asks for the periodic monitors of these outlets' power."""
    wanted = [
        {"component": {"name": "EVSE", "evse": {"id": outlet.plan.connector}}, "variable": {"name": "Power"}}
        for outlet in outlets
    ]
    payload: dict[str, Any] = {
        "requestId": MONITORS_REQUEST,
        "monitoringCriteria": ["PeriodicMonitoring"],
        "componentVariable": wanted,
    }
    return Step("monitor", "GetMonitoringReport", payload)


_STREAMS_STEP: Final = Step("monitor", "GetPeriodicEventStream", {})


def on_report(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take which monitors it has: the periodic ones on an EVSE's power are taken for ours, as nobody else sets them."""
    del moment
    before = station.monitors
    for told in listed(_report.read(payload).monitor)[:MAX_STREAMS]:
        evse = _evse(told.component)
        named = told.variable is not None and text(told.variable.name, 50).lower() == "power"
        if not named or evse is None or outlet_at(station, evse) is None:
            continue
        for monitor in listed(told.variable_monitoring)[:MAX_STREAMS]:
            if text(monitor.type, 30).lower() == "periodic":
                station = _with_monitor(station, evse, whole(monitor.id))
    if station.monitors == before:
        return Handled(station, {})
    return Handled(_with_steps(station, _STREAMS_STEP), {}, (Remember(),))


def _on_streams(station: Station, payload: Raw) -> Station:
    """Take the streams that are open for our monitors."""
    for told in listed(_streams.read(payload).constant_stream_data)[:MAX_STREAMS]:
        stream, evse = whole(told.id), _monitored(station, told)
        if stream is not None and evse is not None:
            station = _with_stream(station, stream, evse)
    return station


def _with_stream(station: Station, stream: int, evse: int) -> Station:
    others = tuple(each for each in station.streams if each[0] != stream)[: MAX_STREAMS - 1]
    return replace(station, streams=(*others, (stream, evse)))


def _monitored(station: Station, told: Stream | None) -> int | None:
    """Return the EVSE that a stream is about; None for one of a monitor that is not ours."""
    monitor = whole(told.variable_monitoring_id) if told is not None else None
    return dict(station.monitors).get(monitor) if monitor is not None else None


def on_open(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Take a stream of a monitor of ours; refuse any other."""
    del moment
    told = _open.read(payload).constant_stream_data
    stream = whole(told.id) if told is not None else None
    evse = _monitored(station, told)
    if stream is None or evse is None:
        return Handled(station, {"status": "Rejected"})
    return Handled(_with_stream(station, stream, evse), {"status": "Accepted"})


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
