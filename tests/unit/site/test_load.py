"""What a good file gives, and that no file whatever raises."""

from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from evenload.site.drivers import HomewizardMeter
from evenload.site.findings import ConfigError, faults
from evenload.site.load import load_file, load_mapping, load_text, parse_site
from evenload.site.plug_drivers import MqttPlug
from evenload.site.schema import Evse, Plug, Site
from tests.unit.site.builders import HOME, home_with, load, site_of

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "deploy" / "examples").glob("*.yaml"))


def test_defaults_are_in_force() -> None:
    site = site_of(home_with("wallbox: {type: evse, station: CP1}"))
    wallbox = site.loads["wallbox"]
    assert isinstance(wallbox, Evse)
    assert (wallbox.min_a, wallbox.max_a, wallbox.mode, wallbox.failsafe_a) == (6, 16, "standard", "auto")
    assert site.phases == ("L1", "L2", "L3")
    assert site.meters["p1"].options == HomewizardMeter(host="p1.lan")


def test_driver_keys_stand_beside_the_common_ones() -> None:
    relay = "driver: mqtt, command_topic: a/set, state_topic: a, on: on, off: off"
    site = site_of(
        home_with(f"fan: {{type: plug, power_w: 100, phases: [L1], {relay}}}", more="mqtt: {broker: mqtt://b}")
    )
    fan = site.loads["fan"]
    assert isinstance(fan, Plug)
    assert fan.options == MqttPlug(command_topic="a/set", state_topic="a", on="on", off="off")


@pytest.mark.parametrize(
    ("written", "meant"),
    [("off", "off"), ("'off'", "off"), ("continuous", "standard"), ("standard", "standard")],
)
def test_mode_words(written: str, meant: str) -> None:
    assert site_of(home_with(f"w: {{type: evse, station: CP1, mode: {written}}}")).loads["w"].mode == meant


@pytest.mark.parametrize("written", ["0123", "1.6", "true", "null-1", "1e3"])
def test_a_text_stays_as_written(written: str) -> None:
    wallbox = site_of(home_with(f"w: {{type: evse, station: {written}}}")).loads["w"]
    assert isinstance(wallbox, Evse)
    assert wallbox.station == written


def test_a_version_may_look_like_a_number() -> None:
    site = site_of(home_with("w: {type: evse, station: CP1}", more="stations: {CP1: {version: 1.6}}"))
    assert site.stations["CP1"].version == "1.6"


@pytest.mark.parametrize("written", ["yes", "on", "true", "True"])
def test_truth_words(written: str) -> None:
    site = site_of(f"{HOME}\ninverter: {{asymmetric: {written}}}\nloads: {{w: {{type: evse, station: C}}}}")
    assert site.inverter is not None
    assert site.inverter.asymmetric


def test_anchors_merge_and_free_keys() -> None:
    site = site_of(
        home_with(
            "a: {<<: *car, station: CP1}\nb: {<<: [*late, *car], station: CP2, x-note: {any: [thing]}}",
            more="x-car: &car {type: evse, max_a: 10}\nx-late: &late {max_a: 8, priority: 5}",
        )
    )
    assert [(load.max_a, load.priority) for load in site.loads.values() if isinstance(load, Evse)] == [(10, 1), (8, 5)]


def test_headers_may_begin_with_x() -> None:
    meter = "{role: solar, driver: http_json, url: http://a/b, fields: {power_w: p}, headers: {x-key: 7}}"
    site = site_of(f"{HOME.rstrip()[:-1]}, pv: {meter}}}\nloads: {{w: {{type: evse, station: C}}}}")
    assert site.meters["pv"].options.headers == {"x-key": "7"}


def test_station_overrides_are_checked_and_kept_as_given() -> None:
    more = "stations: {CP1: {overrides: {rate_unit: W, stack_level: 0}}}"
    site = site_of(home_with("w: {type: evse, station: CP1}", more=more))
    assert site.stations["CP1"].overrides == {"rate_unit": "W", "stack_level": 0}


def test_a_site_survives_its_own_encoding() -> None:
    site = site_of(home_with("w: {type: evse, station: CP1, phases: [L3, L1, L2]}", more="inverter: {max_w: 9000}"))
    without_options = msgspec.structs.replace(site, meters={})
    assert msgspec.convert(msgspec.to_builtins(without_options), Site) == without_options


def test_all_faults_in_one_run_in_the_order_of_lines() -> None:
    loaded = load("site: A b\ngrid: {breaker_a: x}\nphases: [L1, L1]\nloads: {w: {type: evse, max_a: 5}}")
    assert [finding.line for finding in loaded.findings] == sorted(finding.line for finding in loaded.findings)
    paths = {finding.path for finding in loaded.findings}
    assert {"site", "grid.breaker_a", "phases", "loads.w.max_a", "loads.w.station"} <= paths


def test_parse_site_raises_with_everything() -> None:
    with pytest.raises(ConfigError, match=r"f\.yaml:1: site: .*\n.*f\.yaml:2: grib: .*did you mean grid\?"):
        parse_site("site: A b\ngrib: 3\nloads: {}", "f.yaml")


def test_warnings_do_not_refuse() -> None:
    loaded = load(home_with("w: {type: evse, station: CP1, max_a: 32}"))
    assert loaded.site is not None
    assert [finding.severity for finding in loaded.findings] == ["warning"]
    assert "warning: 32 A is above the main breaker" in str(loaded.findings[0])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_without_findings(path: Path) -> None:
    loaded = load_file(path)
    assert loaded.findings == ()
    assert loaded.site is not None


def test_there_are_the_examples() -> None:
    assert {"home", "single-phase", "car-park", "off-grid", "mqtt-home"} <= {path.stem for path in EXAMPLES}


def test_simulation_needs_no_meters_drivers_or_stations() -> None:
    value = yaml.safe_load(
        "{site: home, grid: {breaker_a: 25}, battery: {}, meters: {p1: {role: grid}}, loads: {"
        "w: {type: evse, mode: off}, p: {type: plug, power_w: 2000, driver: shelly}}}"
    )
    loaded = load_mapping(value, "scenario", simulated=True)
    assert loaded.findings == ()
    assert loaded.site is not None
    assert loaded.site.loads["w"].mode == "off"
    assert load_mapping(value, "scenario").site is None


def test_the_given_scenarios_load() -> None:
    folder = ROOT.parent / "shared" / "scenarios"
    for path in sorted(folder.glob("*.yaml")):
        for scenario in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            loaded = load_mapping(scenario["site"], scenario["name"], simulated=True)
            assert loaded.site is not None, "\n".join(map(str, loaded.findings))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "cannot read the file" in str(load_file(tmp_path / "none.yaml").findings[0])
    assert "cannot read the file" in str(load_file(tmp_path).findings[0])
    (tmp_path / "latin.yaml").write_bytes(b"site: caf\xe9")
    assert "save it as UTF-8" in str(load_file(tmp_path / "latin.yaml").findings[0])
    (tmp_path / "bom.yaml").write_text(home_with("w: {type: evse, station: C}"), encoding="utf-8-sig")
    assert load_file(tmp_path / "bom.yaml").findings == ()


def test_password_files(tmp_path: Path) -> None:
    more = "stations: {CP1: {password_file: cp1.key}}"
    (tmp_path / "site.yaml").write_text(home_with("w: {type: evse, station: CP1}", more=more), encoding="utf-8")
    missing = load_file(tmp_path / "site.yaml")
    assert missing.site is None
    assert missing.findings[0].path == "stations.CP1.password_file"
    key = tmp_path / "cp1.key"
    key.write_text("secret")
    key.chmod(0o644)
    assert [finding.severity for finding in load_file(tmp_path / "site.yaml").findings] == ["warning"]
    key.chmod(0o400)
    assert load_file(tmp_path / "site.yaml").findings == ()


WORDS = st.sampled_from(
    ["site", "grid", "loads", "meters", "type", "evse", "plug", "breaker_a", "phases", "L1", "fields", "driver",
     "mqtt", "circuits", "within", "x-a", "<<", "failsafe_a", "auto", "~", ".nan", "16A",
     "1e999", "-1", "off", "power_w", "2 kW"]
)  # fmt: skip
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=6),
    max_leaves=25,
)


@given(JUNK)
@settings(max_examples=150, deadline=None)
def test_no_mapping_raises(value: object) -> None:
    for simulated in (False, True):
        loaded = load_mapping(value, "junk", simulated=simulated)
        assert (loaded.site is None) == any(finding.severity == "fault" for finding in loaded.findings)


@given(
    st.text(max_size=60) | st.lists(WORDS | st.sampled_from(list(":{}[],&*!|>-#'\"\t\n %@`")), max_size=40).map("".join)
)
@settings(max_examples=200, deadline=None)
def test_no_text_raises(text: str) -> None:
    loaded = load_text(text, "junk.yaml")
    assert loaded.site is not None or loaded.findings
    assert all("\n" not in str(finding) for finding in loaded.findings)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_no_broken_example_raises(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(EXAMPLES)).read_text(encoding="utf-8")
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    load_text(text[:start] + data.draw(st.text(max_size=5)) + text[end:], "broken.yaml")


def test_a_fault_is_told_however_many_warnings_there_are() -> None:
    rows = "\n".join(f"w{n}: {{type: evse, station: S{n}, max_a: 32}}" for n in range(2_500))
    loaded = load(home_with(f"{rows}\nz: {{type: evse, station: Z, min_a: 3}}"))
    assert loaded.site is None
    assert any(finding.path == "loads.z.min_a" for finding in loaded.findings)
    assert len(loaded.findings) == 200


@pytest.mark.parametrize(("phases", "refused"), [("[L1, L2, L3]", True), ("[L2]", False)])
def test_a_grid_meter_that_tells_a_total_only_serves_one_phase(phases: str, refused: bool) -> None:
    meters = "meters: {p1: {role: grid, driver: growatt, host: a}}"
    text = f"site: home\nphases: {phases}\ngrid: {{breaker_a: 25}}\n{meters}\n"
    found = [str(fault) for fault in faults(load_text(text, "site.yaml").findings)]
    assert any("meters.p1.driver: growatt tells the grid as a total" in fault for fault in found) is refused, found
