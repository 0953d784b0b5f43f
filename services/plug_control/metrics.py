"""What is counted of plugs and all other devices."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from evenload.contracts.events import LoadState
from evenload.thermal.learning import Fit

_LABELS = ("site", "load")


class PlugMetrics:
    """Relay, power, contact, temperature and needs, by load."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._on = Gauge("evenload_plug_on", "1 = the relay is closed", _LABELS, registry=registry)
        self._power = Gauge("evenload_plug_power_watts", "Measured power", _LABELS, registry=registry)
        self._learned = Gauge(
            "evenload_plug_learned_watts", "Mean power of its last readings while it drew", _LABELS, registry=registry
        )
        self._reachable = Gauge("evenload_plug_reachable", "1 = it answers", _LABELS, registry=registry)
        self._temperature = Gauge("evenload_load_celsius", "Temperature that it goes by", _LABELS, registry=registry)
        self._need = Gauge("evenload_load_need_wh", "Energy that it still asks for", _LABELS, registry=registry)
        self._offered = Gauge(
            "evenload_load_offered_amps", "Current of the level it is set to", _LABELS, registry=registry
        )
        self._capacity = Gauge(
            "evenload_thermal_capacity_wh_per_kelvin", "Learned: energy for one kelvin", _LABELS, registry=registry
        )
        self._loss = Gauge(
            "evenload_thermal_loss_watts_per_kelvin", "Learned: power that holds one kelvin", _LABELS, registry=registry
        )
        self._error = Gauge(
            "evenload_thermal_error_ratio",
            "Standard error of what was learned, as a part of it",
            (*_LABELS, "parameter"),
            registry=registry,
        )
        self._residual = Gauge(
            "evenload_thermal_residual_kelvin", "What the learned model is off by (RMS)", _LABELS, registry=registry
        )
        self._commands = Counter("evenload_plug_commands", "Commands sent", _LABELS, registry=registry)
        self.dropped = Counter("evenload_plug_dropped", "Events not sent while the bus was away", registry=registry)

    def show(self, state: LoadState) -> None:
        """Show what was published."""
        labels = (state.site, state.load)
        self._on.labels(*labels).set(state.status == "charging")
        self._power.labels(*labels).set(_or_nan(state.power_w))
        self._learned.labels(*labels).set(_or_nan(state.learned_w))
        self._reachable.labels(*labels).set(state.reachable)
        if state.offered_a is not None:
            self._offered.labels(*labels).set(state.offered_a)
        if state.offer is not None:
            self._temperature.labels(*labels).set(_or_nan(state.temperature_c))
            self._need.labels(*labels).set(_or_nan(state.offer.need_wh))

    def model(self, site: str, load: str, fit: Fit) -> None:
        """Show how a device's body warms and cools, and how sure that is."""
        self._capacity.labels(site, load).set(fit.model.capacity_wh_per_k)
        self._loss.labels(site, load).set(fit.model.loss_w_per_k)
        self._error.labels(site, load, "capacity").set(fit.capacity_error_ratio)
        self._error.labels(site, load, "loss").set(fit.loss_error_ratio)
        self._residual.labels(site, load).set(fit.residual_c)

    def command(self, site: str, load: str) -> None:
        """Count a command."""
        self._commands.labels(site, load).inc()


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
