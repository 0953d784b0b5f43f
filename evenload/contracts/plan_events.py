"""Events of planning: what is known of the hours to come, and how a load gets what it needs by its deadline."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from evenload.contracts.events import Event
from evenload.contracts.units import Amps, Name, Utc, WattHours

ForecastKind = Literal["price", "co2", "solar"]


class ForecastSlot(Struct, frozen=True, kw_only=True):
    """A value from a time on, until the next slot begins."""

    starts_at: Annotated[datetime, Meta(tz=True, description="from when it holds, UTC")]
    value: Annotated[
        float,
        Meta(ge=-1_000_000, le=10_000_000, description="price: per kWh in the site's currency; co2: g/kWh; solar: W"),
    ]


class Forecast(Event, frozen=True, kw_only=True):
    """What is known of the hours to come, whole: prices, CO2, or the sun; a newer one replaces it."""

    site: Annotated[Name, Meta(description="site it belongs to")]
    kind: Annotated[ForecastKind, Meta(description="price of import, CO2 of import, or solar production")]
    source: Annotated[str, Meta(description="who says so, for people")] = ""
    issued_at: Annotated[datetime, Meta(tz=True, description="when it was made, UTC")]
    slots: Annotated[tuple[ForecastSlot, ...], Meta(max_length=1000, description="by time")] = ()
    ends_at: Annotated[datetime, Meta(tz=True, description="where its last slot ends, UTC")]


class PlanSlot(Struct, frozen=True, kw_only=True):
    """What a load is guaranteed and allowed from a time on, until the next slot begins."""

    starts_at: Annotated[datetime, Meta(tz=True, description="UTC")]
    guaranteed_a: Annotated[Amps, Meta(description="from any source, A per line; the allocator keeps the last word")]
    allowed_a: Annotated[Amps, Meta(description="from surplus, A per line; ≥ what is guaranteed")]


class LoadPlan(Event, frozen=True, kw_only=True):
    """How a load gets what it needs by its deadline; on change and each 60 s. Without slots: it has no plan."""

    site: Annotated[Name, Meta(description="site it belongs to")]
    load: Annotated[Name, Meta(description="name of the load")]
    made_at: Annotated[datetime, Meta(tz=True, description="when it was computed, UTC")]
    asked_at: Annotated[Utc | None, Meta(description="when it was asked for by command; None = by the site file")] = (
        None
    )
    ready_at: Annotated[Utc | None, Meta(description="its deadline, UTC; None = no plan")] = None
    need: Annotated[str, Meta(description="what was asked for, in words")] = ""
    done_wh: Annotated[WattHours, Meta(description="energy since the plan's begin, Wh")] = 0.0
    missing_wh: Annotated[WattHours | None, Meta(description="still needed, Wh; None = not known yet")] = None
    short_wh: Annotated[WattHours, Meta(description="what will be missing at the deadline, Wh; 0 = it can be met")] = (
        0.0
    )
    cost: Annotated[
        float | None, Meta(description="of what is guaranteed, in the site's currency; None = no price")
    ] = None
    slots: Annotated[tuple[PlanSlot, ...], Meta(max_length=1000, description="by time, from now to the deadline")] = ()
    ends_at: Annotated[Utc | None, Meta(description="where the last slot ends, UTC; None = no slots")] = None
    why: Annotated[str, Meta(description="how it was chosen, in one line")] = ""
