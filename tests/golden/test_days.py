"""The sentences of `evenload why` about every load of the demo home, on a summer day and on a winter day.

`make golden` accepts changed sentences; `make days` plays both days and takes the decisions anew.
"""

import os
from pathlib import Path

import msgspec

from bench.days import MOMENTS, Told
from evenload.cli.why_case import Asked
from evenload.cli.why_sentences import sentences

FOLDER = Path(__file__).parent / "days"
LOADS = ("car", "heat_pump", "pool", "tank")


def kept() -> list[Told]:
    lines = (FOLDER / "decisions.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Told) for line in lines]


def said(told: Told, load: str) -> tuple[str, ...]:
    return sentences(Asked(site=told.site, decision=told.decision, age_s=0.0), load)


def test_sentences_are_as_accepted() -> None:
    path = FOLDER / "sentences.txt"
    parts = [f"# {told.where}\n" + "\n".join(" ".join(said(told, load)) for load in LOADS) for told in kept()]
    made = "\n\n".join(parts) + "\n"
    if os.environ.get("EVENLOAD_ACCEPT"):
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made, "sentences changed; if meant, run make golden"


def test_every_chosen_moment_was_kept() -> None:
    assert [told.where for told in kept()] == [f"{day} {at}" for day, times in MOMENTS.items() for at in times]


def test_every_load_is_explained_at_every_moment() -> None:
    for told in kept():
        for load in LOADS:
            found = said(told, load)
            assert len(found) >= 2, (told.where, load, found)
            assert not any("The allocator says" in sentence for sentence in found), (told.where, found)
