"""`evenload limits` and what `why` says of a limit from outside."""

import csv
import io
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from evenload.cli.limit_table import COLUMNS, as_csv, as_table, in_force_table
from evenload.cli.why_case import Asked
from evenload.cli.why_sentences import sentences
from evenload.contracts.limit_events import LimitRecord
from tests.golden.samples import AT, LATER
from tests.unit.allocator.builders import Home, evse, site


def record(**values: Any) -> LimitRecord:
    defaults: dict[str, Any] = {
        "site": "home", "source": "dso", "at": AT, "kind": "began", "scope": "managed", "state": "told",
        "heard_at": AT, "in_force_at": AT, "told_w": 1000.0, "limit_w": 4200.0, "managed_w": 6900.0, "import_w": 7000.5,
    }  # fmt: skip
    return LimitRecord(**{**defaults, **values})


def text(table: Any) -> str:
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(table)
    return console.export_text()


def test_every_value_is_in_the_csv() -> None:
    (row,) = csv.DictReader(io.StringIO(as_csv([record(kind="measured", after_s=900.0, mean_w=4100.5, most_w=4180.0)])))
    assert tuple(row) == COLUMNS
    assert (row["at"], row["heard_at"]) == ("2026-06-01T10:15:30.250Z", "2026-06-01T10:15:30.250Z")
    assert (row["told_w"], row["limit_w"], row["mean_w"], row["import_w"]) == ("1000", "4200", "4100.5", "7000.5")


def test_what_is_not_known_is_empty() -> None:
    lifted = record(state="lifted", told_w=None, limit_w=None, heard_at=None, managed_w=None)
    (row,) = csv.DictReader(io.StringIO(as_csv([lifted])))
    assert [row[name] for name in ("told_w", "limit_w", "heard_at", "managed_w")] == [""] * 4


def test_the_last_that_began_is_in_force() -> None:
    shown = text(
        in_force_table([record(), record(at=LATER, state="lifted", limit_w=None), record(kind="measured")], {})
    )
    assert "lifted" in shown
    assert "4200" not in shown


def test_the_table_says_that_a_floor_holds() -> None:
    shown = text(as_table([record(), record(kind="followed", after_s=6.0)], {}))
    assert "4200 W (told 1000 W, its floor holds)" in shown
    assert "followed after 6 s" in shown


def test_times_are_those_of_the_site() -> None:
    for zone, at in (("Asia/Tokyo", "2026-06-01 19:15:30"), ("America/New_York", "2026-06-01 06:15:30")):
        clocks = {record().site: ZoneInfo(zone)}
        for table in (as_table([record()], clocks), in_force_table([record()], clocks)):
            assert at in text(table)


@pytest.mark.parametrize(
    ("limit", "pass_s", "words"),
    [
        ({"limit_w": 5520.0}, 5, "The limit of dso bounds it: 5520 W for what the loads draw from the grid"),
        ({"limit_w": 100.0, "floor_w": 5520.0}, 5, "dso told 100 W, which is less than must stay allowed."),
        (
            {"limit_w": 9000.0, "valid_s": 60.0, "failsafe_w": 5520.0, "failsafe_s": 7200.0},
            120,
            "That is its failsafe: dso is not heard any more, for 1 h 58 min more.",
        ),
    ],
)
def test_why_names_source_value_and_state(limit: dict[str, Any], pass_s: int, words: str) -> None:
    where = site({"car": evse()})
    home = Home(where).limit("dso", scope="managed", **limit).pass_s(pass_s)
    assert home.outcome is not None
    assert words in " ".join(sentences(Asked(site=where, decision=home.outcome.decision, age_s=1.0), "car"))
