"""What was learned about a station, as an entry of a site file."""

from evenload.cli.station import overrides_of
from evenload.contracts.records import StationRecord
from evenload.site.load import load_text


def test_what_was_learned_can_be_pinned() -> None:
    learned: dict[str, str | int | float | bool | None] = {"running": "default/W/0", "kind": "relative", "lag_s": 3.0}
    pinned = overrides_of(StationRecord(station="CP1", site="home", learned=learned))
    assert pinned == {"rate_unit": "W", "purpose": "TxDefaultProfile", "stack_level": 0, "kind": "relative"}
    text = (
        "site: home\ngrid: {breaker_a: 25}\nmeters: {p1: {role: grid, driver: homewizard, host: h}}\n"
        f"loads: {{w: {{type: evse, station: CP1}}}}\nstations: {{CP1: {{overrides: {pinned}}}}}\n"
    )
    assert load_text(text, "x.yaml").site is not None


def test_garbage_is_not_pinned() -> None:
    assert overrides_of(StationRecord(station="CP1", site="home", learned={"running": "a/b/c", "kind": 5})) == {}
