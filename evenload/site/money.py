"""What energy costs and what is known of the hours to come: the site file's `prices` and `forecasts`."""

from typing import Annotated

from msgspec import Meta, Struct, field

from evenload.contracts.plan_events import ForecastKind
from evenload.site.driver_keys import JsonPath, Timeout

Price = Annotated[float, Meta(ge=-1_000, le=10_000)]


class PriceWindow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One weekly window of a fixed tariff."""

    when: Annotated[str, Meta(max_length=100, description="days and times, as in schedules: `mon-fri 07:00-21:00`")]
    price_per_kwh: Annotated[Price, Meta(description="price of import within it, per kWh")]


class Prices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What import and export cost; forecasts of kind price go over the table."""

    currency: Annotated[str, Meta(max_length=8, description="for people")] = "EUR"
    table: Annotated[
        tuple[PriceWindow, ...], Meta(description="fixed tariff; of windows that overlap the later in the list wins")
    ] = ()
    export_per_kwh: Annotated[Price, Meta(description="what exported energy earns: what own sun costs, per kWh")] = 0.0
    co2_price_per_kg: Annotated[Price, Meta(description="what a kilogram of CO2 counts beside the price")] = 0.0


class Feed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A forecast over HTTP as JSON: a list of entries, two lists side by side, or values by time."""

    kind: Annotated[ForecastKind, Meta(description="price per kWh, CO2 in g/kWh, or solar production in W")]
    url: Annotated[str, Meta(pattern=r"^https?://", description="address that answers with JSON")]
    slots: Annotated[
        JsonPath | None, Meta(description="path of the list of entries; none = starts_at and value lead to lists")
    ] = None
    starts_at: Annotated[
        JsonPath | None,
        Meta(description="path of the begin, in an entry or of the list: RFC 3339, or s or ms since 1970; none = keys"),
    ] = None
    value: Annotated[JsonPath, Meta(description="path of the value, in an entry, of the list, or of values by time")]
    scale: Annotated[float, Meta(ge=-1e6, le=1e6, description="multiplies each value: 0.001 for prices per MWh")] = 1.0
    add_value: Annotated[float, Meta(ge=-1e6, le=1e6, description="added then: taxes and fees per kWh")] = 0.0
    slot_s: Annotated[float, Meta(ge=60, le=86_400, description="length of the last slot, s")] = 3600.0
    period_s: Annotated[float, Meta(ge=60, le=86_400, description="asked again after, s")] = 3600.0
    timeout_s: Timeout = 10.0
    headers: Annotated[dict[str, str], Meta(description="HTTP headers to send")] = field(default_factory=dict)
