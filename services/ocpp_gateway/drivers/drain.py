"""A gateway that is replaced lets its stations go, a few at a time, to the other gateways of the fleet.

New connections are refused from the first moment; the first station is let go 5 s later, when a balancer no longer
sends any here. One after the other, those that serve nobody first, each closed (1001) only while no call is under way
and everything it told is stored; one that is not that far within 15 s goes on and has its turn again. Meanwhile
everything else works as before: setpoints, transactions, states.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Final

from services.ocpp_gateway.drivers.connection import Connection
from services.ocpp_gateway.drivers.gateway import Gateway
from services.ocpp_gateway.pacing import drain_pause_s
from services.ocpp_gateway.station import is_running

NOTICE_S: Final = 5.0
LEAVE_S: Final = 15.0
SETTLE_S: Final = 5.0


async def let_go(
    gateway: Gateway, drain_pct: float, tell: Callable[[str], None], *, notice_s: float = NOTICE_S
) -> None:
    """Let all stations go, at most `drain_pct` percent of the fleet's connected ones a minute; return when done."""
    gateway.refuse()
    pause_s = drain_pause_s(gateway.fleet(), drain_pct)
    stations = deque(sorted(gateway.connections(), key=_serves))
    tell(f"{len(stations)} stations are let go to other gateways, one each {pause_s:.1f} s; told again: at once")
    await asyncio.sleep(notice_s)
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    while stations or (stations := deque(gateway.connections())):
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        station = stations.popleft()
        if not station.lives():
            continue
        due_s = loop.time() + pause_s
        if not await station.leave(LEAVE_S):
            stations.append(station)
    await _settle(gateway)
    tell("all stations are let go")


def _serves(connection: Connection) -> bool:
    return any(is_running(outlet) for outlet in connection.session.station.outlets)


async def _settle(gateway: Gateway) -> None:
    """Return when everything is written that the stations told."""
    with contextlib.suppress(TimeoutError):  # what is missing then was told; stations repeat what was not answered
        async with asyncio.timeout(SETTLE_S):
            await gateway.settled()
