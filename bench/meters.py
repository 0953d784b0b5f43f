"""Emulated HomeWizard meters, many in one process, for benches: prints their addresses as one JSON line.

Each has the control path of `evenload.simulation.devices`. Run: python -m bench.meters --count 20
"""

import argparse
import asyncio
import json
import sys

from evenload.simulation.devices import HomewizardP1, MeterWorld


async def serve(count: int, watts: float) -> None:
    """Run the meters until standard input ends."""
    meters = []
    for _ in range(count):
        world = MeterWorld()
        world.set({"watts": watts})
        meters.append(HomewizardP1(world))
    for meter in meters:
        await meter.start()
    print(json.dumps([meter.address for meter in meters]), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--watts", type=float, default=1380.0, help="total over all phases at the start")
    asked = parser.parse_args()
    asyncio.run(serve(asked.count, asked.watts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
