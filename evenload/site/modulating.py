"""A device whose power is set: immersion heater controllers, heat pumps with a power input."""

from typing import Annotated, Literal

from msgspec import Meta

from evenload.contracts.events import Mode
from evenload.site.devices import Dwell, RatedWatts, Sensed


class Modulating(Sensed, frozen=True, kw_only=True, tag="modulating", tag_field="type"):
    """A load that is set to a power."""

    power_w: RatedWatts
    min_w: Annotated[float, Meta(gt=0, le=100_000, description="the least that it can be set to but 0, W")] = 100.0
    step_w: Annotated[float, Meta(gt=0, le=100_000, description="it is set in steps of so much, W")] = 50.0
    mode: Annotated[Mode, Meta(description="what power it may use; continuous = standard")] = "solar_only"
    without_sensor: Annotated[
        Literal["off", "thermostat"],
        Meta(description="when its temperature is not known: off, or left to its own thermostat"),
    ] = "thermostat"
    max_c: Annotated[float, Meta(ge=-40, le=150, description="with a temperature: off at it, °C")] = 80.0
    hysteresis_k: Annotated[float, Meta(gt=0, le=50, description="on again when so far below, K")] = 5.0
    expiry_s: Annotated[
        Annotated[float, Meta(ge=25, le=60)] | None,
        Meta(description="it falls back to 0 by itself when not told for so long, s; none = it never does"),
    ] = None
    min_on_s: Annotated[Dwell, Meta(description="minimum on time, s")] = 0.0
    min_off_s: Annotated[Dwell, Meta(description="minimum off time, s")] = 0.0

    @property
    def own_timer(self) -> bool | None:
        """As the file says."""
        return self.expiry_s is not None

    @property
    def levels_w(self) -> tuple[float, ...]:
        """Off, its least, and up in steps to its rating."""
        steps = int((self.power_w - self.min_w) / self.step_w + 1e-9)
        between = [self.min_w + step * self.step_w for step in range(max(0, steps) + 1)]
        return (0.0, *[power_w for power_w in between if power_w < self.power_w - 1e-9], self.power_w)
