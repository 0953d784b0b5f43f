"""What all sessions of a gateway share."""

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import Struct, field

from evenload.runtime.bus import Bus
from evenload.runtime.clock import Clock
from services.ocpp_gateway.drivers.records import StationRecords, TransactionIds
from services.ocpp_gateway.drivers.store import TransactionStore
from services.ocpp_gateway.metrics import GatewayMetrics
from services.ocpp_gateway.pacing import Pace

SAVES_AT_ONCE: Final = 16


class World(Struct):
    """What all sessions share."""

    bus: Bus
    clock: Clock
    records: StationRecords
    ids: TransactionIds
    metrics: GatewayMetrics
    store: TransactionStore
    complain: Callable[[str, str], None]
    tag_key: bytes = b""
    pace: Pace = Pace()
    saving: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SAVES_AT_ONCE))
