"""Child processes that are started again when they end, and end all together.

A child is restarted after a wait that doubles from FIRST_WAIT_S to LONGEST_WAIT_S and starts over once it has lived for
STEADY_S. Stopping asks all at once and ends what has not ended within STOP_S.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

from msgspec import Struct

FIRST_WAIT_S, LONGEST_WAIT_S, STEADY_S, STOP_S = 0.5, 10.0, 30.0, 4.0
LOG_BYTES = 5_000_000

Note = Callable[[str], None]


class Child(Struct, frozen=True, kw_only=True):
    """One process: a module, its arguments, its additional environment, where its output goes (None: to ours)."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    log: Path | None = None


def next_wait_s(last_wait_s: float, lived_s: float) -> float:
    """Return how long to wait before the next start of a child that lived for `lived_s`."""
    return FIRST_WAIT_S if lived_s >= STEADY_S else min(LONGEST_WAIT_S, max(FIRST_WAIT_S, 2 * last_wait_s))


class Supervisor:
    """Keeps children running until stopped; `note` is told of each end and start."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False

    def start(self, child: Child) -> None:
        """Start the child and keep it running."""
        self._keepers.append(asyncio.create_task(self._keep(child), name=f"keep {child.name}"))

    def pids(self) -> dict[str, int]:
        """Return the process ids of the children that run now."""
        return {name: process.pid for name, process in self._processes.items() if process.returncode is None}

    async def stop(self) -> None:
        """End all children: asked first, killed after STOP_S."""
        self._stopping = True
        for keeper in self._keepers:
            keeper.cancel()
        living = [process for process in self._processes.values() if process.returncode is None]
        for process in living:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await _ended(living, STOP_S)
        for process in living:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await _ended(living, 1.0)
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keep(self, child: Child) -> None:
        loop, wait_s = asyncio.get_running_loop(), 0.0
        while not self._stopping:
            started_s = loop.time()
            status = await self._run(child)
            wait_s = next_wait_s(wait_s, loop.time() - started_s)
            where = f"; its log is {child.log}" if child.log is not None else ""
            self._note(f"{child.name} ended ({_ending(status)}), starting it again in {wait_s:g} s{where}")
            await asyncio.sleep(wait_s)

    async def _run(self, child: Child) -> int:
        with _output(child.log) as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "evenload.cli.child",
                child.module,
                *child.arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, **child.environment},
                start_new_session=True,
            )
        self._processes[child.name] = process
        return await process.wait()


async def _ended(processes: list[asyncio.subprocess.Process], within_s: float) -> None:
    waits = [asyncio.ensure_future(process.wait()) for process in processes]
    if waits:
        await asyncio.wait(waits, timeout=within_s)


def _ending(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"


@contextlib.contextmanager
def _output(log: Path | None) -> Iterator[IO[bytes] | None]:
    """Yield the file that a child writes to; None = our own output."""
    if log is None:
        yield None
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    trim(log)
    with log.open("ab") as file:
        yield file


def trim(log: Path) -> None:
    """Keep a log below LOG_BYTES: what is longer moves to `.1`, whose writer goes on in the emptied file."""
    with contextlib.suppress(OSError):
        if log.stat().st_size > LOG_BYTES:
            log.with_suffix(".1").write_bytes(log.read_bytes())
            os.truncate(log, 0)
