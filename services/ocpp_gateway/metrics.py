"""What the gateway counts; labels are sites and loads, never sessions."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from evenload.contracts.events import LoadState

LATENCY_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15)


class GatewayMetrics:
    """Counters and gauges of the gateway."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sessions = Gauge("evenload_ocpp_sessions", "Stations connected now", registry=registry)
        self.calls = Counter("evenload_ocpp_calls", "Calls from stations", ["action"], registry=registry)
        self._calls: dict[str, Counter] = {}
        self.sent = Counter("evenload_ocpp_sent_calls", "Calls to stations", ["action", "outcome"], registry=registry)
        self.errors = Counter("evenload_ocpp_errors", "Refused frames and calls", ["code"], registry=registry)
        self.refused = Counter("evenload_ocpp_handshakes_refused", "Refused handshakes", ["status"], registry=registry)
        self.dropped = Counter("evenload_ocpp_setpoints_dropped", "Setpoints not used", ["why"], registry=registry)
        self.draining = Gauge(
            "evenload_ocpp_draining", "1 = told to stop, it lets its stations go to other gateways", registry=registry
        )
        self.store_writable = Gauge(
            "evenload_transaction_store_writable",
            "0 = what must be on disk before a transaction is answered could not be written",
            registry=registry,
        )
        self.store_writable.set(1)
        self._expiry = Gauge(
            "evenload_certificate_expiry_timestamp_seconds",
            "When the first certificate of the file ends; stations: the chain that they are shown, "
            "stations_ca: who signs theirs",
            ["certificate"],
            registry=registry,
        )
        self.to_station = Histogram(
            "evenload_reading_to_station_seconds",
            "From the arrival of a reading at the allocator to the profile on the socket",
            ["direction"],
            buckets=LATENCY_S,
            registry=registry,
        )
        labels = ["site", "load"]
        self._setpoint = Gauge(
            "evenload_load_setpoint_amperes", "Setpoint in force at the station", labels, registry=registry
        )
        self._measured = Gauge(
            "evenload_load_measured_amperes", "Highest measured line current", labels, registry=registry
        )
        self._reachable = Gauge("evenload_load_reachable", "1 = its station is connected", labels, registry=registry)
        self._obeys = Gauge("evenload_load_obeys", "0 = draws more than told", labels, registry=registry)

    def called(self, action: str, is_known: bool) -> None:
        """Count a station's call; unknown actions share one label."""
        name = action if is_known else "unknown"
        counter = self._calls.get(name)
        if counter is None:
            counter = self._calls[name] = self.calls.labels(name)
        counter.inc()

    def certificates(self, ends_s: dict[str, float]) -> None:
        """Show when the certificates in force end, UNIX seconds by name."""
        for name, end_s in ends_s.items():
            self._expiry.labels(name).set(end_s)

    def state(self, state: LoadState) -> None:
        """Show a load's state."""
        site, load = state.site, state.load
        if state.setpoint_a is not None:
            self._setpoint.labels(site, load).set(state.setpoint_a)
        if state.measured_a is not None:
            self._measured.labels(site, load).set(max((value for _, value in state.measured_a.items()), default=0.0))
        self._reachable.labels(site, load).set(state.reachable)
        self._obeys.labels(site, load).set(state.obeys)
