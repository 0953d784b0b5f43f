"""Which readings do not wait for their site's turn."""

from typing import Any

import pytest

from evenload.contracts.events import MeterReading
from evenload.contracts.phases import PerPhase
from evenload.site.schema import Circuit, Grid, Meter
from services.allocator.hurry import presses
from services.allocator.plan import compile_plan
from tests.property.allocator.ideal import NOW
from tests.unit.allocator.builders import evse, on_all, site

HOME = compile_plan(
    site(
        {"car": evse(circuit="garage")},
        grid=Grid(breaker_a=25.0, margin_a=1.0, max_import_w=11_500.0, buffer_w=0.0),
        meters={
            "p1": Meter(role="grid", driver="homewizard"),
            "sub": Meter(role="circuit", driver="homewizard"),
            "pv": Meter(role="solar", driver="homewizard"),
        },
        circuits={"garage": Circuit(limit_a=20.0, meter="sub")},
    )
)


def reading(meter: str, role: Any, **values: Any) -> MeterReading:
    return MeterReading(site="home", meter=meter, role=role, measured_at=NOW, **values)


@pytest.mark.parametrize(
    ("current_a", "passes"),
    [
        (PerPhase(24.0, 0.0, 0.0), False),
        (PerPhase(24.1, 0.0, 0.0), True),
        (PerPhase(0.0, -30.0, 0.0), False),
        (PerPhase(16.0, 16.0, 16.0), False),
        (PerPhase(17.0, 17.0, 17.0), True),
        (PerPhase(None, None, 24.1), True),
    ],
)
def test_a_grid_reading_over_a_limit_presses(current_a: PerPhase, *, passes: bool) -> None:
    assert presses(HOME, reading("p1", "grid", current_a=current_a)) is passes


def test_power_stands_for_current() -> None:
    assert presses(HOME, reading("p1", "grid", power_w=PerPhase(5_600.0, 0.0, 0.0)))
    assert not presses(HOME, reading("p1", "grid", power_w=PerPhase(5_500.0, 0.0, 0.0)))


def test_a_circuit_has_its_own_limit_and_the_sun_none() -> None:
    assert presses(HOME, reading("sub", "circuit", current_a=PerPhase(0.0, 20.1, 0.0)))
    assert not presses(HOME, reading("sub", "circuit", current_a=on_all(20.0)))
    assert not presses(HOME, reading("sub", "circuit"))
    assert not presses(HOME, reading("pv", "solar", current_a=on_all(40.0)))


def test_off_grid_no_reading_presses() -> None:
    island = compile_plan(site({"car": evse()}, grid=None))
    assert not presses(island, reading("p1", "grid", current_a=on_all(80.0)))
