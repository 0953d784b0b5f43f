"""What is kept of the overlays is what kustomize builds of them; `make deploy` runs this with its own kubectl."""

import os
from pathlib import Path

import pytest
import yaml

from tests.deploy.built import KEPT, OVERLAYS, build, kept, without_secrets

ACCEPT = "EVENLOAD_ACCEPT"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_kept_is_what_kustomize_builds(overlay: str, tmp_path: Path) -> None:
    """Else: EVENLOAD_ACCEPT=1 make deploy, and explain the difference in the commit."""
    built = without_secrets(build(overlay, tmp_path)[1])
    if os.environ.get(ACCEPT):
        KEPT.mkdir(exist_ok=True)
        (KEPT / f"{overlay}.yaml").write_text(yaml.safe_dump_all(built), encoding="utf-8")
    assert built == kept(overlay)
