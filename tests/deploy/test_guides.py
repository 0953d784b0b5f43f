"""What the guides tell a newcomer to type exists: commands and options, make targets, compose services, files."""

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from evenload.cli.__main__ import main

ROOT = Path(__file__).parents[2]
PAGES = (*sorted((ROOT / "docs" / "guides").glob("*.md")), ROOT / "docs" / "upgrading.md")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))


def typed(page: Path) -> list[list[str]]:
    """Return each command line of a page, in words."""
    blocks = re.findall(r"^```\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = [line.removesuffix(" &").strip() for block in blocks for line in block.splitlines()]
    return [shlex.split(line) for line in lines if line]


def commands() -> Iterator[Any]:
    """Yield the words after `evenload` of each line that runs it, here or in the container `cli`."""
    for page in PAGES:
        for words in typed(page):
            after = words[1:] if words[0].endswith("evenload") else []
            if words[:2] == ["docker", "compose"] and "cli" in words:
                after = words[words.index("cli") + 1 :]
            if after:
                yield pytest.param(after, id=f"{page.stem}: {' '.join(after)}"[:60])


@pytest.mark.parametrize("words", list(commands()))
def test_a_command_of_the_guides_takes_these_words(words: list[str]) -> None:
    command: click.Command = main
    left = list(words)
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), left[0])
        assert found is not None, f"there is no command {left[0]}"
        command, left = found, left[1:]
    options = {name for parameter in command.params for name in parameter.opts}
    for word in left:
        assert not word.startswith("--") or word.split("=")[0] in options, word


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_make_targets_and_compose_services_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for words in typed(page):
        if words[0] == "make":
            assert words[1] in targets
        if words[:2] == ["docker", "compose"] and "run" in words:
            assert words[words.index("--rm") + 1] in COMPOSE["services"]
        for flag, file in pairwise(words):
            if flag == "-f" and file.endswith(".yaml"):
                assert (ROOT / "deploy" / file).is_file(), file


def test_every_folder_that_containers_write_to_is_made_by_the_guide() -> None:
    """Docker makes a missing one for root, and nothing here runs as root."""
    text = (ROOT / "docs" / "guides" / "compose.md").read_text(encoding="utf-8")
    made = {word for line in re.findall(r"^mkdir -p (.*)$", text, re.MULTILINE) for word in line.split()}
    compose = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    compose += (ROOT / "deploy" / "try.yaml").read_text(encoding="utf-8")
    mounts = set(re.findall(r'"\./([a-z-]+):[^"]*"', compose)) - {"prometheus", "grafana"}
    assert mounts <= made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target
