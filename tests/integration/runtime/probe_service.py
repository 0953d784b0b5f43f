"""A service for tests: echoes a subject, and a part that fails as often as PROBE_FAILS says."""

import asyncio
import os
import sys

from evenload.runtime.service import Context, main


async def run(ctx: Context) -> None:
    """Set up the probe."""
    fails_left = [int(os.environ.get("PROBE_FAILS", "0"))]

    async def shaky() -> None:
        if fails_left[0] > 0:
            fails_left[0] -= 1
            raise ValueError("probe failure")
        ctx.health.set("shaky", True)
        await ctx.stopping.wait()

    async def drains() -> None:
        await ctx.stopping.wait()
        print("drained", flush=True)

    async def stubborn() -> None:
        while True:
            await _never()

    async def respond(subject: str, data: bytes) -> bytes:
        return data

    if os.environ.get("PROBE_CANNOT_START"):
        raise RuntimeError("cannot start")
    ctx.health.need("shaky")
    await ctx.bus.serve("evenload.station.probe.call", respond)
    ctx.spawn("shaky", shaky)
    ctx.spawn("drains", drains, drains=True)
    ctx.spawn("stubborn", stubborn)


async def _never() -> None:
    """Wait for ever; take a moment to end when cancelled."""
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.wait([asyncio.create_task(asyncio.Event().wait())], timeout=0.2)


if __name__ == "__main__":
    sys.exit(main("probe", run))
