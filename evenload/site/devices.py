"""The loads that plug_control switches or sets: what all have in common, and plugs.

The rest of the system sees a device by what it is to a circuit: its least and greatest power, whether it is all or
nothing, and what it draws when nothing controls it. What it wants, and when, its core in plug_control says in offers.
`heat.py` and `runs.py` have the kinds with a temperature and with a run time.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from evenload.contracts.events import Mode
from evenload.contracts.phases import Phase
from evenload.contracts.units import Name
from evenload.site.section import Section

RatedWatts = Annotated[float, Meta(gt=0, le=100_000, description="rated power, W over all its lines")]
Dwell = Annotated[float, Meta(ge=0, le=86_400)]


class Device(Section, frozen=True, kw_only=True):
    """What all of them have. `options` holds the driver's own keys, checked by the driver's schema."""

    driver: Annotated[str | None, Meta(description="how it is switched; none only in scenarios")] = None
    options: Annotated[Any, Meta(description="an options struct of evenload.site.drivers")] = None
    phases: Annotated[
        tuple[Phase, ...] | None, Meta(description="site phase of each line; none = all of a one-phase site")
    ] = None
    priority: Annotated[int, Meta(ge=0, le=1_000_000, description="lowest first")] = 1
    mode: Annotated[Mode, Meta(description="what power it may use; continuous = standard")] = "standard"
    circuit: Annotated[Name | None, Meta(description="the circuit it is on; none = the main breaker")] = None
    min_on_s: Annotated[Dwell, Meta(description="minimum on time, s")] = 60.0
    min_off_s: Annotated[Dwell, Meta(description="minimum off time, s")] = 60.0
    grace_s: Annotated[Dwell, Meta(description="stays on when the surplus is gone, s")] = 300.0
    pause_s: Annotated[Dwell, Meta(description="stays off after a pause, s")] = 180.0
    cycles_per_h: Annotated[int, Meta(ge=1, le=1000, description="budget of start/stop cycles per hour")] = 6

    @property
    def levels_w(self) -> tuple[float, ...]:
        """What it draws at each level that it can be set to, W over all lines, the first is off."""
        raise NotImplementedError

    @property
    def most_w(self) -> float:
        """Its rating, W over all lines."""
        return max(self.levels_w)

    @property
    def least_w(self) -> float:
        """The least that it draws when it draws, W over all lines."""
        return min(level for level in self.levels_w if level > 0)

    @property
    def all_or_nothing(self) -> bool:
        """Tell whether it knows nothing between off and its rating."""
        return self.least_w == self.most_w

    @property
    def failsafe_level(self) -> int:
        """The level that it falls back to when nothing controls it."""
        return 0

    @property
    def dead_w(self) -> float:
        """What it draws when nothing controls it, W over all lines."""
        return self.levels_w[self.failsafe_level]

    @property
    def runs_by_itself(self) -> bool:
        """Tell whether it may draw although it is told nothing, or off."""
        return False

    @property
    def own_timer(self) -> bool | None:
        """Tell whether it falls back by itself when nobody speaks to it; None = its driver says."""
        return None

    @property
    def may_boost(self) -> bool:
        """Tell whether the mode boost means something to it."""
        return False

    @property
    def sensor(self) -> Name | None:
        """The meter of role temperature that it goes by; None = none."""
        return None

    @property
    def power_meter(self) -> Name | None:
        """The meter of role load that measures what it draws, where it does not say so itself; None = none."""
        return None

    @property
    def aim(self) -> "Aim | None":
        """The temperature that it is brought to, and the bounds of what may be set by hand; None = none."""
        return None


class Aim(Struct, frozen=True):
    """A target and its bounds, °C."""

    target_c: float
    least_c: float
    most_c: float


def aim_of(load: object) -> Aim | None:
    """Return a load's aim; an EVSE has none."""
    return load.aim if isinstance(load, Device) else None


class Plug(Device, frozen=True, kw_only=True, tag="plug", tag_field="type"):
    """A switched load: all or nothing."""

    power_w: RatedWatts
    failsafe_on: Annotated[bool, Meta(description="on when nothing controls it; counted in the failsafe proof")] = False

    @property
    def levels_w(self) -> tuple[float, ...]:
        """Off and on."""
        return (0.0, self.power_w)

    @property
    def failsafe_level(self) -> int:
        """On or off, as the file says."""
        return int(self.failsafe_on)


class Sensed(Device, frozen=True, kw_only=True):
    """A device that goes by a temperature."""

    temperature: Annotated[Name | None, Meta(description="meter of role temperature that it goes by")] = None
    without_sensor: Annotated[
        Literal["off", "thermostat"],
        Meta(description="when the temperature is not known: off, or left to its own thermostat"),
    ] = "off"
    sensor_age_s: Annotated[
        float, Meta(ge=10, le=86_400, description="a temperature is believed for so long, s; at least 3 periods")
    ] = 900.0

    @property
    def sensor(self) -> Name | None:
        """The meter of its temperature."""
        return self.temperature
