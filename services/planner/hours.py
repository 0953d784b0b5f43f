"""Quarter hours from now to the last deadline, and what is known of each: price, CO2, sun. Pure."""

from bisect import bisect_right
from datetime import datetime, timedelta, tzinfo

from msgspec import Struct

from evenload.contracts.plan_events import Forecast, ForecastKind
from evenload.site.schema import Site
from evenload.site.windows import WindowFault, covers, parsed

SLOT = timedelta(minutes=15)
SLOTS_MOST = 192
"""Two days: nobody knows a price beyond, and a plan is made anew every minute."""
SUN_BELIEVED_RATIO = 0.8
"""Of what a forecast of the sun says; the rest is for clouds."""


class Slot(Struct, frozen=True):
    """One quarter hour; the first is shorter, from now on."""

    starts_at: datetime
    length_h: float


class Hour(Struct, frozen=True, kw_only=True):
    """What is known of a slot: cost of import per kWh (price and CO2), and the sun, W; None = unknown."""

    cost: float | None
    price_per_kwh: float | None
    sun_w: float | None


def slots(now: datetime, until: datetime) -> tuple[Slot, ...]:
    """Return the quarter hours from `now` to `until`, at most two days of them."""
    begin = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    found: list[Slot] = []
    while begin < until and len(found) < SLOTS_MOST:
        end = min(begin + SLOT, until)
        found.append(Slot(begin, max(0.0, (end - max(begin, now)).total_seconds()) / 3600))
        begin += SLOT
    return tuple(found)


def hours(
    site: Site, forecasts: dict[ForecastKind, Forecast], known: tuple[Slot, ...], zone: tzinfo
) -> tuple[Hour, ...]:
    """Return what is known of each slot. Where only some prices are known, the others count as the dearest known."""
    prices = [_price(site, forecasts.get("price"), slot.starts_at, zone) for slot in known]
    dearest = max((price for price in prices if price is not None), default=None)
    per_g = (site.prices.co2_price_per_kg if site.prices is not None else 0.0) / 1000
    found = []
    for slot, price in zip(known, prices, strict=True):
        carbon = forecast_at(forecasts.get("co2"), slot.starts_at) if per_g else None
        base = price if price is not None else dearest
        told = base is not None or carbon is not None
        cost = (base or 0.0) + (carbon or 0.0) * per_g if told else None
        sun_w = forecast_at(forecasts.get("solar"), slot.starts_at)
        found.append(Hour(cost=cost, price_per_kwh=price, sun_w=None if sun_w is None else sun_w * SUN_BELIEVED_RATIO))
    return tuple(found)


def _price(site: Site, forecast: Forecast | None, at: datetime, zone: tzinfo) -> float | None:
    told = forecast_at(forecast, at)
    if told is not None or site.prices is None:
        return told
    local = at.astimezone(zone)
    for window in reversed(site.prices.table):
        try:
            if covers(parsed(window.when), local):
                return window.price_per_kwh
        except WindowFault:  # the file was refused then
            continue
    return None


def forecast_at(forecast: Forecast | None, at: datetime) -> float | None:
    """Return what a forecast says of `at`, None where it says nothing."""
    if forecast is None or at >= forecast.ends_at:
        return None
    place = bisect_right(forecast.slots, at, key=lambda slot: slot.starts_at)
    return forecast.slots[place - 1].value if place else None
