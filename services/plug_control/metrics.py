"""What is counted of plugs."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from evenload.contracts.events import LoadState

_LABELS = ("site", "load")


class PlugMetrics:
    """Relay, power and contact, by load."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._on = Gauge("evenload_plug_on", "1 = the relay is closed", _LABELS, registry=registry)
        self._power = Gauge("evenload_plug_power_watts", "Measured power", _LABELS, registry=registry)
        self._learned = Gauge(
            "evenload_plug_learned_watts", "Mean power of its last readings while it drew", _LABELS, registry=registry
        )
        self._reachable = Gauge("evenload_plug_reachable", "1 = it answers", _LABELS, registry=registry)
        self._commands = Counter("evenload_plug_commands", "Commands sent", _LABELS, registry=registry)
        self.dropped = Counter("evenload_plug_dropped", "Events not sent while the bus was away", registry=registry)

    def show(self, state: LoadState) -> None:
        """Show what was published."""
        labels = (state.site, state.load)
        self._on.labels(*labels).set(state.status == "charging")
        self._power.labels(*labels).set(state.power_w if state.power_w is not None else float("nan"))
        self._learned.labels(*labels).set(state.learned_w if state.learned_w is not None else float("nan"))
        self._reachable.labels(*labels).set(state.reachable)

    def command(self, site: str, load: str) -> None:
        """Count a command."""
        self._commands.labels(site, load).inc()
