"""Site configurations as services get them: from the bucket `sites` only, parsed, the last good one kept."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from evenload.contracts import subjects
from evenload.contracts.records import SiteRecord
from evenload.contracts.wire import Codec, ContractError
from evenload.runtime.bus import BusError, Change
from evenload.runtime.service import Context
from evenload.site.findings import faults
from evenload.site.load import load_text
from evenload.site.schema import Site

OnSite = Callable[[str, Site | None, int], None]
FLAG = "sites"
LOOK_AGAIN_S = 5.0


async def watch_sites(ctx: Context, on_change: OnSite, seen: asyncio.Event | None = None) -> None:
    """Call `on_change(site, parsed, config_rev)` for each present site and each change, for ever; None = removed.

    A version that cannot be read or has faults is reported and the last good one stays in force. The readiness flag
    `sites` and the event `seen` are set when all sites present at the start were seen. Raises `BusError` only before
    the first call.
    """
    ctx.health.need(FLAG)
    bucket = await ctx.bus.bucket(subjects.SITES)
    unseen = set(await bucket.keys())
    _tell_seen(ctx, unseen, seen)
    reader = SiteReader(ctx)
    async with bucket.watch() as changes, _looking_again(ctx, unseen, seen):
        async for change in changes:
            news = reader.read(change)
            if news is not None:
                on_change(*news)
            unseen.discard(change.key)
            _tell_seen(ctx, unseen, seen)
            await asyncio.sleep(0)  # a thousand files take seconds; leases are renewed meanwhile


@asynccontextmanager
async def _looking_again(ctx: Context, unseen: set[str], seen: asyncio.Event | None) -> AsyncIterator[None]:
    """Forget what was removed before it could be seen: nobody is told of that."""

    async def look() -> None:
        bucket = await ctx.bus.bucket(subjects.SITES)
        while unseen:
            await asyncio.sleep(LOOK_AGAIN_S)
            with suppress(BusError):
                unseen.intersection_update(await bucket.keys())
                _tell_seen(ctx, unseen, seen)

    looking = asyncio.create_task(look(), name="sites that are not seen")
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait([looking])


def _tell_seen(ctx: Context, unseen: set[str], seen: asyncio.Event | None) -> None:
    ctx.health.set(FLAG, not unseen)
    if seen is not None and not unseen:
        seen.set()


class SiteReader:
    """Turns changes of the bucket into sites; knows which revision of each is in force."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._codec = Codec(SiteRecord, "SiteRecord")
        self._in_force: dict[str, tuple[int, str]] = {}

    def read(self, change: Change) -> tuple[str, Site | None, int] | None:
        """Return what to tell the service; None = nothing, the version in force stays."""
        if change.value is None:
            gone = self._in_force.pop(change.key, None)
            return None if gone is None else (change.key, None, gone[0])
        try:
            record: SiteRecord = self._codec.decode(change.value, f"bucket sites/{change.key}")
        except ContractError as fault:
            self._refuse(change.key, str(fault))
            return None
        if self._in_force.get(record.site) == (record.config_rev, record.text):
            return None
        return self._parse(change.key, record)

    def _parse(self, key: str, record: SiteRecord) -> tuple[str, Site | None, int] | None:
        loaded = load_text(record.text, record.source or key)
        if loaded.site is None or loaded.site.site != key:
            first = next(iter(faults(loaded.findings)), f"it names the site {loaded.site.site if loaded.site else '?'}")
            self._refuse(key, str(first))
            return None
        self._in_force[key] = record.config_rev, record.text
        self._ctx.log.info("site %s: revision %d in force", key, record.config_rev)
        return key, loaded.site, record.config_rev

    def _refuse(self, site: str, why: str) -> None:
        known = self._in_force.get(site)
        kept = f"revision {known[0]} stays in force" if known else "the site is not served"
        text = f"site {site}: the stored file is refused, {kept}: {why}"
        self._ctx.log.error("%s", text)
        self._ctx.alert_system("site_refused", site, text)
