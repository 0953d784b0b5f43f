"""A container engine as an ordinary user types to it, and what is asked of it besides."""

import asyncio
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.compose.guide import ROOT

PROJECT, VERSION = "evenload-check", "check"
USER = 12_345
"""Who types, when this runs as root: the guide's containers run as whoever types, and that should not be root."""
PORTS = {9000: "ocpp_gateway", 9090: "prometheus", 3000: "grafana", 1883: "mosquitto"}
COMMAND_S = 600.0
Json = dict[str, Any]


class Unusable(Exception):
    """Nothing can be tried here, and why."""


class Engine:
    """Runs command lines in `folder`, as a user who may talk to the engine."""

    def __init__(self, folder: Path) -> None:
        self.home, self.folder = folder / "home", folder
        self._as: list[str] = []
        self._dangling: set[str] = set()
        self.ready = False
        """An engine was found, nothing of ours was there, and what is made from now on is to be removed."""

    async def prepare(self) -> None:
        """Find engine and compose. Raises `Unusable`."""
        if shutil.which("docker") is None:
            raise Unusable("there is no `docker` here; install Docker, or run this where one is")
        status, said = await self.run("docker version --format '{{.Server.Version}}'", as_us=True)
        if status:
            raise Unusable(f"no Docker engine is reached: {said.strip().splitlines()[-1]}")
        (self.home / ".docker" / "cli-plugins").mkdir(parents=True)
        if (await self.run("docker compose version"))[0]:
            plugin = self.home / ".docker" / "cli-plugins" / "docker-compose"
            shutil.copy(ROOT / ".venv-deploy" / "bin" / "docker-compose", plugin)
        if os.getuid() == 0:
            host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
            group = Path(host).stat().st_gid if Path(host).exists() else USER
            self._as = ["setpriv", f"--reuid={USER}", f"--regid={USER}", f"--groups={group}"]
        status, said = await self.run("docker compose version")
        if status:
            raise Unusable(f"`docker compose` does not run: {said.strip()}")
        taken = [port for port in PORTS if _taken(port)]
        if taken:
            raise Unusable(f"port {taken[0]} is taken, {PORTS[taken[0]]} needs it: is Evenload running here already?")
        self._dangling = await self._nameless()
        self.ready = True

    @property
    def user(self) -> int:
        """The number of who types."""
        return USER if self._as else os.getuid()

    def give(self, path: Path) -> None:
        """Let who types own all below `path`."""
        for each in (path, *path.rglob("*")):
            os.chown(each, self.user, self.user if self._as else -1, follow_symlinks=False)

    async def run(self, line: str, *, as_us: bool = False, stdin: str = "") -> tuple[int, str]:
        """Return exit status and output of a command line; `as_us`: not as the user who types."""
        environment = {**os.environ, "HOME": str(self.home), "COLUMNS": "140"}
        environment |= {"COMPOSE_PROJECT_NAME": PROJECT, "EVENLOAD_VERSION": VERSION, "COMPOSE_PROGRESS": "quiet"}
        process = await asyncio.create_subprocess_exec(
            *([] if as_us else self._as),
            *("bash", "-c", line),
            cwd=self.folder,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(stdin.encode()), COMMAND_S)
        return process.returncode or 0, said.decode(errors="replace")

    async def must(self, line: str, *, as_us: bool = False, stdin: str = "") -> str:
        """Return the output of a command line that must succeed."""
        status, said = await self.run(line, as_us=as_us, stdin=stdin)
        assert status == 0, f"{line}: exit status {status}\n{said[-3000:]}"
        return said

    async def has_image(self, image: str) -> bool:
        """Tell whether the engine has an image of this name."""
        return (await self.run(f"docker image inspect {image}", as_us=True))[0] == 0

    async def containers(self) -> dict[str, Json]:
        """Return what the engine knows of each container of the project, by service; not of those of `run`."""
        label = "com.docker.compose"
        ids = (await self.must(f"docker ps -aq --filter label={label}.project={PROJECT}")).split()
        if not ids:
            return {}
        known: list[Json] = json.loads(await self.must(f"docker inspect {' '.join(ids)}"))
        own = [each for each in known if each["Config"]["Labels"].get(f"{label}.oneoff") != "True"]
        return {each["Config"]["Labels"][f"{label}.service"]: each for each in own}

    async def inside(self, service: str, program: str) -> str:
        """Return what a Python program says that runs in a service's container, with its credentials."""
        container = (await self.containers())[service]["Id"]
        return await self.must(f"docker exec -i {container} python3 -", stdin=program)

    async def settled(self, holds: Callable[[dict[str, Json]], bool], within_s: float, what: str) -> float:
        """Return after how many seconds `holds` of the containers."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while not holds(found := await self.containers()):
            said = {name: state(each) for name, each in found.items()}
            assert loop.time() - began_s < within_s, f"not within {within_s:g} s: {what}; {said}"
            await asyncio.sleep(0.3)
        return loop.time() - began_s

    async def clean(self, images: list[str]) -> None:
        """Remove all containers, networks and volumes of the project, and the images that were made for it."""
        for kind, remove in (("container", "rm -fv"), ("network", "rm"), ("volume", "rm")):
            listed = f"docker {kind} ls -q --filter label=com.docker.compose.project={PROJECT}"
            found = (await self.run(listed + (" -a" if kind == "container" else ""), as_us=True))[1].split()
            if found:
                await self.run(f"docker {kind} {remove} {' '.join(found)}", as_us=True)
        await self.run(f"docker image rm -f evenload:{VERSION} {' '.join(images)}", as_us=True)
        left = await self._nameless() - self._dangling
        if left:
            await self.run(f"docker image rm -f {' '.join(left)}", as_us=True)

    async def _nameless(self) -> set[str]:
        """Return the images without a name, as the classic builder leaves one for each stage."""
        return set((await self.run("docker images -q --filter dangling=true", as_us=True))[1].split())


def state(container: Json) -> str:
    """Return how a container is: healthy, starting, unhealthy, running, exited 0, …"""
    known = container["State"]
    if known["Status"] != "running":
        return f"{known['Status']} {known['ExitCode']}"
    return str(known.get("Health", {}).get("Status", "running"))


def _taken(port: int) -> bool:
    with socket.socket() as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(("0.0.0.0", port))  # as the engine will
        except OSError:
            return True
    return False
