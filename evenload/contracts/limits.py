"""Words of limits from outside that events share: what is in force of a source now."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from evenload.contracts.units import Name, Seconds, Watts

LimitScope = Literal["import", "managed"]
LimitState = Literal["told", "lifted", "failsafe", "released"]


class LimitInForce(Struct, frozen=True, kw_only=True):
    """What a source of limits bounds now, and since when it was last heard."""

    source: Annotated[Name, Meta(description="who says so")]
    scope: Annotated[LimitScope, Meta(description="import: the whole connection; managed: what loads draw of it")]
    state: Annotated[
        LimitState,
        Meta(description="told; lifted by its source; failsafe: heartbeat missing; released: that lasted long enough"),
    ]
    limit_w: Annotated[Watts | None, Meta(description="W in force; None = none")] = None
    told_w: Annotated[Watts | None, Meta(description="W as it was last told; None = lifted, or never told")] = None
    floor_w: Annotated[Watts | None, Meta(description="W that must stay allowed; None = none")] = None
    left_s: Annotated[Seconds | None, Meta(description="until its failsafe ends by itself, s; None = it does not")] = (
        None
    )
    heard_s: Annotated[float | None, Meta(description="last heard, allocator's clock, s; None = never")] = None
