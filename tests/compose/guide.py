"""What the guide tells a newcomer to type, in its own words. Pure."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guides" / "compose.md"
UPGRADING = ROOT / "docs" / "upgrading.md"


def blocks(page: Path) -> dict[str, list[list[str]]]:
    """Return the command lines of a page: by heading, its blocks in order."""
    found: dict[str, list[list[str]]] = {}
    text = page.read_text(encoding="utf-8")
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        written = re.findall(r"^```\n(.*?)^```", body, re.DOTALL | re.MULTILINE)
        found[heading] = [block.strip().splitlines() for block in written]
    return found


def remedies(page: Path) -> list[tuple[str, str]]:
    """Return the rows (seen, do) of the page's table of what does not work."""
    _, _, table = page.read_text(encoding="utf-8").partition("| seen | do |")
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    return [(seen, do) for seen, do in rows if not seen.startswith("--")]


def quoted(text: str) -> list[str]:
    """Return what a sentence has in backticks."""
    return re.findall(r"`([^`]+)`", text)
