"""Order and lateness of events, by the publisher's stamps only. Pure.

Keep one `Order` for each subscription: messages of one publisher come in order within a subscription, so a lower or
equal `seq` of the same boot is old news there. Delay = arrival − sending, on two monotonic clocks with an unknown but
constant offset; the least delay seen of a boot is that offset plus the fastest way here, and delay − least is how much
longer this event was under way. Clocks drift apart by some 50 ppm: the least delay is let rise by 100 ppm, so that a
boot that lives for months is not judged by its first minute.
"""

from enum import Enum

import msgspec

from evenload.contracts.events import Event

LATE_MS = 2_000
DRIFT_RATIO = 1e-4
MAX_BOOTS = 64


class Verdict(Enum):
    """What to do with an event: use it, or drop it as overtaken or as late."""

    FRESH = "fresh"
    OLD = "old"
    LATE = "late"


class BootSeen(msgspec.Struct, frozen=True):
    """One publisher's boot: newest seq, and the least delay as judged at `at_ms` of our monotonic clock."""

    seq: int
    least_delay_ms: float
    at_ms: float


class Order(msgspec.Struct, frozen=True):
    """What a subscription remembers; the boots not heard for longest are forgotten first."""

    boots: dict[str, BootSeen] = {}


def judge(order: Order, event: Event, arrived_ms: float) -> tuple[Order, Verdict]:
    """Return the next memory and the verdict on `event`, which came at `arrived_ms` of our monotonic clock.

    An event without a boot id (sent by a person's tool) is fresh and leaves no trace.
    """
    if not event.boot:
        return order, Verdict.FRESH
    seen = order.boots.get(event.boot)
    if seen is not None and event.seq <= seen.seq:
        return order, Verdict.OLD
    delay_ms = arrived_ms - event.sent_ms
    least_ms = delay_ms if seen is None else min(delay_ms, _drifted_ms(seen, arrived_ms))
    verdict = Verdict.LATE if delay_ms - least_ms > LATE_MS else Verdict.FRESH
    return _remember(order, event.boot, BootSeen(event.seq, least_ms, arrived_ms)), verdict


def _drifted_ms(seen: BootSeen, now_ms: float) -> float:
    return seen.least_delay_ms + max(0.0, now_ms - seen.at_ms) * DRIFT_RATIO


def _remember(order: Order, boot: str, seen: BootSeen) -> Order:
    kept = [item for item in order.boots.items() if item[0] != boot]
    return Order(dict([*kept, (boot, seen)][-MAX_BOOTS:]))
