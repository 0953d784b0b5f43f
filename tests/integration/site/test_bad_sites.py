"""Every bad site file is refused with the right line, path and remedy, and with nothing else beside it."""

import re
from pathlib import Path

import pytest

from evenload.site.findings import Finding, faults
from evenload.site.load import load_text

SOURCE = Path(__file__).with_name("bad_sites.txt")
MARK = re.compile(r"#([!?]) (\S*) ?\| (.+)$")


def cases() -> list[tuple[str, str]]:
    """Return (name, text) of all bad files."""
    parts = SOURCE.read_text(encoding="utf-8").split("\n=== ")[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


def expected(text: str) -> list[tuple[int, str, str, str]]:
    """Return (line, path, severity, words) of each mark."""
    found = [(number, MARK.search(line)) for number, line in enumerate(text.splitlines(), start=1)]
    return [
        (number, mark[2], "fault" if mark[1] == "!" else "warning", mark[3].strip()) for number, mark in found if mark
    ]


def told(finding: Finding) -> str:
    """Return what the finding says, without its place."""
    return f"{finding.fault}, {finding.remedy}"


@pytest.mark.parametrize(("name", "text"), cases(), ids=[name for name, _ in cases()])
def test_bad_site_is_refused_with_line_and_remedy(name: str, text: str) -> None:
    loaded = load_text(text, "bad.yaml")
    shown = "\n".join(map(str, loaded.findings))
    assert loaded.site is None, name
    assert faults(loaded.findings), name
    wanted = expected(text)
    assert wanted, "the case expects nothing"
    for line, path, severity, words in wanted:
        hits = [each for each in loaded.findings if (each.line, each.path, each.severity) == (line, path, severity)]
        assert any(words in told(each) for each in hits), f"wanted {line}: {path}: {words}\n{shown}"
    places = {(line, path) for line, path, _, _ in wanted}
    assert {(each.line, each.path) for each in loaded.findings} == places, f"more than expected:\n{shown}"


def test_there_are_enough_of_them() -> None:
    assert len(cases()) >= 40
    assert len({name for name, _ in cases()}) == len(cases())
