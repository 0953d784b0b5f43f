"""The site files of this replica: all of them, or its share where the sites are divided over several.

Where `EVENLOAD_SHARE_SITES` is set, a replica serves a site while it is its own by `ownership`. It takes a new one only
with a lease that holds and once the replica before has let go of it (for 2 s at most), and keeps those it has while the
bus is away: nobody else hears of them either.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from evenload.runtime.bus import BusError
from evenload.runtime.ending import run_until
from evenload.runtime.lease import Lease
from evenload.runtime.ownership import RENEW_S
from evenload.runtime.service import Context
from evenload.runtime.site_config import OnSite, watch_sites
from evenload.site.schema import Site

LET_GO_S = 1.5
"""A site whose devices do not end within this time is let go all the same."""
LetGo = Callable[[str], Awaitable[None]]
"""Returns once nothing of a site is served any more."""


def follow_sites(ctx: Context, bucket: str, on_site: OnSite, let_go: LetGo) -> None:
    """Spawn what calls `on_site(site, parsed, config_rev)` for each site of this replica; None = removed or let go.

    `bucket` is where the replicas of this service tell of themselves.
    """
    if not ctx.settings.share_sites:
        ctx.spawn("sites", lambda: run_until(watch_sites(ctx, on_site), ctx.stopping))
        return
    share = Share(ctx, bucket, on_site, let_go)
    ctx.health.need("lease")
    ctx.spawn("sites", lambda: run_until(watch_sites(ctx, share.on_site, share.lease.knows_sites), ctx.stopping))
    ctx.spawn("lease", share.lease.renew, drains=True)
    ctx.spawn("replicas", share.lease.watch)
    ctx.spawn("share", share.assign, drains=True)


class Share:
    """The sites that are known, and those that this replica serves."""

    def __init__(self, ctx: Context, bucket: str, on_site: OnSite, let_go: LetGo) -> None:
        self._ctx, self._on_site, self._let_go = ctx, on_site, let_go
        self._changed = asyncio.Event()
        self.lease = Lease(ctx, bucket, self._changed.set)
        self._known: dict[str, tuple[Site, int]] = {}
        self._served: set[str] = set()

    def on_site(self, name: str, site: Site | None, config_rev: int) -> None:
        """Note a site file; tell of it where the site is served here."""
        if site is None:
            self._known.pop(name, None)
        else:
            self._known[name] = site, config_rev
        if name in self._served:
            self._on_site(name, site, config_rev)
        self._changed.set()

    async def assign(self) -> None:
        """Take sites and let go of them whenever replicas or site files changed; let go of all at the end."""
        while not self._ctx.stopping.is_set():
            with suppress(BusError):
                await self.lease.look_up()
            await self._give_up(self._served - self.lease.share(self._known))
            await self._take(self.lease.mine(self._known) - self._served)
            await self._wait()
        await self._give_up(set(self._served))

    async def _wait(self) -> None:
        ends = [asyncio.create_task(event.wait()) for event in (self._changed, self._ctx.stopping)]
        await asyncio.wait(ends, timeout=RENEW_S, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        self._changed.clear()

    async def _take(self, names: set[str]) -> None:
        """Serve sites, each once who had it has let go; what moved on meanwhile is left."""
        await asyncio.gather(*(self.lease.let_go_elsewhere(name) for name in names))
        for name in sorted(names & self.lease.mine(self._known)):
            self._served.add(name)
            self._on_site(name, *self._known[name])
        self.lease.has(self._served)

    async def _give_up(self, names: set[str]) -> None:
        """Serve sites no more, and say so once their devices are free."""
        if not names:
            return
        for name in sorted(names):
            _, config_rev = self._known.get(name, (None, 0))
            self._on_site(name, None, config_rev)
        self._served -= names
        with suppress(TimeoutError):
            async with asyncio.timeout(LET_GO_S):
                await asyncio.gather(*(self._let_go(name) for name in names))
        self.lease.has(self._served)
