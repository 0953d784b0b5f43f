"""Turns in which sites decide: a few in each round of the loop, with a look at the network between two rounds.

Hundreds of sites may have reason to decide in the same moment. All in one go would hold up the renewal of the lease,
which takes several rounds of the loop, until it has run out; and what arrives meanwhile would wait, too. Where turns
are scarce a site that passes a limit is served before those that only go on rising.
"""

import asyncio
from collections.abc import Hashable
from itertools import islice

TOGETHER = 4
"""So many decide in one round of the loop, and what they say leaves in one write."""


class Turns:
    """Gives out turns: to who is in a hurry first, but one of each round's to who has waited longest."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, asyncio.Future[None]] = {}
        self._hurried: dict[Hashable, None] = {}
        self._round: asyncio.Handle | None = None

    def hurry(self, who: Hashable) -> None:
        """Serve `who` before others, in the turn that it waits for or takes next."""
        self._hurried[who] = None

    def forget(self, who: Hashable) -> None:
        """Let go of one that asks for no more turns."""
        self._hurried.pop(who, None)

    async def take(self, who: Hashable) -> None:
        """Return when it is one's turn: at once where nobody else had one in this round of the loop.

        What is done before the next wait is done in it.
        """
        if self._round is None:
            self._hurried.pop(who, None)
            self._begin_round()
            return
        turn = self._waiting[who] = asyncio.get_running_loop().create_future()
        try:
            await turn
        finally:
            if self._waiting.get(who) is turn:
                del self._waiting[who]
            self._hurried.pop(who, None)

    def _begin_round(self) -> None:
        self._round = asyncio.get_running_loop().call_soon(self._give)

    def _give(self) -> None:
        """Give out the turns of one round."""
        self._round = None
        hurried = [who for who in self._hurried if who in self._waiting][: TOGETHER - 1]
        patient = (who for who in self._waiting if who not in self._hurried)
        for who in (*hurried, *islice(patient, TOGETHER - len(hurried))):
            turn = self._waiting.pop(who)
            if not turn.done():
                turn.set_result(None)
        if self._waiting:
            self._begin_round()
