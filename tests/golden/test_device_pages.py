"""docs/devices/ is what the drivers' keys and tables say; each driver has a page."""

import os
from pathlib import Path

import pytest

from evenload.cli.device_pages import indexed, pages
from evenload.site.drivers import METER_DRIVERS, PLUG_DRIVERS

FOLDER = Path(__file__).parents[2] / "docs" / "devices"
MADE = pages()


@pytest.mark.parametrize("name", sorted(MADE))
def test_page_is_current(name: str) -> None:
    page = FOLDER / f"{name}.md"
    if os.environ.get("EVENLOAD_ACCEPT"):
        page.write_text(MADE[name], encoding="utf-8")
    assert page.read_text(encoding="utf-8") == MADE[name], f"{page} is not current; run make golden"


def test_index_is_current() -> None:
    page = FOLDER / "README.md"
    made = indexed(page.read_text(encoding="utf-8"))
    if os.environ.get("EVENLOAD_ACCEPT"):
        page.write_text(made, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == made, f"{page} is not current; run make golden"


def test_every_driver_has_a_page_and_every_page_is_made() -> None:
    assert set(MADE) == {*METER_DRIVERS, *PLUG_DRIVERS}
    assert {page.stem for page in FOLDER.glob("*.md")} == {*MADE, "README"}
