"""Transactions as a fold over their events: what the stream holds, one record for each. Pure.

The same events give the same view, wherever the replay is cut, and an event that comes twice changes nothing (faults.md
section 3). An id is unique within its station; a station that gives one again (2.x
after a factory reset) gets a further record under it. Ids ≤ 0 and missing ones name nothing: each such stop stands for
itself. energy = stop − start; while it runs, the last register − start.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.events import TransactionEnded, TransactionEvent, TransactionStarted, TransactionUpdated

Key = tuple[str, str]
"""Station in lower case, and id."""


class Transaction(Struct, frozen=True, kw_only=True):
    """What is known of one transaction; times are the station's, `None` = not told."""

    site: str
    station: str
    evse: int
    load: str
    transaction: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    heard_at: datetime
    """When its first event reached us."""
    id_tag_hash: str = ""
    start_wh: float | None = None
    last_wh: float | None = None
    """Newest register while it ran; the first one stands for a start that was not seen."""
    stop_wh: float | None = None
    why: str = ""
    """Why it ended, as the station says."""
    late: bool = False
    """It came from the station's offline queue."""


class View(Struct, frozen=True):
    """All transactions; several under one key only when a station gave an id again."""

    by_key: dict[Key, tuple[Transaction, ...]] = {}


def replayed(events: Iterable[TransactionEvent], view: View | None = None) -> View:
    """Return the view after `events`, in their order."""
    by_key = dict(view.by_key) if view is not None else {}
    for event in events:
        key = (event.station.lower(), event.transaction)
        by_key[key] = _folded(by_key.get(key, ()), event)
    return View(by_key)


def listed(view: View) -> list[Transaction]:
    """Return all transactions, oldest first."""
    found = [each for group in view.by_key.values() for each in group]
    return sorted(found, key=lambda each: (began_at(each), each.station.lower(), each.transaction))


def began_at(transaction: Transaction) -> datetime:
    """Return when it began, as good as it is known."""
    return transaction.started_at or min(transaction.ended_at or transaction.heard_at, transaction.heard_at)


def energy_wh(transaction: Transaction) -> float | None:
    """Return what was charged, Wh; None when a register is missing or ran backwards."""
    newest_wh = transaction.stop_wh if transaction.stop_wh is not None else transaction.last_wh
    if newest_wh is None or transaction.start_wh is None or newest_wh < transaction.start_wh:
        return None
    return newest_wh - transaction.start_wh


def _folded(group: tuple[Transaction, ...], event: TransactionEvent) -> tuple[Transaction, ...]:
    if isinstance(event, TransactionStarted):
        return _started(group, event)
    if isinstance(event, TransactionEnded):
        return _ended(group, event)
    return _updated(group, event)


def _new(event: TransactionEvent) -> Transaction:
    return Transaction(
        site=event.site,
        station=event.station,
        evse=event.evse,
        load=event.load,
        transaction=event.transaction,
        heard_at=event.received_at,
    )


def _with(group: tuple[Transaction, ...], old: Transaction | None, new: Transaction) -> tuple[Transaction, ...]:
    if old is None:
        return (*group, new)
    return tuple(new if each is old else each for each in group)


def _started(group: tuple[Transaction, ...], event: TransactionStarted) -> tuple[Transaction, ...]:
    if any(each.started_at == event.started_at for each in group):
        return group
    open_end = [each for each in group if each.started_at is None]
    old = open_end[-1] if open_end else None
    base = old or _new(event)
    start_wh = event.meter_start_wh if event.meter_start_wh is not None else base.start_wh
    begun = replace(
        base,
        evse=event.evse or base.evse,
        load=event.load or base.load,
        started_at=event.started_at,
        id_tag_hash=event.id_tag_hash or base.id_tag_hash,
        start_wh=start_wh,
        late=base.late or event.late,
    )
    return _with(group, old, begun)


def _updated(group: tuple[Transaction, ...], event: TransactionUpdated) -> tuple[Transaction, ...]:
    old = group[-1] if group else None
    if old is not None and (event.meter_wh is None or old.ended_at is not None):
        return group
    base = old or _new(event)
    start_wh = base.start_wh if base.start_wh is not None else event.meter_wh
    highest_wh = max(filter(None, (base.last_wh, event.meter_wh)), default=event.meter_wh)
    return _with(group, old, replace(base, start_wh=start_wh, last_wh=highest_wh))


def _ended(group: tuple[Transaction, ...], event: TransactionEnded) -> tuple[Transaction, ...]:
    if any(_same_end(each, event) for each in group):
        return group
    running = [each for each in group if each.ended_at is None]
    old = running[0] if running else None
    if old is None and group and _names(event.transaction):
        return group  # a repeat that says something else: the first one counts
    base = old or _new(event)
    over = replace(
        base,
        evse=base.evse or event.evse,
        load=base.load or event.load,
        ended_at=event.ended_at,
        id_tag_hash=base.id_tag_hash or event.id_tag_hash,
        stop_wh=event.meter_stop_wh,
        why=event.why,
        late=base.late or event.late,
    )
    return _with(group, old, over)


def _names(transaction: str) -> bool:
    """Tell whether an id names one transaction."""
    return transaction not in ("none", "0") and not transaction.startswith("-")


def _same_end(found: Transaction, event: TransactionEnded) -> bool:
    return (found.ended_at, found.stop_wh, found.why) == (event.ended_at, event.meter_stop_wh, event.why)
