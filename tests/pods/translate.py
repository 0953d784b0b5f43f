"""A built overlay as `podman kube play` can run it, and only what it does not know is put otherwise.

| in the manifests | here | why |
|---|---|---|
| Deployment, ConfigMap | the same | podman knows them |
| StatefulSet | Deployment, and a claim `TEMPLATE-NAME-0` from each claim template | podman knows none |
| Service | network aliases of the pods that its selector meets, whose addresses stay; ports must be targets | none |
| Secret | files on the host, mounted | podman 4.3 mounts them undecoded, and without their mode |
| optional Secret | a made password | there need be none |
| `emptyDir` in memory | a tmpfs of its size on the host, mounted | podman 4.3 takes one volume for all pods, on disk |
| `fsGroup` | owner and mode of these files and folders as a kubelet sets them; annotations of a claim | left out |
| probes | asked by this program | podman asks with `curl` in the container, and only the one for liveness |
| `containerPort` | left out | podman would publish it on the host |
| `terminationGracePeriodSeconds` | `podman stop --time` | podman 4.3 leaves it out |
| the image of NATS | evenload's, with the `nats-server` of its wheel | no registry; the entry point is the same |
| NetworkPolicy, budgets, autoscalers, monitors | left out | policies: tests/deploy/test_network.py proves them |
"""

import base64
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
LEFT_OUT = ("NetworkPolicy", "PodDisruptionBudget", "HorizontalPodAutoscaler", "PodMonitor")
OPTIONAL = {"mqtt.key": b"played\n"}
"""What an operator may have put into a secret that need not be there."""
SCALES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@dataclass(frozen=True)
class Folder:
    """A folder of the host that is mounted as a volume."""

    path: Path
    group: int
    size_bytes: int = 0
    """Of a tmpfs; 0 = plain files."""
    mode: int = 0o777
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Workload:
    """One pod to be played."""

    name: str
    pod: str
    """The name that podman gives the pod."""
    spec: Manifest
    """The pod's spec as in the manifest."""
    text: str
    """What podman plays."""
    aliases: tuple[str, ...]
    folders: tuple[Folder, ...]

    @property
    def container(self) -> Manifest:
        """The only container, as in the manifest."""
        (only,) = self.spec["containers"]
        return dict(only)

    @property
    def container_name(self) -> str:
        """The name that podman gives it."""
        return f"{self.pod}-{self.container['name']}"

    @property
    def grace_s(self) -> int:
        """How long it may take to end."""
        return int(self.spec.get("terminationGracePeriodSeconds", 30))

    def port(self, name: str | int) -> int:
        """Return the number of a port of its container."""
        numbers = {each["name"]: each["containerPort"] for each in self.container.get("ports", ())}
        return int(numbers.get(name, name))


def amount(text: str) -> float:
    """Return bytes or cores of a Kubernetes quantity: `16Mi`, `50m`, `2`."""
    if text[-2:] in SCALES:
        return float(text[:-2]) * SCALES[text[-2:]]
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


def translated(documents: Sequence[Manifest], image: str, folder: Path) -> list[Workload]:
    """Return what is to be played, in the order of the manifests; `folder` will hold what is mounted.

    Raises `ValueError` for what has no translation.
    """
    known = {"Deployment", "StatefulSet", "Service", "Secret", "ConfigMap", *LEFT_OUT}
    if unknown := {each["kind"] for each in documents} - known:
        raise ValueError(f"no translation for {', '.join(sorted(unknown))}: add it to tests/pods/translate.py")
    return [
        _workload(each, documents, image, folder) for each in documents if each["kind"] in ("Deployment", "StatefulSet")
    ]


def _workload(manifest: Manifest, documents: Sequence[Manifest], image: str, folder: Path) -> Workload:
    name, template = manifest["metadata"]["name"], manifest["spec"]["template"]
    claims = [_claim(each, name, template["spec"]) for each in manifest["spec"].get("volumeClaimTemplates", ())]
    spec = copy.deepcopy(template["spec"])
    spec.get("securityContext", {}).pop("fsGroup", None)
    folders = []
    spec["volumes"] = [
        {"name": f"{name}-{each['metadata']['name']}", "persistentVolumeClaim": {"claimName": each["metadata"]["name"]}}
        for each in claims
    ]
    for volume in template["spec"].get("volumes", ()):
        laid = _folder(volume, documents, template["spec"], folder / name / volume["name"])
        folders.append(laid)
        spec["volumes"].append({"name": f"{name}-{volume['name']}", "hostPath": {"path": str(laid.path)}})
    (container,) = spec["containers"]
    _contain(container, name, image, {each["metadata"]["name"]: each for each in claims})
    pod = {"metadata": {"name": name, "labels": template["metadata"]["labels"]}, "spec": spec}
    outer = {"replicas": 1, "selector": manifest["spec"]["selector"], "template": pod}
    played = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": outer}
    configs = [each for each in documents if each["kind"] == "ConfigMap"]
    return Workload(
        name=name,
        pod=f"{name}-pod-0",
        spec=template["spec"],
        text=yaml.safe_dump_all([*configs, *claims, played]),
        aliases=_aliases(template, documents),
        folders=tuple(folders),
    )


def _claim(template: Manifest, name: str, spec: Manifest) -> Manifest:
    """Return the claim of the first replica; podman's annotations do what `fsGroup` does."""
    group = str(spec["securityContext"]["fsGroup"])
    metadata = {
        "name": f"{template['metadata']['name']}-{name}-0",
        "annotations": {"volume.podman.io/uid": "0", "volume.podman.io/gid": group},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": template["spec"]}


def _folder(volume: Manifest, documents: Sequence[Manifest], spec: Manifest, path: Path) -> Folder:
    group = int(spec["securityContext"]["fsGroup"])
    match volume:
        case {"emptyDir": {"medium": "Memory", "sizeLimit": size}}:
            return Folder(path, group, size_bytes=int(amount(size)))
        case {"secret": {"optional": True, **options}}:
            return Folder(path, group, mode=int(options.get("defaultMode", 0o644)) | 0o440, files=OPTIONAL)
        case {"secret": {"secretName": name, **options}}:
            (secret,) = (each for each in documents if each["kind"] == "Secret" and each["metadata"]["name"] == name)
            files = {key: base64.b64decode(value) for key, value in secret["data"].items()}
            # With fsGroup the kubelet gives the group what it needs to read, whatever the mode says.
            return Folder(path, group, mode=int(options.get("defaultMode", 0o644)) | 0o440, files=files)
    raise ValueError(f"no translation for the volume {volume}: add it to tests/pods/translate.py")


def _contain(container: Manifest, name: str, image: str, claims: Mapping[str, Manifest]) -> None:
    """Change a container to one that podman can play."""
    for left_out in ("ports", "startupProbe", "livenessProbe", "readinessProbe"):
        container.pop(left_out, None)
    if "/nats:" in container["image"]:
        container["command"] = ["nats-server"]
    container["image"] = image
    for mount in container.get("volumeMounts", ()):
        claim = f"{mount['name']}-{name}-0"
        mount["name"] = f"{name}-{claim if claim in claims else mount['name']}"


def _aliases(template: Manifest, documents: Sequence[Manifest]) -> tuple[str, ...]:
    """Return the names of the Services that lead to a pod."""
    labels, (container,) = template["metadata"]["labels"], template["spec"]["containers"]
    ports = {each["name"]: each["containerPort"] for each in container.get("ports", ())}
    found = []
    for service in documents:
        if service["kind"] == "Service" and service["spec"]["selector"].items() <= labels.items():
            for port in service["spec"]["ports"]:
                target = port.get("targetPort", port["port"])
                if ports.get(target, target) != port["port"] or port["port"] not in ports.values():
                    raise ValueError(f"service {service['metadata']['name']}: port {port} is not one of the pod's")
            found.append(service["metadata"]["name"])
    return tuple(found)
