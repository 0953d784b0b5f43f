"""Papers that people follow: each local link leads somewhere, and nothing is said twice in one paper."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PROSE_CHARS = 60
_LINK = re.compile(r"\]\((?!\w+:)([^)\s#]*)(?:#([^)\s]*))?\)")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _prose(path: Path) -> str:
    return _CODE.sub("", path.read_text(encoding="utf-8"))


def _headings(text: str) -> list[str]:
    return [line.lstrip("#").strip() for line in text.splitlines() if line.startswith("#")]


def _anchor(heading: str) -> str:
    """Return the anchor that renderers make of a heading: lower case, hyphens, no other signs."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_local_links_lead_somewhere(path: Path) -> None:
    for target, anchor in _LINK.findall(_prose(path)):
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), f"{target} is not there"
        if anchor and there.suffix == ".md":
            assert anchor in map(_anchor, _headings(_prose(there))), f"{target or path.name} has no heading #{anchor}"


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_said_twice(path: Path) -> None:
    lines = _prose(path).splitlines()
    said = [line for line in lines if len(line) >= PROSE_CHARS and not line.startswith(("|", " ", "#"))]
    said += [line for line in lines if line.startswith("## ")]
    twice = [line for line, count in Counter(said).items() if count > 1]
    assert twice == []
