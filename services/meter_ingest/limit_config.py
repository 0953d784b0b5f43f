"""What a feed of limits from outside needs from a site file. Pure."""

from typing import Any

from msgspec import Struct

from evenload.site.drivers import NEEDS_BROKER, names_file
from evenload.site.limit_drivers import HttpJsonLimit, MqttLimit
from evenload.site.limits import Terms, period_of
from evenload.site.schema import Mqtt, Site, limit_terms


class LimitPlan(Struct, frozen=True, kw_only=True):
    """One feed as its task runs it; a changed plan restarts this feed only."""

    site: str
    source: str
    driver: str
    options: Any
    terms: Terms
    invert: bool
    scale: float
    """Makes W of what it tells."""
    period_s: float
    mqtt: Mqtt | None

    @property
    def names_file(self) -> bool:
        """Tell whether a file with a secret belongs to it, which stands beside the site file."""
        return names_file(self.options) or (self.mqtt is not None and self.mqtt.password_file is not None)


def limit_plans(site: Site) -> dict[str, LimitPlan]:
    """Return the plan of each feed that is read here, by source; one that speaks on the bus itself is not."""
    found = {}
    for name, limit in site.limits.items():
        terms = limit_terms(site, name)
        if limit.driver == "bus" or terms is None:
            continue
        found[name] = LimitPlan(
            site=site.site,
            source=name,
            driver=limit.driver,
            options=limit.options,
            terms=terms,
            invert=limit.invert,
            scale=limit.options.scale if isinstance(limit.options, MqttLimit | HttpJsonLimit) else 1.0,
            period_s=period_of(limit),
            mqtt=site.mqtt if limit.driver in NEEDS_BROKER else None,
        )
    return found
