"""What a mode may use (engine.md section 2): each row of the table, without and with a battery."""

import pytest

from evenload.contracts.events import Mode
from evenload.site.schema import Grid
from tests.unit.allocator.builders import amps, battery, beside, evse, site

ONE = ("L1",)


def car(mode: Mode, **values: object) -> dict[str, float]:
    """Return what one car gets behind 25 A on one phase; `values` are house_a, sun_a, soc_pct, …."""
    extra = {"battery": battery()} if values.get("soc_pct") is not None else {}
    threshold_w = float(values.pop("threshold_w", 2300.0))  # type: ignore[arg-type]  # a number of watts
    where = site({"car": evse(mode, phases=ONE, max_a=32.0)}, phases=ONE, excess_threshold_w=threshold_w, **extra)
    return amps(where, beside(where, **values))  # type: ignore[arg-type]  # as beside wants them


@pytest.mark.parametrize(
    ("mode", "sun_a", "wanted_a"),
    [
        ("standard", 0.0, 24.0),
        ("standard", 10.0, 32.0),
        ("solar_priority", 0.0, 6.0),
        ("solar_priority", 6.9, 6.0),
        ("solar_priority", 10.0, 9.0),
        ("solar_only", 6.9, 0.0),
        ("solar_only", 7.0, 6.0),
        ("solar_only", 10.0, 9.0),
        ("excess", 11.0, 0.0),
        ("excess", 11.1, 6.0),
        ("excess", 20.0, 9.0),
        ("off", 30.0, 0.0),
    ],
)
def test_without_a_battery(mode: Mode, sun_a: float, wanted_a: float) -> None:
    assert car(mode, house_a=(1.0, 0.0, 0.0), sun_a=sun_a) == {"car": wanted_a}


@pytest.mark.parametrize(
    ("mode", "soc_pct", "wanted_a"),
    [
        ("standard", 50.0, 32.0),
        ("solar_priority", 50.0, 6.0),
        ("solar_only", 50.0, 0.0),
        ("excess", 50.0, 0.0),
        ("solar_priority", 79.0, 6.0),
    ],
)
def test_below_its_target_the_battery_goes_first(mode: Mode, soc_pct: float, wanted_a: float) -> None:
    assert car(mode, sun_a=20.0, soc_pct=soc_pct) == {"car": wanted_a}


@pytest.mark.parametrize(("mode", "wanted_a"), [("solar_priority", 22.0), ("solar_only", 22.0), ("excess", 2.0 + 0.0)])
def test_above_its_target_its_discharge_serves_the_solar_modes(mode: Mode, wanted_a: float) -> None:
    found = car(mode, sun_a=12.0, soc_pct=85.0)["car"]
    assert found == (6.0 if mode == "excess" else wanted_a)


def test_below_the_target_excess_needs_what_the_battery_could_charge_too() -> None:
    assert car("excess", sun_a=20.0, soc_pct=50.0) == {"car": 0.0}
    assert car("excess", sun_a=20.1, soc_pct=50.0) == {"car": 6.0}


def test_from_98_percent_excess_behaves_as_solar_only() -> None:
    assert car("excess", sun_a=8.0, soc_pct=98.0, threshold_w=20_000.0) == {"car": 18.0}


def test_a_phase_that_imports_by_itself_stops_who_lives_from_the_sun_there() -> None:
    where = site({"car": evse("solar_only")})
    assert amps(where, beside(where, house_a=(9.0, 0.0, 0.0), sun_a=24.0)) == {"car": 0.0}


def test_with_net_metering_export_elsewhere_pays() -> None:
    where = site({"car": evse("solar_only")}, grid=Grid(breaker_a=25.0, metering="net"))
    assert amps(where, beside(where, house_a=(9.0, 0.0, 0.0), sun_a=33.0)) == {"car": 8.0}


def test_excess_in_total_takes_at_most_what_exceeds_the_threshold() -> None:
    where = site({"one": evse("excess"), "two": evse("excess")}, excess_threshold_w=6900.0)
    assert amps(where, beside(where, sun_a=72.0)) == {"one": 8.0, "two": 6.0}
