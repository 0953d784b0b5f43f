"""The evidence of limits from outside: each command, when it took force, and what was drawn then."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from evenload.contracts.events import Event
from evenload.contracts.limits import LimitScope, LimitState
from evenload.contracts.units import Name, Seconds, Utc, Watts

RecordKind = Literal["began", "followed", "measured", "ended"]


class LimitRecord(Event, frozen=True, kw_only=True):
    """One line of evidence: what a source told, what was in force, and what was measured."""

    site: Annotated[Name, Meta(description="site it belongs to")]
    source: Annotated[Name, Meta(description="who set the limit")]
    at: Annotated[datetime, Meta(tz=True, description="when this was recorded, UTC")]
    kind: Annotated[
        RecordKind,
        Meta(
            description="began: from now on in force; followed: first measured within it; measured: each 15 min;"
            " ended: another began"
        ),
    ]
    scope: Annotated[LimitScope, Meta(description="import: the whole connection; managed: what loads draw of it")]
    state: Annotated[LimitState, Meta(description="told, lifted, failsafe or released")]
    heard_at: Annotated[Utc | None, Meta(description="when its source was last heard, UTC; None = never")] = None
    in_force_at: Annotated[datetime, Meta(tz=True, description="since when it is in force, UTC")]
    told_w: Annotated[Watts | None, Meta(description="W as told; None = lifted, or never told")] = None
    limit_w: Annotated[Watts | None, Meta(description="W in force; None = none")] = None
    after_s: Annotated[Seconds, Meta(description="since it took force, s")] = 0.0
    import_w: Annotated[Watts | None, Meta(description="grid import as measured, W; None = unknown")] = None
    managed_w: Annotated[
        Watts | None, Meta(description="what loads draw from the grid, own solar taken off, W; None = unknown")
    ] = None
    mean_w: Annotated[
        Watts | None, Meta(description="mean of what the scope bounds, since the record before, W; None = not known")
    ] = None
    most_w: Annotated[
        Watts | None, Meta(description="the most of it after it was first followed, W; None = not known")
    ] = None
