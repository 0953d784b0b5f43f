"""200 devices polled each second by meter_ingest on one core: CPU, and the age of the last reading of each.

The devices run in a process of their own (`bench.meters`).
Run: make devices N=200, or python -m bench.devices [COUNT] [SECONDS]
"""

import asyncio
import json
import resource
import sys
import time

from evenload.runtime.apply import apply_site
from evenload.runtime.clock import SystemClock
from evenload.runtime.memory_bus import MemoryBus, MemoryNetwork
from evenload.runtime.service import Context
from evenload.runtime.settings import Settings
from services.meter_ingest.service import run

SETTLE_S = 5.0
LOOK_EVERY_S = 0.05


def cpu_s() -> float:
    """Return the CPU time of this process, s."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def site_file(addresses: list[str]) -> str:
    """Return a site with all of them as meters, the first at the grid."""
    meters = [
        f"  m{number}: {{role: {'grid' if number == 0 else 'circuit'}, driver: homewizard, host: '{address}'}}"
        for number, address in enumerate(addresses)
    ]
    return "site: bench\ngrid: {breaker_a: 63}\nmeters:\n" + "\n".join(meters) + "\n"


async def measure(addresses: list[str], seconds: float) -> dict[str, float]:
    """Return the figures of `seconds` of steady polling."""
    clock, network = SystemClock(), MemoryNetwork()
    bus, other = MemoryBus("ingest", network, clock), MemoryBus("bench", network, clock)
    last_s: dict[str, float] = {}
    count = 0

    def take(subject: str, data: bytes) -> None:
        nonlocal count
        count += 1
        last_s[subject] = time.monotonic()

    await other.subscribe("evenload.site.bench.reading.>", take)
    ctx = Context("meter_ingest", bus, clock, Settings())
    await run(ctx)
    await apply_site(other, site_file(addresses), "bench.yaml", clock.utc())
    await asyncio.sleep(SETTLE_S)
    count, began_cpu_s, began_s, ages_s = 0, cpu_s(), time.monotonic(), []
    while time.monotonic() - began_s < seconds:
        await asyncio.sleep(LOOK_EVERY_S)
        now_s = time.monotonic()
        ages_s += [now_s - heard_s for heard_s in last_s.values()]
    took_s = time.monotonic() - began_s
    cpu = (cpu_s() - began_cpu_s) / took_s
    await ctx.drain()
    ages_s.sort()
    return {
        "devices": len(last_s),
        "readings_per_s": round(count / took_s, 1),
        "cpu_pct_of_one_core": round(100 * cpu, 1),
        "age_p50_ms": round(1000 * ages_s[len(ages_s) // 2]),
        "age_p99_ms": round(1000 * ages_s[int(len(ages_s) * 0.99)]),
        "age_max_ms": round(1000 * ages_s[-1]),
    }


async def main() -> None:
    """Start the devices, measure, print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    devices = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.meters", "--count", str(count),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert devices.stdin is not None
    assert devices.stdout is not None
    addresses = json.loads(await devices.stdout.readline())
    try:
        print(json.dumps(await measure(addresses, seconds)))
    finally:
        devices.stdin.close()
        await devices.wait()


if __name__ == "__main__":
    asyncio.run(main())
