"""Every metric that the services have, made from their own declarations."""

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from evenload.runtime.metrics import Metrics
from evenload.runtime.nats_monitor import NatsMetrics
from services.allocator.metrics import AllocatorMetrics
from services.meter_ingest.metrics import MeterMetrics
from services.ocpp_gateway.metrics import GatewayMetrics
from services.plug_control.metrics import PlugMetrics

WATCHER = "nats_monitor"
ADDERS = {
    "allocator": AllocatorMetrics,
    "meter_ingest": MeterMetrics,
    "ocpp_gateway": GatewayMetrics,
    "plug_control": PlugMetrics,
    WATCHER: NatsMetrics,
}
TITLES = {"every": "Every service", WATCHER: "The service that `EVENLOAD_NATS_MONITOR` is given to: the planner"}
INTRODUCTION = """\
# Metrics

Made from the services' declarations by `make golden`; do not edit.

Each service serves `/metrics` (ports in the [operator's guide](operators-guide.md)). Base units; labels are sites,
loads, meters and phases, never sessions. A counter has `_total` at its end, a histogram `_bucket`, `_sum` and `_count`.
Beside these there are the process's own: `process_cpu_seconds_total`, `process_resident_memory_bytes`,
`process_start_time_seconds`, `python_gc_*`.
"""
FOREIGN = ("process_", "python_")


def families(service: str) -> list[tuple[Metric, tuple[str, ...]]]:
    """Return what `service` declares, with its labels; for `every` service what all have."""
    metrics = Metrics(service)
    if service in ADDERS:
        registry = CollectorRegistry()
        ADDERS[service](registry)
    else:
        registry = metrics.registry
    labels = {collector: tuple(collector._labelnames) for collector in declared(registry)}
    return [
        (family, names)
        for collector, names in labels.items()
        for family in collector.describe()
        if not family.name.startswith(FOREIGN)
    ]


def declared(registry: CollectorRegistry) -> list[object]:
    """Return the collectors that were declared with labels, in order."""
    return [each for each in registry._collector_to_names if hasattr(each, "_labelnames")]


def paper() -> str:
    """Return docs/metrics.md."""
    parts = [INTRODUCTION]
    for service in ("every", *ADDERS):
        title = TITLES.get(service, f"`{service}`")
        rows = "".join(
            f"| `{family.name}` | {family.type} | {_quoted(names)} | {family.documentation} |\n"
            for family, names in families(service)
        )
        parts.append(f"\n## {title}\n\n| metric | kind | labels | meaning |\n|---|---|---|---|\n{rows}")
    return "".join(parts)


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def series_names() -> set[str]:
    """Return every name that a query may use."""
    found = {"up", "process_start_time_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes"}
    for service in ("every", *ADDERS):
        for family, _ in families(service):
            endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
            found |= {family.name + ending for ending in endings}
    return found
