"""The shell of a process's lease: its key in the service's bucket, and those of the other replicas.

The key says which sites this process has, and is written anew whenever that changes: whoever takes a site over waits
until it is let go, so that its memory is whole and no device is asked twice. A process writes its key once it has read
all site files, so that no site is let go for one that cannot serve it yet. One that ends lets go of its sites before
its key.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable

from evenload.contracts.records import OwnerRecord
from evenload.contracts.wire import Codec, ContractError, encode
from evenload.runtime.ownership import LEASE_S, RENEW_S, owned
from evenload.runtime.service import Context

HANDOVER_S = 2.0
"""A former owner that lives gets so long to let go of a site; one that hangs is not waited for any longer."""
LET_GO_S = 2.0
SITES_READ_S = 60.0
"""Site files that are not all read by then are not waited for any longer."""
LOOKED_S = 0.5
TOGETHER_S = 0.02
"""Sites that are taken or let go within this time are told at once."""
_OWNER = Codec(OwnerRecord, "OwnerRecord")


class Lease:
    """Which sites are ours. `changed` is called when that may have changed, `lost` when the lease had run out."""

    def __init__(
        self, ctx: Context, bucket: str, changed: Callable[[], None], lost: Callable[[], None] = lambda: None
    ) -> None:
        self.ctx, self._bucket, self._changed, self._lost = ctx, bucket, changed, lost
        self.process = f"{ctx.bus.boot}-{secrets.token_hex(4)}"
        self._others: dict[str, frozenset[str]] = {}
        self._sites: tuple[str, ...] = ()
        self._renewed_s = -1e9
        self._news = asyncio.Event()
        self._dirty = asyncio.Event()
        self._looking, self._looked_s = asyncio.Lock(), -1e9

    def holds(self) -> bool:
        """Tell whether this process still holds its lease."""
        return self.ctx.clock.monotonic() - self._renewed_s < LEASE_S

    def mine(self, sites: Iterable[str]) -> set[str]:
        """Return those of `sites` that are ours now."""
        return self.share(sites) if self.holds() else set()

    def share(self, sites: Iterable[str]) -> set[str]:
        """Return those of `sites` that are ours as far as is known, also while the lease cannot be renewed."""
        return owned(self.process, self._others, sites)

    def has(self, sites: Iterable[str]) -> None:
        """Say which sites this process has taken and not yet let go."""
        self._sites = tuple(sorted(sites))
        self._dirty.set()

    async def let_go_elsewhere(self, site: str) -> None:
        """Return once no other living process says that it has the site, after `HANDOVER_S` at the latest."""
        until_s = self.ctx.clock.monotonic() + HANDOVER_S
        while any(site in sites for sites in self._others.values()):
            left_s = until_s - self.ctx.clock.monotonic()
            if left_s <= 0:
                return
            self._news.clear()
            await _wait((self._news,), left_s)

    async def renew(self, sites_read: asyncio.Event) -> None:
        """Once the site files are read keep the key alive, and true; at the end let it go once all sites are let go."""
        await _wait((sites_read, self.ctx.stopping), SITES_READ_S)
        bucket = await self.ctx.bus.bucket(self._bucket)
        while not self.ctx.stopping.is_set():
            asked_s = self.ctx.clock.monotonic()
            had_lost = asked_s - self._renewed_s >= LEASE_S
            self._dirty.clear()
            await bucket.put(self.process, encode(OwnerRecord(process=self.process, sites=self._sites)))
            if had_lost:
                self._lost()
            self._renewed_s = asked_s
            self.ctx.health.set("lease", True)
            self._changed()
            await _wait((self._dirty, self.ctx.stopping), RENEW_S)
            await asyncio.sleep(TOGETHER_S)
        await self._all_let_go()
        await bucket.delete(self.process)

    async def _all_let_go(self) -> None:
        until_s = self.ctx.clock.monotonic() + LET_GO_S
        while self._sites and (left_s := until_s - self.ctx.clock.monotonic()) > 0:
            self._dirty.clear()
            await _wait((self._dirty,), left_s)

    async def watch(self) -> None:
        """Follow which other replicas live, and what they have."""
        bucket = await self.ctx.bus.bucket(self._bucket)
        async with bucket.watch() as changes:
            async for change in changes:
                if change.key == self.process:
                    continue
                if change.value is None:
                    self._others.pop(change.key, None)
                else:
                    self._others[change.key] = self._told(change.key, change.value)
                self._news.set()
                self._changed()

    def _told(self, key: str, value: bytes) -> frozenset[str]:
        try:
            record: OwnerRecord = _OWNER.decode(value, f"bucket {self._bucket}/{key}")
        except ContractError as fault:
            self.ctx.complain(f"owner {key}", str(fault))
            return frozenset()
        return frozenset(record.sites)

    async def look_up(self) -> None:
        """Ask which keys there are: one that expired without a word is found out, and one that nobody told of.

        Raises `BusError`. Many sites that are taken at once ask once.
        """
        async with self._looking:
            if self.ctx.clock.monotonic() - self._looked_s < LOOKED_S:
                return
            bucket = await self.ctx.bus.bucket(self._bucket)
            asked_s = self.ctx.clock.monotonic()
            others = {}
            for key in await bucket.keys():
                entry = None if key in self._others or key == self.process else await bucket.get(key)
                if entry is not None:
                    others[key] = self._told(key, entry.value)
                elif key in self._others:
                    others[key] = self._others[key]
            self._others, self._looked_s = others, asked_s
            self._news.set()


async def _wait(events: Iterable[asyncio.Event], most_s: float) -> None:
    """Return when one of `events` is set, after `most_s` at the latest."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=most_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
