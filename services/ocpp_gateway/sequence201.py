"""Which events of a 2.x transaction reached us, by their numbers, and what a station says of those that did not. Pure.

A number that is skipped opens a gap (faults.md D13). Then the station is asked (GetTransactionStatus), and again each
30 s while it says that messages wait; what comes late closes the gap and moves nothing that is newer. It says that none
waits, or does not tell: the events are lost, and a person is told. It says that the transaction is over while no end
waits: the outlet is free; the stream gets no end that the station never told.
"""

from contextlib import suppress
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from services.ocpp_gateway.alarms import alarm
from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.frames import PeerProtocolError
from services.ocpp_gateway.messages16 import Reader
from services.ocpp_gateway.messages201 import TransactionStatus
from services.ocpp_gateway.station import (
    Changed,
    Flight,
    Moment,
    Outlet,
    Output,
    Sequence,
    Station,
    outlet_at,
    with_outlet,
)
from services.ocpp_gateway.transactions16 import end

ACTION: Final = "GetTransactionStatus"
MISSING_KEPT: Final = 64
AGAIN_S: Final = 30.0
ASKS_MAX: Final = 20

_status = Reader(TransactionStatus)


def heard(outlet: Outlet, transaction: str, number: int | None, at: datetime | None) -> Outlet:
    """Return the outlet after event `number` of a transaction; what lies between it and the newest is missing."""
    known = outlet.sequence
    if number is None:
        return outlet
    if known is None or known.transaction != transaction:
        return replace(outlet, sequence=Sequence(transaction=transaction, newest=number, at=at))
    if number in known.missing:
        missing = tuple(each for each in known.missing if each != number)
        return replace(outlet, sequence=replace(known, missing=missing))
    if number > known.newest:
        skipped = range(max(known.newest + 1, number - MISSING_KEPT), number)
        missing = (*known.missing, *skipped)[-MISSING_KEPT:]
        fresh = replace(known, newest=number, at=at, missing=missing, settled=known.settled and not skipped)
        return replace(outlet, sequence=fresh)
    if known.at is not None and at is not None and at > known.at:  # it counts anew, after a restart
        return replace(outlet, sequence=replace(known, newest=number, at=at))
    return outlet


def tracks(outlet: Outlet, transaction: str) -> bool:
    """Tell whether the numbers of this transaction are counted, also after its end."""
    return outlet.sequence is not None and outlet.sequence.transaction == transaction


def is_old(outlet: Outlet, transaction: str, number: int | None, at: datetime | None) -> bool:
    """Tell whether a newer event of the transaction was heard before this one: it must move nothing."""
    known = outlet.sequence
    if known is None or known.transaction != transaction or number is None or number >= known.newest:
        return False
    return number in known.missing or known.at is None or at is None or at <= known.at


def missing(outlet: Outlet, transaction: str) -> int:
    """Return how many events of the transaction did not reach us, as far as is known; 64 stands for as many or more."""
    known = outlet.sequence
    return len(known.missing) if known is not None and known.transaction == transaction else 0


def told(station: Station, connector: int) -> tuple[Station, list[Output]]:
    """Return the station with lost events told, or told to be there after all."""
    outlet = outlet_at(station, connector)
    if outlet is None:
        return station, []
    known = outlet.sequence
    lost = len(known.missing) if known is not None and known.settled else 0
    detail = f": {lost} of {known.transaction!a}" if known is not None and lost else ""
    outlet, outputs = alarm(outlet, station.plan, "station_events_lost", active=lost > 0, detail=detail)
    return (with_outlet(station, outlet), outputs) if outputs else (station, [])


def ask_due(station: Station, moment: Moment) -> tuple[Station, Flight | None]:
    """Return the question about a transaction with a gap, when one is due and nothing else is under way."""
    link = station.link
    if link is None or link.flight is not None or link.state != "serving":
        return station, None
    for outlet in station.outlets:
        known = outlet.sequence
        if known is None or not known.missing or known.settled or moment.now_s - known.asked_s < AGAIN_S:
            continue
        asked = replace(known, asked_s=moment.now_s, asks=known.asks + 1)
        payload = {"transactionId": known.transaction}
        flight = Flight(
            kind="transaction",
            action=ACTION,
            payload=payload,
            sent_s=moment.now_s,
            connector=outlet.plan.connector,
        )
        station = with_outlet(station, replace(outlet, sequence=asked))
        return replace(station, link=replace(link, flight=flight)), flight
    return station, None


def on_answer(station: Station, flight: Flight, answer: Answer) -> tuple[Station, list[Output]]:
    """Return the station after it told, or did not tell, what waits of a transaction."""
    outlet = outlet_at(station, flight.connector)
    known = outlet.sequence if outlet is not None else None
    if outlet is None or known is None or known.transaction != flight.payload["transactionId"]:
        return station, []
    said = TransactionStatus()
    if answer.kind == "result":
        with suppress(PeerProtocolError):
            said = _status.read(answer.payload)
    waits = said.messages_in_queue is True or answer.kind == "timeout"
    if waits and known.asks < ASKS_MAX:
        return station, []
    outlet, outputs = replace(outlet, sequence=replace(known, settled=True)), list[Output]()
    if said.ongoing_indicator is False and outlet.transaction == known.transaction:
        outlet, outputs = end(outlet), [Changed(flight.connector)]
    station, more = told(with_outlet(station, outlet), flight.connector)
    return station, [*outputs, *more]
