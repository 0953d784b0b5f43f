"""How fast one station may send, and how fast a gateway that is replaced lets its stations go. Pure.

A station: 20 messages a second with a burst of 60 (ocpp.md section 4); over it we stop reading, we never close: offline
queues are long.
"""

from msgspec import Struct

MARGIN = 1.02
"""A closed socket is noticed a little sooner or later than another; the share of a minute holds all the same."""


class Pace(Struct, frozen=True):
    """The bounds."""

    rate_hz: float = 20.0
    burst: int = 60


class Bucket(Struct, frozen=True, gc=False):
    """Messages that may come now, as of `at_s`."""

    left_number: float
    at_s: float


def take(bucket: Bucket, pace: Pace, now_s: float) -> tuple[Bucket, float]:
    """Return the bucket after one message, and for how many seconds to stop reading."""
    left = min(pace.burst, bucket.left_number + (now_s - bucket.at_s) * pace.rate_hz) - 1.0
    return Bucket(left, now_s), max(0.0, -left / pace.rate_hz)


def drain_pause_s(fleet: int, drain_pct: float) -> float:
    """Return the pause between two stations that are let go, s; at least one goes in a minute, however few there are.

    `fleet` is how many are connected to all gateways, `drain_pct` the most of them that may dial anew in a minute, %.
    """
    return min(60.0, 60.0 * MARGIN / max(1.0, fleet * drain_pct / 100.0))
