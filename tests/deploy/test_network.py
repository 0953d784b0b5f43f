"""Network policies allow what the running system needs, at both ends, and nothing else, in both overlays.

The needed connections are listed here by who needs them; their ports come from the settings, the image and the drivers.
What is tried beside them: every pod, the monitoring, other namespaces, the internet and a home's device, each with
each, on every port that anything listens on.
"""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from evenload.runtime.settings import NATS_URL, Settings
from services.meter_ingest.drivers import modbus, sunspec
from services.plug_control.drivers import power_modbus
from tests.deploy.built import OVERLAYS, ROOT, Manifest, kept
from tests.deploy.policies import OURS, End, Port, allowed

IMAGE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
HTTP = Port(int(re.findall(r"EVENLOAD_HTTP_PORT=(\d+)", IMAGE)[0]))
OCPP = Port(Settings().ocpp_port)
CLIENTS = Port(urlsplit(NATS_URL).port or 0)
MONITOR, CLUSTER = Port(8222), Port(6222)
NAMES = (Port(53, "UDP"), Port(53))
FEEDS = (Port(80), Port(443))
DEVICES = (
    *FEEDS, *(Port(each.PORT) for each in (modbus, sunspec, power_modbus)),
    Port(1883), Port(8883), Port(9999), Port(6668), Port(8123), Port(8899, "UDP"),
)  # fmt: skip
"""HTTP, Modbus, MQTT, Kasa, Tuya, Home Assistant, GoodWe's dongle."""
PORTS = sorted({HTTP, OCPP, CLIENTS, MONITOR, CLUSTER, *NAMES, *DEVICES, Port(22)}, key=lambda each: str(each))

PROMETHEUS = End("prometheus", "monitoring", {"app.kubernetes.io/name": "prometheus"})
STRANGER = End("a pod of another namespace", "default", {"app.kubernetes.io/name": OURS})
DNS = End("dns", "kube-system", {"k8s-app": "kube-dns"})
INTERNET = End("the internet", address="203.0.113.7")
DEVICE = End("a home's device", address="192.168.1.20")
NATS = End("nats", OURS, {"app.kubernetes.io/name": "nats"})
"""Also as the upstream chart labels its pods."""
OUTSIDE = (PROMETHEUS, STRANGER, DNS, INTERNET, DEVICE)
FEEDING, READING = ("planner", "meter-ingest"), ("meter-ingest", "plug-control")
POD_ADDRESS = "10.244.1.7"

Flow = tuple[str, str, Port]


def pods(documents: list[Manifest]) -> list[End]:
    """Return the pods of an overlay, NATS too."""
    found = []
    for each in documents:
        if each["kind"] in ("Deployment", "Job"):
            labels: dict[str, str] = each["spec"]["template"]["metadata"]["labels"]
            assert each["metadata"]["namespace"] == OURS
            found.append(End(each["metadata"]["name"], OURS, labels))
        if each["kind"] == "StatefulSet":
            assert each["spec"]["template"]["metadata"]["labels"] == NATS.labels
    return [*found, NATS]


def needed(ends: list[End]) -> Iterator[tuple[End, End, Port]]:
    """Yield what a running system needs."""
    yield from ((NATS, DNS, port) for port in NAMES)
    yield NATS, NATS, CLUSTER
    for source in (PROMETHEUS, STRANGER, DNS, INTERNET, DEVICE):
        yield from ((source, end, OCPP) for end in ends if end.name == "ocpp-gateway")
    for end in ends:
        if end is NATS:
            continue
        yield end, NATS, CLIENTS
        yield from ((end, DNS, port) for port in NAMES)
        yield PROMETHEUS, end, HTTP
        if end.name == "planner":
            yield end, NATS, MONITOR
        if end.name in READING:
            yield from ((end, DEVICE, port) for port in DEVICES)
        if end.name in FEEDING:
            yield from ((end, INTERNET, port) for port in FEEDS)


def policies(documents: list[Manifest]) -> list[Manifest]:
    """Return the network policies of an overlay."""
    return [each for each in documents if each["kind"] == "NetworkPolicy"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_needed_is_allowed(overlay: str) -> None:
    documents = kept(overlay)
    ends = pods(documents)
    assert len(ends) == 7
    denied = [flow for flow in needed(ends) if not allowed(policies(documents), *flow)]
    assert not denied, "\n".join(f"{source} → {target} {port}" for source, target, port in denied)


def tolerated(source: End, target: End, port: Port) -> bool:
    """Tell whether a connection is not needed and cannot be told from one that is, by who makes it and where to."""
    private = source.name in READING and target is DEVICE
    feeds = source.name in FEEDING and port in FEEDS and target in (INTERNET, DEVICE, PROMETHEUS, STRANGER, DNS)
    in_private_networks = source.name in READING and target in (PROMETHEUS, STRANGER, DNS)
    as_a_station = source.name in READING and target.name == "ocpp-gateway" and port == OCPP
    return private or feeds or in_private_networks or as_a_station


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_else_is_allowed(overlay: str) -> None:
    """Pods have addresses in a private network, as on most clusters, so that rules by address count for them too."""
    documents = kept(overlay)
    ends = pods(documents)
    wanted = {(source.name, target.name, port) for source, target, port in needed(ends)}
    tried = 0
    for source, target, port in itertools.product((*ends, *OUTSIDE), (*ends, *OUTSIDE), PORTS):
        if (source in OUTSIDE and target in OUTSIDE) or (source.name, target.name, port) in wanted:
            continue
        if tolerated(source, target, port):
            continue
        tried += 1
        there = target if target.address else End(target.name, target.namespace, target.labels, POD_ADDRESS)
        here = source if source.address else End(source.name, source.namespace, source.labels, POD_ADDRESS)
        assert not allowed(policies(documents), here, there, port), f"{source} → {target} {port}"
    assert tried > 1000


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_policy_that_is_taken_away_is_missed(overlay: str) -> None:
    """Each policy is there for something; without the denial of all, strangers come in."""
    documents = kept(overlay)
    ends, all_of_them = pods(documents), policies(documents)
    for policy in all_of_them:
        rest = [each for each in all_of_them if each is not policy]
        if policy["metadata"]["name"] == "default-deny":
            gateway = next(end for end in ends if end.name == "ocpp-gateway")
            assert allowed([], INTERNET, gateway, HTTP)
        else:
            assert not all(allowed(rest, *flow) for flow in needed(ends)), policy["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_ports_are_those_that_processes_listen_on(overlay: str) -> None:
    documents = kept(overlay)
    for each in documents:
        if each["kind"] != "Deployment" or each["metadata"]["name"] == "provision":
            continue
        (container,) = each["spec"]["template"]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", ())}
        assert ports.pop("http") == HTTP.number
        assert ports == ({"ocpp": OCPP.number} if each["metadata"]["name"] == "ocpp-gateway" else {})
        env = {found["name"]: found["value"] for found in container.get("env", ())}
        asked = [url for url in env.get("EVENLOAD_NATS_MONITOR", "").split(",") if url]
        assert {urlsplit(url).port for url in asked} == ({MONITOR.number} if asked else set())
    (config,) = (each["data"] for each in documents if each["kind"] == "ConfigMap")
    assert urlsplit(config["EVENLOAD_NATS_URL"]).port == CLIENTS.number


def test_drivers_know_these_ports() -> None:
    """The list above is not kept by hand alone."""
    text = "".join(path.read_text(encoding="utf-8") for path in _sources())
    for port in (1883, 8883, 9999, 6668, 8899):
        assert re.search(rf"\b{port}\b|\b{port // 1000}_{port % 1000:03}\b", text), port


def _sources() -> Iterator[Path]:
    for folder in ("evenload/devices", "evenload/site", "services/plug_control", "services/meter_ingest"):
        yield from (ROOT / folder).rglob("*.py")
