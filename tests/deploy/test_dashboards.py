"""The dashboards' files are what their definition says, ask only for what is measured, and overlap nowhere."""

import json
import os
import re
from typing import Any

import pytest

from tests.deploy.boards import maker, queries
from tests.deploy.metrics import series_names

NAME = re.compile(r"\b(?:evenload|process)_[a-z0-9_]+")
BOARDS = {path.stem: (path, text) for path, text in maker().files().items()}


@pytest.mark.parametrize("name", BOARDS)
def test_a_file_is_current(name: str) -> None:
    path, made = BOARDS[name]
    if os.environ.get("EVENLOAD_ACCEPT"):
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made, f"{path.name} is not current; run make golden"


def test_no_file_is_left_over() -> None:
    folder = next(iter(BOARDS.values()))[0].parent
    assert {path.stem for path in folder.glob("*.json")} == set(BOARDS)


@pytest.mark.parametrize(("panel", "query"), queries(), ids=lambda value: value[:50])
def test_a_panel_asks_for_what_is_measured(panel: str, query: str) -> None:
    names = set(NAME.findall(query))
    assert names <= series_names(), panel
    assert names or query.startswith("up"), panel


@pytest.mark.parametrize("name", BOARDS)
def test_panels_stand_within_the_page_and_beside_each_other(name: str) -> None:
    panels: list[dict[str, Any]] = json.loads(BOARDS[name][1])["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        assert 0 <= at["x"] <= 24 - at["w"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
