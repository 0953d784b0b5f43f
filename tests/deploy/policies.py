"""What Kubernetes network policies allow, by reading them as its documentation says.

A pod that no policy selects may do everything; one that is selected for a direction may do only what a rule of any such
policy names. A connection between two pods must be allowed at both ends; an answer belongs to its connection.
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Manifest = Mapping[str, Any]
Direction = Literal["Ingress", "Egress"]
OURS = "evenload"
NAMESPACE_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod by namespace and labels, or something outside by its address."""

    name: str
    namespace: str = ""
    """Empty: outside of the cluster."""
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    """Of a pod: empty where no rule may count on its address."""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Port:
    """Where a connection goes."""

    number: int
    protocol: str = "TCP"


def allowed(policies: Sequence[Manifest], source: End, target: End, port: Port) -> bool:
    """Tell whether a connection can be made."""
    return _may(policies, "Egress", (source, target), port) and _may(policies, "Ingress", (target, source), port)


def _may(policies: Sequence[Manifest], direction: Direction, ends: tuple[End, End], port: Port) -> bool:
    here, there = ends
    chosen = [each for each in policies if direction in each["spec"]["policyTypes"] and _governs(each, here)]
    return not chosen or any(
        _names(rule, direction, there, port) for each in chosen for rule in _rules(each, direction)
    )


def _governs(policy: Manifest, end: End) -> bool:
    return end.namespace == policy["metadata"]["namespace"] and selects(policy["spec"]["podSelector"], end.labels)


def _rules(policy: Manifest, direction: Direction) -> Iterator[Manifest]:
    yield from policy["spec"].get(direction.lower(), ())


def _names(rule: Manifest, direction: Direction, there: End, port: Port) -> bool:
    peers = rule.get("from" if direction == "Ingress" else "to")
    ports = rule.get("ports")
    known = ports is None or any(each == {"port": port.number, "protocol": port.protocol} for each in ports)
    return known and (peers is None or any(_is(peer, there) for peer in peers))


def _is(peer: Manifest, there: End) -> bool:
    match peer:
        case {"ipBlock": {"cidr": cidr, **more}}:
            assert not more, "exceptions are not read here"
            return bool(there.address) and ipaddress.ip_address(there.address) in ipaddress.ip_network(cidr)
        case {"namespaceSelector": spaces, **more}:
            if not there.namespace or not selects(spaces, {NAMESPACE_LABEL: there.namespace}):
                return False
            return "podSelector" not in more or selects(more["podSelector"], there.labels)
        case {"podSelector": pods}:
            return there.namespace == OURS and selects(pods, there.labels)
    raise AssertionError(f"a peer that is not read here: {peer}")


def selects(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Tell whether a label selector meets these labels; an empty one meets all."""
    assert selector.keys() <= {"matchLabels", "matchExpressions"}, selector
    for each in selector.get("matchExpressions", ()):
        assert each["operator"] == "In", each
        if labels.get(each["key"]) not in each["values"]:
            return False
    return bool(selector.get("matchLabels", {}).items() <= labels.items())
