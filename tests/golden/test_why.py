"""The sentences of `evenload why` on decisions of scenario runs, for every rule and limit there is.

`make golden` accepts changed sentences; `python -m tests.golden.why_cases` takes the decisions anew.
"""

import os
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from evenload.cli.why_bounds import BOUNDS
from evenload.cli.why_case import Asked, duration
from evenload.cli.why_rules import RULES
from evenload.cli.why_sentences import LIMITED_BY_BOUND, sentences
from services.allocator.facts import Facts
from tests.golden.why_cases import FOLDER, Told, cases, kind
from tests.unit.allocator.builders import Home, evse, site

ROOT = Path(__file__).parents[2]
ALLOCATOR = ROOT / "services" / "allocator"
AGE_S = 1.0
ELSEWHERE = frozenset({"waits to hear all loads"})
"""Rules that no scenario reaches; below they are."""


def said(told: Told) -> tuple[str, ...]:
    return sentences(Asked(site=told.site, decision=told.decision, age_s=AGE_S), told.load)


def test_sentences_are_as_accepted() -> None:
    path = FOLDER / "sentences.txt"
    parts = [f"# {told.where}: {' / '.join(filter(None, kind(told)))}\n" + "\n".join(said(told)) for told in cases()]
    made = "\n\n".join(parts) + "\n"
    if os.environ.get("EVENLOAD_ACCEPT"):
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made, "sentences changed; if meant, run make golden"


def test_every_rule_and_limit_has_a_case() -> None:
    found = [kind(told) for told in cases()]
    assert {rule for rule, _, _ in found} | ELSEWHERE >= {*RULES, *LIMITED_BY_BOUND}
    assert {bound for _, bound, _ in found} >= {*BOUNDS}


def test_every_wait_that_the_allocator_can_tell_has_sentences() -> None:
    """Read from the source, so that a new one cannot be forgotten."""
    text = "".join(path.read_text(encoding="utf-8") for path in ALLOCATOR.glob("*.py"))
    waits = set(re.findall(r'waits="([^"]+)"', text)) | set(re.findall(r'return "(waits [^"]+)"', text))
    assert len(waits) > 6
    assert waits <= set(RULES)


def test_every_limit_that_the_allocator_can_name_has_sentences() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in ALLOCATOR.glob("*.py"))
    kinds = set(re.findall(r'Bound\(kind="([a-z_]+)"', text)) - {"idle"}
    assert len(kinds) > 6
    assert kinds <= set(BOUNDS)


class GuestUnheard(Home):
    """A home of whose loads one says nothing."""

    def facts(self) -> Facts:
        found = super().facts()
        return replace(found, loads={name: heard for name, heard in found.loads.items() if name != "guest"})


def test_a_load_that_was_not_heard_yet_is_named() -> None:
    where = site({"car": evse(), "guest": evse(priority=2)})
    home = GuestUnheard(where).pass_s(2)
    assert home.outcome is not None
    told = sentences(Asked(site=where, decision=home.outcome.decision, age_s=0.0), "car")
    assert "The allocator has just begun and has not heard all loads yet: guest." in told


def test_a_load_of_another_site_has_no_sentences() -> None:
    told = cases()[0]
    assert sentences(Asked(site=told.site, decision=told.decision, age_s=0.0), "nobody") == ()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (250, "4 min 10 s"), (3600, "1 h"), (3900, "1 h 5 min")],
)
def test_a_length_of_time_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
