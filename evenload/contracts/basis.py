"""What a replay begins with: everything that decisions follow from beside the events that they use.

Memory and configuration are of the allocator's own forms, which may change with each version: they are carried as they
are and read only by the allocator's own code.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Raw

from evenload.contracts.events import Event, Held, Step
from evenload.contracts.records import Override
from evenload.contracts.units import Name


class Basis(Event, frozen=True, kw_only=True):
    """What the decisions after `step` follow from beside their inputs: a replay begins here."""

    site: Annotated[Name, Meta(description="site it belongs to")]
    at: Annotated[datetime, Meta(tz=True, description="when, UTC")]
    now_s: Annotated[float, Meta(description="the allocator's monotonic clock, s")]
    step: Annotated[int, Meta(ge=0, description="number of the last decision made; 0 = none yet")]
    steps: Annotated[tuple[Step, ...], Meta(description="decisions since the one told before, up to `step`")] = ()
    why: Annotated[
        Literal["taken", "configuration", "period"], Meta(description="taken: a new run of decisions begins")
    ]
    configuration: Annotated[Raw, Meta(description="the site file as the allocator reads it, without device options")]
    grid_meter: Annotated[str, Meta(description="digest of the grid meter in the site file: tells another")] = ""
    overrides: Annotated[tuple[Override, ...], Meta(description="values set by hand that are in force")] = ()
    scheduled: Annotated[tuple[Override, ...], Meta(description="values that schedules set, below those by hand")] = ()
    planned: Annotated[tuple[Override, ...], Meta(description="values that slots of plans set, over all others")] = ()
    memory: Annotated[Raw, Meta(description="the allocator's memory after `step`, in a form of its own")]
    facts: Annotated[tuple[Held, ...], Meta(description="the newest event of each source")] = ()
