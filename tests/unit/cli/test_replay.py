"""`record`, `replay` and `simulate --record` as a user sees them, without a running system."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from evenload.cli.__main__ import main
from evenload.cli.record_files import replay_file
from evenload.replay.findings import Otherwise
from evenload.replay.intervals import intervals
from tests.unit.replay.recorded import SCENARIO, SITE, event, lines, other_site, otherwise, replayed

HEADER = '{"type":"Record","format":1,"made_at":"2026-01-01T00:00:00Z","made_by":"x","source":"history"}\n'


def run(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("record")
    scenario, path = folder / "life.yaml", folder / "life.jsonl"
    scenario.write_text(yaml.safe_dump(SCENARIO, sort_keys=False), encoding="utf-8")
    result = run("simulate", scenario, "--record", path)
    assert result.exit_code == 0, result.output
    return path


def test_a_simulation_is_recorded_and_replays_as_recorded(record: Path) -> None:
    result = run("replay", record)
    assert result.exit_code == 0, result.output
    assert "all byte for byte as recorded" in result.output
    assert "memories told on the way were reached byte for byte" in result.output


def test_json_tells_counts_gaps_and_differences(record: Path) -> None:
    told = json.loads(run("replay", record, "--json").output)
    assert list(told) == ["record", "counts", "gaps", "differences", "otherwise"]
    assert told["counts"]["equal"] == told["counts"]["decisions"] > 0


def test_parts_find_what_the_whole_finds(record: Path) -> None:
    whole, parts = replay_file(record, {}), replay_file(record, {}, part_bytes=20_000)
    assert parts.counts == whole.counts
    assert parts.findings == whole.findings == []


def test_a_gap_is_shown_with_what_is_missing_and_fails(record: Path, tmp_path: Path) -> None:
    told = record.read_text(encoding="utf-8").splitlines(keepends=True)
    lost = [place for place, line in enumerate(told) if ".reading.grid" in line[:60]][20]
    holed = tmp_path / "holed.jsonl"
    holed.write_text("".join([*told[:lost], *told[lost + 1 :]]), encoding="utf-8")
    result = run("replay", holed)
    assert result.exit_code == 1
    assert "not in the record" in result.output
    assert "1 gap: nothing is said until the next basis" in result.output


def test_a_difference_is_shown_with_both_values_and_fails(record: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.jsonl"
    text = record.read_text(encoding="utf-8")
    place = text.index('"distribution":"priority"', text.index('.decision"'))
    changed.write_text(text[:place] + '"distribution":"shared"' + text[place + 25 :], encoding="utf-8")
    result = run("replay", changed)
    assert result.exit_code == 1
    assert all(word in result.output for word in ("not as recorded", "distribution", "shared", "priority"))


def test_another_site_file_is_answered_with_a_table(record: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    site = json.loads(json.dumps(SITE)) | {"meters": {"grid": {"role": "grid", "driver": "homewizard", "host": "p1"}}}
    site["grid"] = {"breaker_a": 20}
    site["loads"]["car"]["station"] = "CP001"
    site["loads"]["heater"] |= {"driver": "shelly", "host": "heater"}
    other.write_text(yaml.safe_dump(site), encoding="utf-8")
    result = run("replay", record, "--config", other)
    assert result.exit_code == 0, result.output
    assert "would have decided on the same facts" in result.output
    assert "breaker L1" in result.output
    assert "told decisions would have been others" in result.output


def test_a_file_of_another_site_cannot_be_compared(record: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("site: office\ngrid: {breaker_a: 20}\nmeters: {g: {role: grid, driver: homewizard, host: p1}}\n")
    result = run("replay", record, "--config", other)
    assert result.exit_code == 1
    assert "holds no decision of site office" in result.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read: No such file"),
        ("", "line 1: not the first line of a record"),
        ("site: home\n", "line 1: not the first line of a record"),
        (
            '{"type":"Record","format":9,"made_at":"2026-01-01T00:00:00Z","made_by":"x","source":"history"}\n',
            "format 9",
        ),
        ('{"type":"Record","made_at":"2026-01-01T00:00:00Z","made_by":"x","source":"history"}\n', "nothing to replay"),
    ],
)
def test_what_is_no_record_is_said_in_a_sentence(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "x.jsonl"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    result = run("replay", path)
    assert result.exit_code == 1
    assert says in result.output
    assert "Traceback" not in result.output


def test_a_record_is_never_overwritten(record: Path, tmp_path: Path) -> None:
    scenario = tmp_path / "life.yaml"
    scenario.write_text(yaml.safe_dump(SCENARIO, sort_keys=False), encoding="utf-8")
    result = run("simulate", scenario, "--record", record)
    assert result.exit_code == 1
    assert "exists already" in result.output


@pytest.mark.parametrize("command", [("replay",), ("record", "x.jsonl"), ("why", "wallbox")])
def test_without_a_running_system_the_exit_status_is_3(tmp_path: Path, command: tuple[str, ...]) -> None:
    result = run(*command, "--data-dir", tmp_path)
    assert result.exit_code == 3
    assert "no running evenload found" in result.output


def test_options_that_do_not_fit_are_refused(record: Path) -> None:
    assert run("replay", record, "--since", "1h").exit_code == 2
    assert run("record", "x.jsonl", "--for", "1h").exit_code == 2
    assert "90s, 30min, 2h or 7d" in run("record", "x.jsonl", "--since", "yesterday").output


def test_answers_that_say_the_same_are_one_row(tmp_path: Path) -> None:
    history = lines(tmp_path)
    found: list[Otherwise] = otherwise(replayed(history, other_site(breaker_a=20)))
    rows = intervals(found)
    assert 0 < len(rows) < len(found)
    assert sum(row.decisions for row in rows) == len(found)
    assert all(row.begin <= row.end for row in rows)
    assert {row.load for row in rows} <= set(event(history[-1])) | {"car", "heater"}
