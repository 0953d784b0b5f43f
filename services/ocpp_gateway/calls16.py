"""What we call a 1.6 station for, one call at a time, and what its answers mean. Pure.

Order: a cut before everything, then an operator's call, the setup sequence, raises and renewals, and last a trigger
when meter values are missing. After connecting we are silent until the boot was answered; a station that does not
boot is asked to after 5 s and used as it is after 10 s (ocpp.md section 5, rows 51 and 52).
"""

from typing import Final, Literal

from msgspec import Raw, Struct
from msgspec.structs import replace

from services.ocpp_gateway import outcomes, pausing, profiles, setup16
from services.ocpp_gateway.alarms import alarm
from services.ocpp_gateway.card import interval_s
from services.ocpp_gateway.config import (
    BOOT_PATIENCE_S,
    BOOT_SILENCE_S,
    CALL_TIMEOUT_S,
    UNANSWERED_MAX,
)
from services.ocpp_gateway.frames import PeerProtocolError
from services.ocpp_gateway.messages16 import Reader, Status
from services.ocpp_gateway.session_states import OPEN, after
from services.ocpp_gateway.station import (
    Flight,
    Hangup,
    Link,
    Moment,
    Output,
    Remember,
    Station,
    Step,
    is_running,
    outlet_at,
    with_outlet,
    with_profiles_due,
)
from services.ocpp_gateway.tolerant import text

_status = Reader(Status)
SILENT_S: Final = 120.0
URGENT: Final = ("clear", "reset")
"""Steps of a repair: a profile written before them would be cleared with the others."""


class Answer(Struct, frozen=True):
    """What came back for a call of ours: a result, an error of the station's, or nothing in time."""

    kind: Literal["result", "error", "timeout"]
    payload: Raw = Raw(b"{}")
    why: str = ""


def _opened(link: Link, now_s: float) -> Link:
    """Return the link opened for our calls when the station has booted or has been waited for long enough."""
    state = after(link.state, "opens")
    if now_s - link.connected_s >= BOOT_PATIENCE_S:
        state = after(state, "waited")
    return link if state == link.state else replace(link, state=state, steps=setup16.first_steps())


def next_call(station: Station, moment: Moment) -> tuple[Station, Flight | None]:
    """Return the call to send now and the station that waits for its answer; None when nothing is due."""
    link = station.link
    if link is None or link.flight is not None:
        return station, None
    now_s = moment.now_s
    link = _opened(link, now_s)
    if link.state in OPEN:
        return _next_open(replace(station, link=link) if link is not station.link else station, moment)
    if link.state != "silent" or now_s - link.connected_s < BOOT_SILENCE_S:
        return station, None
    step = setup16.trigger("BootNotification", 0)
    flight = Flight(kind="boot", action=step.action, payload=step.payload, sent_s=now_s, step=step)
    return replace(station, link=replace(link, state=after(link.state, "is_quiet"), flight=flight)), flight


def _next_open(station: Station, moment: Moment) -> tuple[Station, Flight | None]:
    link = station.link
    assert link is not None
    if link.steps and link.steps[0].kind in URGENT:
        urgent = _step_flight(link.steps[0], moment.now_s)
        return replace(station, link=replace(link, steps=link.steps[1:], flight=urgent)), urgent
    found = profiles.due(station, moment.now_s) if link.state == "serving" else []
    flight = profiles.cut_of(found, station, moment) if found else None
    if flight is None and link.asked is not None:
        action, payload = link.asked
        flight = Flight(kind="operator", action=action, payload=payload, sent_s=moment.now_s)
        link = replace(link, asked=None)
    if flight is None and link.steps:
        flight = _step_flight(link.steps[0], moment.now_s)
        link = replace(link, steps=link.steps[1:])
    if flight is None and found:
        flight = profiles.other_of(found, station, moment)
    if flight is None and link.state == "serving":
        station, pause = pausing.pause_due(station, moment)
        flight = None if pause is None else _step_flight(pause, moment.now_s)
    if flight is None:
        station, flight = _watchdog(station, moment.now_s)
    if flight is None:
        return station, None
    return replace(station, link=replace(link, flight=flight)), flight


def _step_flight(step: Step, now_s: float) -> Flight:
    return Flight(kind=step.kind, action=step.action, payload=step.payload, sent_s=now_s, step=step)


def _watchdog(station: Station, now_s: float) -> tuple[Station, Flight | None]:
    """Return a trigger for meter values of a running outlet that has been silent for three intervals (row 47)."""
    patience_s = 3.0 * interval_s(station)
    for outlet in station.outlets:
        heard_s = outlet.reading.at_s if outlet.reading is not None else -1e9
        if is_running(outlet) and now_s - max(heard_s, outlet.asked_s) > patience_s:
            step = setup16.trigger("MeterValues", outlet.plan.connector)
            return with_outlet(station, replace(outlet, asked_s=now_s)), _step_flight(step, now_s)
    return station, None


def _accepts(answer: Answer) -> str:
    """Return the station's `status` word, or its error; "" when it cannot be read."""
    if answer.kind != "result":
        return answer.why
    try:
        return text(_status.read(answer.payload).status)
    except PeerProtocolError:
        return ""


def on_answer(station: Station, flight: Flight, answer: Answer, now_s: float) -> tuple[Station, list[Output]]:
    """Return the station after the answer to `flight`; the way is free for the next call."""
    link = station.link
    if link is None or link.flight is not flight:
        return station, []
    unanswered = link.unanswered + 1 if answer.kind == "timeout" else 0
    station = replace(station, link=replace(link, flight=None, unanswered=unanswered))
    outputs: list[Output] = []
    if flight.kind == "profile":
        station, outputs = _on_profile(station, flight, answer, now_s)
    elif flight.kind == "configuration":
        station, outputs = _on_configuration(station, answer)
    elif flight.kind == "change":
        station = _on_change(station, flight, answer)
    elif flight.kind == "pause" and flight.step is not None:
        done = _accepts(answer).lower() in ("accepted", "scheduled")
        station, outputs = pausing.on_pause_answered(station, flight.step, accepted=done, now_s=now_s)
    elif flight.kind == "trigger" and flight.step is not None:
        station, outputs = _on_triggered(station, flight, now_s)
    elif flight.kind == "operator" and flight.action == "ClearChargingProfile":
        station = with_profiles_due(station)
    elif flight.kind == "boot":
        station = _on_boot_asked(station, answer)
    if unanswered >= UNANSWERED_MAX:
        outputs = [*outputs, Hangup(f"{unanswered} calls in a row without an answer in {CALL_TIMEOUT_S:g} s")]
    return station, outputs


def _on_profile(station: Station, flight: Flight, answer: Answer, now_s: float) -> tuple[Station, list[Output]]:
    if answer.kind == "timeout":
        return outcomes.on_unanswered(station, flight, answer.why)
    status = _accepts(answer)
    if answer.kind == "result" and status.lower() == "accepted":
        return outcomes.on_accepted(station, flight, now_s)
    return outcomes.on_rejected(station, flight, status, now_s)


def _on_configuration(station: Station, answer: Answer) -> tuple[Station, list[Output]]:
    """Return the station ready for profiles: with what it told, or with what is usual when it told nothing."""
    assert station.link is not None
    try:
        told = setup16.read_configuration(answer.payload) if answer.kind == "result" else {}
    except PeerProtocolError:
        told = {}
    learned = setup16.learn(station.learned, told) if told else station.learned
    steps = setup16.changes(told, interval_s(station), station.plan.overrides.get("measurands")) + setup16.ask_state(
        station
    )
    outputs: list[Output] = [Remember()] if learned != station.learned else []
    link = replace(station.link, state=after(station.link.state, "told"), steps=steps)
    return replace(station, learned=learned, link=link), outputs


def _on_change(station: Station, flight: Flight, answer: Answer) -> Station:
    assert station.link is not None
    if flight.step is None or answer.kind != "result":
        return station
    if _accepts(answer).lower() != "rejected":
        return _with_measurands(station, flight.step)
    steps = (*setup16.next_value(flight.step), *station.link.steps)
    return replace(station, link=replace(station.link, steps=steps))


def _with_measurands(station: Station, step: Step) -> Station:
    if step.payload["key"] != setup16.MEASURANDS_KEY:
        return station
    return replace(station, learned=replace(station.learned, measurands=step.payload["value"]))


def _on_triggered(station: Station, flight: Flight, now_s: float) -> tuple[Station, list[Output]]:
    """Tell a person when a vehicle charges and no meter values come, though they were asked for (row 47)."""
    assert flight.step is not None
    outlet = outlet_at(station, flight.step.payload.get("connectorId", 0))
    if outlet is None or flight.step.payload["requestedMessage"] != "MeterValues" or outlet.started_s is None:
        return station, []
    heard_s = max(outlet.started_s, outlet.reading.at_s if outlet.reading is not None else 0.0)
    outlet, outputs = alarm(outlet, station.plan, "station_silent", active=now_s - heard_s > SILENT_S)
    return with_outlet(station, outlet), outputs


def _on_boot_asked(station: Station, answer: Answer) -> Station:
    """Return the station opened at once when it will not boot; else its BootNotification is waited for."""
    assert station.link is not None
    if _accepts(answer).lower() == "accepted":
        return station
    link = station.link
    state = after(link.state, "will_not_boot")
    steps = setup16.first_steps() if state != link.state else link.steps
    return replace(station, link=replace(link, state=state, steps=steps))


def wake_in_s(station: Station, now_s: float) -> float:
    """Return in how many seconds something may be due without a message; at most 5 s, at least 0.05 s."""
    link = station.link
    if link is None:
        return 5.0
    times = [now_s + 5.0]
    if link.flight is not None:
        times.append(link.flight.sent_s + CALL_TIMEOUT_S)
    elif link.state not in OPEN:
        times += [link.connected_s + BOOT_SILENCE_S, link.connected_s + BOOT_PATIENCE_S]
    for outlet in station.outlets:
        if outlet.lease is not None:
            times += [outlet.lease.until_s, station.raised_s + 10.0]
        if outlet.working is not None:
            times.append(outlet.working.sent_s + 60.0)
        times.append(outlet.refused_until_s)
    return max(0.05, min(time for time in times if time > now_s) - now_s)
