"""The overlays as kustomize builds them hang together: what one part names another one gives, and evenload knows it."""

import re

import pytest

from evenload.runtime.settings import Settings, SettingsError
from tests.deploy.built import OVERLAYS, ROOT, Manifest, kept

FILES = ("_CREDS", "_CERT", "_KEY", "_CA")


def specs(documents: list[Manifest]) -> dict[str, Manifest]:
    """Return the pods' specs by the name of what makes them."""
    return {each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in documents if _makes_pods(each)}


def _makes_pods(manifest: Manifest) -> bool:
    return manifest["kind"] in ("Deployment", "StatefulSet", "Job")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_settings_are_known(overlay: str) -> None:
    documents = kept(overlay)
    known = set(re.findall(r"EVENLOAD_[A-Z_]+", (ROOT / "evenload/runtime/settings.py").read_text(encoding="utf-8")))
    configs = {each["metadata"]["name"]: each["data"] for each in documents if each["kind"] == "ConfigMap"}
    used = set()
    for spec in specs(documents).values():
        (container,) = spec["containers"]
        given: dict[str, str] = {each["name"]: each["value"] for each in container.get("env", ())}
        for each in container.get("envFrom", ()):
            used.add(each["configMapRef"]["name"])
            given |= configs[each["configMapRef"]["name"]]
        assert given.keys() <= known
        Settings.from_env({name: value for name, value in given.items() if not name.endswith(FILES)})
        with pytest.raises(SettingsError):
            Settings.from_env({"EVENLOAD_NATS_CREDS": given.get("EVENLOAD_NATS_CREDS", "/none")})
    assert used == configs.keys(), "each is used"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_secret_is_mounted_by_one_pod_where_its_settings_look(overlay: str) -> None:
    documents = kept(overlay)
    secrets = {each["metadata"]["name"]: each["data"] for each in documents if each["kind"] == "Secret"}
    (config,) = (each["data"] for each in documents if each["kind"] == "ConfigMap")
    mounted, ask = [], []
    for name, spec in specs(documents).items():
        (container,) = spec["containers"]
        volumes = {each["name"]: each for each in spec["volumes"]}
        mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        claims = {each["metadata"]["name"] for each in _claims(documents, name)}
        assert mounts.keys() == volumes.keys() | claims, name
        for volume in volumes.values():
            if volume.get("secret", {}).get("optional"):
                assert volume["secret"]["secretName"] == "device-passwords"
                assert mounts[volume["name"]] == config["EVENLOAD_SECRETS_DIR"]
                ask.append(name)
            elif "secret" in volume:
                secret = volume["secret"]["secretName"]
                mounted.append(secret)
                assert secret == ("nats-server" if name == "nats" else f"nats-{_user(name)}")
                found = {f"{mounts[volume['name']]}/{key}" for key in secrets[secret]}
                looked_at = container["args"][1] if name == "nats" else config["EVENLOAD_NATS_CREDS"]
                assert looked_at in found
    assert sorted(mounted) == sorted(secrets), "each by one"
    assert ask == ["meter-ingest", "plug-control"], "who asks devices"


def _user(name: str) -> str:
    return "provisioner" if name == "provision" else name


def _claims(documents: list[Manifest], name: str) -> list[Manifest]:
    (found,) = (each for each in documents if _makes_pods(each) and each["metadata"]["name"] == name)
    return list(found["spec"].get("volumeClaimTemplates", ()))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_budgets_and_scalers_meet_a_pod(overlay: str) -> None:
    documents = kept(overlay)
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in documents if _makes_pods(each)]
    deployments = {each["metadata"]["name"] for each in documents if each["kind"] == "Deployment"}
    for each in documents:
        wanted = each.get("spec", {}).get("selector", {})
        wanted = wanted if each["kind"] == "Service" else wanted.get("matchLabels", {})
        assert any(wanted.items() <= found.items() for found in labels), each["metadata"]["name"]
        if each["kind"] == "HorizontalPodAutoscaler":
            assert each["spec"]["scaleTargetRef"]["name"] in deployments
