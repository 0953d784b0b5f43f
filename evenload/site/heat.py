"""The devices that heat or cool: tanks, rooms and heat pumps."""

from functools import lru_cache
from typing import Annotated, Literal

from msgspec import Meta

from evenload.contracts.events import Mode
from evenload.contracts.units import Name
from evenload.site.devices import Aim, Dwell, RatedWatts, Sensed
from evenload.site.section import TimeOfDay, Weekday

Temperature = Annotated[float, Meta(ge=-40, le=150)]
Span = Annotated[float, Meta(gt=0, le=50)]
LOWEST_TARGET_C = 30.0
ROOM_LEAST_C = 5.0
ReadyBy = Annotated[
    tuple[TimeOfDay, ...],
    Meta(
        description="at the target by these times of the day; once its model is learned it waits for the sun until then"
    ),
]


@lru_cache(maxsize=1024)
def _sets_w(elements_w: tuple[float, ...]) -> tuple[float, ...]:
    """Return the power of each set of elements, W: asked for with each look at a tank, and always the same."""
    return tuple(
        sum(power for bit, power in enumerate(elements_w) if level >> bit & 1) for level in range(1 << len(elements_w))
    )


class Tank(Sensed, frozen=True, kw_only=True, tag="tank", tag_field="type"):
    """A hot water tank with an electric element, or several that are switched one by one."""

    power_w: RatedWatts
    elements_w: Annotated[
        tuple[Annotated[float, Meta(gt=0, le=100_000)], ...],
        Meta(description="power of each element, one relay each, W; none = one element of power_w"),
    ] = ()
    volume_l: Annotated[float, Meta(gt=0, le=100_000, description="water in it, l")] = 200.0
    target_c: Annotated[Temperature, Meta(description="heated to it from any source, °C")] = 55.0
    hysteresis_k: Annotated[Span, Meta(description="heated again when so far below the target, K")] = 5.0
    solar_target_c: Annotated[Temperature, Meta(description="heated to it with the sun, °C")] = 70.0
    max_c: Annotated[Temperature, Meta(description="off at it, whatever is asked, °C")] = 80.0
    legionella: Annotated[
        Literal["weekly", "never"],
        Meta(description="weekly: once a week to legionella_c, with the sun where it can be"),
    ] = "weekly"
    legionella_c: Annotated[Temperature, Meta(description="temperature of the weekly run, °C")] = 60.0
    legionella_hold_s: Annotated[Dwell, Meta(description="held for so long, s")] = 600.0
    legionella_day: Annotated[
        Weekday, Meta(description="day by which it is done when nothing is known of the last one")
    ] = "sunday"
    legionella_by: Annotated[TimeOfDay, Meta(description="time of that day, as 18:00, in the site's time zone")] = (
        "18:00"
    )
    ready_by: ReadyBy = ()
    waits_k: Annotated[
        Span, Meta(description="with ready_by: waits for the sun until it is so far below the target, K")
    ] = 12.0

    @property
    def levels_w(self) -> tuple[float, ...]:
        """One level for each set of elements: bit n of the level is element n."""
        return _sets_w(self.elements_w or (self.power_w,))

    @property
    def aim(self) -> Aim | None:
        """Its target; a tank may be set below what people bathe in, never above its safety maximum."""
        return Aim(self.target_c, min(LOWEST_TARGET_C, self.target_c), self.max_c)

    @property
    def may_boost(self) -> bool:
        """It can be heated to its target once."""
        return True


class Climate(Sensed, frozen=True, kw_only=True, tag="climate", tag_field="type"):
    """Room heating or cooling, by a switch or by a setpoint that is moved with the sun."""

    power_w: RatedWatts
    does: Annotated[Literal["heating", "cooling"], Meta(description="which way it moves the temperature")] = "heating"
    by: Annotated[
        Literal["switch", "setpoint"],
        Meta(description="switch: on and off; setpoint: it keeps its own temperature, on moves that with the sun"),
    ] = "switch"
    target_c: Annotated[Temperature, Meta(description="kept from any source, °C")] = 21.0
    band_k: Annotated[Span, Meta(description="comfort band: on again when so far from the target, K")] = 0.5
    sun_shift_k: Annotated[
        float, Meta(ge=0, le=20, description="with the sun heated so far above, cooled so far below the target, K")
    ] = 1.5
    least_c: Annotated[Temperature, Meta(description="never cooled below, nor set lower by hand, °C")] = 5.0
    most_c: Annotated[Temperature, Meta(description="never heated above, nor set higher by hand, °C")] = 28.0
    ready_by: ReadyBy = ()
    waits_k: Annotated[
        Span, Meta(description="with ready_by: waits for the sun until it is so far from the target, K")
    ] = 2.0
    min_on_s: Annotated[Dwell, Meta(description="minimum on time, s")] = 300.0
    min_off_s: Annotated[Dwell, Meta(description="minimum off time, s")] = 300.0

    @property
    def levels_w(self) -> tuple[float, ...]:
        """Off and on, or not moved and moved."""
        return (0.0, self.power_w)

    @property
    def dead_w(self) -> float:
        """One that keeps its own temperature draws what it wants."""
        return self.power_w if self.by == "setpoint" else 0.0

    @property
    def runs_by_itself(self) -> bool:
        """One that keeps its own temperature does."""
        return self.by == "setpoint"

    @property
    def aim(self) -> Aim | None:
        """The target of a switched one; the other's is its own."""
        return Aim(self.target_c, self.least_c, self.most_c)

    @property
    def may_boost(self) -> bool:
        """It can be brought to its target once."""
        return self.by == "switch"


class HeatPump(Sensed, frozen=True, kw_only=True, tag="heat_pump", tag_field="type"):
    """A heat pump with SG Ready contacts: blocked, normal, recommended, forced."""

    power_w: Annotated[float, Meta(gt=0, le=100_000, description="the most it draws in normal operation, W")]
    boost_w: Annotated[
        float, Meta(gt=0, le=100_000, description="what it may draw more when forced, W; half of it recommends")
    ] = 1000.0
    mode: Annotated[
        Mode, Meta(description="standard: normal only; solar_priority: more with the sun; solar_only: blocked without")
    ] = "solar_priority"
    without_sensor: Annotated[
        Literal["off", "thermostat"], Meta(description="when its temperature is not known: off = normal only")
    ] = "thermostat"
    max_c: Annotated[Temperature, Meta(description="with a temperature: normal only at it and above, °C")] = 60.0
    meter: Annotated[
        Name | None, Meta(description="meter of role load with what it draws; its model is learned by it")
    ] = None
    target_c: Annotated[
        Temperature | None, Meta(description="what its own control reaches and keeps in the normal state, °C")
    ] = None
    ready_by: ReadyBy = ()
    waits_k: Annotated[
        Span, Meta(description="with ready_by: waits for the sun until it is so far below the target, K")
    ] = 5.0
    min_state_s: Annotated[
        float, Meta(ge=60, le=7200, description="a state holds for so long before it asks for more, s")
    ] = 600.0
    max_block_s: Annotated[
        float, Meta(ge=600, le=7200, description="never blocked for longer, s; then free for as long")
    ] = 7200.0
    grace_s: Annotated[Dwell, Meta(description="stays on when the surplus is gone, s")] = 600.0

    @property
    def levels_w(self) -> tuple[float, ...]:
        """Blocked, normal, recommended, forced."""
        return (0.0, self.power_w, self.power_w + self.boost_w / 2, self.power_w + self.boost_w)

    @property
    def aim(self) -> Aim | None:
        """Its target, where the file names one."""
        if self.target_c is None:
            return None
        return Aim(self.target_c, min(ROOM_LEAST_C, self.target_c), max(self.max_c, self.target_c))

    @property
    def power_meter(self) -> Name | None:
        """The meter of what it draws."""
        return self.meter

    @property
    def failsafe_level(self) -> int:
        """Normal: it heats the house as if nobody was there."""
        return 1

    @property
    def runs_by_itself(self) -> bool:
        """It draws what its own control wants; only the block stops it."""
        return True
