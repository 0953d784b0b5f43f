"""The gateway's real core and a simulated OCPP 1.6 station, joined without a socket, in virtual time.

`StationSide` is the station with all its connectors behind one link; `GatewaySide` is one of its connectors as a load.
Messages take no time, a silent station's calls their time-out; what both do between them is what they do in
production: profiles with their own end, their renewal, raises at least 10 s apart, the repair ladder.
"""

from typing import Any

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from evenload.contracts.events import LoadState, LoadStatus, Setpoint
from evenload.simulation.station_core import Json
from evenload.simulation.station_core import Station as Connector
from evenload.simulation.station_several import Charger
from evenload.simulation.virtual_time import MONOTONIC_START_S, utc
from services.ocpp_gateway import leases
from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.config import CALL_TIMEOUT_S, StationPlan
from services.ocpp_gateway.dialect import OCPP16
from services.ocpp_gateway.learning import facts_of, restored
from services.ocpp_gateway.states import load_state
from services.ocpp_gateway.station import (
    Changed,
    Flight,
    Hangup,
    Link,
    Moment,
    Outlet,
    Output,
    new_station,
    outlet_at,
    with_outlet,
    with_profiles_due,
)

_MOST_CALLS = 64
_DEAD: frozenset[LoadStatus] = frozenset({"faulted", "unavailable"})
_WORDS: dict[LoadStatus, str] = {"faulted": "Faulted", "unavailable": "Unavailable"}


class StationSide:
    """One station: the gateway's state of it, the station itself, and what its vehicles do."""

    def __init__(self, plan: StationPlan, charger: Charger, now_s: float) -> None:
        self.gateway = new_station(plan)
        self.charger = charger
        self.by_number = {each.connector: each for each in charger.connectors}
        self.wake_s = now_s
        self._given: dict[int, LoadStatus] = dict.fromkeys(self.by_number, "available")
        self._sampled_s = dict.fromkeys(self.by_number, now_s)
        self._transactions = 0
        self._news: set[int] = set(self.by_number)
        self._pending: Flight | None = None
        self._hung_up = False
        self.link(True, now_s)

    def give(self, connector: int, setpoint: Setpoint, now_s: float) -> None:
        """Take the lease, and write what follows from it to the station."""
        taken = leases.take(self.outlet(connector), setpoint, _monotonic(now_s))
        if taken is not None:
            self.gateway = with_outlet(self.gateway, taken)
            self._pump(now_s)

    def set_given(self, number: int, given: LoadStatus, now_s: float) -> None:
        """Plug, unplug, wake or send to sleep a vehicle."""
        self._given[number] = given
        connector = self.by_number[number]
        connector.plugged = given not in _DEAD and given != "available"
        connector.told_to_stop = connector.told_to_stop and connector.plugged
        connector.wants = given in ("charging", "preparing", "suspended_evse", "suspended_ev")
        self._talk(connector, now_s)
        connector.wants = connector.wants and given != "suspended_ev"
        self._talk(connector, now_s)

    def link(self, up: bool, now_s: float) -> None:
        """Connect (the station boots, if it does) or lose the connection."""
        self._pending, self._hung_up = None, False
        if not up:
            self.gateway, self._news = replace(self.gateway, link=None), set(self.by_number)
            return
        link = Link(token="simulated", connected_s=_monotonic(now_s))
        self.gateway = replace(with_profiles_due(self.gateway), link=link)
        if self.charger.boots:
            self._say("BootNotification", self.charger.boot(), now_s)
        for connector in self.charger.connectors:
            connector.status = ""
            self._talk(connector, now_s)
        self._pump(now_s)

    def advance(self, number: int, now_s: float, drawn_a: float) -> None:
        """Send meter values and status when they are due; let the gateway's timers run."""
        connector = self.by_number[number]
        connector.drawn_a = drawn_a
        self._talk(connector, now_s)
        interval_s = connector.sample_interval_s()
        running = connector.transaction is not None and self.gateway.link is not None
        if running and 0 < interval_s <= now_s - self._sampled_s[number] + 1e-6:
            self._sampled_s[number] = now_s
            self._say("MeterValues", connector.meter_values(utc(now_s)), now_s)
        if self._hung_up:
            self.link(False, now_s)
            self.link(True, now_s)
        if now_s >= self.wake_s:
            self._pump(now_s)

    def take_news(self, connector: int) -> bool:
        """Tell whether the core said that the load's state changed."""
        told = connector in self._news
        self._news.discard(connector)
        return told

    def outlet(self, connector: int) -> Outlet:
        """Return the gateway's view of a connector."""
        found = outlet_at(self.gateway, connector)
        assert found is not None
        return found

    def restart_gateway(self, now_s: float) -> None:
        """Forget all that the gateway knows of the station but its record, and connect anew; nobody boots."""
        facts = facts_of(self.gateway)
        self.gateway = restored(new_station(self.gateway.plan), facts)
        self._pending, self._hung_up = None, False
        self.gateway = replace(self.gateway, link=Link(token="simulated", connected_s=_monotonic(now_s)))
        for connector in self.charger.connectors:
            connector.status = ""
            self._talk(connector, now_s)
        self._pump(now_s)

    def _talk(self, connector: Connector, now_s: float) -> None:
        """Let a connector begin and end its transaction and tell its status."""
        if self.gateway.link is None:
            return
        ended = "Local" if self._given[connector.connector] == "finishing" else connector.stops(utc(now_s))
        if connector.starts():
            self._tell_status(connector, now_s)
            answer = self._tell("StartTransaction", connector.start_transaction(utc(now_s)), now_s)
            connector.started(int(answer["transactionId"]), utc(now_s))  # it reads this answer before our next call
            self._sampled_s[connector.connector] = now_s
            self._pump(now_s)
        elif connector.transaction is not None and ended is not None:
            stop = connector.stop_transaction(utc(now_s), ended)
            for _ in range(2 if connector.repeats_stops else 1):
                self._say("StopTransaction", stop, now_s)
        self._tell_status(connector, now_s)

    def _tell_status(self, connector: Connector, now_s: float) -> None:
        wanted = _WORDS.get(self._given[connector.connector]) or connector.wanted_status(utc(now_s))
        if wanted != connector.status:
            connector.status = wanted
            self._say("StatusNotification", connector.status_notification(utc(now_s)), now_s)

    def _say(self, action: str, payload: Json, now_s: float) -> None:
        """Let the station call the gateway, and the gateway make the calls that are due then."""
        self._tell(action, payload, now_s)
        self._pump(now_s)

    def _tell(self, action: str, payload: Json, now_s: float) -> dict[str, Any]:
        """Let the station call the gateway; return the answer."""
        raw = Raw(msgspec.json.encode(payload))
        fresh_id = 0
        if action == OCPP16.takes_id:
            fresh_id = self._transactions = self._transactions + 1
            self.gateway, _ = OCPP16.note(self.gateway, raw, self._moment(now_s, fresh_id))
        handled = OCPP16.on_call(self.gateway, action, raw, self._moment(now_s, fresh_id))
        self.gateway = handled.station
        self._perform(handled.outputs)
        return dict(handled.payload)

    def _pump(self, now_s: float) -> None:
        """Let the gateway make the calls that are due; the station answers at once, or never."""
        for _ in range(_MOST_CALLS):
            if self._pending is not None:
                if _monotonic(now_s) - self._pending.sent_s < CALL_TIMEOUT_S:
                    break
                self._answered(self._pending, Answer("timeout", why="no answer"), now_s)
            self.gateway, flight = OCPP16.next_call(self.gateway, self._moment(now_s))
            if flight is None:
                break
            if self.charger.mutes(flight.action, flight.payload):
                self._pending = flight
                continue
            found = self.charger.answer(flight.action, flight.payload, utc(now_s))
            refused = Answer("error", why="NotImplemented")
            self._answered(flight, refused if found is None else Answer("result", _raw(found)), now_s)
        self.wake_s = now_s + OCPP16.wake_in_s(self.gateway, _monotonic(now_s))
        self._answer_triggers(now_s)

    def _answered(self, flight: Flight, answer: Answer, now_s: float) -> None:
        self._pending = None
        self.gateway, outputs = OCPP16.on_answer(self.gateway, flight, answer, _monotonic(now_s))
        self._perform(outputs)

    def _answer_triggers(self, now_s: float) -> None:
        for connector in self.charger.connectors:
            triggered, connector.triggered = connector.triggered, []
            for wanted in triggered:
                if wanted == "StatusNotification":
                    self._say(wanted, connector.status_notification(utc(now_s)), now_s)
                elif wanted == "MeterValues":
                    self._say(wanted, connector.meter_values(utc(now_s)), now_s)
                elif wanted == "BootNotification":
                    self._say(wanted, self.charger.boot(), now_s)
                elif wanted == "Reset":
                    self._restart(now_s)

    def _restart(self, now_s: float) -> None:
        """Let the station go away and come back at once."""
        for connector in self.charger.connectors:
            connector.restart()
        self.link(False, now_s)
        self.link(True, now_s)

    def _perform(self, outputs: tuple[Output, ...] | list[Output]) -> None:
        self._news |= {output.connector for output in outputs if isinstance(output, Changed)}
        self._hung_up = self._hung_up or any(isinstance(output, Hangup) for output in outputs)

    def _moment(self, now_s: float, fresh_id: int = 0) -> Moment:
        return Moment(now_s=_monotonic(now_s), utc=utc(now_s), fresh_id=fresh_id)


class GatewaySide:
    """One connector of a station, as a load."""

    def __init__(self, station: StationSide, connector: int, given: LoadStatus, now_s: float) -> None:
        self._station, self._connector = station, connector
        self.set_given(given, now_s)

    def give(self, setpoint: Setpoint, now_s: float) -> None:
        """Let a setpoint arrive at the gateway."""
        self._station.give(self._connector, setpoint, now_s)

    def set_given(self, given: LoadStatus, now_s: float) -> None:
        """Let the vehicle do something else."""
        self._station.set_given(self._connector, given, now_s)

    def use_lines(self, count: int) -> None:
        """Let the vehicle draw on so many lines from now on; the station's meter shows it."""
        self._station.by_number[self._connector].lines = count

    def link(self, up: bool, now_s: float) -> None:
        """Cut or restore the station's one link."""
        if up != (self._station.gateway.link is not None):
            self._station.link(up, now_s)

    def advance(self, now_s: float, drawn_a: float) -> None:
        """Let time pass; the vehicle draws `drawn_a` per line."""
        self._station.advance(self._connector, now_s, drawn_a)

    def next_s(self) -> float:
        """Return when the gateway's core wants to be woken."""
        return self._station.wake_s

    def offers_a(self, now_s: float) -> float:
        """Return what the connector's profiles allow; nothing without a transaction."""
        connector = self._station.by_number[self._connector]
        return connector.allowed_a(utc(now_s)) if connector.transaction is not None else 0.0

    def active_lines(self, now_s: float) -> int | None:
        """Return on how many lines the station gives current now; None = on all that it has, always."""
        return self._station.by_number[self._connector].active_lines(utc(now_s))

    def restart_gateway(self, now_s: float) -> None:
        """Let the gateway start anew with what the station's record keeps."""
        self._station.restart_gateway(now_s)

    def take_news(self) -> bool:
        """Tell whether the core said that the load's state changed."""
        return self._station.take_news(self._connector)

    def state(self, now_s: float) -> LoadState:
        """Return the gateway's own load state."""
        outlet = self._station.outlet(self._connector)
        return load_state(self._station.gateway, outlet, _monotonic(now_s), utc(now_s))


def _raw(answer: Json) -> Raw:
    return Raw(msgspec.json.encode(answer))


def _monotonic(now_s: float) -> float:
    return MONOTONIC_START_S + now_s
