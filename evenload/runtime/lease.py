"""The shell of a process's lease: its key in the service's bucket, and those of the other replicas.

The key says which sites this process has, and is written anew whenever that changes: whoever takes a site over waits
until it is let go, so that its memory is whole and no device is asked twice. A process writes its key only once it
knows all sites, because the others let go of its share at once; one that ends lets go of its sites before its key.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress

from evenload.contracts.records import OwnerRecord
from evenload.contracts.wire import Codec, ContractError, encode
from evenload.runtime.ownership import LEASE_S, RENEW_S, owned
from evenload.runtime.service import Context

HANDOVER_S = 2.0
"""A former owner that lives gets so long to let go of a site; one that hangs is not waited for any longer."""
LET_GO_S = 2.0
LOOKED_S = 0.5
TOGETHER_S = 0.05
"""Sites that are taken or let go within this time are told at once."""
_OWNER = Codec(OwnerRecord, "OwnerRecord")


class Lease:
    """Which sites are ours. `changed` is called when that may have changed, `lost` when the lease had run out.

    `knows_sites` is to be set when all sites that there are have been seen; nothing is ours before.
    """

    def __init__(
        self, ctx: Context, bucket: str, changed: Callable[[], None], lost: Callable[[], None] = lambda: None
    ) -> None:
        self.ctx, self._bucket, self._changed, self._lost = ctx, bucket, changed, lost
        self.process = f"{ctx.bus.boot}-{secrets.token_hex(4)}"
        self.knows_sites = asyncio.Event()
        self._others: dict[str, frozenset[str]] = {}
        self._touched: set[str] = set()
        self._held_elsewhere: frozenset[str] = frozenset()
        self._awaited: dict[str, asyncio.Event] = {}
        self._alive: frozenset[str] = frozenset()
        self._judged: set[str] = set()
        """Sites whose owner was worked out since the living last changed; it takes a hash for each process."""
        self._ours: set[str] = set()
        self._sites: tuple[str, ...] = ()
        self._renewed_s = -1e9
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
        alive = frozenset(self._others)
        if alive != self._alive:
            self._alive, self._judged, self._ours = alive, set(), set()
        asked = set(sites)
        self._ours |= owned(self.process, alive, asked - self._judged)
        self._judged |= asked
        return asked & self._ours

    def has(self, sites: Iterable[str]) -> None:
        """Say which sites this process has taken and not yet let go."""
        self._sites = tuple(sorted(sites))
        self._dirty.set()

    async def let_go_elsewhere(self, site: str) -> None:
        """Return once no other living process says that it has the site, after `HANDOVER_S` at the latest."""
        if site not in self._held_elsewhere:
            return
        free = self._awaited.setdefault(site, asyncio.Event())
        with suppress(TimeoutError):
            async with asyncio.timeout(HANDOVER_S):
                await free.wait()

    def _heard(self) -> None:
        """Work out what the others have, and wake who waits for what none of them has any more."""
        self._held_elsewhere = frozenset[str]().union(*self._others.values())
        for site in [site for site in self._awaited if site not in self._held_elsewhere]:
            self._awaited.pop(site).set()

    async def renew(self) -> None:
        """Keep the key alive, and true; at the end let go of it once all sites are let go."""
        bucket = await self.ctx.bus.bucket(self._bucket)
        await _wait((self.knows_sites, self.ctx.stopping), None)
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
                self._touched.add(change.key)
                if change.value is None:
                    self._others.pop(change.key, None)
                else:
                    self._others[change.key] = self._told(change.key, change.value)
                self._heard()
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

        Raises `BusError`. Many sites that are taken at once ask once. What was told while the answer was on its way is
        newer than the answer.
        """
        async with self._looking:
            if self.ctx.clock.monotonic() - self._looked_s < LOOKED_S:
                return
            bucket = await self.ctx.bus.bucket(self._bucket)
            asked_s = self.ctx.clock.monotonic()
            known = set(self._others)
            self._touched = set()
            keys = {*await bucket.keys()} - {self.process}
            for key in keys - known:
                entry = await bucket.get(key)
                if entry is not None and key not in self._touched:
                    self._others[key] = self._told(key, entry.value)
            for key in known - keys - self._touched:
                self._others.pop(key, None)
            self._looked_s = asked_s
            self._heard()


async def _wait(events: Iterable[asyncio.Event], most_s: float | None) -> None:
    """Return when one of `events` is set, after `most_s` at the latest; None = however long that takes."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=most_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
