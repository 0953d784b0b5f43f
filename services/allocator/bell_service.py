"""What a site waits on between decisions."""

import asyncio


class Bell:
    """Wakes one waiter; rings that come while it works are one ring."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None

    def ring(self) -> None:
        """Wake the waiter, or let its next wait end at once."""
        self._rung.set()

    def ring_in(self, seconds: float) -> None:
        """Wake the waiter then, if nothing else does before."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(seconds, self._rung.set)

    async def wait(self, most_s: float) -> None:
        """Return when rung, after `most_s` at the latest."""
        timer = asyncio.get_running_loop().call_later(most_s, self._rung.set)
        try:
            await self._rung.wait()
        finally:
            timer.cancel()
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        self._rung.clear()
