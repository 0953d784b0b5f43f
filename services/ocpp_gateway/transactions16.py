"""Transactions of OCPP 1.6: ids that are ours, the same on a repeat, stored before they are answered.

The id of a start is remembered with the hash of its content until its stop comes, so that a repeat (the station did
not hear our answer) gets the same id and is stored once (faults.md section 3); so are the last ids that ended, so that
a repeated stop is stored once too. Stops are never refused: unknown, late and ids ≤ 0 are stored as they came, known
again by all that they say. Late ones, from an offline queue, never drive control (D10).
"""

from datetime import datetime
from typing import Any, Final

from msgspec import Raw, Struct
from msgspec.structs import replace

from evenload.contracts.events import TransactionEnded, TransactionStarted, TransactionUpdated
from evenload.transactions.tags import content_hash, tag_hash
from services.ocpp_gateway.config import LATE_S
from services.ocpp_gateway.messages16 import Reader, StartTransaction, StopTransaction
from services.ocpp_gateway.pausing import ended_by_limit
from services.ocpp_gateway.station import (
    RUNNING,
    Changed,
    Keep,
    Moment,
    Needs,
    Outlet,
    Output,
    Pause,
    Remember,
    Station,
    TransactionId,
    meant_by,
    with_outlet,
)
from services.ocpp_gateway.tolerant import Loose, number, text, whole
from services.ocpp_gateway.tolerant import moment as read_time

ENDED_KEPT: Final = 8
STRAYS_KEPT: Final = 8
MAX_TAG: Final = 64
MAX_REGISTER_WH: Final = 1e13

_start = Reader(StartTransaction)
_stop = Reader(StopTransaction)


class Handled(Struct, frozen=True):
    """The station after a message, its answer, and what to do besides."""

    station: Station
    payload: dict[str, Any]
    outputs: tuple[Output, ...] = ()


def tag_status(station: Station, id_tag: str) -> str:
    """Return Accepted or Invalid by the site file's `tags`; the tag never decides about the current (row 71)."""
    tags = station.plan.tags
    return "Accepted" if tags is None or id_tag.lower() in tags else "Invalid"


def is_late(station: Station, at: datetime | None, moment: Moment) -> bool:
    """Tell whether a message comes from the station's offline queue, by its own clock."""
    if at is None:
        return False
    return (moment.utc - at).total_seconds() + station.clock.offset_s > LATE_S


def _register_wh(value: Loose) -> float | None:
    """Return an energy register in Wh; None when it is not told or absurd."""
    found_wh = number(value)
    return found_wh if found_wh is not None and abs(found_wh) <= MAX_REGISTER_WH else None


def _load_of(outlet: Outlet | None) -> str:
    return outlet.plan.load if outlet is not None else ""


def _start_key(station: Station, told: StartTransaction) -> str:
    return content_hash(
        station.plan.station.lower(),
        whole(told.connector_id) or 0,
        text(told.id_tag, MAX_TAG),
        told.meter_start,
        told.timestamp,
    )


def note_start(station: Station, payload: Raw, moment: Moment) -> tuple[Station, bool]:
    """Return the station with the id of a new start noted, and whether the fresh id was taken for it.

    Noted before the event is stored and the start answered: whatever fails then, a repeat gets the same id.
    """
    told = _start.read(payload)
    outlet = meant_by(station, whole(told.connector_id) or 0)
    key = _start_key(station, told)
    if _noted(station, outlet, key) is not None:
        return station, False
    if outlet is None:
        strays = (*station.strays, (key, moment.fresh_id))[-STRAYS_KEPT:]
        return replace(station, strays=strays), True
    return with_outlet(station, replace(outlet, open_start=(key, moment.fresh_id))), True


def _noted(station: Station, outlet: Outlet | None, key: str) -> int | None:
    """Return the id that an open start with this content has, None for a new one."""
    opened = station.strays if outlet is None else (outlet.open_start,)
    return next((start[1] for start in opened if start is not None and start[0] == key), None)


def on_start(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Return the answer with the transaction's id, as noted; the event is stored before it is sent."""
    told = _start.read(payload)
    connector = whole(told.connector_id) or 0
    outlet = meant_by(station, connector)
    connector = outlet.plan.connector if outlet is not None else connector
    tag, at = text(told.id_tag, MAX_TAG), read_time(told.timestamp)
    key = _start_key(station, told)
    transaction = _noted(station, outlet, key) or moment.fresh_id
    meter_wh, late = _register_wh(told.meter_start), is_late(station, at, moment)
    event = TransactionStarted(
        site=station.plan.site,
        station=station.plan.station,
        evse=max(connector, 0),
        load=_load_of(outlet),
        transaction=str(transaction),
        started_at=at or moment.utc,
        received_at=moment.utc,
        id_tag_hash=tag_hash(tag, moment.tag_key),
        meter_start_wh=meter_wh,
        late=late,
        config_rev=station.plan.config_rev,
    )
    outputs: list[Output] = [Keep(event, f"start-{key}-{transaction}")]
    if outlet is not None and not late:
        outlet = replace(begin(outlet, transaction, moment.now_s, meter_wh), id_tag=tag)
        outputs.append(Changed(connector))
    if outlet is not None:
        station = with_outlet(station, outlet)
    answer = {"transactionId": transaction, "idTagInfo": {"status": tag_status(station, tag)}}
    return Handled(station, answer, tuple(outputs))


def begin(outlet: Outlet, transaction: TransactionId, now_s: float, start_wh: float | None) -> Outlet:
    """Return the outlet with its running transaction; the same one again changes nothing."""
    if outlet.transaction == transaction:
        return outlet
    # What is known without a transaction is its record's, of before we started: a running one is adopted with it.
    phases = outlet.phases if outlet.transaction is None else None
    outlet = replace(outlet, transaction=transaction, started_s=now_s, start_wh=start_wh, working=None)
    return replace(
        outlet,
        phases=phases,
        phases_refused=False,
        pause=None,
        starts=0,
        stops_refused=0,
        evidence=None,
        less=None,
        less_stage=0,
    )


def end(outlet: Outlet) -> Outlet:
    """Return the outlet without its transaction: its profile is gone with it, the default is in force.

    Its status may be told a moment later; until then it is finishing, so that nothing is written as if it went on.
    """
    ended = outlet.ended if outlet.transaction is None else _with_ended(outlet, outlet.transaction)
    return replace(
        outlet,
        transaction=None,
        started_s=None,
        start_wh=None,
        ended=ended,
        working=None,
        phases=None,
        lines_used=None,
        told=None,
        needs=Needs(),
        priority=False,
        status="finishing" if outlet.status in RUNNING else outlet.status,
    )


def _with_ended(outlet: Outlet, transaction: TransactionId) -> tuple[TransactionId, ...]:
    """Return the ended ids with one more, also of a start from an offline queue: its repeated stop is known again."""
    return (*(each for each in outlet.ended if each != transaction), transaction)[-ENDED_KEPT:]


def _ending(station: Station, transaction: int | None) -> Outlet | None:
    """Return the outlet whose start has this id; for an id ≤ 0 (told offline, row 67) the only one that runs."""
    if transaction is not None and transaction > 0:
        return next(
            (
                outlet
                for outlet in station.outlets
                if transaction == outlet.transaction
                or (outlet.open_start is not None and outlet.open_start[1] == transaction)
            ),
            None,
        )
    running = [outlet for outlet in station.outlets if outlet.transaction is not None]
    return running[0] if len(running) == 1 else None


def _ended_at(station: Station, transaction: int | None) -> Outlet | None:
    """Return the outlet at which the transaction ended before: then this is a repeated stop."""
    return next((outlet for outlet in station.outlets if transaction in outlet.ended), None)


def _is_ours(station: Station, transaction: int | None) -> bool:
    """Tell whether we gave this id and still know of it."""
    if transaction is None or transaction <= 0:
        return False
    gave = any(stray[1] == transaction for stray in station.strays)
    return gave or (_ending(station, transaction) or _ended_at(station, transaction)) is not None


def _stop_id(station: Station, told: StopTransaction, payload: Raw) -> str:
    """Return what a repeat of the stop has too; with an id ≤ 0 or unknown that is all that it says."""
    identity: tuple[object, ...] = (station.plan.station.lower(), told.transaction_id, told.timestamp, told.meter_stop)
    if not _is_ours(station, whole(told.transaction_id)):
        identity = (*identity, bytes(payload))
    return f"stop-{content_hash(*identity)}"


def on_stop(station: Station, payload: Raw, moment: Moment) -> Handled:
    """Return Accepted, always (rows 67, 68); the event is stored first."""
    told = _stop.read(payload)
    transaction = whole(told.transaction_id)
    outlet = _ending(station, transaction)
    by_id = outlet is not None and transaction is not None and transaction > 0
    at, tag = read_time(told.timestamp), text(told.id_tag, MAX_TAG)
    late, about = is_late(station, at, moment), outlet or _ended_at(station, transaction)
    event = TransactionEnded(
        site=station.plan.site,
        station=station.plan.station,
        evse=about.plan.connector if about is not None else 0,
        load=_load_of(about),
        transaction=str(transaction) if transaction is not None else text(told.transaction_id, 64) or "none",
        ended_at=at or moment.utc,
        received_at=moment.utc,
        id_tag_hash=tag_hash(tag, moment.tag_key),
        meter_stop_wh=_register_wh(told.meter_stop),
        why=text(told.reason, 64),
        known=_is_ours(station, transaction),
        late=late,
        config_rev=station.plan.config_rev,
    )
    outputs: list[Output] = [Keep(event, _stop_id(station, told, payload))]
    if outlet is not None and (by_id or not late):
        if outlet.pause is None and ended_by_limit(outlet, text(told.reason, 64), moment.now_s):
            outlet = replace(outlet, pause=Pause("ended", moment.now_s))
        outlet = _closed(outlet, transaction)
        outputs += [Remember(), Changed(outlet.plan.connector)]
        station = with_outlet(station, outlet)
    elif any(start == transaction and key for key, start in station.strays):
        strays = tuple(("" if start == transaction else key, start) for key, start in station.strays)
        station = replace(station, strays=strays)
        outputs.append(Remember())
    answer: dict[str, Any] = {"idTagInfo": {"status": tag_status(station, tag)}} if tag else {}
    return Handled(station, answer, tuple(outputs))


def _closed(outlet: Outlet, transaction: int | None) -> Outlet:
    """Return the outlet after a stop: a late start's stop must not end a newer transaction."""
    if outlet.open_start is not None and outlet.open_start[1] in (transaction, outlet.transaction):
        outlet = replace(outlet, open_start=None, ended=_with_ended(outlet, outlet.open_start[1]))
    unnamed = transaction is None or transaction <= 0
    return end(outlet) if unnamed or outlet.transaction == transaction else outlet


def adopt(station: Station, outlet: Outlet, transaction: TransactionId, moment: Moment) -> tuple[Outlet, list[Output]]:
    """Return the outlet with a transaction of which only its meter values were seen (row 69), and the event of it.

    Ended ids and idle connectors are not revived (row 49).
    """
    if (
        (isinstance(transaction, int) and transaction <= 0)
        or transaction == outlet.transaction
        or transaction in outlet.ended
    ):
        return outlet, []
    if outlet.status not in RUNNING or outlet.transaction is not None:
        return outlet, []
    started_s = moment.now_s if outlet.open_start is not None and outlet.open_start[1] == transaction else None
    outlet = replace(begin(outlet, transaction, moment.now_s, None), started_s=started_s)
    event = TransactionUpdated(
        site=station.plan.site,
        station=station.plan.station,
        evse=outlet.plan.connector,
        load=outlet.plan.load,
        transaction=str(transaction),
        updated_at=moment.utc,
        received_at=moment.utc,
        why="adopted",
        config_rev=station.plan.config_rev,
    )
    return outlet, [Keep(event, f"adopted-{content_hash(station.plan.station.lower(), transaction)}")]
