"""What is looked at in played pods; each check returns a line that says what was found, or raises `AssertionError`."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

from evenload.runtime.settings import Settings
from tests.pods.cluster import Cluster
from tests.pods.translate import Workload, amount

NO_CAPABILITY = "0000000000000000"
TICKS = os.sysconf("SC_CLK_TCK")
AGAIN_S = 60.0
MIB = 2**20
STATUS_KEYS = ("Uid", "Gid", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")


def status_of(text: str) -> dict[str, list[str]]:
    """Return the lines of /proc/1/status."""
    return {key: value.split() for key, _, value in (line.partition(":") for line in text.splitlines())}


async def safe(cluster: Cluster, workload: Workload) -> str:
    """Check, from within, that the security contexts hold."""
    pod, container = workload.spec["securityContext"], workload.container["securityContext"]
    code, text = await cluster.podman.inside(workload.container_name, "cat", "/proc/1/status")
    assert code == 0, text
    found = status_of(text)
    assert pod["runAsNonRoot"]
    assert set(found["Uid"]) == {str(pod["runAsUser"])}, found["Uid"]
    assert set(found["Gid"]) == {str(pod["runAsGroup"])}, found["Gid"]
    assert container["capabilities"] == {"drop": ["ALL"]}
    for name in ("CapPrm", "CapEff", "CapBnd"):
        assert found[name] == [NO_CAPABILITY], f"{workload.name}: {name} {found[name]}"
    assert container["allowPrivilegeEscalation"] is False
    assert found["NoNewPrivs"] == ["1"]
    assert pod["seccompProfile"]["type"] == "RuntimeDefault"
    assert found["Seccomp"] == ["2"], "a filter"
    return f"uid {found['Uid'][0]}, gid {found['Gid'][0]}, no capability, no new privileges, seccomp filter"


async def written(cluster: Cluster, workload: Workload) -> str:
    """Check that the root cannot be written, and that each volume can exactly where the manifest lets it."""
    inside, name = cluster.podman.inside, workload.container_name
    assert workload.container["securityContext"]["readOnlyRootFilesystem"] is True
    for path in ("/x", "/var/x", "/opt/evenload/x"):
        code, text = await inside(name, "touch", path)
        assert code != 0, f"{path} was written"
        assert "Read-only" in text, text
    told = ["root read-only"]
    for mount in workload.container.get("volumeMounts", ()):
        path = mount["mountPath"]
        code, text = await inside(name, "touch", f"{path}/.written")
        assert (code != 0) == mount.get("readOnly", False), f"{path}: {text}"
        if code == 0:
            await inside(name, "rm", f"{path}/.written")
        else:
            code, text = await inside(name, "sh", "-c", f"cat {path}/* >/dev/null")
            assert code == 0, f"{path} cannot be read: {text}"
        told.append(f"{path} {'read' if mount.get('readOnly') else 'written'}")
    return ", ".join(told)


async def settled(cluster: Cluster, workload: Workload) -> str:
    """Check that what the manifests set is there in the process, and is a setting that evenload knows."""
    wanted = {each["name"]: each["value"] for each in workload.container.get("env", ())}
    for each in workload.container.get("envFrom", ()):
        name = each["configMapRef"]["name"]
        (config,) = (
            found for found in cluster.documents if found["kind"] == "ConfigMap" and found["metadata"]["name"] == name
        )
        wanted = config["data"] | wanted
    code, text = await cluster.podman.inside(workload.container_name, "sh", "-c", "tr '\\0' '\\n' </proc/1/environ")
    assert code == 0, text
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    for name, value in wanted.items():
        assert found.get(name) == value, f"{workload.name}: {name} is {found.get(name)!r}, not {value!r}"
    here = {name: value for name, value in found.items() if not name.endswith(("_CREDS", "_CERT", "_KEY", "_CA"))}
    settings = Settings.from_env(here)
    assert settings.http_host == "0.0.0.0" or not wanted, "a probe must reach it"
    return f"{len(wanted)} settings as in the manifest" if wanted else "no settings"


async def limited(cluster: Cluster, workload: Workload) -> str:
    """Check that the memory limit of the manifest is the container's."""
    wanted = int(amount(workload.container["resources"]["limits"]["memory"]))
    for path in ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"):
        code, text = await cluster.podman.inside(workload.container_name, "cat", path)
        if code == 0:
            assert int(text) == wanted, f"{workload.name}: {text} of {wanted} bytes"
            return f"memory at most {wanted // MIB} MiB"
    raise AssertionError("no memory limit is seen")


async def used(cluster: Cluster, over_s: float) -> list[str]:
    """Return what each pod takes beside what its manifest requests and allows, over `over_s`."""
    pids = {each.name: await cluster.pid(each.name) for each in cluster.lasting}
    before, began_s = {name: _cpu_s(pid) for name, pid in pids.items()}, time.monotonic()
    while time.monotonic() - began_s < over_s:
        await asyncio.sleep(0.1)
    passed_s = time.monotonic() - began_s
    lines = []
    for workload in cluster.lasting:
        resources: dict[str, Any] = workload.container["resources"]
        requested, allowed = resources["requests"], resources["limits"]
        cpu_m = 1000 * (_cpu_s(pids[workload.name]) - before[workload.name]) / passed_s
        memory_mib, most_mib = (each / MIB for each in _memory_bytes(pids[workload.name]))
        assert most_mib < amount(allowed["memory"]) / MIB
        lines.append(
            f"{workload.name:14} CPU {cpu_m:4.0f}m of {requested['cpu']} requested; memory {memory_mib:4.0f} of "
            f"{requested['memory']} requested, with all caches at most {most_mib:4.0f} of {allowed['memory']} allowed"
        )
    return lines


def _cpu_s(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS


def _memory_bytes(pid: int) -> tuple[float, float]:
    """Return what a kubelet calls the working set of a process' container, and the most that it ever had."""
    folder = Path(f"/proc/{pid}/root/sys/fs/cgroup")
    old = folder / "memory"
    if old.is_dir():
        used, most = (int((old / f"memory.{name}_in_bytes").read_text()) for name in ("usage", "max_usage"))
        return used - _stat(old, "total_inactive_file"), most
    used = int((folder / "memory.current").read_text())
    peak = folder / "memory.peak"
    return used - _stat(folder, "inactive_file"), int(peak.read_text()) if peak.exists() else used


def _stat(folder: Path, key: str) -> int:
    words = (folder / "memory.stat").read_text().split()
    return int(words[words.index(key) + 1])


async def comes_back(cluster: Cluster, name: str) -> str:
    """Kill a pod's process; it must run and be ready again."""
    pid = await cluster.pid(name)
    assert pid > 1
    os.kill(pid, signal.SIGKILL)
    began_s = time.monotonic()
    while await cluster.pid(name) in (0, pid):
        assert time.monotonic() - began_s < AGAIN_S, f"{name} does not come back"
        await asyncio.sleep(0.1)
    ready_s = await cluster.passes(name, "readinessProbe", AGAIN_S) - began_s
    return f"killed, ready again after {ready_s:.1f} s"


async def stops(cluster: Cluster, name: str) -> str:
    """Stop a pod as a kubelet does; it must end by itself, with status 0, within its time."""
    workload, began_s = cluster.workloads[name], time.monotonic()
    await cluster.podman.run("stop", "--time", str(workload.grace_s), workload.container_name)
    passed_s, state = time.monotonic() - began_s, await cluster.podman.state(workload.container_name)
    assert state["ExitCode"] == 0, f"{name} ended with {state['ExitCode']}"
    assert passed_s < workload.grace_s, f"{name} was killed after {passed_s:.1f} s"
    return f"stopped: status 0 after {passed_s:.1f} of {workload.grace_s} s"


async def again(cluster: Cluster, name: str) -> float:
    """Start a stopped pod's container as a Deployment starts its next one; return after how many s it is ready."""
    began_s = time.monotonic()
    await cluster.podman.run("start", cluster.workloads[name].container_name)
    return await cluster.passes(name, "readinessProbe", AGAIN_S) - began_s
