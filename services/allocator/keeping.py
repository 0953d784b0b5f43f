"""The allocator's memory as it is kept in the bucket `memory`, and moved to the clock of whoever reads it. Pure.

Outside limits are kept with it: one without a duration holds over restarts until it is replaced.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from evenload.contracts.events import SiteLimit
from services.allocator.evidence import Evidence, resumed
from services.allocator.facts import Heard
from services.allocator.memory import Memory, rebased

OLDEST_S = 86_400.0


class KeptLimit(Struct, frozen=True):
    """An outside limit and when it arrived, s on the monotonic clock."""

    limit: SiteLimit
    at_s: float
    returning: bool = False
    lapsed_s: float | None = None
    named: bool = False
    """The site file names its source: it goes with that entry."""

    def heard(self) -> Heard[SiteLimit]:
        """Return the limit as it was held."""
        return Heard(self.limit, self.at_s, self.returning, self.lapsed_s)


class KeptMemory(Struct, frozen=True, kw_only=True):
    """Bucket `memory`, key = site."""

    machine_boot: Annotated[str, Meta(description="boot id of the machine whose monotonic clock the times are on")]
    saved_s: Annotated[float, Meta(description="monotonic clock at saving, s")]
    saved_at: datetime
    epoch: Annotated[int, Meta(ge=0, description="epoch of the owner that saved it; a lower one never overwrites")] = 0
    memory: Memory
    limits: tuple[KeptLimit, ...] = ()
    evidence: Evidence = Evidence()


def recalled(kept: KeptMemory, machine_boot: str, now_s: float, now: datetime) -> KeptMemory:
    """Return what was kept on our clock. On another boot or machine the wall clock tells how long ago it was saved.

    What was commanded since is not in it: the setpoints are taken over from what the loads report.
    """
    kept = replace(kept, memory=replace(kept.memory, seen_s=-1e9), evidence=resumed(kept.evidence))
    if kept.machine_boot == machine_boot:
        return kept
    ago_s = min(max((now - kept.saved_at).total_seconds(), 0.0), OLDEST_S)
    shift_s = now_s - ago_s - kept.saved_s
    limits = tuple(_moved(item, shift_s) for item in kept.limits)
    return replace(kept, memory=rebased(kept.memory, shift_s), limits=limits)


def _moved(item: KeptLimit, shift_s: float) -> KeptLimit:
    lapsed_s = None if item.lapsed_s is None else item.lapsed_s + shift_s
    return replace(item, at_s=item.at_s + shift_s, lapsed_s=lapsed_s)
