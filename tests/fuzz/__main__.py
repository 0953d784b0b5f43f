"""Hostile input: python -m tests.fuzz process|socket|intruders --number 100000. Exit status 0 without a fault."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.fuzz.in_process import fuzz
from tests.fuzz.intruders import intrude
from tests.fuzz.socket import fuzz_socket


def main() -> int:
    """Fuzz and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("where", choices=("process", "socket", "intruders"))
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    if wanted.where == "process":
        found = fuzz(wanted.number, wanted.seed, print)
        print(found)
        return 0 if found.good else 1
    with tempfile.TemporaryDirectory(prefix="evenload-fuzz-") as folder:
        attack = fuzz_socket if wanted.where == "socket" else intrude
        outcome = asyncio.run(attack(Path(folder), wanted.number, seed=wanted.seed, tell=print))
    print(outcome)
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
