"""docs/site-file.md is what the structs say."""

import os
from pathlib import Path

from evenload.site.reference import site_reference

PAPER = Path(__file__).parents[2] / "docs" / "site-file.md"


def test_paper_is_current() -> None:
    made = site_reference()
    if os.environ.get("EVENLOAD_ACCEPT"):
        PAPER.write_text(made, encoding="utf-8")
    assert PAPER.read_text(encoding="utf-8") == made, "docs/site-file.md is not current; run make golden"
