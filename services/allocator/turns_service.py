"""Turns in which sites decide: one after the other, with a look at the network between two.

Hundreds of sites may have reason to decide in the same moment. All in one go would hold up the renewal of the lease,
which takes several rounds of the loop, until it has run out; and what arrives meanwhile would wait, too.
"""

import asyncio


class Turns:
    """Gives out one turn in each round of the loop, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def take(self) -> None:
        """Return when it is one's turn; what is done before the next wait is done in it."""
        await self._lock.acquire()
        asyncio.get_running_loop().call_soon(self._lock.release)
