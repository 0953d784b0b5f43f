"""podman with a storage, networks and locks of its own: whatever else runs on the machine is not seen, nor touched."""

import asyncio
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PACKAGES = {
    "podman": "podman",
    "netavark": "netavark",
    "aardvark-dns": "aardvark-dns",
    "catatonit": "catatonit",
    "iptables": "iptables",
    "runc": "runc",
}
"""Command → its Debian package. `runc`, since `crun` takes no machine that has cgroups of both versions."""
PLACES = ("/usr/lib/podman", "/usr/libexec/podman", "/usr/sbin", "/sbin")
CONFIG = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
lock_type = "file"
tmp_dir = "{work}/tmp"
[network]
network_backend = "netavark"
network_config_dir = "{work}/networks"
"""
"""The limits: what podman asks for by default takes a capability that not every root has."""


def missing() -> list[str]:
    """Return the Debian packages that have to be installed first."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *PLACES))
    return [package for command, package in PACKAGES.items() if shutil.which(command, path=path) is None]


class Podman:
    """Commands on a storage in `work`."""

    def __init__(self, work: Path, *, driver: str = "overlay", images: str = "images") -> None:
        work.mkdir(parents=True, exist_ok=True)
        config = work / "containers.conf"
        config.write_text(CONFIG.format(work=work), encoding="utf-8")
        self._words = (
            "podman", "--root", str(work / images), "--runroot", str(work / "run"), "--storage-driver", driver,
            "--log-level", "error",
        )  # fmt: skip
        self._environment = {**os.environ, "CONTAINERS_CONF": str(config)}

    async def status(self, *words: str, stdin: str = "") -> tuple[int, str]:
        """Return exit status and output of a command."""
        process = await asyncio.create_subprocess_exec(
            *self._words,
            *words,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await process.communicate(stdin.encode())
        return process.returncode or 0, told.decode(errors="replace").strip()

    async def run(self, *words: str, stdin: str = "") -> str:
        """Return the output of a command that must succeed; raise `AssertionError`."""
        status, told = await self.status(*words, stdin=stdin)
        assert status == 0, f"podman {' '.join(words)}: {status}\n{told}"
        return told

    async def state(self, container: str) -> dict[str, Any]:
        """Return its state: `Pid`, `Running`, `ExitCode` …"""
        told = await self.run("container", "inspect", "--format", "{{json .State}}", container)
        return dict(json.loads(told))

    async def inside(self, container: str, *words: str) -> tuple[int, str]:
        """Run a command in a container."""
        return await self.status("exec", container, *words)

    async def play(self, text: str, network: str, address: str, aliases: Sequence[str]) -> None:
        """Play a manifest in a network, at an address that stays, known there by the aliases too."""
        options = ",".join([f"ip={address}", *(f"alias={alias}" for alias in aliases)])
        await self.run("kube", "play", "--network", f"{network}:{options}", "-", stdin=text)
