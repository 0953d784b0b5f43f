"""The shell that keeps sites' memories in the bucket `memory` for whoever allocates them next.

At most one write per site in 30 s, spread over that time, one at once after a new outside limit, and one when the site
is let go; no reading waits for any of them.
"""

import secrets
import zlib
from collections.abc import Iterable
from pathlib import Path

from evenload.contracts import subjects
from evenload.contracts.wire import Codec, ContractError, encode
from evenload.runtime.bus import BusError, Conflict
from evenload.runtime.service import Context
from services.allocator.keeping import KeptMemory, recalled
from services.allocator.site_service import SiteTask

SNAPSHOT_S = 30.0
_TRIES = 3
_KEPT = Codec(KeptMemory, "KeptMemory")


class Keeper:
    """Recalls and keeps the memories of this process's sites."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.machine_boot = _machine_boot()
        self._revisions: dict[str, int | None] = {}
        self._due_s: dict[str, float] = {}

    async def recall(self, task: SiteTask) -> None:
        """Let a site go on with what the owner before kept."""
        kept = await (await self.ctx.bus.bucket(subjects.MEMORY)).get(task.name)
        self._revisions[task.name] = None if kept is None else kept.revision
        if kept is not None:
            self._take(task, kept.value)
        task.recalled = True

    def _take(self, task: SiteTask, value: bytes) -> None:
        try:
            kept: KeptMemory = _KEPT.decode(value, f"bucket memory/{task.name}")
        except ContractError as fault:
            self.ctx.complain(f"memory {task.name}", f"{fault}; starting without it")
            return
        task.resume(recalled(kept, self.machine_boot, self.ctx.clock.monotonic(), self.ctx.clock.utc()))

    async def keep(self, task: SiteTask) -> None:
        """Store a site's memory; never before it was recalled, nor over a later owner's."""
        if not task.recalled or not task.epoch:
            return
        kept = KeptMemory(
            epoch=task.epoch,
            machine_boot=self.machine_boot,
            saved_s=self.ctx.clock.monotonic(),
            saved_at=self.ctx.clock.utc(),
            memory=task.memory,
            limits=task.kept_limits(),
            evidence=task.evidence,
        )
        try:
            await self._put(task.name, kept)
        except BusError as fault:
            self.ctx.complain(f"keep {task.name}", f"memory of site {task.name} not stored: {fault}")

    async def _put(self, name: str, kept: KeptMemory) -> None:
        """Write over what was read or written last; over another's write only when its epoch is not higher."""
        bucket = await self.ctx.bus.bucket(subjects.MEMORY)
        for _ in range(_TRIES):
            revision = self._revisions.get(name)
            try:
                if revision is None:
                    self._revisions[name] = await bucket.create(name, encode(kept))
                else:
                    self._revisions[name] = await bucket.update(name, encode(kept), revision)
            except Conflict:
                entry = await bucket.get(name)
                if entry is not None and _epoch(entry.value) > kept.epoch:
                    return
                self._revisions[name] = None if entry is None else entry.revision
                continue
            return

    async def keep_due(self, tasks: Iterable[SiteTask]) -> None:
        """Store what is due: each site in its own second of the 30, and limits from outside at once."""
        now_s = self.ctx.clock.monotonic()
        for task in tasks:
            due_s = self._due_s.setdefault(task.name, now_s + zlib.crc32(task.name.encode()) % SNAPSHOT_S)
            if now_s < due_s and not task.limits_changed:
                continue
            self._due_s[task.name] = now_s + SNAPSHOT_S if now_s >= due_s else due_s
            task.limits_changed = False
            await self.keep(task)

    def forget(self, name: str) -> None:
        """Forget a site that was let go."""
        self._revisions.pop(name, None)
        self._due_s.pop(name, None)


def _epoch(value: bytes) -> int:
    """Return the epoch of a kept memory; 0 where it cannot be read."""
    try:
        kept: KeptMemory = _KEPT.decode(value)
    except ContractError:
        return 0
    return kept.epoch


def _machine_boot() -> str:
    """Return an id of this boot of the machine: monotonic clocks of its processes are one clock."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else secrets.token_hex(8)
