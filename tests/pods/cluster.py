"""The single-site overlay, played by podman, and what a kubelet would do for it."""

import asyncio
import ipaddress
import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.deploy.built import ROOT, build_async
from tests.pods.podman import Podman
from tests.pods.translate import Folder, Manifest, Workload, translated

IMAGE = "localhost/evenload:check"
NETWORK = "evenload-pods"
GOOD = range(200, 400)


class Cluster:
    """Pods in one network of podman's."""

    def __init__(self, podman: Podman, overlay: Path, documents: list[Manifest], workloads: list[Workload]) -> None:
        self.podman, self.overlay, self.documents = podman, overlay, documents
        self.workloads = {each.name: each for each in workloads}
        self.addresses: dict[str, str] = {}
        """Of pods; they stay, as a Service's does."""
        self.played_s: dict[str, float] = {}
        self.gateway = ""
        """The host's address in the network."""

    @property
    def lasting(self) -> list[Workload]:
        """All that runs until it is told to stop."""
        return list(self.workloads.values())

    async def play(self, name: str) -> None:
        """Play one pod."""
        workload = self.workloads[name]
        self.played_s[name] = time.monotonic()
        await self.podman.play(workload.text, NETWORK, self.addresses[name], workload.aliases)

    async def probe(self, name: str, kind: str) -> bool:
        """Ask a probe of a manifest once, as a kubelet does; without one, a pod that runs is well."""
        workload = self.workloads[name]
        if kind not in workload.container:
            return await self.pid(name) > 0
        asked: dict[str, Any] = workload.container[kind]
        if "exec" in asked:
            code, _ = await self.podman.inside(workload.container_name, *asked["exec"]["command"])
            return code == 0
        get = asked["httpGet"]
        url = f"http://{self.addresses[name]}:{workload.port(get['port'])}{get['path']}"
        timeout = aiohttp.ClientTimeout(total=float(asked.get("timeoutSeconds", 1)))
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as reply:
                return reply.status in GOOD
        return False

    async def passes(self, name: str, kind: str, within_s: float) -> float:
        """Return the monotonic time at which a probe first passes, asked more often than a kubelet would."""
        end_s = time.monotonic() + within_s
        while not await self.probe(name, kind):
            if time.monotonic() > end_s:
                workload = self.workloads[name]
                _, log = await self.podman.status("logs", "--tail", "20", workload.container_name)
                raise AssertionError(f"{name}: {kind} does not pass within {within_s:g} s\n{log}")
            await asyncio.sleep(0.1)
        return time.monotonic()

    async def allowed_s(self, name: str, kind: str) -> float:
        """Return how long a probe may fail before a kubelet acts."""
        asked = self.workloads[name].container.get(kind, {})
        return float(asked.get("periodSeconds", 10)) * int(asked.get("failureThreshold", 3))

    async def pid(self, name: str) -> int:
        """Return the process id of a pod's container on the host; 0 while there is none."""
        return int((await self.podman.state(self.workloads[name].container_name))["Pid"])


def lay(folder: Folder) -> None:
    """Make what a kubelet would mount: a tmpfs, or files that belong to root and the pod's group."""
    folder.path.mkdir(parents=True)
    if folder.size_bytes:
        options = f"size={folder.size_bytes},mode=2777,gid={folder.group}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder.path)], check=True)
    for name, content in folder.files.items():
        path = folder.path / name
        path.write_bytes(content)
        os.chown(path, 0, folder.group)
        path.chmod(folder.mode)


async def image_into(podman: Podman, archive: Path | None, work: Path) -> None:
    """Load the image from an archive of `docker save`, or build it."""
    if archive is None:
        archive = work / "image.tar"
        built = work / "build"
        environment = {**os.environ, "KEEP": "1", "WORK": str(built), "TAG": IMAGE}
        process = await asyncio.create_subprocess_exec(str(ROOT / "deploy" / "image.sh"), env=environment)
        assert await process.wait() == 0, "the image is not built"
        await Podman(built, driver="vfs").run("save", "--output", str(archive), IMAGE)
        shutil.rmtree(built)
    told = await podman.run("load", "--input", str(archive))
    loaded = told.split()[-1]
    if loaded != IMAGE:
        await podman.run("tag", loaded, IMAGE)


@asynccontextmanager
async def cluster(work: Path, archive: Path | None) -> AsyncIterator[Cluster]:
    """Yield a cluster in which nothing runs yet; end and remove what runs afterwards."""
    podman = Podman(work / "podman")
    await image_into(podman, archive, work)
    overlay, documents = await build_async("single-site", work)
    workloads = translated(documents, IMAGE, work / "volumes")
    folders = [folder for each in workloads for folder in each.folders]
    found = Cluster(podman, overlay, documents, workloads)
    try:
        for folder in folders:
            lay(folder)
        await podman.run("network", "create", NETWORK)
        (told,) = json.loads(await podman.run("network", "inspect", NETWORK))
        gateway = ipaddress.ip_address(told["subnets"][0]["gateway"])
        found.gateway = str(gateway)
        found.addresses = {each.name: str(gateway + place) for place, each in enumerate(workloads, 10)}
        yield found
    finally:
        await _remove(podman, folders)


async def _remove(podman: Podman, folders: Sequence[Folder]) -> None:
    await podman.status("pod", "rm", "--all", "--force", "--time", "1")
    await podman.status("network", "rm", "--force", NETWORK)
    for folder in folders:
        if folder.size_bytes:
            subprocess.run(["umount", "--lazy", str(folder.path)], check=False, stderr=subprocess.DEVNULL)
    await podman.status("system", "reset", "--force")
