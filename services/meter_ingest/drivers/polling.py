"""Asking a device again and again: one question at a time, at its period, so that a slow device is only late itself."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

Sample = TypeVar("Sample")
SHORTEST_PAUSE_S = 0.05


async def poll(read: Callable[[], Awaitable[Sample]], period_s: float) -> AsyncGenerator[Sample, None]:
    """Yield what `read` returns, every `period_s` from asking to asking; its `DeviceError` ends it."""
    loop = asyncio.get_running_loop()
    while True:
        asked_s = loop.time()
        yield await read()
        await asyncio.sleep(max(SHORTEST_PAUSE_S, asked_s + period_s - loop.time()))
