"""What was learned about a station, as an entry of a site file and as a file."""

import yaml

from evenload.cli.station_card import exported, overrides_of
from evenload.contracts.records import StationRecord
from evenload.site.load import load_text


def test_what_was_learned_can_be_pinned() -> None:
    learned: dict[str, str | int | float | bool | None] = {"running": "default/W/0", "kind": "relative", "lag_s": 3.0}
    pinned = overrides_of(StationRecord(station="CP1", site="home", learned=learned))
    assert pinned == {
        "rate_unit": "W",
        "purpose": "TxDefaultProfile",
        "stack_level": 0,
        "kind": "relative",
        "lag_s": 3.0,
    }
    text = (
        "site: home\ngrid: {breaker_a: 25}\nmeters: {p1: {role: grid, driver: homewizard, host: h}}\n"
        f"loads: {{w: {{type: evse, station: CP1}}}}\nstations: {{CP1: {{overrides: {pinned}}}}}\n"
    )
    assert load_text(text, "x.yaml").site is not None


def test_garbage_is_not_pinned() -> None:
    assert overrides_of(StationRecord(station="CP1", site="home", learned={"running": "a/b/c", "kind": 5})) == {}


def test_the_exported_card_pins_in_a_site_file_and_names_no_transaction() -> None:
    learned: dict[str, str | int | float | bool | None] = {
        "running": "tx/A/3", "zero": "ends", "min_a": 6.0, "step_a": 1.0, "ping": False, "clock_s": 3600.0,
        "model": "Maker Model 1.2", "interval_s": 60.0, "start_1": "secret:1",
        "ended_1": "17", "strays": "secret:2",
    }  # fmt: skip
    text = exported(StationRecord(station="CP1", site="home", credential="blake2b$a$b", learned=learned))
    assert "secret" not in text
    assert "ended" not in text
    assert "blake2b" not in text
    card = yaml.safe_load(text)
    assert card["x-card-CP1"]["model"] == "Maker Model 1.2"
    assert card["x-card-CP1"]["clock_s"] == 3600.0
    site = (
        "site: home\ngrid: {breaker_a: 25}\nmeters: {p1: {role: grid, driver: homewizard, host: h}}\n"
        f"loads: {{w: {{type: evse, station: CP1}}}}\n{text}"
    )
    loaded = load_text(site, "x.yaml")
    assert loaded.site is not None
    assert loaded.site.stations["CP1"].overrides["ping"] is False
    assert loaded.site.stations["CP1"].overrides["zero"] == "ends"
