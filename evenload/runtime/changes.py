"""Changes of a bucket on their way to a watcher: the newest of each key, in order; bounded by the number of keys."""

import asyncio
from collections.abc import AsyncIterator, Mapping

from evenload.runtime.bus import Change


class Changes(AsyncIterator[Change]):
    """A queue in which a newer change of a key replaces the one still waiting."""

    def __init__(self) -> None:
        self._waiting: dict[str, Change] = {}
        self._known: dict[str, int] = {}
        self._filled = asyncio.Event()

    def offer(self, change: Change) -> None:
        """Queue `change`, unless the watcher was told that revision already or never knew the removed key."""
        if change.value is None:
            if self._known.pop(change.key, None) is None:
                return
        elif self._known.get(change.key) == change.revision:
            return
        else:
            self._known[change.key] = change.revision
        self._waiting.pop(change.key, None)
        self._waiting[change.key] = change
        self._filled.set()

    def complete(self, present: Mapping[str, int]) -> None:
        """Take `present` (key → revision) as all there is: what was known and is not there was removed."""
        for key, revision in list(self._known.items()):
            if key not in present:
                self.offer(Change(key, None, revision))

    async def __anext__(self) -> Change:
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        return self._waiting.pop(next(iter(self._waiting)))
