"""Allocator processes that are killed, paused and told to end, one a round, under load: who goes on, and when.

Real processes on a real nats-server, with a gateway, a plug and charging cars on several sites (`tests/integration/
allocator/fleet.py`). Each round takes the process with the most sites; afterwards there are as many as before.

Printed per round: s until the last of its sites was commanded by another owner (at most 8), setpoints of a former owner
that were taken (0), cars that were stopped (0), breaker rules broken (0). Run: make takeover N=20
"""

import argparse
import asyncio
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.integration.allocator.fleet import Fleet, fleet

PROCESSES, SITES, MOST_S = 2, 6, 8.0
SETTLE_S = 2.0
KINDS = {"killed": signal.SIGKILL, "paused": signal.SIGSTOP, "ended": signal.SIGTERM}


@dataclass(frozen=True)
class Round:
    """What one round showed."""

    kind: str
    sites: int
    took_s: float
    stale: int
    stopped: int
    broken: int

    @property
    def is_good(self) -> bool:
        """Tell whether everything was as it must be."""
        return self.took_s <= MOST_S and not (self.stale or self.stopped or self.broken)


async def one_round(here: Fleet, kind: str) -> Round:
    """Take the busiest process away in one way; put another in its place."""
    await asyncio.sleep(SETTLE_S)
    place, stale, broken = here.stations.now(), len(here.applied.stale), len(here.broken())
    owners = await here.owners()
    victim = max(owners, key=lambda key: len(owners[key]))
    sites = owners[victim]
    if kind == "paused":
        began_s = here.give(victim, KINDS[kind])
        took_s = await here.taken_over(sites, began_s)
        here.give(victim, signal.SIGCONT)
        await here.shared()
    else:
        began_s = await here.end(victim, KINDS[kind])
        took_s = await here.taken_over(sites, began_s)
        await here.start()
    return Round(
        kind=kind,
        sites=len(sites),
        took_s=took_s,
        stale=len(here.applied.stale) - stale,
        stopped=len(here.stopped(place)),
        broken=len(here.broken()) - broken,
    )


async def rounds(count: int, folder: Path) -> list[Round]:
    """Run so many rounds; print each."""
    found = []
    async with fleet(folder, SITES) as here:
        for _ in range(PROCESSES):
            await here.start()
        print(
            f"{'round':>5}  {'what':7} {'sites':>5} {'took s':>7} {'stale':>6} {'stopped':>8} {'broken':>7}", flush=True
        )
        for number in range(count):
            each = await one_round(here, list(KINDS)[number % len(KINDS)])
            found.append(each)
            counts = f"{each.stale:6} {each.stopped:8} {each.broken:7}"
            print(f"{number + 1:5}  {each.kind:7} {each.sites:5} {each.took_s:7.2f} {counts}", flush=True)
        print(f"{here.applied.count} setpoints taken, {here.applied.heard} states heard")
    return found


def main() -> int:
    """Run the rounds; exit status 1 when one was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(rounds(options.rounds, Path(folder)))
    for kind in KINDS:
        took_s = [each.took_s for each in found if each.kind == kind]
        if took_s:
            print(f"{kind}: median {statistics.median(took_s):.2f} s, most {max(took_s):.2f} s of {MOST_S:g} s")
    stale, stopped, broken = (sum(getattr(each, name) for each in found) for name in ("stale", "stopped", "broken"))
    print(f"stale setpoints taken {stale}, cars stopped {stopped}, breaker rules broken {broken} (targets: 0)")
    print(f"{len(found)} rounds in {time.monotonic() - began_s:.0f} s")
    return 0 if all(each.is_good for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
