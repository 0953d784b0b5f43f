"""A real MQTT broker for emulated devices that speak to one: mosquitto on a loopback port, where it is installed."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from typing import Protocol

from evenload.runtime.death_signal import die_with_parent
from evenload.runtime.ending import ended
from evenload.runtime.ports import free_port

START_S, STOP_S = 15.0, 5.0
FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
"""Where it is on machines on which it is not in the path of a user."""
MISSING = "it needs an MQTT broker, and mosquitto is not installed: apt install mosquitto, or brew install mosquitto"


def find_mosquitto() -> str | None:
    """Return the program; None = it is not installed."""
    return shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", os.defpath), *FOLDERS)))


class Thing(Protocol):
    """A device on a broker."""

    ready: asyncio.Event

    async def start(self, host: str = "127.0.0.1", port: int = 1883) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Disconnect."""


class Mosquitto:
    """One broker for all who use it: it starts with the first and ends with the last."""

    def __init__(self) -> None:
        self.port = free_port()
        self._users = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def start(self) -> None:
        """Return when it listens; raise `OSError` when it does not come up."""
        self._users += 1
        if self._users > 1:
            return
        program = find_mosquitto()
        if program is None:
            raise OSError(MISSING)
        self._folder = tempfile.TemporaryDirectory(prefix="evenload-mosquitto-")
        config = Path(self._folder.name) / "mosquitto.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest stderr\n")
        self._process = await asyncio.create_subprocess_exec(
            program,
            "-c",
            str(config),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=die_with_parent(),
        )
        running = asyncio.Event()
        self._reader = asyncio.create_task(self._read(self._process, running), name="mosquitto log")
        waiting = asyncio.create_task(running.wait())
        await asyncio.wait((self._reader, waiting), timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not running.is_set():
            raise OSError(f"mosquitto did not start on port {self.port} within {START_S:g} s")

    async def stop(self) -> None:
        """End it once nobody uses it."""
        self._users -= 1
        if self._users or self._process is None:
            return
        if self._process.returncode is None:
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._reader is not None:
            await ended(self._reader)
        if self._folder is not None:
            self._folder.cleanup()
        self._process = self._reader = self._folder = None

    @staticmethod
    async def _read(process: asyncio.subprocess.Process, running: asyncio.Event) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            if b"running" in line:
                running.set()


class OnBroker:
    """Things that start and stop together, and the broker with them."""

    address = ""

    def __init__(self, broker: Mosquitto, things: tuple[Thing, ...]) -> None:
        self.broker, self.things = broker, things

    async def start(self) -> None:
        """Return when all are connected."""
        await self.broker.start()
        for thing in self.things:
            await thing.start("127.0.0.1", self.broker.port)
        for thing in self.things:
            await thing.ready.wait()

    async def stop(self) -> None:
        """Disconnect all."""
        for thing in self.things:
            await thing.stop()
        await self.broker.stop()
