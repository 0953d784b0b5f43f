"""What is counted of meters."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

_LABELS = ("site", "meter")


class MeterMetrics:
    """Samples, refusals and the age of the last reading, by meter."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._readings = Counter("evenload_meter_readings", "Readings made of a meter", _LABELS, registry=registry)
        self._refused = Counter(
            "evenload_meter_refused", "Samples refused and tries failed, by why", (*_LABELS, "why"), registry=registry
        )
        self._age = Gauge("evenload_meter_age_seconds", "Age of the last reading", _LABELS, registry=registry)
        self.dropped = Counter("evenload_meter_dropped", "Events not sent while the bus was away", registry=registry)

    def watch_age(self, site: str, meter: str, age_s: Callable[[], float]) -> None:
        """Show `age_s()` at each scrape."""
        self._age.labels(site, meter).set_function(age_s)

    def forget(self, site: str, meter: str) -> None:
        """Stop showing a meter's age."""
        self._age.remove(site, meter)

    def reading(self, site: str, meter: str) -> None:
        """Count a reading."""
        self._readings.labels(site, meter).inc()

    def refused(self, site: str, meter: str, why: str) -> None:
        """Count a refusal or failure."""
        self._refused.labels(site, meter, why).inc()


class LimitMetrics:
    """Feeds of outside limits: their age, and what was refused."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("site", "source")
        self._refused = Counter(
            "evenload_limit_feed_refused",
            "Messages refused and tries failed, by why",
            (*labels, "why"),
            registry=registry,
        )
        self._age = Gauge("evenload_limit_feed_age_seconds", "Age of the last sign of life", labels, registry=registry)

    def watch_age(self, site: str, source: str, age_s: Callable[[], float]) -> None:
        """Show `age_s()` at each scrape."""
        self._age.labels(site, source).set_function(age_s)

    def forget(self, site: str, source: str) -> None:
        """Stop showing a feed's age."""
        self._age.remove(site, source)

    def refused(self, site: str, source: str, why: str) -> None:
        """Count a refusal or failure."""
        self._refused.labels(site, source, why).inc()
