"""Metrics of a process: its own registry, what every service counts, and the event loop's lag."""

import asyncio

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

LAG_PERIOD_S = 1.0
LAG_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


class Metrics:
    """What every service counts; a service adds its own to `registry`."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        info = Gauge("evenload_service", "This process; always 1", ["service"], registry=self.registry)
        info.labels(service).set(1)
        self.connected = Gauge("evenload_bus_connected", "1 = connected to NATS", registry=self.registry)
        self.faults = Counter(
            "evenload_bus_faults",
            "Faults of the bus: dropped messages, denied subjects …",
            ["kind"],
            registry=self.registry,
        )
        self.refused = Counter(
            "evenload_messages_refused",
            "Messages that do not keep the contract, or are old or late",
            ["why"],
            registry=self.registry,
        )
        self.failures = Counter(
            "evenload_part_failures", "Failures of a supervised part", ["part"], registry=self.registry
        )
        self.handler_failures = Counter(
            "evenload_handler_failures", "Handlers and tasks that raised", registry=self.registry
        )
        self.lag = Histogram(
            "evenload_loop_lag_seconds",
            "How late the event loop runs a timer",
            buckets=LAG_BUCKETS_S,
            registry=self.registry,
        )


async def watch_lag(metrics: Metrics) -> None:
    """Measure the loop's lag for ever."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + LAG_PERIOD_S
        await asyncio.sleep(LAG_PERIOD_S)
        metrics.lag.observe(max(0.0, loop.time() - due_s))
