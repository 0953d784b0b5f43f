"""What the planner has heard and what it remembers of a site. Pure data."""

from datetime import datetime

from msgspec import Struct

from evenload.contracts.events import Decision, LoadState, MeterReading, SiteLimit
from evenload.contracts.plan_events import Forecast, ForecastKind
from evenload.contracts.records import Counted, Override
from evenload.thermal.learning import Learning


class HeardLimit(Struct, frozen=True):
    """An outside limit, and when it was heard, UTC."""

    limit: SiteLimit
    at: datetime


class Facts(Struct, frozen=True, kw_only=True):
    """A frozen image of everything heard."""

    states: dict[str, LoadState] = {}
    readings: dict[str, MeterReading] = {}
    """The newest of each meter of role vehicle or temperature."""
    decision: Decision | None = None
    forecasts: dict[ForecastKind, Forecast] = {}
    overrides: tuple[Override, ...] = ()
    limits: dict[str, HeardLimit] = {}
    """By source."""


class House(Struct, frozen=True, kw_only=True):
    """What is drawn beside the loads: the peak of each phase, fading, A; and the mean over all phases, W."""

    peak_a: tuple[float, float, float] = (0.0, 0.0, 0.0)
    mean_w: float | None = None


class Memory(Struct, frozen=True, kw_only=True):
    """What is remembered."""

    counted: dict[str, Counted] = {}
    learning: dict[str, Learning] = {}
    house: House = House()
    short: tuple[str, ...] = ()
    """Loads whose plan cannot be met, as told."""
