"""What the planner has heard and what it remembers of a site. Pure data."""

from msgspec import Struct

from evenload.contracts.events import Decision, LoadState, MeterReading
from evenload.contracts.plan_events import Forecast, ForecastKind
from evenload.contracts.records import Counted, Override
from evenload.thermal.learning import Learning


class Facts(Struct, frozen=True, kw_only=True):
    """A frozen image of everything heard."""

    states: dict[str, LoadState] = {}
    readings: dict[str, MeterReading] = {}
    """The newest of each meter of role vehicle or temperature."""
    decision: Decision | None = None
    forecasts: dict[ForecastKind, Forecast] = {}
    overrides: tuple[Override, ...] = ()


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
