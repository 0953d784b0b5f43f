"""Processes of a test: started with free ports on loopback, followed line by line, ended by their own id."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from evenload.runtime.death_signal import die_with_parent

ROOT = Path(__file__).parents[3]
EVENLOAD = str(Path(sys.executable).with_name("evenload"))
Json = dict[str, Any]
_ENDS_WITH_US = die_with_parent()


def _as_at_a_terminal() -> None:
    """Let Ctrl-C end a child though who runs the tests ignores it, as what a shell puts into the background does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if _ENDS_WITH_US is not None:
        _ENDS_WITH_US()


async def until(holds: Callable[[], Any], within_s: float, what: str = "") -> Any:
    """Return what `holds()` returns as soon as that is something; fail after `within_s`."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + within_s
    while not (found := holds()):
        if loop.time() > end_s:
            raise AssertionError(f"not within {within_s:g} s: {what or holds}")
        await asyncio.sleep(0.02)
    return found


class Running:
    """A process whose output is kept line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, *command: str, **environment: str) -> "Running":
        """Start `command` in the project's folder."""
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env={**os.environ, "EVENLOAD_LOG": "text", **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1_000_000,
            start_new_session=True,
            preexec_fn=_as_at_a_terminal,
        )
        return cls(process)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(line.decode(errors="replace").rstrip())

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def now(self) -> int:
        """Return the place from which `events` shows only what comes later."""
        return len(self.lines)

    def events(self, name: str, since: int = 0) -> list[Json]:
        """Return the JSON lines with this `event`, from place `since` on."""
        found = [json.loads(line) for line in self.lines[since:] if line.startswith("{")]
        return [each for each in found if each.get("event") == name]

    def send(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    def give(self, number: int) -> None:
        """Send it a signal while it lives."""
        if self.process.returncode is None:
            self.process.send_signal(number)

    async def end(self, number: int = signal.SIGTERM, within_s: float = 8.0) -> int:
        """Ask it to end, insist after `within_s`, and return its exit status."""
        self.give(signal.SIGCONT)
        self.give(number)
        try:
            await asyncio.wait_for(self.process.wait(), within_s)
        except TimeoutError:
            self.give(signal.SIGKILL)
        await self._reading
        return await self.process.wait()


async def evenload(*arguments: str) -> tuple[int, str, str]:
    """Run a command as a user does; return exit status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        EVENLOAD,
        *arguments,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "160"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode or 0, out.decode(), err.decode()


def children(pid: int) -> dict[str, int]:
    """Return the living processes started by `pid`, by module or program name."""
    return {name: child for child in _below(pid) if (name := _name(child))}


def _below(pid: int) -> Iterator[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return
    yield from map(int, text.split())


def _name(pid: int) -> str:
    """Return the service that a child runs, else its program; empty once it has ended."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
    except OSError:
        return ""
    service = next((word for word in words if word.startswith("services.")), "")
    return service.removeprefix("services.") or Path(words[0]).name


def lives(pid: int) -> bool:
    """Tell whether the process still runs; one that only waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")
