"""What plug_control needs from a site file: one plan for each device. Pure.

A device is set to a *level*: 0 is off, 1 is on for a plug; others have more, each with what it draws at it.
"""

from functools import lru_cache
from itertools import pairwise
from typing import Any

from msgspec import Struct

from evenload.contracts.phases import Phase
from evenload.contracts.units import plug_da
from evenload.site.drivers import NEEDS_BROKER, names_file
from evenload.site.schema import Device, Mqtt, Plug, Site, phases_of

REVERTS: dict[str, frozenset[bool]] = {
    "heat_pump sg_ready": frozenset({True, False}),
    "relays": frozenset({True}),
    "sg_ready": frozenset({True}),
    "shelly": frozenset({True, False}),
    "tasmota": frozenset({True}),
    "tasmota_mqtt": frozenset({True}),
}
"""Driver, or type and driver → commanded states that its device leaves by itself after a time given with the command.

Others never do.
"""


@lru_cache(maxsize=1024)
def _levels_a(levels_w: tuple[float, ...], voltage_v: float, lines: int) -> tuple[float, ...]:
    """Return the current per line of each level, A: asked for with each look at a device, and always the same."""
    return tuple(plug_da(power_w, voltage_v, lines) / 10 for power_w in levels_w)


class Span(Struct, frozen=True, kw_only=True):
    """What a device takes while it is on, A per line."""

    least_a: float
    most_a: float
    step_a: float
    """The widest gap between its levels."""
    all_or_nothing: bool
    """It knows nothing between off and its rating."""


@lru_cache(maxsize=1024)
def _span(levels_w: tuple[float, ...], voltage_v: float, lines: int) -> Span:
    """Return what levels span: part of each offer, and always the same."""
    levels_a = sorted(level_a for level_a in _levels_a(levels_w, voltage_v, lines) if level_a > 0)
    return Span(
        least_a=levels_a[0],
        most_a=levels_a[-1],
        step_a=round(max((above - below for below, above in pairwise(levels_a)), default=0.0), 1),
        all_or_nothing=min(power_w for power_w in levels_w if power_w > 0) == max(levels_w),
    )


class PlugPlan(Struct, frozen=True, kw_only=True):
    """One plug as its task runs it; a changed plan restarts this plug only."""

    site: str
    load: str
    driver: str
    options: Any
    device: Device | None = None
    """The load as the site file has it; None = a plain plug."""
    time_zone: str = "UTC"
    levels_w: tuple[float, ...]
    """What it draws at each level, W over all lines; level 0 is off."""
    lines: tuple[Phase, ...]
    """Site phase of each line."""
    voltage_v: float
    failsafe_level: int = 0
    dead_w: float = 0.0
    """What it draws when nobody controls it, W over all lines."""
    runs_by_itself: bool = False
    """It may draw whatever it is told, and is not at fault."""
    reverts: frozenset[bool] = frozenset()
    """Commanded states, True = any but off, that the device leaves by itself when it is told for how long."""
    mqtt: Mqtt | None = None

    @property
    def kind(self) -> str:
        """Its type in the site file."""
        return "plug" if self.device is None else str(self.device.__struct_config__.tag)

    @property
    def power_w(self) -> float:
        """Rated power over all lines, W."""
        return max(self.levels_w)

    @property
    def rated_a(self) -> float:
        """Rated current per line, A, rounded up to 0.1 A."""
        return self.current_a(self.power_w)

    @property
    def failsafe_a(self) -> float:
        """What it draws when nobody controls it, A per line."""
        return self.current_a(self.dead_w)

    def current_a(self, power_w: float) -> float:
        """Return the current per line that carries `power_w`, A, rounded up to 0.1 A."""
        return plug_da(power_w, self.voltage_v, len(self.lines)) / 10

    def level_a(self, level: int) -> float:
        """Return what it draws at a level, A per line, rounded up to 0.1 A."""
        return self.levels_a[level]

    @property
    def levels_a(self) -> tuple[float, ...]:
        """What it draws at each level, A per line, rounded up to 0.1 A."""
        return _levels_a(self.levels_w, self.voltage_v, len(self.lines))

    @property
    def span(self) -> Span:
        """What it takes while it is on."""
        return _span(self.levels_w, self.voltage_v, len(self.lines))

    def level_within(self, current_a: float) -> int:
        """Return the level that draws most within `current_a` per line; 0 when none does."""
        fitting = [level for level, level_a in enumerate(self.levels_a) if level_a <= current_a + 1e-6]
        return max(fitting, key=lambda level: self.levels_w[level], default=0)

    @property
    def names_file(self) -> bool:
        """Tell whether a file with a secret belongs to it, which stands beside the site file."""
        return names_file(self.options) or (self.mqtt is not None and self.mqtt.password_file is not None)


def plug_plans(site: Site) -> dict[str, PlugPlan]:
    """Return the plan of each device that has a driver, by load name."""
    return {
        name: _plan(site, name, load, load.driver)
        for name, load in site.loads.items()
        if isinstance(load, Device) and load.driver is not None
    }


def _plan(site: Site, name: str, device: Device, driver: str) -> PlugPlan:
    return PlugPlan(
        site=site.site,
        load=name,
        driver=driver,
        options=device.options,
        device=None if isinstance(device, Plug) else device,
        time_zone=site.time_zone,
        levels_w=device.levels_w,
        lines=phases_of(device, site),
        voltage_v=site.voltage_v,
        failsafe_level=device.failsafe_level,
        dead_w=device.dead_w,
        runs_by_itself=device.runs_by_itself,
        reverts=_reverts(device, driver),
        mqtt=site.mqtt if driver in NEEDS_BROKER else None,
    )


def _reverts(device: Device, driver: str) -> frozenset[bool]:
    """Return what the device leaves by itself; one whose power is set does when the file says after how long."""
    if device.own_timer is not None:
        return frozenset({True}) if device.own_timer else frozenset()
    return REVERTS.get(f"{device.__struct_config__.tag} {driver}", REVERTS.get(driver, frozenset()))
