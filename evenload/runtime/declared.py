"""Every stream and bucket the system keeps, declared once.

Acknowledged transactions must survive a power cut: default persistence with the server's `sync_interval: always`.
Telemetry may lose its last moments and must not cost a disk sync each: an async stream. Setpoints are only kept for
looking at. A lost stream is made again from here and reported.
"""

import asyncio
import os

from msgspec.structs import replace

from evenload.contracts import subjects
from evenload.runtime.bus import BucketSpec, Bus, Declared, StreamSpec

DAY_S = 86_400.0

HISTORY = StreamSpec(
    name="history",
    subjects=(subjects.reading(), subjects.load_state(), subjects.result(), subjects.decision(), subjects.basis()),
    sync="async",
    max_age_s=7 * DAY_S,
    max_bytes=1_000_000_000,
    compressed=True,
)
LIMITS = StreamSpec(name="limits", subjects=(subjects.limit(),), per_subject=1, max_bytes=10_000_000)
LIMIT_RECORDS = StreamSpec(
    name="limit_records",
    subjects=(subjects.limit_record(),),
    max_age_s=3 * 365 * DAY_S,
    max_bytes=200_000_000,
    protected=True,
)
"""Evidence: what operators of grids ask for two years later."""
ALERTS = StreamSpec(name="alerts", subjects=(subjects.alerts(),), max_age_s=90 * DAY_S, max_bytes=100_000_000)
TRANSACTIONS = StreamSpec(name="transactions", subjects=(subjects.transactions(),), duplicates_s=DAY_S, protected=True)
SETPOINTS = StreamSpec(
    name="setpoints", subjects=(subjects.setpoint(),), storage="memory", per_subject=1, max_bytes=16_000_000
)
FORECASTS = StreamSpec(name="forecasts", subjects=(subjects.forecast(),), per_subject=1, max_bytes=10_000_000)
LOAD_PLANS = StreamSpec(
    name="load_plans", subjects=(subjects.load_plan(),), storage="memory", per_subject=1, max_bytes=16_000_000
)
STREAMS = (HISTORY, LIMITS, LIMIT_RECORDS, ALERTS, TRANSACTIONS, SETPOINTS, FORECASTS, LOAD_PLANS)

BUCKETS = (
    BucketSpec(name=subjects.SITES),
    BucketSpec(name=subjects.OVERRIDES),
    BucketSpec(name=subjects.STATIONS),
    BucketSpec(name=subjects.TAGS),
    BucketSpec(name=subjects.OWNERS, storage="memory", ttl_s=5.0),
    BucketSpec(name=subjects.READERS, storage="memory", ttl_s=5.0),
    BucketSpec(name=subjects.SWITCHERS, storage="memory", ttl_s=5.0),
    BucketSpec(name=subjects.PLANNERS, storage="memory", ttl_s=5.0),
    BucketSpec(name=subjects.MEMORY),
    BucketSpec(name=subjects.EPOCHS),
    BucketSpec(name=subjects.PLANS),
    BucketSpec(name=subjects.DEVICES),
)


def bucket_spec(name: str) -> BucketSpec:
    """Return the declared bucket `name`; asking for another one is our bug."""
    found = {spec.name: spec for spec in BUCKETS}
    assert name in found, f"bucket {name!r} is not declared in declared.py"
    return found[name]


async def ensure(bus: Bus, replicas: int = 1) -> Declared:
    """Verify that all streams and buckets exist, make what is missing and sync the disk then. Raises `BusError`."""
    streams = tuple(replace(stream, replicas=replicas) for stream in STREAMS)
    buckets = tuple(replace(bucket, replicas=replicas) for bucket in BUCKETS)
    found = await bus.declare(streams, buckets)
    if found.created:
        await asyncio.to_thread(os.sync)
    return found


def lost_names(found: Declared) -> tuple[str, ...]:
    """Return what was on disk once and had to be made again: made now although others on disk were there."""
    on_disk = {spec.name for spec in STREAMS if spec.storage == "file"}
    on_disk |= {bucket.name for bucket in BUCKETS if bucket.storage == "file"}
    there = on_disk & {*found.present, *found.updated}
    return tuple(sorted(on_disk & set(found.created))) if there else ()
