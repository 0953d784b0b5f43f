"""Scenario files: merging, words of YAML, and faults with file and line."""

from pathlib import Path

import pytest

from evenload.simulation.scenario_files import load_paths, merged
from evenload.simulation.yaml_lines import line_of, read
from evenload.site.findings import ConfigError

GOOD = """\
name: one
why: a reason
site:
  site: home
  phases: [L1]
  grid: {breaker_a: 25}
  loads:
    car: {type: evse, mode: off}
given:
  household_a: {L1: 2}
  loads: {car: {status: charging}}
expect:
  car: {setpoint_a: 0}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "case.yaml"
    path.write_text(text)
    return path


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load_paths([written(folder, text)])
    return [str(finding).replace(str(folder), "") for finding in refused.value.findings]


def test_a_good_file_loads_and_off_is_a_word(tmp_path: Path) -> None:
    (scenario,) = load_paths([written(tmp_path, GOOD)])
    assert scenario.site.loads["car"].mode == "off"


def test_folders_are_searched(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "two.yaml").write_text(GOOD + "---\n" + GOOD)
    assert len(load_paths([tmp_path])) == 3


def test_a_base_is_merged_below(tmp_path: Path) -> None:
    text = (
        GOOD + '---\nname: two\nbase: "#one"\nsite: {loads: {car: {mode: standard}}}\ngiven: {household_a: {L1: 5}}\n'
    )
    _, scenario = load_paths([written(tmp_path, text)])
    assert scenario.site.loads["car"].mode == "standard"
    assert scenario.given.household_a == {"L1": 5.0}
    assert scenario.given.loads["car"].status == "charging"
    assert not scenario.expect


def test_the_timeline_is_merged_step_by_step(tmp_path: Path) -> None:
    text = GOOD + "timeline:\n  - {at_s: 60, given: {solar_w: 100}}\n  - {at_s: 90, given: {household_a: {L1: 3}}}\n"
    (scenario,) = load_paths([written(tmp_path, text)])
    last = scenario.moments[1].given
    assert last is not None
    assert (last.solar_w, last.household_a) == (100.0, {"L1": 3.0})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            ("setpoint_a: 0", "setpont_a: 0"),
            ":13: expect.car.setpont_a: Object contains unknown field `setpont_a`, did you mean setpoint_a?",
        ),
        (("status: charging", "status: driving"), ":11: given.loads: Invalid enum value 'driving'"),
        (("mode: off", "mode: sideways"), ":8: site.loads.car.mode: "),
        (("{L1: 2}", "{L2: 2}"), ":10: given.household_a.L2: the site has no such phase"),
        (("expect:\n  car", "expect:\n  cart"), ":13: expect.cart: the site has no such load"),
        (("why: a reason", "why: [a"), ":3: not YAML: "),
        (("name: one", 'name: one\nbase: "#none"'), ":2: base: no scenario 'none'"),
    ],
)
def test_faults_say_where(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    found = faults(tmp_path, GOOD.replace(*change))
    assert any(told in fault for fault in found), found


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file or folder"):
        load_paths([tmp_path / "nowhere"])
    with pytest.raises(ConfigError, match=r"no \.yaml file"):
        load_paths([tmp_path])


def test_none_takes_a_key_away() -> None:
    assert merged({"a": 1, "b": {"c": 2}}, {"a": None, "b": {"d": 3}}) == {"b": {"c": 2, "d": 3}}


def test_lines_of_keys_are_known() -> None:
    (document,) = read("a:\n  b:\n    - x\n    - y: 1\n")
    assert [line_of(document.lines, path) for path in ("a.b", "a.b.1.y", "a.b.1.unknown", "z")] == [2, 4, 4, 1]


def test_an_unknown_station_fault_is_told_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "name: x\nsite: {site: x, grid: {breaker_a: 25}, loads: {car: {type: evse}}}\n"
        "given: {loads: {car: {fault: watts_onyl}}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_paths([path])
    assert "did you mean watts_only?" in str(caught.value)
