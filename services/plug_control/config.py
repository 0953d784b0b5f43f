"""What plug_control needs from a site file: one plan for each plug. Pure."""

from typing import Any

from msgspec import Struct

from evenload.contracts.phases import Phase
from evenload.contracts.units import plug_da
from evenload.site.drivers import NEEDS_BROKER, names_file
from evenload.site.schema import Mqtt, Plug, Site, phases_of

REVERTS: dict[str, frozenset[bool]] = {
    "sg_ready": frozenset({True}),
    "shelly": frozenset({True, False}),
    "tasmota": frozenset({True}),
    "tasmota_mqtt": frozenset({True}),
}
"""Driver → commanded states that its device leaves by itself after a time given with the command; others never."""


class PlugPlan(Struct, frozen=True, kw_only=True):
    """One plug as its task runs it; a changed plan restarts this plug only."""

    site: str
    load: str
    driver: str
    options: Any
    power_w: float
    """Rated power over all lines."""
    lines: tuple[Phase, ...]
    """Site phase of each line."""
    voltage_v: float
    failsafe_on: bool
    reverts: frozenset[bool] = frozenset()
    """Commanded states that the device leaves by itself when it is told for how long."""
    mqtt: Mqtt | None = None

    @property
    def rated_a(self) -> float:
        """Rated current per line, A, rounded up to 0.1 A."""
        return plug_da(self.power_w, self.voltage_v, len(self.lines)) / 10

    @property
    def failsafe_a(self) -> float:
        """What it draws when nobody controls it, A per line."""
        return self.rated_a if self.failsafe_on else 0.0

    @property
    def names_file(self) -> bool:
        """Tell whether a file with a secret belongs to it, which stands beside the site file."""
        return names_file(self.options) or (self.mqtt is not None and self.mqtt.password_file is not None)


def plug_plans(site: Site) -> dict[str, PlugPlan]:
    """Return the plan of each plug that has a driver, by load name."""
    return {
        name: _plan(site, name, load, load.driver)
        for name, load in site.loads.items()
        if isinstance(load, Plug) and load.driver is not None
    }


def _plan(site: Site, name: str, plug: Plug, driver: str) -> PlugPlan:
    return PlugPlan(
        site=site.site,
        load=name,
        driver=driver,
        options=plug.options,
        power_w=plug.power_w,
        lines=phases_of(plug, site),
        voltage_v=site.voltage_v,
        failsafe_on=plug.failsafe_on,
        reverts=REVERTS.get(driver, frozenset()),
        mqtt=site.mqtt if driver in NEEDS_BROKER else None,
    )
