"""Kill -9 rounds: python -m tests.kill --rounds 200. Exit status 0 when nothing was lost, doubled or clashing."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.kill.rounds import kill_rounds


def main() -> int:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--stations", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evenload-kill-") as folder:
        found = asyncio.run(
            kill_rounds(Path(folder), rounds=wanted.rounds, stations=wanted.stations, seed=wanted.seed, tell=print)
        )
    print(found)
    return 0 if found.good else 1


if __name__ == "__main__":
    sys.exit(main())
