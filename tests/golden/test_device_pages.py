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


@pytest.mark.parametrize("name", sorted({*METER_DRIVERS, *PLUG_DRIVERS}))
def test_a_page_by_hand_names_every_key(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    for drivers in (METER_DRIVERS, PLUG_DRIVERS):
        if name in drivers:
            assert all(f"{key}" in text for key in drivers[name].__struct_fields__), name
