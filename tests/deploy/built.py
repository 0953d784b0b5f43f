"""The Kubernetes overlays as kustomize builds them, with credentials as the guide has them made."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
ROOT = Path(__file__).parents[2]
KUBECTL = ROOT / ".venv-deploy" / "bin" / "kubectl"
"""Made by `make deploy`."""
OVERLAYS = ("single-site", "fleet")
KEPT = Path(__file__).parent / "built"
"""What kustomize made of each overlay, without the values of its secrets: for tests, and to see what a change does."""
INIT = ("nats", "init", "secrets", "--listen", "0.0.0.0:4222", "--monitor", "0.0.0.0:8222", "--store", "/data")


def build(overlay: str, folder: Path) -> tuple[Path, list[Manifest]]:
    """Return the folder of the overlay, a copy in `folder` with credentials made as the guide says, and what it is."""
    shutil.copytree(ROOT / "deploy" / "kubernetes", folder / "kubernetes", ignore=shutil.ignore_patterns("secrets"))
    inner = folder / "kubernetes" / "overlays" / overlay
    evenload = str(Path(sys.executable).with_name("evenload"))
    subprocess.run([evenload, *INIT], cwd=inner, check=True, stdout=subprocess.DEVNULL)
    told = subprocess.run([str(KUBECTL), "kustomize", "."], cwd=inner, check=True, capture_output=True, text=True)
    return inner, list(yaml.safe_load_all(told.stdout))


async def build_async(overlay: str, folder: Path) -> tuple[Path, list[Manifest]]:
    """`build`, beside what else runs."""
    return await asyncio.to_thread(build, overlay, folder)


def without_secrets(documents: list[Manifest]) -> list[Manifest]:
    """Return them with the keys of secrets, but no values."""
    return [
        {**each, "data": dict.fromkeys(each["data"], "")} if each["kind"] == "Secret" else each for each in documents
    ]


def kept(overlay: str) -> list[Manifest]:
    """Return what was kept of an overlay."""
    return list(yaml.safe_load_all((KEPT / f"{overlay}.yaml").read_text(encoding="utf-8")))
