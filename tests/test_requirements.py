"""The pinned requirements: complete, hashed, free of addresses, and one set of versions."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = ("requirements.txt", "requirements-dev.txt")


def pins(name: str) -> dict[str, str]:
    """Return package → version of a requirements file."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", FILES)
def test_every_pin_has_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-", text.replace("--hash", "hash"), flags=re.MULTILINE), "options do not belong here"
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pins(name))
    assert all("--hash=sha256:" in block for block in blocks)


def test_tests_run_with_the_versions_that_users_get() -> None:
    runtime, development = (pins(name) for name in FILES)
    assert runtime.items() <= development.items()


@pytest.mark.parametrize("name", FILES)
def test_what_the_project_names_is_pinned(name: str) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[project.optional-dependencies]")[0]
    named = {found.lower().replace("_", "-") for found in re.findall(r'^  "([A-Za-z0-9_-]+)>=', project, re.MULTILINE)}
    assert len(named) > 10
    assert named <= set(pins(name))
