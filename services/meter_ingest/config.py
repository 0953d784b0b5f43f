"""What meter_ingest needs from a site file: one plan for each meter. Pure."""

from typing import Any

from msgspec import Struct

from evenload.contracts.events import MeterRole
from evenload.contracts.phases import PHASES, Phase
from evenload.site.drivers import NEEDS_BROKER, names_file
from evenload.site.schema import Meter, Mqtt, Site
from services.meter_ingest.makes.table import MAKES

DEFAULT_PERIOD_S = 1.0
FASTEST_S: dict[str, float] = {"sunspec": 1.0}
"""Driver → shortest useful period, s; inverters have it in the table of their make."""


class MeterPlan(Struct, frozen=True, kw_only=True):
    """One meter as its task runs it; a changed plan restarts this meter only."""

    site: str
    meter: str
    role: MeterRole
    driver: str
    options: Any
    period_s: float
    slow: bool
    invert: bool
    lines: tuple[Phase | None, ...]
    """Site phase of each line; None = the site has no such phase, the line is left out."""
    single: bool
    """It measures one phase only, so that its total is that phase's."""
    site_phases: tuple[Phase, ...]
    voltage_v: float
    breaker_a: float | None
    """None = off-grid."""
    mqtt: Mqtt | None

    @property
    def names_file(self) -> bool:
        """Tell whether a file with a secret belongs to it, which stands beside the site file."""
        return names_file(self.options) or (self.mqtt is not None and self.mqtt.password_file is not None)


def fastest_period_s(driver: str) -> float:
    """Return the shortest period that brings new values and that the device bears, s; 0 = any."""
    return MAKES[driver].fastest_s if driver in MAKES else FASTEST_S.get(driver, 0.0)


def meter_plans(site: Site) -> dict[str, MeterPlan]:
    """Return the plan of each meter, by name."""
    return {name: _plan(site, name, meter) for name, meter in site.meters.items()}


def _plan(site: Site, name: str, meter: Meter) -> MeterPlan:
    lines = meter.phases or (site.phases if len(site.phases) == 1 else PHASES)
    return MeterPlan(
        site=site.site,
        meter=name,
        role=meter.role,
        driver=meter.driver,
        options=meter.options,
        period_s=max(meter.period_s or DEFAULT_PERIOD_S, fastest_period_s(meter.driver)),
        slow=meter.slow,
        invert=meter.invert,
        lines=tuple(line if line in site.phases else None for line in lines),
        single=len(lines) == 1,
        site_phases=site.phases,
        voltage_v=site.voltage_v,
        breaker_a=site.grid.breaker_a if site.grid else None,
        mqtt=site.mqtt if meter.driver in NEEDS_BROKER else None,
    )
