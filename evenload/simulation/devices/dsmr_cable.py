"""A P1 port at the end of a cable: a pseudo-terminal that brings a telegram each second, whoever reads it."""

import asyncio
import os
import tempfile
import tty
from contextlib import suppress
from pathlib import Path

from evenload.runtime.ending import ended
from evenload.simulation.devices.dsmr import SECOND_METER, telegram_of
from evenload.simulation.devices.world import MeterProvider

PERIOD_S = 1.0


class DsmrCable:
    """Sends `sent`, nothing while it is empty; with a `home`, telegrams of that home."""

    def __init__(self, home: MeterProvider | None = None) -> None:
        self._home, self.sent = home, SECOND_METER.encode()
        self._ends: tuple[int, int] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="evenload-cable-")
        self.address = str(Path(self._folder.name) / "cable")
        """A name that stays, as those under /dev/serial/by-id do; it is there while the cable is plugged in."""

    async def start(self) -> None:
        """Plug it in."""
        ours, theirs = self._ends = os.openpty()
        tty.setraw(theirs)
        # Nobody may read yet: a full line loses telegrams, as a cable does, and holds nobody up.
        os.set_blocking(ours, False)
        Path(self.address).symlink_to(os.ttyname(theirs))
        self._sending = asyncio.create_task(self._send(ours), name="dsmr cable")

    async def stop(self) -> None:
        """Pull it out for good."""
        await self.go_offline()
        self._folder.cleanup()

    async def come_back(self) -> None:
        """Plug it in again."""
        await self.start()

    async def go_offline(self) -> None:
        """Pull it out: whoever reads is told by the system."""
        if self._sending is not None:
            await ended(self._sending)
            self._sending = None
        if self._ends is not None:
            for end in self._ends:
                os.close(end)
            self._ends = None
            Path(self.address).unlink()

    async def _send(self, ours: int) -> None:
        while True:
            sent = telegram_of(self._home()).encode() if self._home is not None else self.sent
            with suppress(BlockingIOError):
                os.write(ours, sent)
            await asyncio.sleep(PERIOD_S)
