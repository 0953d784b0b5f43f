"""Work that is ended, even when it is deaf at first."""

import asyncio

from evenload.devices.fleet import run_until


async def test_work_that_swallows_a_cancellation_is_cancelled_again() -> None:
    begun, swallowed, ended = asyncio.Event(), 0, asyncio.Event()

    async def deaf() -> None:
        nonlocal swallowed
        begun.set()
        while swallowed < 1:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
        ended.set()

    stop = asyncio.Event()
    running = asyncio.create_task(run_until(deaf(), stop))
    await begun.wait()
    stop.set()
    async with asyncio.timeout(20):
        await running
    assert ended.is_set()
