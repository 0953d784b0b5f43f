"""What NATS servers say on their monitoring ports becomes metrics: counters that rise, streams that come and go."""

from prometheus_client import CollectorRegistry

from evenload.runtime.nats_monitor import Account, Bound, General, Kept, Limits, NatsMetrics, Storage, Stream

SERVER = {"server": "nats:8222"}


def shown(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"evenload_nats_{name}", {**SERVER, **labels})


def metrics() -> tuple[CollectorRegistry, NatsMetrics]:
    registry = CollectorRegistry()
    return registry, NatsMetrics(registry)


def test_counters_rise_by_what_the_servers_rose_and_from_0_after_its_restart() -> None:
    registry, nats = metrics()
    for messages, slow in ((100, 2), (150, 2), (20, 1)):
        nats.general("nats:8222", General(in_msgs=messages, slow_consumers=slow))
    assert shown(registry, "messages_total", direction="in") == 170
    assert shown(registry, "slow_consumers_total") == 3
    assert shown(registry, "up") == 1


def test_what_is_kept_is_shown_beside_its_limit() -> None:
    registry, nats = metrics()
    stream = Stream("history", Kept(messages=7, bytes=900), Bound(1000))
    bucket = Stream("KV_sites", Kept(messages=1, bytes=80), Bound(-1))
    told = Storage(Limits(0, 5000), storage=980, account_details=(Account("$G", (stream, bucket)),))
    nats.storage("nats:8222", told)
    assert shown(registry, "store_bytes", kind="file") == 980
    assert shown(registry, "store_limit_bytes", kind="file") == 5000
    assert shown(registry, "stream_messages", account="$G", stream="history") == 7
    assert shown(registry, "stream_limit_bytes", account="$G", stream="history") == 1000
    assert shown(registry, "stream_limit_bytes", account="$G", stream="KV_sites") is None


def test_a_stream_that_is_gone_is_shown_no_more() -> None:
    registry, nats = metrics()
    nats.storage("nats:8222", Storage(account_details=(Account("$G", (Stream("history"), Stream("alerts"))),)))
    nats.storage("nats:8222", Storage(account_details=(Account("$G", (Stream("alerts"),)),)))
    assert shown(registry, "stream_bytes", account="$G", stream="history") is None
    assert shown(registry, "stream_bytes", account="$G", stream="alerts") == 0
