"""The allocator's shell: which sites are ours, their tasks, commands, and what is kept for the next process.

A process renews its key in `owners` every 1.5 s; when its last renewal is 5 s old it sends nothing. A process that was
paused, cut off or starved goes on with a site only after it has seen that nobody raised the site's epoch meanwhile;
else it lets the site go and takes it anew, with the memory of whoever had it and a higher epoch.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from evenload.contracts import subjects
from evenload.contracts.commands import CommandRejected, CommandReply, SiteCommand
from evenload.contracts.records import EpochRecord, OverrideRecord
from evenload.contracts.wire import Codec, ContractError, encode
from evenload.runtime.bus import BusError, Conflict, Subscription
from evenload.runtime.ending import run_until
from evenload.runtime.lease import Lease
from evenload.runtime.ownership import RENEW_S
from evenload.runtime.service import Context
from evenload.runtime.site_config import watch_sites
from evenload.site.schema import Site
from evenload.site.windows import zone_of
from services.allocator.memory_service import Keeper
from services.allocator.metrics import AllocatorMetrics
from services.allocator.overrides import Overrides, applied, in_force
from services.allocator.site_service import Config, SiteTask
from services.allocator.turns_service import Turns

EPOCH_TRIES = 20
TOGETHER_S = 0.05
"""Changes of sites and replicas within this time are acted on at once."""
Change = Callable[[Site, Overrides], tuple[Overrides, CommandReply | None]]
_COMMAND = Codec(SiteCommand, "command")
_EPOCH = Codec(EpochRecord, "EpochRecord")
_OVERRIDES = Codec(OverrideRecord, "OverrideRecord")


class Allocator:
    """All sites of this process."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.metrics = AllocatorMetrics(ctx.metrics.registry)
        self._changed = asyncio.Event()
        self.lease = Lease(ctx, subjects.OWNERS, self._changed.set, self._doubt_all)
        self.keeper = Keeper(ctx)
        self._configs: dict[str, Config] = {}
        self._tasks: dict[str, SiteTask] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._doubted: set[str] = set()
        """Sites that somebody may have taken while our lease had run out."""
        self._turns = Turns()

    def on_site(self, name: str, site: Site | None, config_rev: int) -> None:
        """Take a site file into force; None = removed."""
        if site is None:
            self._configs.pop(name, None)
        else:
            known = self._configs.get(name)
            overrides = known.overrides if known is not None else ()
            self._configs[name] = Config(site=site, config_rev=config_rev, overrides=overrides)
        if name in self._tasks and name in self._configs:
            self._tasks[name].configure(self._configs[name])
        self._changed.set()

    def _doubt_all(self) -> None:
        """After a lost lease nothing is sent for any site before it is known whether it is still ours."""
        self._doubted = set(self._tasks)

    async def assign(self) -> None:
        """Take and give up sites whenever owners or sites changed; without a lease sites are kept, but silent."""
        while not self.ctx.stopping.is_set():
            await self._wait_changed(RENEW_S)
            with suppress(BusError):
                await self.lease.look_up()
            if self.ctx.stopping.is_set():
                return
            for name in sorted(set(self._tasks) - self.lease.share(set(self._tasks) & set(self._configs))):
                self._ended[name].set()
            for name in sorted(self.lease.mine(self._configs) - set(self._tasks)):
                self._begin(name)
            with suppress(BusError):
                await asyncio.gather(*(self._settle(name) for name in self._doubted))

    async def _settle(self, name: str) -> None:
        """Go on with a doubted site when the stored epoch is still ours; let it go else. Raises `BusError`."""
        stored, _ = await self._stored_epoch(name)
        task = self._tasks.get(name)
        if task is not None and task.epoch and (stored.process, stored.epoch) != (self.lease.process, task.epoch):
            self._ended[name].set()
        self._doubted.discard(name)

    async def _wait_changed(self, most_s: float) -> None:
        timer = asyncio.get_running_loop().call_later(most_s, self._changed.set)
        await self._changed.wait()
        timer.cancel()
        await asyncio.sleep(TOGETHER_S)
        self._changed.clear()

    async def _pause(self, seconds: float) -> None:
        waiting = asyncio.create_task(self.ctx.stopping.wait())
        await asyncio.wait((waiting,), timeout=seconds)
        waiting.cancel()

    def _begin(self, name: str) -> None:
        ended = asyncio.Event()

        def owns() -> bool:
            return self.lease.holds() and not ended.is_set() and name not in self._doubted

        task = SiteTask(self.ctx, self.metrics, self._configs[name], owns=owns, turns=self._turns)
        self._tasks[name], self._ended[name] = task, ended
        self._tell_sites()
        self.ctx.spawn(f"site {name}", lambda: self._site(task), drains=True)

    def _tell_sites(self) -> None:
        self.lease.has(self._tasks)
        self.metrics.sites.set(len(self._tasks))

    async def _site(self, task: SiteTask) -> None:
        """Own one site until it is given up or the service stops; its failure restarts it and no other."""
        ended = self._ended[task.name]
        answering: Subscription | None = None
        try:
            if ended.is_set() or task.name not in self._configs:
                ended.set()
                return
            await task.listen()
            await self.lease.let_go_elsewhere(task.name)
            await self._recall(task)
            answering = await self.ctx.bus.serve(subjects.command(task.name), self._answer)
            raised = task.run(lambda seen: self._raise_epoch(task.name, seen))
            await run_until(raised, ended, self.ctx.stopping)
        finally:
            if answering is not None:
                await answering.stop()
            await task.deafen()
            await self.keeper.keep(task)
            if ended.is_set() or self.ctx.stopping.is_set():
                self._tasks.pop(task.name, None)
                self.keeper.forget(task.name)
                self._tell_sites()
                self._changed.set()

    async def _recall(self, task: SiteTask) -> None:
        """Take the site's memory and overrides."""
        await self.keeper.recall(task)
        items, _ = await self._stored_overrides(task.name)
        if task.name in self._configs:
            self._put_in_force(task.name, items)

    def _put_in_force(self, name: str, items: Overrides) -> None:
        """Lay the overrides that hold over the site file."""
        config = self._configs[name]
        live = in_force(config.site, items, self.ctx.clock.utc())
        self._configs[name] = Config(site=config.site, config_rev=config.config_rev, overrides=live)
        if name in self._tasks:
            self._tasks[name].configure(self._configs[name])

    async def _raise_epoch(self, name: str, seen: int) -> int:
        """Return an epoch of our own above all that were stored or seen, by compare-and-set; 0: the site is not ours.

        A higher one that was seen may be that of the owner who has it now. Raises `BusError` when it cannot be had.
        """
        await self.lease.look_up()
        if name not in self.lease.mine((name,)):
            self._ended[name].set()
            return 0
        bucket = await self.ctx.bus.bucket(subjects.EPOCHS)
        for _ in range(EPOCH_TRIES):
            stored, revision = await self._stored_epoch(name)
            record = EpochRecord(site=name, epoch=max(stored.epoch, seen) + 1, process=self.lease.process)
            try:
                if revision is None:
                    await bucket.create(name, encode(record))
                else:
                    await bucket.update(name, encode(record), revision)
            except Conflict:
                continue
            self.metrics.takeovers.inc()
            return int(record.epoch)
        raise BusError(f"epoch of site {name}", "another allocator keeps taking it", "stop one of them")

    async def _stored_epoch(self, name: str) -> tuple[EpochRecord, int | None]:
        """Return a site's epoch as it is stored, and its revision; None = nothing is. Raises `BusError`."""
        entry = await (await self.ctx.bus.bucket(subjects.EPOCHS)).get(name)
        nobodys = EpochRecord(site=name, epoch=1, process="")
        if entry is None:
            return nobodys, None
        try:
            return _EPOCH.decode(entry.value, f"bucket epochs/{name}"), entry.revision
        except ContractError as fault:
            self.ctx.complain(f"epoch {name}", f"{fault}; what the loads have seen holds")
            return nobodys, entry.revision

    async def snapshots(self) -> None:
        """Store the sites' memories from time to time."""
        while not self.ctx.stopping.is_set():
            await self._pause(1.0)
            await self.keeper.keep_due(list(self._tasks.values()))

    async def _stored_overrides(self, name: str) -> tuple[Overrides, int | None]:
        """Return what is stored, and its revision; None = nothing is."""
        entry = await (await self.ctx.bus.bucket(subjects.OVERRIDES)).get(name)
        if entry is None:
            return (), None
        try:
            record: OverrideRecord = _OVERRIDES.decode(entry.value, f"bucket overrides/{name}")
        except ContractError as fault:
            self.ctx.complain(f"overrides {name}", f"{fault}; the site file holds")
            return (), entry.revision
        return record.items, entry.revision

    async def end_overrides(self) -> None:
        """Let overrides end at their time, or with a changed site file."""
        while not self.ctx.stopping.is_set():
            await self._pause(1.0)
            for name, config in list(self._configs.items()):
                live = in_force(config.site, config.overrides, self.ctx.clock.utc())
                if live != config.overrides and name in self._tasks:
                    await self._change_overrides(name, lambda site, items: (items, None))

    async def _change_overrides(self, name: str, change: Change) -> CommandReply | None:
        """Read, change and write a site's overrides as one step; return the reply of `change`. Raises `BusError`."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            for _ in range(EPOCH_TRIES):
                bucket = await self.ctx.bus.bucket(subjects.OVERRIDES)
                stored, revision = await self._stored_overrides(name)
                site = self._configs[name].site
                items, reply = change(site, in_force(site, stored, self.ctx.clock.utc()))
                record = encode(OverrideRecord(site=name, items=items))
                try:
                    if items != stored and revision is None:
                        await bucket.create(name, record)
                    elif items != stored and revision is not None:
                        await bucket.update(name, record, revision)
                except Conflict:
                    continue
                self._put_in_force(name, items)
                return reply
        raise BusError(f"overrides of site {name}", "somebody else keeps changing them")

    async def _answer(self, subject: str, data: bytes) -> bytes:
        """Carry out one command of a site that is ours."""
        try:
            command: SiteCommand = _COMMAND.decode(data, subject)
        except ContractError as fault:
            return encode(CommandRejected(why=str(fault), remedy="see `evenload schema` for the commands"))
        config = self._configs.get(command.site)
        if config is None or subject.split(".")[2] != command.site:
            why = f"the command names site {command.site!r} on {subject}"
            return encode(CommandRejected(why=why, remedy="send it on its own site's subject"))
        now, zone = self.ctx.clock.utc(), zone_of(config.site.time_zone)
        try:
            reply = await self._change_overrides(
                command.site, lambda site, items: applied(site, items, command, now, zone=zone)
            )
        except BusError as fault:
            return encode(CommandRejected(why=f"not stored: {fault}", remedy="try again when the bus is back"))
        assert reply is not None
        return encode(reply)


async def run(ctx: Context) -> None:
    """Start the allocator; ready when it holds its lease and has seen all sites."""
    allocator = Allocator(ctx)
    ctx.health.need("lease")
    ctx.spawn("sites", lambda: watch_sites(ctx, allocator.on_site, allocator.lease.knows_sites))
    ctx.spawn("lease", allocator.lease.renew, drains=True)
    ctx.spawn("owners", allocator.lease.watch)
    ctx.spawn("assign", allocator.assign)
    ctx.spawn("snapshots", allocator.snapshots)
    ctx.spawn("overrides", allocator.end_overrides)
