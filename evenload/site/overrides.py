"""The keys of a station's `overrides`: its capability card, where a person knows better than what was learned."""

from typing import Annotated, Literal

from msgspec import Meta

from evenload.site.driver_keys import Options


class StationOverrides(Options, frozen=True, kw_only=True):
    """A station's `overrides`: what the gateway learns wrong about it. The site keeps them as a mapping."""

    rate_unit: Annotated[Literal["A", "W"] | None, Meta(description="unit of charging profiles")] = None
    purpose: Annotated[
        Literal["TxProfile", "TxDefaultProfile", "ChargePointMaxProfile"] | None,
        Meta(description="purpose of the working profile"),
    ] = None
    kind: Annotated[
        Literal["absolute", "relative"] | None, Meta(description="what the profile's times are counted from")
    ] = None
    stack_level: Annotated[
        Annotated[int, Meta(ge=0, le=1_000)] | None, Meta(description="stack level of the working profile")
    ] = None
    interval_s: Annotated[
        Annotated[int, Meta(ge=1, le=3_600)] | None, Meta(description="period of meter values, s")
    ] = None
    step_a: Annotated[
        Annotated[float, Meta(ge=0.1, le=10)] | None, Meta(description="step of the limits it takes, A; 1 = whole ones")
    ] = None
    min_a: Annotated[
        Annotated[float, Meta(ge=0, le=400)] | None,
        Meta(description="the least limit it takes, A; above 0 it is paused by ending its transaction"),
    ] = None
    zero: Annotated[
        Literal["pauses", "ends", "rejected"] | None,
        Meta(description="what a limit of 0 A does: pauses, ends the transaction, is rejected"),
    ] = None
    lag_s: Annotated[
        Annotated[float, Meta(ge=0, le=120)] | None, Meta(description="from a limit to the draw that follows it, s")
    ] = None
    measurands: Annotated[
        Annotated[str, Meta(min_length=1, max_length=500)] | None,
        Meta(description="MeterValuesSampledData as it must be set, with commas; nothing else is tried"),
    ] = None
    expiry: Annotated[
        bool | None, Meta(description="false: its profiles do not end by themselves; it counts at its rating")
    ] = None
    switches_phases: Annotated[
        bool | None, Meta(description="true: it can charge on one line or on all, whatever it says; false: it cannot")
    ] = None
    ping: Annotated[bool | None, Meta(description="false: it never answers a WebSocket ping; do not ask")] = None
    remote_start: Annotated[
        bool | None, Meta(description="true: it waits for a remote start after a vehicle is plugged in")
    ] = None
