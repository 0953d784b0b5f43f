"""How fast one station may send: 20 messages a second with a burst of 60 (ocpp.md section 4). Pure.

Over it we stop reading, we never close: offline queues are long.
"""

from msgspec import Struct


class Pace(Struct, frozen=True):
    """The bounds."""

    rate_hz: float = 20.0
    burst: int = 60


class Bucket(Struct, frozen=True):
    """Messages that may come now, as of `at_s`."""

    left_number: float
    at_s: float


def take(bucket: Bucket, pace: Pace, now_s: float) -> tuple[Bucket, float]:
    """Return the bucket after one message, and for how many seconds to stop reading."""
    left = min(pace.burst, bucket.left_number + (now_s - bucket.at_s) * pace.rate_hz) - 1.0
    return Bucket(left, now_s), max(0.0, -left / pace.rate_hz)
