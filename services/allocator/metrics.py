"""What the allocator measures of itself and of its sites; a fixed number of series for each load.

A scrape shows each site's newest decision: its gauges are set when somebody looks, not with each reading.
"""

from collections.abc import Iterator

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

from evenload.contracts.events import Decision
from evenload.contracts.phases import PHASES
from evenload.site.breaker import heat_after

DECISION_BUCKETS_S = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
REASONS = (
    "breaker", "import", "circuit", "station", "load", "surplus", "excess", "battery", "no_import", "supply", "outside",
    "idle", "none",
)  # fmt: skip


class Warmth(Struct, frozen=True):
    """Where the thermal integral of a phase stood at `at_s`, and what flowed from then on as a part of the rating."""

    at_s: float
    ratio: float
    heat_ratio: float


class Newest(Collector):
    """Brings the gauges up to date when a scrape begins; it is registered before them and shows nothing itself."""

    def __init__(self, metrics: "AllocatorMetrics") -> None:
        self._metrics = metrics

    def describe(self) -> Iterator[Metric]:
        """Name nothing."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Show what was decided since the last scrape."""
        self._metrics.show()
        return iter(())


class AllocatorMetrics:
    """Counters, gauges and histograms of the allocator."""

    def __init__(self, registry: CollectorRegistry) -> None:
        registry.register(Newest(self))
        self._newest: dict[str, tuple[Decision, int]] = {}

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"evenload_{name}", text, labels, registry=registry)

        self.grid = gauge("grid_amperes", "Grid current used for the decision, + import", "site", "phase")
        self.breaker = gauge("breaker_amperes", "Main breaker per phase", "site")
        self.heat = gauge("breaker_heat_ratio", "Breaker's thermal integral: 1 = long at its rating", "site", "phase")
        self._warm: dict[tuple[str, str], Warmth] = {}
        self.solar = gauge("solar_watts", "Solar production as read", "site")
        self.battery = gauge("battery_watts", "Battery power, + discharging", "site")
        self.soc = gauge("battery_soc_ratio", "Battery state of charge", "site")
        self.health = gauge("site_health", "0 normal, 1 raises frozen, 2 failsafe", "site")
        self.setpoint = gauge("setpoint_amperes", "What the load may draw per line", "site", "load")
        self.target = gauge("target_amperes", "Where the joint decision wants the load", "site", "load")
        self.could_get = gauge("could_get_amperes", "What an idle load would get now", "site", "load")
        self.measured = gauge("measured_amperes", "What the load draws", "site", "load", "phase")
        self.reason = gauge("bound_by", "1 for the kind of limit that binds the load", "site", "load", "kind")
        self.age = gauge("input_age_seconds", "Age of a fact at the newest decision", "site", "input")
        self.limit = gauge("limit_watts", "Limit from outside in force; absent without one", "site", "source", "scope")
        self.limit_lost = gauge("limit_source_lost", "1 while a source's heartbeat is missing", "site", "source")
        self.epoch = gauge("epoch", "Fencing epoch of the site", "site")
        self.alerts = gauge("alerts_standing", "Alerts that stand for the site", "site")
        self.sites = gauge("sites_allocated", "Sites that this process allocates")
        self.takeovers = Counter("evenload_takeovers", "Sites taken with a new epoch", registry=registry)
        self.decisions = Counter("evenload_decisions", "Decisions made", ["site"], registry=registry)
        self.sent = Counter("evenload_setpoints_sent", "Setpoints published", ["site"], registry=registry)
        self.withheld = Counter(
            "evenload_setpoints_withheld", "Setpoints not sent because ownership or bus was lost", registry=registry
        )
        self.decision_time = Histogram(
            "evenload_decision_seconds", "Time of one decision", buckets=DECISION_BUCKETS_S, registry=registry
        )
        self.reading_to_setpoint = Histogram(
            "evenload_reading_to_setpoint_seconds",
            "From the arrival of a reading to the setpoint that it led to",
            buckets=DECISION_BUCKETS_S,
            registry=registry,
        )

    def decided(self, decision: Decision, alerts: int, now_s: float) -> None:
        """Take a decision made at `now_s`, monotonic, for the next scrape; the breaker's heat is counted at once."""
        self._newest[decision.site] = decision, alerts
        for phase, current_a in decision.grid_a.items() if decision.grid_a is not None else ():
            self._warmed(decision.site, phase, (current_a, decision.breaker_a, now_s))

    def show(self) -> None:
        """Set the gauges of all sites that decided since the last time."""
        while self._newest:
            self._show(*self._newest.popitem()[1])

    def _show(self, decision: Decision, alerts: int) -> None:
        site = decision.site
        self.health.labels(site).set({"normal": 0, "frozen": 1, "failsafe": 2}[decision.health])
        self.epoch.labels(site).set(decision.epoch)
        self.alerts.labels(site).set(alerts)
        if decision.breaker_a is not None:
            self.breaker.labels(site).set(decision.breaker_a)
        for phase, current_a in decision.grid_a.items() if decision.grid_a is not None else ():
            self.grid.labels(site, phase).set(current_a)
            if (site, phase) in self._warm:
                self.heat.labels(site, phase).set(self._warm[site, phase].heat_ratio)
        for gauge, value in ((self.solar, decision.solar_w), (self.battery, decision.battery_w)):
            if value is not None:
                gauge.labels(site).set(value)
        if decision.soc_pct is not None:
            self.soc.labels(site).set(decision.soc_pct / 100.0)
        for used in decision.inputs:
            if used.age_s is not None:
                self.age.labels(site, used.name).set(used.age_s)
        self._limits(decision)
        self._loads(decision)

    def _limits(self, decision: Decision) -> None:
        for limit in decision.limits:
            labels = (decision.site, limit.source, limit.scope)
            self.limit_lost.labels(*labels[:2]).set(limit.state in ("failsafe", "released"))
            if limit.limit_w is None:
                self.limit.remove(*labels)
            else:
                self.limit.labels(*labels).set(limit.limit_w)

    def _warmed(self, site: str, phase: str, seen: tuple[float, float | None, float]) -> None:
        """Go on with the thermal integral of a phase; what flowed since the last decision was as it was then."""
        current_a, breaker_a, now_s = seen
        if not breaker_a:
            return
        ratio = max(0.0, current_a) / breaker_a
        before = self._warm.get((site, phase), Warmth(now_s, ratio, ratio**2))
        heat_ratio = heat_after(before.heat_ratio, before.ratio, now_s - before.at_s)
        self._warm[(site, phase)] = Warmth(now_s, ratio, heat_ratio)

    def _loads(self, decision: Decision) -> None:
        site = decision.site
        for load in decision.loads:
            self.setpoint.labels(site, load.load).set(load.setpoint_a)
            self.target.labels(site, load.load).set(load.target_a)
            self.could_get.labels(site, load.load).set(load.could_get_a)
            for phase, current_a in load.measured_a.items() if load.measured_a is not None else ():
                self.measured.labels(site, load.load, phase).set(current_a)
            kind = load.bound.kind if load.bound is not None else "none"
            for reason in REASONS:
                self.reason.labels(site, load.load, reason).set(1.0 if reason == kind else 0.0)

    def forget(self, site: str, loads: tuple[str, ...], inputs: tuple[str, ...]) -> None:
        """Remove a site that this process no longer allocates."""
        self._newest.pop(site, None)
        for gauge in (self.breaker, self.solar, self.battery, self.soc, self.health, self.epoch, self.alerts):
            gauge.remove(site)
        for phase in PHASES:
            self.grid.remove(site, phase)
            self.heat.remove(site, phase)
            self._warm.pop((site, phase), None)
        for load in loads:
            for gauge in (self.setpoint, self.target, self.could_get):
                gauge.remove(site, load)
            for phase in PHASES:
                self.measured.remove(site, load, phase)
            for reason in REASONS:
                self.reason.remove(site, load, reason)
        for name in inputs:
            self.age.remove(site, name)
            self.limit_lost.remove(site, name)
            for scope in ("import", "managed"):
                self.limit.remove(site, name, scope)
