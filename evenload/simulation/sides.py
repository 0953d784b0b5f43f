"""The real device services' cores around simulated devices, joined without sockets, in virtual time.

`GatewaySide` is the gateway's OCPP 1.6 core with a simulated station; `PlugSide` (`plug_side.py`) is the core of
plug_control with a relay. Messages take no time; what both do between them is what they do in production: profiles
with their own end, their renewal, raises at least 10 s apart, leases, looks, verification.
"""

from typing import Any, Protocol

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from evenload.contracts.events import LoadState, LoadStatus, Setpoint
from evenload.simulation.station_core import Json
from evenload.simulation.station_core import Station as SimulatedStation
from evenload.simulation.virtual_time import MONOTONIC_START_S, utc
from services.ocpp_gateway import leases
from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.config import StationPlan
from services.ocpp_gateway.dialect import OCPP16
from services.ocpp_gateway.states import load_state
from services.ocpp_gateway.station import Changed, Link, Moment, Output, new_station, with_outlet

_MOST_CALLS = 64
_DEAD: frozenset[LoadStatus] = frozenset({"faulted", "unavailable"})
_WORDS: dict[LoadStatus, str] = {"faulted": "Faulted", "unavailable": "Unavailable"}


class Side(Protocol):
    """A load's service and its device."""

    def give(self, setpoint: Setpoint, now_s: float) -> None:
        """Let a setpoint arrive at the service."""

    def set_given(self, given: LoadStatus, now_s: float) -> None:
        """Let vehicle or device do something else."""

    def link(self, up: bool, now_s: float) -> None:
        """Cut or restore the way between service and device."""

    def advance(self, now_s: float, drawn_a: float) -> None:
        """Let time pass; the device draws `drawn_a` per line."""

    def next_s(self) -> float:
        """Return when it has something to do by itself."""

    def offers_a(self, now_s: float) -> float:
        """Return what the device lets pass, A per line."""

    def take_news(self) -> bool:
        """Tell whether the service published since last asked."""

    def state(self, now_s: float) -> LoadState:
        """Return the state that the service publishes."""


class GatewaySide:
    """One station with one connector."""

    def __init__(self, plan: StationPlan, station: SimulatedStation, given: LoadStatus, now_s: float) -> None:
        self._gateway = new_station(plan)
        self._station = station
        self._given: LoadStatus = given
        self._sampled_s = now_s
        self._transactions = 0
        self._news = True
        self._wake_s = now_s
        self.link(True, now_s)
        self.set_given(given, now_s)

    def give(self, setpoint: Setpoint, now_s: float) -> None:
        """Take the lease, and write what follows from it to the station."""
        taken = leases.take(self._gateway.outlets[0], setpoint, _monotonic(now_s))
        if taken is not None:
            self._gateway = with_outlet(self._gateway, taken)
            self._pump(now_s)

    def set_given(self, given: LoadStatus, now_s: float) -> None:
        """Plug, unplug, wake or send to sleep the vehicle."""
        self._given = given
        station = self._station
        station.plugged = given not in _DEAD and given != "available"
        station.wants = given in ("charging", "preparing", "suspended_evse", "suspended_ev")
        self._talk(now_s)
        station.wants = station.wants and given != "suspended_ev"
        self._talk(now_s)

    def link(self, up: bool, now_s: float) -> None:
        """Connect (the station boots) or lose the connection."""
        if not up:
            self._gateway, self._news = replace(self._gateway, link=None), True
            return
        self._gateway = replace(self._gateway, link=Link(token="simulated", connected_s=_monotonic(now_s)))
        self._say("BootNotification", self._station.boot(), now_s)
        self._station.status = ""
        self._talk(now_s)

    def advance(self, now_s: float, drawn_a: float) -> None:
        """Send meter values and status when they are due; let the gateway's timers run."""
        station = self._station
        station.drawn_a = drawn_a
        self._talk(now_s)
        interval_s = station.sample_interval_s()
        if station.transaction is not None and now_s - self._sampled_s >= interval_s - 1e-6:
            self._sampled_s = now_s
            self._say("MeterValues", station.meter_values(utc(now_s)), now_s)
        if now_s >= self._wake_s:
            self._pump(now_s)

    def next_s(self) -> float:
        """Return when the gateway's core wants to be woken."""
        return self._wake_s

    def offers_a(self, now_s: float) -> float:
        """Return what the station's profiles allow; nothing without a transaction."""
        return self._station.allowed_a(utc(now_s)) if self._station.transaction is not None else 0.0

    def take_news(self) -> bool:
        """Tell whether the core said that the load's state changed."""
        news, self._news = self._news, False
        return news

    def state(self, now_s: float) -> LoadState:
        """Return the gateway's own load state."""
        return load_state(self._gateway, self._gateway.outlets[0], _monotonic(now_s), utc(now_s))

    def _talk(self, now_s: float) -> None:
        """Let the station begin and end its transaction and tell its status."""
        if self._gateway.link is None:
            return
        station = self._station
        if station.plugged and station.wants and station.transaction is None:
            self._tell_status(now_s)
            answer = self._say("StartTransaction", station.start_transaction(utc(now_s)), now_s)
            station.started(int(answer["transactionId"]), utc(now_s))
            self._sampled_s = now_s
        elif station.transaction is not None and (not station.plugged or self._given == "finishing"):
            self._say("StopTransaction", station.stop_transaction(utc(now_s), "Local"), now_s)
        self._tell_status(now_s)

    def _tell_status(self, now_s: float) -> None:
        wanted = _WORDS.get(self._given) or self._station.wanted_status(utc(now_s))
        if wanted != self._station.status:
            self._station.status = wanted
            self._say("StatusNotification", self._station.status_notification(utc(now_s)), now_s)

    def _say(self, action: str, payload: Json, now_s: float) -> dict[str, Any]:
        """Let the station call the gateway; return the answer."""
        raw = Raw(msgspec.json.encode(payload))
        fresh_id = 0
        if action == OCPP16.takes_id:
            fresh_id = self._transactions = self._transactions + 1
            self._gateway, _ = OCPP16.note(self._gateway, raw, self._moment(now_s, fresh_id))
        handled = OCPP16.on_call(self._gateway, action, raw, self._moment(now_s, fresh_id))
        self._gateway = handled.station
        self._perform(handled.outputs)
        self._pump(now_s)
        return dict(handled.payload)

    def _pump(self, now_s: float) -> None:
        """Let the gateway make the calls that are due; the station answers at once."""
        for _ in range(_MOST_CALLS):
            self._gateway, flight = OCPP16.next_call(self._gateway, self._moment(now_s))
            if flight is None:
                break
            found = self._station.answer(flight.action, flight.payload, utc(now_s))
            refused = Answer("error", why="NotImplemented")
            answer = refused if found is None else Answer("result", Raw(msgspec.json.encode(found)))
            self._gateway, outputs = OCPP16.on_answer(self._gateway, flight, answer, _monotonic(now_s))
            self._perform(outputs)
        self._wake_s = now_s + OCPP16.wake_in_s(self._gateway, _monotonic(now_s))
        self._answer_triggers(now_s)

    def _answer_triggers(self, now_s: float) -> None:
        triggered, self._station.triggered = self._station.triggered, []
        for wanted in triggered:
            if wanted == "StatusNotification":
                self._say(wanted, self._station.status_notification(utc(now_s)), now_s)
            elif wanted == "MeterValues":
                self._say(wanted, self._station.meter_values(utc(now_s)), now_s)

    def _perform(self, outputs: tuple[Output, ...] | list[Output]) -> None:
        self._news = self._news or any(isinstance(output, Changed) for output in outputs)

    def _moment(self, now_s: float, fresh_id: int = 0) -> Moment:
        return Moment(now_s=_monotonic(now_s), utc=utc(now_s), fresh_id=fresh_id)


def _monotonic(now_s: float) -> float:
    return MONOTONIC_START_S + now_s
