"""Stations and setpoints for unit tests."""

import json
from datetime import UTC, datetime
from typing import Any

from msgspec import Raw
from msgspec.structs import replace

from evenload.contracts.events import Setpoint
from services.ocpp_gateway import calls16, ocpp16
from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.config import OutletPlan, StationPlan
from services.ocpp_gateway.leases import take
from services.ocpp_gateway.station import Flight, Link, Moment, Output, Station, new_station, with_outlet
from services.ocpp_gateway.transactions16 import note_start
from tests.unit.ocpp_gateway.schemas import valid_answer, valid_call

UTC0 = datetime(2026, 6, 1, 12, tzinfo=UTC)


def at(now_s: float, fresh_id: int = 1) -> Moment:
    """Return the moment `now_s`, with a wall clock that agrees."""
    utc = datetime.fromtimestamp(UTC0.timestamp() + now_s, UTC)
    return Moment(now_s=now_s, utc=utc, fresh_id=fresh_id, tag_key=b"key")


def stamp(now_s: float) -> str:
    return at(now_s).utc.isoformat()


def station(*, lines: str = "L1 L2 L3", failsafe_a: float = 0.0, connectors: int = 1, **overrides: Any) -> Station:
    """Return a connected station that has booted and was set up."""
    phases: Any = tuple(lines.split())
    outlets = tuple(
        OutletPlan(load=f"load{n}", connector=n, lines=phases, min_a=6, max_a=16, failsafe_a=failsafe_a)
        for n in range(1, connectors + 1)
    )
    plan = StationPlan(station="CP001", site="home", voltage_v=230, outlets=outlets, overrides=overrides)
    link = Link(token="t", connected_s=0, state="serving")
    return replace(new_station(plan), link=link)


def said(found: Station, action: str, now_s: float, **payload: Any) -> tuple[Station, dict[str, Any], list[Output]]:
    """Return the station after a message, its answer and what is to be done."""
    raw = Raw(json.dumps(payload).encode())
    if action == "StartTransaction":
        found, _ = note_start(found, raw, at(now_s, payload.pop("fresh_id", 1)))
        raw = Raw(json.dumps(payload).encode())
    handled = ocpp16.on_call(found, action, raw, at(now_s))
    valid_answer("1.6", action, handled.payload)
    return handled.station, handled.payload, list(handled.outputs)


def charging(found: Station, now_s: float = 0.0, connector: int = 1) -> Station:
    """Return the station with a transaction that runs."""
    values = {"connectorId": connector, "idTag": "T", "meterStart": 0, "timestamp": stamp(now_s)}
    found, _, _ = said(found, "StartTransaction", now_s, fresh_id=connector, **values)
    found, _, _ = said(found, "StatusNotification", now_s, connectorId=connector, status="Charging")
    return found


def metered(found: Station, now_s: float, *currents_a: float, connector: int = 1, **more: Any) -> Station:
    """Return the station after samples of its currents."""
    values: list[dict[str, Any]] = [
        {"value": str(value), "measurand": "Current.Import", "phase": f"L{line}"}
        for line, value in enumerate(currents_a, 1)
    ]
    values += [{"value": str(value), "measurand": name.capitalize()} for name, value in more.items()]
    meter_value = [{"timestamp": stamp(now_s), "sampledValue": values}]
    found, _, _ = said(found, "MeterValues", now_s, connectorId=connector, meterValue=meter_value)
    return found


def told(found: Station, amps: float, now_s: float, *, connector: int = 1, **more: Any) -> Station:
    """Return the station with a setpoint for one of its loads."""
    outlet = next(outlet for outlet in found.outlets if outlet.plan.connector == connector)
    setpoint = Setpoint(site="home", load=outlet.plan.load, setpoint_a=amps, issued_at=UTC0, **more)
    taken = take(outlet, setpoint, now_s)
    return found if taken is None else with_outlet(found, taken)


def due(found: Station, now_s: float) -> tuple[Station, Flight | None]:
    found, flight = calls16.next_call(found, at(now_s))
    if flight is not None:
        valid_call("1.6", flight.action, flight.payload)
    return found, flight


def answered(found: Station, flight: Flight, now_s: float, **payload: Any) -> tuple[Station, list[Output]]:
    """Return the station after the answer to a call; without a payload nothing came in time."""
    if not payload:
        return calls16.on_answer(found, flight, Answer("timeout", why="no answer"), now_s)
    return calls16.on_answer(found, flight, Answer("result", Raw(json.dumps(payload).encode())), now_s)


def settled(found: Station, now_s: float) -> tuple[Station, list[Flight]]:
    """Return the station after all calls due now were accepted, and the profiles among them; at most 20."""
    flights: list[Flight] = []
    for _ in range(20):
        found, flight = due(found, now_s)
        if flight is None:
            return found, flights
        if flight.kind == "profile":
            flights.append(flight)
        found, _ = answered(found, flight, now_s, status="Accepted")
    raise AssertionError("the station is never done")


def sent(found: Station, now_s: float) -> Flight:
    """Return the call that is due now."""
    _, flight = due(found, now_s)
    assert flight is not None
    return flight


def limit(flight: Flight | None) -> tuple[str, float]:
    """Return purpose and first limit of a SetChargingProfile."""
    assert flight is not None
    profile = flight.payload["csChargingProfiles"]
    return profile["chargingProfilePurpose"], profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
