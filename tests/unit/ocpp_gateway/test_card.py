"""The capability card: what is learned of a station, kept in its record and restored."""

import pytest

from evenload.contracts.records import StationRecord
from evenload.simulation.station_core import Station as Simulated
from evenload.simulation.station_faults import FAULTS
from services.ocpp_gateway import learning
from services.ocpp_gateway.station import new_station
from tests.unit.ocpp_gateway.drive import Drive


def card(name: str | None, *amps: float) -> dict[str, object]:
    """Return what is known of a station after it was driven through these setpoints, a minute and a half each."""
    drive = Drive((FAULTS[name] if name else Simulated)(identity="CP001"))
    for each in amps:
        drive.run(90, each)
    facts = learning.facts_of(drive.gateway)
    record = learning.with_facts(StationRecord(station="CP001", site="home"), facts)
    again = learning.restored(new_station(drive.gateway.plan), record.learned)
    assert again.learned == drive.gateway.learned
    return dict(facts)


def test_an_ordinary_station() -> None:
    found = card(None, 12.0, 8.3, 9.7, 6.5, 0.0)
    assert found["model"] == "Evenload Simulated 1.0"
    assert found["running"] == "tx/A/8"
    assert (found["kind"], found["zero"], found["proven"], found["step_a"]) == ("absolute", "pauses", True, 0.1)
    assert found["interval_s"] == 10.0
    assert isinstance(found["lag_s"], float)
    assert 0 < found["lag_s"] <= 12
    assert str(found["measurands"]).startswith("Current.Import")
    assert found["clock_s"] == 0.0


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("watts_only_unsaid", "running", "tx/W/8"),
        ("stack_level_zero_only", "running", "tx/A/0"),
        ("only_default_profile", "running", "default/A/8"),
        ("absolute_unanswered", "kind", "relative"),
        ("clock_ahead", "clock_s", 3600),
        ("coarse_steps", "step_a", 1.0),
        ("zero_rejected", "min_a", 6.0),
        ("zero_ends_session", "zero", "ends"),
        ("slow_samples", "interval_s", 30.0),
        ("one_period_only", "max_periods", 1),
    ],
)
def test_oddities_are_on_the_card(name: str, key: str, value: object) -> None:
    assert card(name, 12.4, 9.4, 14.4, 7.4, 16.0, 0.0)[key] == value


def test_a_drifting_clock_is_measured_over_an_hour_and_told() -> None:
    drive = Drive(FAULTS["clock_drift"](identity="CP001"))
    drive.run(3_700, 10.0)
    facts = learning.facts_of(drive.gateway)
    assert facts["drift_s"] == pytest.approx(3_600, abs=60)
    assert facts["clock_s"] == pytest.approx(150, abs=10)
    assert drive.alerts["station_clock"]
    assert drive.draws[-1] == 10.0


@pytest.mark.parametrize(
    ("overrides", "limit_a"), [({"step_a": 1.0}, 9.0), ({"step_a": 0.5}, 9.5), ({"min_a": 7.0}, 9.7), ({}, 9.7)]
)
def test_a_pinned_step_and_minimum_are_kept_to(overrides: dict[str, object], limit_a: float) -> None:
    drive = Drive(Simulated(identity="CP001"), **overrides)
    drive.run(60, 9.7)
    assert drive.draws[-1] == limit_a
    drive.run(10, 6.0)
    assert drive.gateway.outlets[0].working is not None
    assert drive.gateway.outlets[0].working.limit_a == overrides.get("min_a", 6.0)


def test_pinned_measurands_are_set_and_nothing_else_is_tried() -> None:
    drive = Drive(FAULTS["measurands_refused"](identity="CP001"), measurands="Power.Active.Import")
    drive.run(20, 8.0)
    assert drive.simulated.configuration["MeterValuesSampledData"] == "Power.Active.Import"
