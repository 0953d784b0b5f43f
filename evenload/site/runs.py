"""The devices that must run for a time, and machines that somebody starts."""

from typing import Annotated, Literal

from msgspec import Meta

from evenload.contracts.events import Mode
from evenload.site.devices import Device, Dwell, RatedWatts
from evenload.site.section import TimeOfDay


class Pump(Device, frozen=True, kw_only=True, tag="pump", tag_field="type"):
    """A pump, filter or heater that must run for so long, or for so much energy, within a window of each day."""

    power_w: RatedWatts
    mode: Annotated[
        Mode, Meta(description="what power it may use until the window's end forces it; continuous = standard")
    ] = "solar_only"
    run_h: Annotated[
        Annotated[float, Meta(gt=0, le=168)] | None, Meta(description="how long it must run in a day or week, h")
    ] = None
    energy_wh: Annotated[
        Annotated[float, Meta(gt=0, le=1e7)] | None, Meta(description="or how much it must draw in a day or week, Wh")
    ] = None
    each: Annotated[Literal["day", "week"], Meta(description="week: from Monday to Sunday")] = "day"
    window_from: Annotated[TimeOfDay, Meta(description="runs from this time of the day, in the site's time zone")] = (
        "08:00"
    )
    window_until: Annotated[TimeOfDay, Meta(description="and is done by this one")] = "20:00"
    max_runs: Annotated[int, Meta(ge=1, le=100, description="in so many runs at most; the last one is not ended")] = 3
    min_on_s: Annotated[Dwell, Meta(description="minimum on time, s")] = 900.0
    min_off_s: Annotated[Dwell, Meta(description="minimum off time, s")] = 300.0

    @property
    def levels_w(self) -> tuple[float, ...]:
        """Off and on."""
        return (0.0, self.power_w)


class Appliance(Device, frozen=True, kw_only=True, tag="appliance", tag_field="type"):
    """A machine that somebody starts, and that is then not interrupted: dishwasher, washing machine, dryer."""

    power_w: RatedWatts
    start_w: Annotated[float, Meta(ge=1, le=10_000, description="somebody started it when it draws so much, W")] = 15.0
    done_w: Annotated[float, Meta(ge=0, le=10_000, description="it is done when it draws less, W")] = 10.0
    done_after_s: Annotated[Dwell, Meta(description="for so long, s")] = 600.0
    longest_wait_h: Annotated[
        float, Meta(ge=0, le=168, description="waits for its mode's source for so long, then takes any, h")
    ] = 8.0
    longest_run_h: Annotated[float, Meta(gt=0, le=48, description="no programme takes longer, h")] = 6.0
    mode: Annotated[Mode, Meta(description="what power it may start with; continuous = standard")] = "solar_only"
    min_off_s: Annotated[Dwell, Meta(description="minimum off time, s")] = 0.0

    @property
    def levels_w(self) -> tuple[float, ...]:
        """Off and on."""
        return (0.0, self.power_w)
