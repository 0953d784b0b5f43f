"""Commands that need no running system: check, schema, simulate, and what set and station make of their words."""

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from evenload.cli import running
from evenload.cli.__main__ import main
from evenload.cli.follow import stamp
from evenload.cli.running import Running, data_dir_of
from evenload.cli.set_command import command_from, until_from
from evenload.cli.station import instructions
from evenload.cli.supervisor import LONGEST_WAIT_S, STEADY_S, next_wait_s, trim
from evenload.contracts.commands import ClearOverride, SetDistribution, SetLimit, SetMode, SetPriority, SetSchedule
from evenload.contracts.schedules import ScheduleWindow

GOOD = """\
site: home
grid: {breaker_a: 25}
meters:
  p1: {role: grid, driver: homewizard, host: 127.0.0.1}
loads:
  wallbox: {type: evse, station: CP001, max_a: 16}
"""
NOW = datetime(2026, 6, 1, 10, 0, tzinfo=timezone(timedelta(hours=2)))
NOBODY_PID = 2**22 + 1
SCENARIO = """\
name: sunny
site: {site: home, phases: [L1], grid: {breaker_a: 25}, loads: {car: {type: evse, max_a: 16, mode: standard}}}
given: {household_a: {L1: 2}, loads: {car: {status: charging}}}
timeline: [{at_s: 300, given: {household_a: {L1: 15}}}, {at_s: 700}]
"""


def evenload(*arguments: str | Path, env: dict[str, str] | None = None) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=env)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a good site file."""
    path = tmp_path / "home.yaml"
    path.write_text(GOOD)
    return path


def test_check_accepts_a_good_file(home: Path) -> None:
    result = evenload("check", home)
    assert result.exit_code == 0
    assert "site home: 1 load, 1 meter" in result.output


def test_check_tells_all_faults_with_line_and_remedy(home: Path) -> None:
    home.write_text(GOOD.replace("max_a: 16", "max_a: 1600, prioritty: 1"))
    result = evenload("check", home)
    assert result.exit_code == 1
    assert f"{home}:6: loads.wallbox.max_a" in result.output
    assert "did you mean priority?" in result.output
    assert "2 faults: refused" in result.output


def test_check_refuses_one_site_in_two_files(home: Path) -> None:
    other = home.with_name("other.yaml")
    other.write_text(GOOD)
    result = evenload("check", home, other)
    assert result.exit_code == 1
    assert "site home is in" in result.output


def test_check_of_a_missing_file_says_so(tmp_path: Path) -> None:
    result = evenload("check", tmp_path / "none.yaml")
    assert result.exit_code == 1
    assert "cannot read the file" in result.output


@pytest.mark.parametrize("name", ["site", "events", "MeterReading", "setmode"])
def test_schema_prints_json_schema(name: str) -> None:
    result = evenload("schema", name)
    assert result.exit_code == 0
    assert json.loads(result.output)["$schema"].startswith("https://json-schema.org/")


def test_schema_of_an_unknown_name_suggests() -> None:
    result = evenload("schema", "MeterReadin")
    assert result.exit_code == 1
    assert "did you mean MeterReading?" in result.output


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_has_help_with_examples_or_subcommands(command: str) -> None:
    result = evenload(command, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.output or "Commands:" in result.output


def test_without_a_running_system_commands_say_what_to_do(tmp_path: Path) -> None:
    result = evenload("status", env={"EVENLOAD_DATA_DIR": str(tmp_path), "EVENLOAD_NATS_URL": ""})
    assert result.exit_code == 3
    assert "start `evenload up SITE.yaml`" in result.output


def test_an_unreachable_system_is_told_with_its_address() -> None:
    result = evenload("status", "--nats", "nats://127.0.0.1:1")
    assert result.exit_code == 3
    assert "127.0.0.1:1" in result.output


@pytest.mark.parametrize(
    ("what", "value", "wanted"),
    [
        ("mode", "solar_only", SetMode(site="home", load="wallbox", mode="solar_only")),
        ("mode", "continuous", SetMode(site="home", load="wallbox", mode="standard")),
        (
            "schedule",
            "mon-fri 22:00-06:00 continuous; sat 10A solar_only",
            SetSchedule(
                site="home",
                load="wallbox",
                windows=(
                    ScheduleWindow(when="mon-fri 22:00-06:00", mode="standard"),
                    ScheduleWindow(when="sat", mode="solar_only", max_a=10.0),
                ),
            ),
        ),
        ("schedule", "none", SetSchedule(site="home", load="wallbox")),
        ("priority", "2", SetPriority(site="home", load="wallbox", priority=2)),
        ("limit", "10.5", SetLimit(site="home", load="wallbox", max_a=10.5)),
        ("limit", "10A", SetLimit(site="home", load="wallbox", max_a=10.0)),
        ("distribution", "shared", SetDistribution(site="home", distribution="shared")),
        ("clear", "", ClearOverride(site="home", load="wallbox")),
    ],
)
def test_set_makes_the_command(what: str, value: str, wanted: object) -> None:
    made = command_from("home", "wallbox", what, value=value, until=None)
    assert type(made) is type(wanted)
    assert {key: getattr(made, key) for key in made.__struct_fields__ if key != "by"} == {
        key: getattr(wanted, key) for key in made.__struct_fields__ if key != "by"
    }


def test_clearing_the_site_names_no_load() -> None:
    made = command_from("home", "home", "clear", value="", until=None)
    assert isinstance(made, ClearOverride)
    assert made.load is None


@pytest.mark.parametrize(
    ("what", "value"), [("mode", "sun"), ("priority", "1.5"), ("priority", "-1"), ("limit", "ten"), ("limit", "nan")]
)
def test_set_refuses_what_cannot_be_meant(what: str, value: str) -> None:
    with pytest.raises(click.BadParameter):
        command_from("home", "wallbox", what, value=value, until=None)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2h", datetime(2026, 6, 1, 10, 0, tzinfo=UTC)),
        ("30min", datetime(2026, 6, 1, 8, 30, tzinfo=UTC)),
        ("18:00", datetime(2026, 6, 1, 16, 0, tzinfo=UTC)),
        ("07:00", datetime(2026, 6, 2, 5, 0, tzinfo=UTC)),
        ("2026-06-03T12:00", datetime(2026, 6, 3, 10, 0, tzinfo=UTC)),
        ("2026-06-03T12:00+00:00", datetime(2026, 6, 3, 12, 0, tzinfo=UTC)),
    ],
)
def test_until_is_a_duration_a_time_of_day_or_a_date(text: str, wanted: datetime) -> None:
    assert until_from(text, NOW) == wanted


@pytest.mark.parametrize("text", ["soon", "25:00", "2026-01-01T00:00", "2x", ""])
def test_until_refuses_the_past_and_the_unreadable(text: str) -> None:
    with pytest.raises(click.BadParameter):
        until_from(text, NOW)


def test_station_instructions_name_address_identity_and_password() -> None:
    text = instructions("CP|01", "secret", "ws://192.168.1.5:9000")
    assert "ws://192.168.1.5:9000/CP%7C01" in text
    assert "secret" in text
    assert "--ocpp-host" not in text


def test_station_instructions_warn_when_no_charger_can_reach_the_gateway() -> None:
    assert "--ocpp-host 0.0.0.0" in instructions("CP001", "secret", "ws://127.0.0.1:9000")


def test_data_folder_is_flag_free() -> None:
    assert data_dir_of({}, Path("/home/me")) == Path("/home/me/.local/share/evenload")
    assert data_dir_of({"XDG_DATA_HOME": "/x"}, Path("/home/me")) == Path("/x/evenload")
    assert data_dir_of({"EVENLOAD_DATA_DIR": "/d"}, Path("/home/me")) == Path("/d")


def test_up_is_found_before_demo_and_the_dead_are_not(tmp_path: Path) -> None:
    alive = running.os.getpid()
    running.write(tmp_path, "demo.json", Running(pid=alive, nats_url="nats://demo"))
    assert running.find(tmp_path) == Running(pid=alive, nats_url="nats://demo")
    running.write(tmp_path, "up.json", Running(pid=NOBODY_PID, nats_url="nats://dead"))
    assert running.find(tmp_path) == Running(pid=alive, nats_url="nats://demo")
    running.write(tmp_path, "up.json", Running(pid=alive, nats_url="nats://up"))
    assert running.find(tmp_path) == Running(pid=alive, nats_url="nats://up")
    running.remove(tmp_path, "up.json", NOBODY_PID)
    running.remove(tmp_path, "demo.json", alive)
    assert [path.name for path in tmp_path.iterdir()] == ["up.json"]


def test_waits_between_starts_double_and_start_over() -> None:
    waits_s = [0.0]
    for _ in range(8):
        waits_s.append(next_wait_s(waits_s[-1], 0.1))
    assert waits_s[1:5] == [0.5, 1.0, 2.0, 4.0]
    assert waits_s[-1] == LONGEST_WAIT_S
    assert next_wait_s(LONGEST_WAIT_S, STEADY_S) == 0.5


def test_a_long_log_is_kept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evenload.cli.supervisor.LOG_BYTES", 10)
    log = tmp_path / "x.log"
    log.write_text("0123456789abc")
    trim(log)
    assert (log.read_text(), log.with_suffix(".1").read_text()) == ("", "0123456789abc")


def test_a_password_file_belongs_to_what_is_followed(home: Path) -> None:
    home.write_text(GOOD + "stations: {CP001: {password_file: cp.key}}\n")
    key = home.with_name("cp.key")
    key.write_text("one")
    key.chmod(0o600)
    before = stamp(home)
    key.write_text("three")
    assert stamp(home) != before
    home.unlink()
    assert stamp(home) == ()


def test_demo_lists_the_odd_stations_and_refuses_others() -> None:
    listed = evenload("demo", "--faults")
    assert listed.exit_code == 0
    assert {"watts_only", "hex_password", "clock_drift", "rejects_stack_level"} <= set(listed.output.split())
    refused = evenload("demo", "--fault", "zero_ends_sesion")
    assert refused.exit_code == 2
    assert "did you mean zero_ends_session?" in refused.output


def test_simulate_explains_every_load_at_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(SCENARIO)
    result = CliRunner().invoke(main, ["simulate", str(path), "--why", "0:04", "--why", "0:11"])
    assert result.exit_code == 0
    first, second = result.output.split("# sunny, 0:11")
    assert "# sunny, 0:04\ncar may draw 16.0 A per line: mode standard, charging" in first
    assert "The main breaker bounds it on L1: 25 A" in second


def test_simulate_wants_a_time_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(SCENARIO)
    result = CliRunner().invoke(main, ["simulate", str(path), "--why", "noon"])
    assert result.exit_code == 2
    assert "write it as 12:30" in result.output


def test_who_types_has_a_number_where_the_machine_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    command = command_from("home", "wallbox", "mode", value="off", until=None)
    assert command.by == f"evenload set, {os.getuid()}"
